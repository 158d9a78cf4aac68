import { type Command, boolean, command } from './readers.ts';
import { type Draft, type Row, type Table, sets, setsOnce } from './rows.ts';

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
    notify_master: setsOnce<T, 'master'>('master', command),
    notify_backup: setsOnce<T, 'backup'>('backup', command),
    notify_fault: setsOnce<T, 'fault'>('fault', command),
    notify_stop: setsOnce<T, 'stop'>('stop', command),
    notify: setsOnce<T, 'any'>('any', command),
    notify_priority_changes: sets<T, 'priorityChanges'>('priorityChanges', boolean),
  };
}

/** In the model already, without effect in the running node yet. */
export function kept<D>(row: Row<D>): Row<D> {
  return { ...row, implemented: false };
}
