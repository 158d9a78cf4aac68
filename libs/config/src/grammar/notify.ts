import { type Command, boolean, command } from './readers.ts';
import { type Draft, type Row, type Table, sets } from './rows.ts';

/** Commands run on a change of state, as written. */
export interface NotifySettings {
  master: Command;
  backup: Command;
  fault: Command;
  stop: Command;
  any: Command;
  priorityChanges: boolean;
}

/** The keywords that instances and sync groups share. */
export function notifyRows<T extends NotifySettings>(): Table<Draft<T>> {
  return {
    notify_master: sets<T, 'master'>('master', command),
    notify_backup: sets<T, 'backup'>('backup', command),
    notify_fault: sets<T, 'fault'>('fault', command),
    notify_stop: sets<T, 'stop'>('stop', command),
    notify: sets<T, 'any'>('any', command),
    notify_priority_changes: sets<T, 'priorityChanges'>('priorityChanges', boolean),
  };
}

/** In the model already, without effect in the running node yet. */
export function kept<D>(row: Row<D>): Row<D> {
  return { ...row, implemented: false };
}
