import { type Command, boolean, command } from './readers.ts';
import { type Draft, type Row, type Table, pending, sets } from './rows.ts';

/** Commands run on a change of state, as written. */
export interface NotifySettings {
  master: Command;
  backup: Command;
  fault: Command;
  stop: Command;
  any: Command;
}

/** The keywords that instances and sync groups share. Commands are kept in the model; running them comes later. */
export function notifyRows<T extends NotifySettings>(): Table<Draft<T>> {
  return {
    notify_master: kept(sets<T, 'master'>('master', command)),
    notify_backup: kept(sets<T, 'backup'>('backup', command)),
    notify_fault: kept(sets<T, 'fault'>('fault', command)),
    notify_stop: kept(sets<T, 'stop'>('stop', command)),
    notify: kept(sets<T, 'any'>('any', command)),
    notify_priority_changes: pending(boolean),
  };
}

/** In the model already, without effect in the running node yet. */
export function kept<D>(row: Row<D>): Row<D> {
  return { ...row, implemented: false };
}
