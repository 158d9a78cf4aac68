import { emailTable, globalScalars, mailScalars, syncDaemonScalars, timeoutScalars } from './global-scalars.ts';
import { type Oid, oid } from './oid.ts';
import { realServerTable } from './real-server-table.ts';
import { type AnyTable, anyTable } from './table.ts';
import { virtualServerGroupMemberTable, virtualServerGroupTable, virtualServerTable } from './virtual-server-tables.ts';
import { vrrpRouteNextHopTable, vrrpRouteTable } from './route-tables.ts';
import { vrrpRuleTable } from './rule-table.ts';
import { vrrpSyncGroupMemberTable, vrrpSyncGroupTable } from './sync-group-tables.ts';
import {
  vrrpBfdTable,
  vrrpFileTable,
  vrrpProcessTable,
  vrrpScriptTable,
  vrrpSyncTrackedBfdTable,
  vrrpSyncTrackedFileTable,
  vrrpSyncTrackedInterfaceTable,
  vrrpSyncTrackedProcessTable,
  vrrpSyncTrackedScriptTable,
  vrrpTrackedBfdTable,
  vrrpTrackedFileTable,
  vrrpTrackedInterfaceTable,
  vrrpTrackedProcessTable,
  vrrpTrackedScriptTable,
} from './tracking-tables.ts';
import { vrrpAddressTable, vrrpInstanceTable } from './vrrp-tables.ts';

/** The module's own object identifier, and the subtree to register. */
export const KEEPALIVED_MIB: Oid = oid('1.3.6.1.4.1.9586.100.5');

/** KEEPALIVED-MIB of 2024-10-04, whole. */
export const keepalivedMib: readonly AnyTable[] = [
  anyTable(globalScalars),
  anyTable(mailScalars),
  anyTable(emailTable),
  anyTable(vrrpSyncGroupTable),
  anyTable(vrrpSyncGroupMemberTable),
  anyTable(vrrpInstanceTable),
  anyTable(vrrpTrackedInterfaceTable),
  anyTable(vrrpTrackedScriptTable),
  anyTable(vrrpAddressTable),
  anyTable(vrrpRouteTable),
  anyTable(vrrpRuleTable),
  anyTable(vrrpScriptTable),
  anyTable(vrrpRouteNextHopTable),
  anyTable(vrrpTrackedFileTable),
  anyTable(vrrpFileTable),
  anyTable(vrrpSyncTrackedInterfaceTable),
  anyTable(vrrpSyncTrackedScriptTable),
  anyTable(vrrpSyncTrackedFileTable),
  anyTable(vrrpTrackedBfdTable),
  anyTable(vrrpBfdTable),
  anyTable(vrrpSyncTrackedBfdTable),
  anyTable(vrrpTrackedProcessTable),
  anyTable(vrrpProcessTable),
  anyTable(vrrpSyncTrackedProcessTable),
  anyTable(virtualServerGroupTable),
  anyTable(virtualServerGroupMemberTable),
  anyTable(virtualServerTable),
  anyTable(realServerTable),
  anyTable(syncDaemonScalars),
  anyTable(timeoutScalars),
];
