import { KEEPALIVED_MIB, keepalivedMib } from './keepalived-mib.ts';
import type { Oid } from './oid.ts';
import type { AnyTable } from './table.ts';
import { VRRP_MIB, vrrpMib } from './vrrp-mib.ts';
import { VRRPV3_MIB, vrrpv3Mib } from './vrrpv3-mib.ts';

/** One MIB module that is served: the only place where its objects are written down. */
export interface MibModule {
  readonly name: string;
  /** The subtree to register. */
  readonly root: Oid;
  readonly source: string;
  /** As a master agent lists it in sysORTable. */
  readonly description: string;
  readonly tables: readonly AnyTable[];
}

export const mibModules: readonly MibModule[] = [
  {
    name: 'KEEPALIVED-MIB',
    root: KEEPALIVED_MIB,
    source: 'of 2024-10-04',
    description: 'The MIB module of keepalived',
    tables: keepalivedMib,
  },
  {
    name: 'VRRP-MIB',
    root: VRRP_MIB,
    source: 'RFC 2787',
    description: 'The MIB module for VRRP version 2',
    tables: vrrpMib,
  },
  {
    name: 'VRRPV3-MIB',
    root: VRRPV3_MIB,
    source: 'RFC 6527',
    description: 'The MIB module for VRRP version 3',
    tables: vrrpv3Mib,
  },
];

export const allTables: readonly AnyTable[] = mibModules.flatMap(({ tables }) => tables);
