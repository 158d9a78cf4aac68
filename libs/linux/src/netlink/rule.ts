import { type ByteReader, ByteWriter, type Family, ipBytes } from '@keepfleet/wire';
import { AF_INET, AF_INET6 } from '../socket/options.ts';
import { AttributeWriter, Attributes } from './attributes.ts';
import { bigEndian64 } from './encapsulation.ts';
import { type NetworkPrefix, familyNumber } from './route.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;

interface Range {
  readonly low: number;
  readonly high: number;
}

export type RuleAction =
  | { readonly kind: 'table'; readonly table: number }
  | { readonly kind: 'goto'; readonly target: number }
  | { readonly kind: 'nop' | 'blackhole' | 'unreachable' | 'prohibit' };

/** A rule of the routing policy to be made or removed. */
export interface RuleRequest {
  readonly family: Family;
  readonly priority: number;
  readonly protocol: number;
  readonly not: boolean;
  readonly from?: NetworkPrefix | undefined;
  readonly to?: NetworkPrefix | undefined;
  readonly tos?: number | undefined;
  readonly mark?: number | undefined;
  readonly markMask?: number | undefined;
  readonly realms?: number | undefined;
  readonly suppressPrefixLength?: number | undefined;
  readonly suppressGroup?: number | undefined;
  /** Names: a rule may be there before its interface. */
  readonly inputInterface?: string | undefined;
  readonly outputInterface?: string | undefined;
  readonly tunnelId?: number | undefined;
  readonly users?: Range | undefined;
  readonly l3mdev: boolean;
  readonly ipProtocol?: number | undefined;
  readonly sourcePorts?: Range | undefined;
  readonly destinationPorts?: Range | undefined;
  readonly action: RuleAction;
}

/** What tells one rule from another in a notification. */
export interface RuleIdentity {
  readonly family: Family;
  readonly priority: number;
  readonly protocol: number;
}

// include/uapi/linux/fib_rules.h
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_FLOW = 11;
const FRA_TUN_ID = 12;
const FRA_SUPPRESS_IFGROUP = 13;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_L3MDEV = 19;
const FRA_UID_RANGE = 20;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

const FIB_RULE_INVERT = 2;
const TABLE_COMPAT = 252;
const ACTIONS = { table: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;

/** Payload of RTM_NEWRULE and RTM_DELRULE. */
export function encodeRule(rule: RuleRequest): Uint8Array<ArrayBuffer> {
  const { from, to, action, l3mdev } = rule;
  const table = action.kind === 'table' && !l3mdev ? action.table : 0;
  //  | family | dst length | src length | tos    |
  //  | table  | reserved   | reserved   | action |
  //  |                  flags                   |
  const header = new ByteWriter(12)
    .u8(familyNumber(rule.family))
    .u8(to?.length ?? 0)
    .u8(from?.length ?? 0)
    .u8(rule.tos ?? 0)
    .u8(table < 256 ? table : TABLE_COMPAT)
    .zeros(2)
    .u8(ACTIONS[action.kind])
    .u32le(rule.not ? FIB_RULE_INVERT : 0)
    .finish();
  const attributes = new AttributeWriter().u32(FRA_PRIORITY, rule.priority).u8(FRA_PROTOCOL, rule.protocol);
  if (from !== undefined && from.length > 0) attributes.bytes(FRA_SRC, ipBytes(from.address));
  if (to !== undefined && to.length > 0) attributes.bytes(FRA_DST, ipBytes(to.address));
  if (table > 255) attributes.u32(FRA_TABLE, table);
  if (action.kind === 'goto') attributes.u32(FRA_GOTO, action.target);
  if (rule.mark !== undefined) attributes.u32(FRA_FWMARK, rule.mark);
  if (rule.markMask !== undefined) attributes.u32(FRA_FWMASK, rule.markMask);
  if (rule.realms !== undefined) attributes.u32(FRA_FLOW, rule.realms);
  if (rule.suppressPrefixLength !== undefined) attributes.u32(FRA_SUPPRESS_PREFIXLEN, rule.suppressPrefixLength);
  if (rule.suppressGroup !== undefined) attributes.u32(FRA_SUPPRESS_IFGROUP, rule.suppressGroup);
  if (rule.inputInterface !== undefined) attributes.text(FRA_IIFNAME, rule.inputInterface);
  if (rule.outputInterface !== undefined) attributes.text(FRA_OIFNAME, rule.outputInterface);
  if (rule.tunnelId !== undefined) attributes.bytes(FRA_TUN_ID, bigEndian64(rule.tunnelId));
  if (rule.users !== undefined) attributes.bytes(FRA_UID_RANGE, range(rule.users, 4));
  if (l3mdev) attributes.u8(FRA_L3MDEV, 1);
  if (rule.ipProtocol !== undefined) attributes.u8(FRA_IP_PROTO, rule.ipProtocol);
  if (rule.sourcePorts !== undefined) attributes.bytes(FRA_SPORT_RANGE, range(rule.sourcePorts, 2));
  if (rule.destinationPorts !== undefined) attributes.bytes(FRA_DPORT_RANGE, range(rule.destinationPorts, 2));
  return new ByteWriter().bytes(header).bytes(attributes.finish()).finish();
}

/** Payload of RTM_NEWRULE and RTM_DELRULE from the kernel; undefined for a family we have no rules of. */
export function readRule(reader: ByteReader): RuleIdentity | undefined {
  const family = reader.u8();
  reader.skip(11);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = new Attributes(reader.rest());
  return {
    family: family === AF_INET ? 'ipv4' : 'ipv6',
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    protocol: attributes.u8(FRA_PROTOCOL) ?? 0,
  };
}

/** Two numbers in host byte order: `struct fib_rule_uid_range` and `struct fib_rule_port_range`. */
function range({ low, high }: Range, size: 2 | 4): Uint8Array {
  const writer = new ByteWriter(2 * size);
  return size === 2 ? writer.u16le(low).u16le(high).finish() : writer.u32le(low).u32le(high).finish();
}
