import type { NotifyCommands } from '@keepfleet/config';
import type { InstanceRow, ScriptRow } from '@keepfleet/mib';

type Command = NonNullable<NotifyCommands['master']>;

/** As keepalived shows a script: each of its words in single quotes. */
export function scriptRow({ argv }: Command): ScriptRow {
  return { command: argv.map((word) => `'${word}'`).join(' '), path: argv[0] ?? null };
}

export function scriptRows(notify: NotifyCommands): InstanceRow['scripts'] {
  const row = (command: Command | undefined) => (command === undefined ? null : scriptRow(command));
  return {
    master: row(notify.master),
    backup: row(notify.backup),
    fault: row(notify.fault),
    stop: row(notify.stop),
    any: row(notify.any),
    masterReceivedLowerPriority: row(notify.masterHeardLowerPriority),
    deleted: row(notify.deleted),
  };
}
