import type { Notification, NotifyOutput, NotifyState, RouterStateName, StateReason } from './messages.ts';
import type { NotifySettings, ScriptCommand } from './settings.ts';

const COMMANDS: Readonly<Record<NotifyState, keyof Omit<NotifySettings, 'priorityChanges'> | undefined>> = {
  MASTER: 'master',
  BACKUP: 'backup',
  FAULT: 'fault',
  STOP: 'stop',
  DELETED: 'deleted',
  MASTER_RX_LOWER_PRI: 'masterRxLowerPri',
  MASTER_PRIORITY: undefined,
  BACKUP_PRIORITY: undefined,
};

/** States that the generic `notify` is run for; the others are for the FIFO and a command of their own. */
const GENERIC: ReadonlySet<NotifyState> = new Set(['MASTER', 'BACKUP', 'FAULT', 'STOP', 'DELETED']);

/** What is to be told, and run: the command of the state first, then the generic one with the state in its arguments. */
export function notification(subject: Notification, settings: NotifySettings | undefined): NotifyOutput {
  return { kind: 'notify', ...subject, commands: commandsFor(subject, settings) };
}

/** The state's own command is given nothing but what is configured; the generic one gets four more arguments. */
function commandsFor(subject: Notification, settings: NotifySettings | undefined): ScriptCommand[] {
  const { type, name, state, priority } = subject;
  const field = COMMANDS[state];
  const own = field === undefined ? undefined : settings?.[field];
  // keepalived: without a notify_deleted, a deletion is a fault to those who listen.
  const specific = own ?? (state === 'DELETED' ? settings?.fault : undefined);
  const generic = GENERIC.has(state) ? settings?.any : undefined;
  return [
    ...(specific === undefined ? [] : [specific]),
    ...(generic === undefined ? [] : [{ ...generic, argv: [...generic.argv, type, name, state, String(priority)] }]),
  ];
}

/** What a change of state is called, if it is told at all. */
export function notifyState(to: RouterStateName, reason: StateReason): NotifyState | undefined {
  switch (to) {
    case 'master':
      return 'MASTER';
    case 'backup':
      return 'BACKUP';
    case 'fault':
      return 'FAULT';
    case 'initialize':
      return reason === 'stopped' ? 'STOP' : reason === 'removed' ? 'DELETED' : undefined;
  }
}
