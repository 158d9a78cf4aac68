import { ENABLED, columnsOf } from './columns.ts';
import { numberedGroups, ofGroups } from './instance-numbers.ts';
import { commandOf } from './lvs-columns.ts';
import { oid } from './oid.ts';
import type { SyncGroupRow } from './rows.ts';
import { type Table, hidden, numbered } from './table.ts';
import { VRRP_STATE } from './vrrp-tables.ts';

const group = columnsOf<SyncGroupRow>();

/** `vrrpSyncGroupTable`, INDEX { vrrpSyncGroupIndex }. */
export const vrrpSyncGroupTable: Table<SyncGroupRow> = {
  name: 'vrrpSyncGroupTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.1.1'),
  index: ['vrrpSyncGroupIndex'],
  hidden: [hidden(1, 'vrrpSyncGroupIndex')],
  rows: numberedGroups,
  columns: [
    group.text(2, 'vrrpSyncGroupName', (row) => row.name),
    group.enumerated(3, 'vrrpSyncGroupState', VRRP_STATE, (row) => row.state, { syntax: 'VrrpState' }),
    group.yesNo(4, 'vrrpSyncGroupSmtpAlert', ENABLED, (row) => row.smtpAlert),
    group.yesNo(5, 'vrrpSyncGroupNotifyExec', ENABLED, (row) =>
      Object.values(row.scripts).some((script) => script !== null),
    ),
    group.text(6, 'vrrpSyncGroupScriptMaster', (row) => commandOf(row.scripts.master)),
    group.text(7, 'vrrpSyncGroupScriptBackup', (row) => commandOf(row.scripts.backup)),
    group.text(8, 'vrrpSyncGroupScriptFault', (row) => commandOf(row.scripts.fault)),
    group.text(9, 'vrrpSyncGroupScript', (row) => commandOf(row.scripts.any)),
    group.yesNo(10, 'vrrpSyncGroupTrackingWeight', ENABLED, (row) => row.trackingWeight),
    group.text(11, 'vrrpSyncGroupScriptStop', (row) => commandOf(row.scripts.stop)),
  ],
};

/** `vrrpSyncGroupMemberTable`, INDEX { vrrpSyncGroupIndex, vrrpSyncGroupMemberInstanceIndex }. */
export const vrrpSyncGroupMemberTable: Table<string> = {
  name: 'vrrpSyncGroupMemberTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.2.1'),
  index: ['vrrpSyncGroupIndex', 'vrrpSyncGroupMemberInstanceIndex'],
  hidden: [hidden(1, 'vrrpSyncGroupMemberInstanceIndex')],
  rows: (rows, numbers) =>
    ofGroups(rows, numbers, ({ index, row }) =>
      numbered(numbers, `sync-member/${row.name}`, index, row.members, (name) => name),
    ),
  columns: [columnsOf<string>().text(2, 'vrrpSyncGroupMemberName', (name) => name)],
};
