import type { Command, RouteEntry, RuleEntry, VirtualAddress, VrrpInstance } from '@keepfleet/config';
import { familyOf } from '@keepfleet/wire';

// Addresses, routes, rules and commands in the words that keepalived's dumps have for them, which programs read.

type Hop = RouteEntry['hops'][number];
type Prefix = RouteEntry['destination'];

const SCOPES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' };
const HOST_LENGTH = { ipv4: 32, ipv6: 128 } as const;
const KEEPALIVED_PROTOCOL = 18;
const MAIN_TABLE = 254;
/** The kernel has these in parts of a millisecond. */
const PARTS_OF_MS: Readonly<Record<string, number>> = { rtt: 8, rttvar: 4, rto_min: 1 };
/** As keepalived orders them. */
const METRICS = [
  'rtt',
  'rttvar',
  'rto_min',
  'features',
  'mtu',
  'window',
  'ssthresh',
  'cwnd',
  'advmss',
  'reordering',
  'hoplimit',
  'initcwnd',
  'initrwnd',
  'quickack',
  'fastopen_no_cookie',
] as const;

/** `installed`: the kernel has it. */
export function addressLine(one: VirtualAddress, instance: VrrpInstance, installed: boolean): string {
  const flags = { home: one.home, '-nodad': !one.noDad, mngtmpaddr: one.manageTemporary };
  const more = { noprefixroute: one.noPrefixRoute, autojoin: one.autoJoin, no_track: !one.tracked };
  const { peer } = one;
  return joined(
    prefixText({ address: one.address, length: one.prefixLength }),
    labelled('brd', one.broadcast),
    `dev ${withBase(one.interface, instance)}`,
    `scope ${SCOPES[one.scope ?? 0] ?? String(one.scope)}`,
    labelled('label', one.label),
    peer === undefined ? '' : `peer ${peer.address}/${peer.prefixLength}`,
    ...Object.entries({ ...flags, ...more }).map(([word, set]) => (set ? word : '')),
    familyOf(one.address) === 'ipv4'
      ? ''
      : one.preferredLifetime === 0
        ? 'deprecated'
        : `preferred_lft ${one.preferredLifetime}`,
    installed ? 'set' : '',
  );
}

/** An interface that was made for the instance, with the one below it. */
function withBase(name: string, instance: VrrpInstance): string {
  if (name === instance.virtualInterface?.name) return `${name}@${instance.interface}`;
  const made = instance.addressInterfaces.find((one) => one.name === name);
  return made === undefined ? name : `${name}@${made.base}`;
}

export function routeLine(route: RouteEntry): string {
  const [hop] = route.hops;
  const single = route.hops.length === 1 ? hop : undefined;
  const several = route.hops.length > 1 ? route.hops : [];
  const { congestion, ttlPropagate } = route;
  return joined(
    route.placement,
    route.type === 'unicast' ? '' : route.type,
    prefixText(route.destination),
    route.from === undefined ? '' : `from ${prefixText(route.from)}`,
    labelled('src', route.source),
    labelled('tos', route.tos),
    single === undefined ? '' : encapsulation(single),
    single === undefined ? '' : towards(single),
    route.table === MAIN_TABLE ? '' : `table ${route.table}`,
    route.tracked || route.protocol !== KEEPALIVED_PROTOCOL ? `proto ${route.protocol}` : '',
    labelled('scope', route.scope),
    labelled('metric', route.metric),
    single?.onlink === true ? 'onlink' : '',
    route.realms === undefined ? '' : `realms ${realms(route.realms)}`,
    congestion === undefined ? '' : `congctl ${congestion.locked ? 'lock ' : ''}${congestion.algorithm}`,
    ...METRICS.map((name) => metric(route, name)),
    route.expires === undefined ? '' : `expires ${route.expires}sec`,
    labelled('pref', route.preference),
    ttlPropagate === undefined ? '' : `ttl-propagate ${ttlPropagate ? 'enabled' : 'disabled'}`,
    ...several.flatMap((one) => [
      'nexthop',
      encapsulation(one),
      towards(one),
      labelled('weight', one.weight),
      one.onlink === true ? 'onlink' : '',
      one.realms === undefined ? '' : `realms ${realms(one.realms)}`,
    ]),
    // keepalived knows a route that somebody took away by its one interface.
    route.tracked && single?.interface !== undefined ? '' : 'no_track',
  );
}

export function ruleLine(rule: RuleEntry): string {
  const { action, markMask, users, sourcePorts, destinationPorts } = rule;
  const ports = (word: string, one: typeof sourcePorts) => (one === undefined ? '' : `${word} ${one.low}-${one.high}`);
  return joined(
    rule.from === undefined && rule.to === undefined && rule.family === 'ipv6' ? 'inet6' : '',
    rule.not ? 'not' : '',
    `from ${rule.from === undefined ? 'all' : prefixText(rule.from)}`,
    rule.to === undefined ? '' : `to ${prefixText(rule.to)}`,
    `priority ${rule.priority}`,
    `tos 0x${(rule.tos ?? 0).toString(16)}`,
    rule.mark === undefined
      ? ''
      : `fwmark 0x${rule.mark.toString(16)}${markMask === undefined ? '' : `/0x${markMask.toString(16)}`}`,
    labelled('iif', rule.inputInterface),
    labelled('oif', rule.outputInterface),
    labelled('suppress_prefixlen', rule.suppressPrefixLength),
    labelled('suppress_ifgroup', rule.suppressGroup),
    labelled('tunnel-id', rule.tunnelId),
    users === undefined ? '' : `uidrange ${users.low}-${users.high}`,
    rule.l3mdev ? 'l3mdev' : '',
    rule.tracked || rule.protocol !== KEEPALIVED_PROTOCOL ? `protocol ${rule.protocol}` : '',
    labelled('ipproto', rule.ipProtocol),
    ports('sport', sourcePorts),
    ports('dport', destinationPorts),
    rule.realms === undefined ? '' : `realms ${realms(rule.realms)}`,
    action.kind === 'table'
      ? `lookup ${action.table}`
      : action.kind === 'goto'
        ? `goto ${action.target}`
        : action.kind === 'nop'
          ? 'nop'
          : `type ${action.kind}`,
    rule.tracked ? '' : 'no_track',
  );
}

/** Each word in quotes of its own. */
export function commandLine({ argv }: Pick<Command, 'argv'>): string {
  return argv.map((word) => `'${word}'`).join(' ');
}

function towards(hop: Hop): string {
  const { via } = hop;
  const family = via !== undefined && familyOf(via) === 'ipv6' ? 'inet6' : 'inet';
  return joined(via === undefined ? '' : `via ${family} ${via}`, labelled('dev', hop.interface));
}

function encapsulation({ encapsulation: one }: Hop): string {
  switch (one?.kind) {
    case undefined:
      return '';
    case 'mpls':
      return joined('encap mpls', one.labels.join('/'), labelled('ttl', one.ttl));
    case 'ila':
      return `encap ila ${one.locator}`;
    case 'ip':
    case 'ip6': {
      const [traffic, hops] = one.kind === 'ip' ? ['tos', 'ttl'] : ['tc', 'hoplimit'];
      return joined(
        `encap ${one.kind}`,
        labelled('id', one.id),
        labelled('dst', one.destination),
        labelled('src', one.source),
        labelled(traffic, one.trafficClass),
        labelled(hops, one.hopLimit),
      );
    }
  }
}

function metric({ metrics, locked }: RouteEntry, name: (typeof METRICS)[number]): string {
  const value = metrics[name];
  if (value === undefined) return '';
  const parts = PARTS_OF_MS[name];
  const text = parts === undefined ? (name === 'features' ? 'ecn' : String(value)) : `${value / parts}ms`;
  return joined(name, locked.includes(name) ? 'lock' : '', text);
}

function realms(value: number): string {
  return `${value >>> 16}/${value & 0xffff}`;
}

function prefixText({ address, length }: Prefix): string {
  return length === HOST_LENGTH[familyOf(address)] ? address : `${address}/${length}`;
}

function labelled(word: string, value: string | number | undefined): string {
  return value === undefined ? '' : `${word} ${value}`;
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
