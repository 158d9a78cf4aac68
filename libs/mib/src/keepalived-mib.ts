import { emailTable, globalScalars, mailScalars, syncDaemonScalars, timeoutScalars } from './global-scalars.ts';
import { type Oid, oid } from './oid.ts';
import { realServerTable } from './real-server-table.ts';
import { type AnyTable, anyTable } from './table.ts';
import { virtualServerGroupMemberTable, virtualServerGroupTable, virtualServerTable } from './virtual-server-tables.ts';
import { vrrpAddressTable, vrrpInstanceTable } from './vrrp-tables.ts';

/** The module's own object identifier, and the subtree to register. */
export const KEEPALIVED_MIB: Oid = oid('1.3.6.1.4.1.9586.100.5');

/** KEEPALIVED-MIB of 2024-10-04 as far as it is served. */
export const keepalivedMib: readonly AnyTable[] = [
  anyTable(globalScalars),
  anyTable(mailScalars),
  anyTable(emailTable),
  anyTable(vrrpInstanceTable),
  anyTable(vrrpAddressTable),
  anyTable(virtualServerGroupTable),
  anyTable(virtualServerGroupMemberTable),
  anyTable(virtualServerTable),
  anyTable(realServerTable),
  anyTable(syncDaemonScalars),
  anyTable(timeoutScalars),
];
