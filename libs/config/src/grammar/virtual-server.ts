import { type Family, type IpAddress, compareIp, familyOf, formatIp, ipBytes, parseIp } from '@keepfleet/wire';
import type { Diagnostics, Position } from '../diagnostics.ts';
import type { Forwarding, GroupMember, Protocol } from '../model/virtual-server.ts';
import { CHECKERS, type CheckDraft, type CheckSettings, type TimingSettings, timingRows } from './checks.ts';
import type { Arguments } from './context.ts';
import { described, syntax } from './form.ts';
import {
  type Command,
  address,
  boolean,
  command,
  integer,
  oneOf,
  optional,
  optionalPort,
  seconds,
  wholeNumber,
  word,
} from './readers.ts';
import type { Block } from '../syntax/tree.ts';
import type { KnownBlock } from '../syntax/repeated-blocks.ts';
import { type Draft, type Row, type Table, assign, draft, fixes, own, readBlock, sets, setsOnce } from './rows.ts';

/** The settings that a virtual server and its real servers may both have. */
interface ServerSettings extends TimingSettings {
  alpha: boolean;
  inhibitOnFailure: boolean;
  virtualHost: string;
  smtpAlert: boolean;
  weight: number;
  forwarding: Forwarding;
  snmpName: string;
  slowStart: number;
}

/** The settings of `real_server` as written. */
export interface RealServerSettings extends ServerSettings {
  upperThreshold: number;
  lowerThreshold: number;
  notifyUp: Command;
  notifyDown: Command;
  checks: readonly { readonly keyword: string; readonly settings: CheckDraft }[];
}

export interface RealServerDraft extends Draft<RealServerSettings> {
  readonly address: IpAddress;
  readonly port: number;
  /** On the line where its block begins, and where that with the same text does which its settings with their places were read from: see {@link ownPlace}. */
  readonly open: Position;
  readonly readFrom: Position;
}

/** The settings of `virtual_server` as written. */
export interface VirtualServerSettings extends ServerSettings {
  scheduler: string;
  /** Each with the scheduler that was named before it: that of another counts for nothing. */
  schedulerFlags: readonly { readonly name: string; readonly after: string | undefined; readonly at: Position }[];
  onePacket: boolean;
  protocol: Protocol;
  persistenceTimeout: number;
  persistencePrefix: number;
  persistenceEngine: string;
  hashed: boolean;
  realServers: RealServerDraft[];
  sorryServer: { readonly address: IpAddress; readonly port: number };
  sorryInhibit: boolean;
  sorryForwarding: Forwarding;
  quorum: number;
  hysteresis: number;
  quorumUp: Command;
  quorumDown: Command;
  omega: boolean;
  haSuspend: boolean;
  family: Family;
}

const SCHEDULERS: readonly string[] = 'rr wrr lc wlc lblc lblcr sh mh dh fo ovf sed nq twos'.split(' ');
const MAX_WEIGHT = 0x7fff_ffff;
const MANY = 0xffff_ffff;
const MAX_PERSISTENCE = 2_678_400;
const BARE_PERSISTENCE = 360_000_000;

/** A name that is not known is passed to the kernel, which may have a module for it. */
const scheduler = syntax(SCHEDULERS.join('|'), 'wrr', (args: Arguments): string | undefined => {
  const found = args.need('the name of a scheduler');
  if (found !== undefined && !SCHEDULERS.includes(found.text)) {
    args.diagnostics.warning(
      'bad-value',
      found.at,
      `scheduler "${found.text}" is unknown and left to the kernel`,
      `known are ${SCHEDULERS.join(', ')}`,
    );
  }
  return found?.text;
});

/** `NAT | DR | TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]` */
const forwarding = syntax(
  'NAT|DR|TUN [type ipip|gue port PORT|gre] [nocsum|csum|remcsum]',
  'TUN type gue port 6080 csum',
  (args: Arguments): Forwarding | undefined => {
    const method = oneOf('NAT', 'DR', 'TUN')(args);
    if (method === undefined) return undefined;
    if (method !== 'TUN') return { method: method === 'NAT' ? 'nat' : 'dr' };
    const type = args.takeIf('type') ? oneOf('ipip', 'gue', 'gre')(args) : 'ipip';
    const port = args.takeIf('port') ? integer(1, 65_535)(args) : undefined;
    const checksum = (['csum', 'remcsum', 'nocsum'] as const).find((word) => args.takeIf(word)) ?? 'nocsum';
    if (type === undefined) return undefined;
    if (type === 'gue' && port === undefined) args.missing('port and a number');
    return { method: 'tun', tunnel: { type, ...(port === undefined ? {} : { port }), checksum } };
  },
);

const protocol = described(
  { kind: 'choice', choices: ['TCP', 'UDP', 'SCTP'] },
  (args: Arguments): Protocol | undefined => {
    const found = args.need('TCP, UDP or SCTP');
    if (found === undefined) return undefined;
    const name = found.text.toLowerCase();
    return name === 'tcp' || name === 'udp' || name === 'sctp' ? name : args.bad(found, 'TCP, UDP or SCTP');
  },
);

/** A netmask, or a number of bits. */
const granularity = syntax('NETMASK|1..128', '255.255.255.0', (args: Arguments): number | undefined => {
  const found = args.need('a netmask or a number of bits');
  if (found === undefined) return undefined;
  if (!found.text.includes('.')) return wholeNumber(args, found, 1, 128);
  const mask = parseIp(found.text);
  const bits = mask.ok ? Array.from(ipBytes(mask.value), (byte) => byte.toString(2).padStart(8, '0')).join('') : '';
  return /^1+0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : args.bad(found, 'a netmask');
});

const realServer: Table<Draft<RealServerSettings>> = {
  ...timingRows<RealServerSettings>(),
  retry: sets('retry', integer(1, MANY)),
  weight: sets('weight', integer(0, MAX_WEIGHT)),
  inhibit_on_failure: sets('inhibitOnFailure', boolean),
  notify_up: setsOnce('notifyUp', command),
  notify_down: setsOnce('notifyDown', command),
  uthreshold: sets('upperThreshold', integer(1, MANY)),
  lthreshold: sets('lowerThreshold', integer(1, MANY)),
  lvs_method: sets('forwarding', forwarding),
  alpha: sets('alpha', boolean),
  smtp_alert: sets('smtpAlert', boolean),
  virtualhost: sets('virtualHost', word('a host name')),
  snmp_name: sets('snmpName', word('a name')),
  slow_start: own(sets('slowStart', seconds(0))),
  ...Object.fromEntries(Object.keys(CHECKERS).map((keyword) => [keyword, checkerRow(keyword)])),
};

export const virtualServer: Table<Draft<VirtualServerSettings>> = {
  ...timingRows<VirtualServerSettings>(),
  retry: sets('retry', integer(1, MANY)),
  lb_algo: sets('scheduler', scheduler),
  lvs_sched: sets('scheduler', scheduler),
  lb_kind: sets('forwarding', forwarding),
  lvs_method: sets('forwarding', forwarding),
  protocol: sets('protocol', protocol),
  real_server: {
    block: 'required',
    implemented: true,
    form: { kind: 'syntax', syntax: 'IP [PORT]', example: '192.0.2.10 80' },
    contents: realServer,
    read(target, args, block) {
      const { at } = args;
      const server = address(args);
      const port = server === undefined ? undefined : optionalPort(args);
      if (block === undefined) return;
      const open = block.open.isOnLineOf(args.keyword) ? at : block.open.at;
      const { settings, open: readFrom } = realServerSettings(block, at, open, args.diagnostics);
      if (server === undefined || port === undefined) return;
      const { set, places } = settings;
      const servers = target.set.realServers ?? [];
      servers.push({ at, set, places, address: server, port, open, readFrom });
      target.set.realServers = servers;
      target.places.realServers = at;
    },
  },
  persistence_timeout: sets('persistenceTimeout', optional(seconds(1, MAX_PERSISTENCE), BARE_PERSISTENCE)),
  persistence_granularity: sets('persistencePrefix', granularity),
  persistence_engine: sets('persistenceEngine', word('a name')),
  sorry_server: sets(
    'sorryServer',
    syntax('IP [PORT]', '192.0.2.99 80', (args: Arguments) => {
      const server = address(args);
      const port = server === undefined ? undefined : optionalPort(args);
      return server === undefined || port === undefined ? undefined : { address: server, port };
    }),
  ),
  sorry_server_inhibit: fixes('sorryInhibit', true),
  sorry_server_lvs_method: sets('sorryForwarding', forwarding),
  quorum: sets('quorum', integer(1, MANY)),
  hysteresis: sets('hysteresis', integer(0, MANY)),
  quorum_up: setsOnce('quorumUp', command),
  quorum_down: setsOnce('quorumDown', command),
  alpha: sets('alpha', boolean),
  omega: fixes('omega', true),
  inhibit_on_failure: sets('inhibitOnFailure', boolean),
  ha_suspend: fixes('haSuspend', true),
  smtp_alert: sets('smtpAlert', boolean),
  virtualhost: sets('virtualHost', word('a host name')),
  weight: sets('weight', integer(1, MAX_WEIGHT)),
  ops: fixes('onePacket', true),
  'flag-1': schedulerFlag('flag-1'),
  'flag-2': schedulerFlag('flag-2'),
  'flag-3': schedulerFlag('flag-3'),
  'sh-port': schedulerFlag('sh-port'),
  'sh-fallback': schedulerFlag('sh-fallback'),
  'mh-port': schedulerFlag('mh-port'),
  'mh-fallback': schedulerFlag('mh-fallback'),
  hashed: fixes('hashed', true),
  ip_family: sets(
    'family',
    described({ kind: 'choice', choices: ['inet', 'inet6'] }, (args: Arguments) => {
      const found = oneOf('inet', 'inet6')(args);
      return found === undefined ? undefined : found === 'inet6' ? 'ipv6' : 'ipv4';
    }),
  ),
  snmp_name: sets('snmpName', word('a name')),
  slow_start: own(sets('slowStart', seconds(0))),
};

/** What the block of a service meant at an earlier reading, if there was nothing to say of it. */
const servicesBefore = new WeakMap<KnownBlock, Draft<VirtualServerSettings>>();

export function virtualServerSettings(
  block: Block | undefined,
  at: Position,
  diagnostics: Diagnostics,
): Draft<VirtualServerSettings> {
  const before = block?.known?.isKnown === true ? servicesBefore.get(block.known) : undefined;
  if (before !== undefined) return { ...before, at };
  const settings = draft<VirtualServerSettings>(at);
  const { count } = diagnostics;
  if (block !== undefined) readBlock(virtualServer, settings, block, diagnostics);
  if (block?.known !== undefined && diagnostics.count === count) {
    servicesBefore.set(block.known, settings);
    block.known.isKnown = true;
  }
  return settings;
}

interface ReadBlock {
  readonly settings: Draft<RealServerSettings>;
  readonly open: Position;
}

/** What the first block with its text meant, if there was nothing to say of it. */
const repeatedSettings = new WeakMap<KnownBlock, ReadBlock>();

function realServerSettings(block: Block, at: Position, open: Position, diagnostics: Diagnostics): ReadBlock {
  const { known } = block;
  const before = known?.isKnown === true ? repeatedSettings.get(known) : undefined;
  if (before !== undefined) return before;
  const read = { settings: draft<RealServerSettings>(at), open };
  const { count } = diagnostics;
  readBlock(realServer, read.settings, block, diagnostics);
  if (known !== undefined && diagnostics.count === count) {
    repeatedSettings.set(known, read);
    known.isKnown = true;
  }
  return read;
}

/** Where a setting of a real server stands in its own block. */
export function ownPlace({ open, readFrom }: RealServerDraft, at: Position): Position {
  if (open === readFrom) return at;
  return { file: open.file, line: at.line - readFrom.line + open.line, column: at.column };
}

/** `ADDR [PORT]`, `ADDR-LAST PORT`, `ADDR-ADDR PORT`, `ADDR/len PORT` or `fwmark N [inet|inet6]`. */
export const groupMember = syntax(
  'IP[-LAST] [PORT] | IP/LENGTH PORT | fwmark MARK [inet|inet6]',
  '192.0.2.1-9 80',
  (args: Arguments): GroupMember | undefined => {
    const { at } = args;
    if (args.takeIf('fwmark')) {
      const mark = integer(1, MANY)(args);
      const family = args.takeIf('inet6') ? 'ipv6' : args.takeIf('inet') ? 'ipv4' : undefined;
      return mark === undefined ? undefined : { kind: 'fwmark', mark, ...(family === undefined ? {} : { family }), at };
    }
    const range = args.need('an address or fwmark');
    if (range === undefined) return undefined;
    const ends = addressRange(range.text);
    const port = optionalPort(args);
    if (ends === undefined) return args.bad(range, 'an address, a range A.B.C.D-E or a network whose host bits are 0');
    return port === undefined ? undefined : { kind: 'addresses', ...ends, port, at };
  },
);

function addressRange(text: string): { first: IpAddress; last: IpAddress } | undefined {
  const [head = '', prefix] = text.split('/');
  const [low = '', high] = head.split('-');
  const first = parseIp(low);
  if (!first.ok) return undefined;
  if (prefix !== undefined) return high === undefined ? network(first.value, prefix) : undefined;
  if (high === undefined) return { first: first.value, last: first.value };
  const last = parseIp(high);
  const end = last.ok ? last.value : lastOfRange(first.value, high);
  return end === undefined || familyOf(end) !== familyOf(first.value) || compareIp(first.value, end) > 0
    ? undefined
    : { first: first.value, last: end };
}

/** The end of a range written as its last octet, or its last 16 bits in IPv6. */
function lastOfRange(first: IpAddress, text: string): IpAddress | undefined {
  const bytes = ipBytes(first);
  const ipv6 = bytes.length === 16;
  if (!(ipv6 ? /^[0-9a-f]{1,4}$/i : /^\d{1,3}$/).test(text)) return undefined;
  const value = parseInt(text, ipv6 ? 16 : 10);
  if (!ipv6 && value > 255) return undefined;
  if (ipv6) bytes[14] = value >> 8;
  bytes[bytes.length - 1] = value & 0xff;
  return formatIp(bytes);
}

function network(first: IpAddress, prefix: string): { first: IpAddress; last: IpAddress } | undefined {
  const bytes = ipBytes(first);
  const bits = bytes.length * 8;
  if (!/^\d+$/.test(prefix) || Number(prefix) > bits) return undefined;
  for (let i = Number(prefix); i < bits; i++) {
    const mask = 0x80 >> (i % 8);
    if (((bytes[i >> 3] ?? 0) & mask) !== 0) return undefined;
    bytes[i >> 3] = (bytes[i >> 3] ?? 0) | mask;
  }
  return { first, last: formatIp(bytes) };
}

function checkerRow(keyword: string): Row<Draft<RealServerSettings>> {
  return {
    block: 'required',
    implemented: true,
    ...(CHECKERS[keyword]?.own === true ? { own: true as const } : {}),
    ...(CHECKERS[keyword] === undefined ? {} : { contents: CHECKERS[keyword].table }),
    read(target, args, block) {
      const settings = draft<CheckSettings>(args.at);
      const table = CHECKERS[keyword]?.table;
      if (block !== undefined && table !== undefined) readBlock(table, settings, block, args.diagnostics);
      assign(target, 'checks', [...(target.set.checks ?? []), { keyword, settings }], args.at);
    },
  };
}

function schedulerFlag(name: string): Row<Draft<VirtualServerSettings>> {
  return {
    implemented: true,
    read(target, args) {
      const flag = { name, after: target.set.scheduler, at: args.at };
      assign(target, 'schedulerFlags', [...(target.set.schedulerFlags ?? []), flag], args.at);
    },
  };
}
