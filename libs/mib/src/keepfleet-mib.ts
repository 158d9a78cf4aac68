import { type IpAddress, ipBytes } from '@keepfleet/wire';
import { INET_ADDRESS_TYPE } from './columns.ts';
import { type Oid, oid } from './oid.ts';
import { utf8Bytes } from './utf8.ts';
import type { Value, VarBind } from './value.ts';

/** docs/mibs/KEEPFLEET-MIB.txt, below netSnmpPlaypen (docs/adr/0007). Its objects are in notifications only. */
const KEEPFLEET_MIB = '1.3.6.1.4.1.8072.9999.9999.7946';

const VERDICT = { 'one-master': 1, 'multi-master': 2, 'no-master': 3 } as const;

/** What gossip says of the masters of a virtual router that this node carries. */
export interface OwnershipNotification {
  readonly kind: keyof typeof VERDICT;
  readonly instance: string;
  readonly vrid: number;
  readonly family: 'ipv4' | 'ipv6';
  /** Its lowest advertised address; undefined for a router that advertises none. */
  readonly address: IpAddress | undefined;
  readonly masters: readonly string[];
  /** A whole sentence. */
  readonly message: string;
}

const variables = [
  'kfRouterInstance',
  'kfRouterVrid',
  'kfRouterAddressType',
  'kfRouterAddress',
  'kfRouterVerdict',
  'kfRouterMasters',
  'kfRouterMessage',
  'routerId',
] as const;

export const keepfleetNotifications = (
  [
    ['multi-master', 'kfMultiMaster', 1],
    ['no-master', 'kfNoMaster', 2],
    ['one-master', 'kfOneMaster', 3],
  ] as const
).map(([kind, name, number]) => ({ kind, name, oid: oid(`${KEEPFLEET_MIB}.0.${number}`), variables }));

/** All of them but routerId. */
export function ownershipVariables(told: OwnershipNotification): VarBind[] {
  const { instance, vrid, family, address, kind, masters, message } = told;
  const values: readonly Value[] = [
    text(instance),
    { type: 'integer', value: vrid },
    { type: 'integer', value: INET_ADDRESS_TYPE[family] },
    { type: 'octets', value: address === undefined ? new Uint8Array(family === 'ipv4' ? 4 : 16) : ipBytes(address) },
    { type: 'integer', value: VERDICT[kind] },
    text(masters.join(',')),
    text(message),
  ];
  return values.map((value, i) => ({ name: scalar(i + 1), value }));
}

function scalar(number: number): Oid {
  return oid(`${KEEPFLEET_MIB}.1.1.${number}.0`);
}

function text(value: string): Value {
  return { type: 'octets', value: utf8Bytes(value, 255) };
}
