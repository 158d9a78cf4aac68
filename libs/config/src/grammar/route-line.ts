import { type Family, familyOf } from '@keepfleet/wire';
import {
  type Encapsulation,
  type Hop,
  type Prefix,
  type RouteEntry,
  type RouteLine,
  type RouteMetric,
  type RouteType,
  routeMetrics,
  routeTypes,
} from '../model/routing.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { interfaceName } from './readers.ts';
import {
  KEEPALIVED_PROTOCOL,
  address,
  allOf,
  cNumber,
  milliseconds,
  number,
  prefix,
  protocol,
  realms,
  scope,
  table,
  tos,
} from './routing-values.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Draft extends Omit<
  Mutable<RouteEntry>,
  'kind' | 'text' | 'family' | 'destination' | 'from' | 'hops' | 'placement' | 'metrics' | 'locked'
> {
  family?: Family;
  destination?: Prefix | 'all';
  from?: Prefix | 'all';
  placement?: RouteEntry['placement'];
  metrics: Partial<Record<RouteMetric, number>>;
  locked: RouteMetric[];
  hop: Mutable<Hop>;
  hops: Mutable<Hop>[];
}

type Option = (route: Draft, args: Arguments) => boolean;

const MAIN = 254;
/** keepalived raises what is lower, as the kernel's own timers never go below. */
const LEAST_RTT = 200;
const ECN = 1;
const MAX_WEIGHT = 256;

/** Stores a value; false when it was wrong. */
function keep<T>(value: T | undefined, store: (value: T) => void): boolean {
  if (value === undefined) return false;
  store(value);
  return true;
}

const via: (hop: Mutable<Hop>, args: Arguments) => boolean = (hop, args) => {
  if (!args.takeIf('inet')) args.takeIf('inet6');
  return keep(address(args), (value) => (hop.via = value));
};
const gateway: Option = (route, args) => via(route.hop, args);
const device: Option = (route, args) => keep(interfaceName(args), (value) => (route.hop.interface = value));
const metric: Option = (route, args) => keep(number(args, 'a metric'), (value) => (route.metric = value));
const service: Option = (route, args) => keep(tos(args), (value) => (route.tos = value));
const place =
  (placement: RouteEntry['placement']): Option =>
  (route) => {
    route.placement = placement;
    return true;
  };

const OPTIONS: Readonly<Record<string, Option>> = {
  to: (route, args) => keep(prefix(args), (value) => (route.destination = value)),
  src: (route, args) => keep(address(args), (value) => (route.source = value)),
  from: (route, args) => keep(prefix(args), (value) => (route.from = value)),
  via: gateway,
  gw: gateway,
  dev: device,
  oif: device,
  tos: service,
  dsfield: service,
  table: (route, args) => keep(table(args), (value) => (route.table = value)),
  protocol: (route, args) => keep(protocol(args), (value) => (route.protocol = value)),
  scope: (route, args) => keep(scope(args), (value) => (route.scope = value)),
  metric,
  priority: metric,
  preference: metric,
  onlink(route) {
    route.hop.onlink = true;
    return true;
  },
  encap: (route, args) => keep(encapsulation(args), (value) => (route.hop.encapsulation = value)),
  expires: (route, args) => keep(number(args, 'a number of seconds'), (value) => (route.expires = value)),
  realms: (route, args) => keep(realms(args), (value) => (route.realms = value)),
  features(route, args) {
    if (!args.takeIf('ecn')) return false;
    route.metrics.features = ECN;
    return true;
  },
  congctl(route, args) {
    const locked = args.takeIf('lock');
    return keep(args.need('an algorithm')?.text, (algorithm) => (route.congestion = { algorithm, locked }));
  },
  pref(route, args) {
    const word = args.need('low, medium or high');
    if (word?.text === 'low' || word?.text === 'medium' || word?.text === 'high') route.preference = word.text;
    else if (word !== undefined) args.bad(word, 'low, medium or high');
    return route.preference !== undefined;
  },
  'ttl-propagate'(route, args) {
    const word = args.need('enabled or disabled');
    if (word?.text === 'enabled' || word?.text === 'disabled') route.ttlPropagate = word.text === 'enabled';
    else if (word !== undefined) args.bad(word, 'enabled or disabled');
    return route.ttlPropagate !== undefined;
  },
  as(route, args) {
    args.takeIf('to');
    return keep(address(args), (value) => (route.hop.as = value));
  },
  add: place('add'),
  append: place('append'),
  prepend: place('prepend'),
  no_track(route) {
    route.tracked = false;
    return true;
  },
  track_group: (route, args) => keep(args.need('a name')?.text, (name) => (route.trackGroup = name)),
  nexthop(route, args) {
    const hop: Mutable<Hop> = {};
    route.hops.push(hop);
    return hopOptions(hop, args);
  },
};

/** A route as iproute2 writes it, with keepalived's own words. */
export const routeLine = syntax(
  '[TYPE] [to] PREFIX [via IP] [dev INTERFACE] [table N] [metric N] [src IP] [mtu N] … [nexthop …]',
  '198.51.100.0/24 via 192.0.2.254 dev eth0',
  (args: Arguments): RouteLine | undefined => {
    const { at } = args;
    const words = args.statement.words.map(({ text }) => text);
    const route: Draft = {
      type: 'unicast',
      table: MAIN,
      protocol: KEEPALIVED_PROTOCOL,
      tracked: true,
      metrics: {},
      locked: [],
      hop: {},
      hops: [],
    };
    for (let word = args.peek(); word !== undefined; word = args.peek()) {
      if (!routeWord(word.text, route, args)) return undefined;
    }
    return finished(route, words, at, args);
  },
);

function routeWord(text: string, route: Draft, args: Arguments): boolean {
  const type = routeTypes.find((one) => one === text);
  if (type !== undefined && route.destination === undefined) {
    args.take();
    route.type = type;
    return true;
  }
  if (text === 'inet' || text === 'inet6') {
    args.take();
    route.family = text === 'inet' ? 'ipv4' : 'ipv6';
    return true;
  }
  const name = routeMetrics.find((one) => one === text);
  if (name !== undefined && name !== 'features') {
    args.take();
    return readMetric(name, route, args);
  }
  const option = Object.hasOwn(OPTIONS, text) ? OPTIONS[text] : undefined;
  if (option !== undefined) {
    args.take();
    return option(route, args);
  }
  // The destination needs no word before it.
  if (route.destination === undefined) return keep(prefix(args), (value) => (route.destination = value));
  const word = args.take();
  if (word !== undefined) args.bad(word, 'a word of a route');
  return false;
}

function readMetric(name: RouteMetric, route: Draft, args: Arguments): boolean {
  if (args.takeIf('lock')) route.locked.push(name);
  // The kernel counts these in eighths and quarters of a millisecond, and so does a number without unit.
  const parts = { rtt: 8, rttvar: 4, rto_min: 1 };
  const timed = name === 'rtt' || name === 'rttvar' || name === 'rto_min';
  const value = timed ? milliseconds(args, parts[name]) : number(args, `a ${name}`);
  if (value === undefined) return false;
  const least = timed ? Math.max(value, LEAST_RTT) : value;
  if (least !== value)
    args.diagnostics.warning(
      'adjusted',
      args.at,
      `${name} ${value} ms is below what the kernel takes, ${least} ms is used`,
    );
  route.metrics[name] = timed ? Math.round(least * parts[name]) : least;
  return true;
}

function hopOptions(hop: Mutable<Hop>, args: Arguments): boolean {
  for (;;) {
    const word = args.peek();
    if (word === undefined || word.text === 'nexthop' || word.text === 'no_track') return true;
    args.take();
    const fine = hopOption(word.text, hop, args);
    if (fine === undefined) args.bad(word, 'via, dev, weight, onlink, encap, realms or nexthop');
    if (fine !== true) return false;
  }
}

function hopOption(text: string, hop: Mutable<Hop>, args: Arguments): boolean | undefined {
  switch (text) {
    case 'via':
    case 'gw':
      return via(hop, args);
    case 'dev':
    case 'oif':
      return keep(interfaceName(args), (value) => (hop.interface = value));
    case 'weight':
      return keep(number(args, 'a weight', MAX_WEIGHT), (value) => (hop.weight = Math.max(1, value)));
    case 'onlink':
      hop.onlink = true;
      return true;
    case 'encap':
      return keep(encapsulation(args), (value) => (hop.encapsulation = value));
    case 'realms':
      return keep(realms(args), (value) => (hop.realms = value));
    case 'as':
      args.takeIf('to');
      return keep(address(args), (value) => (hop.as = value));
    default:
      return undefined;
  }
}

function encapsulation(args: Arguments): Encapsulation | undefined {
  const kind = args.need('mpls, ip, ip6 or ila');
  if (kind === undefined) return undefined;
  switch (kind.text) {
    case 'mpls': {
      const labels = args.need('labels');
      const numbers = labels?.text.split('/').map(cNumber) ?? [];
      const fine = numbers.filter((label) => label !== undefined && label <= 0xfffff) as number[];
      if (labels === undefined || fine.length !== numbers.length)
        return labels === undefined ? undefined : args.bad(labels, 'labels up to 1048575, joined by /');
      if (!args.takeIf('ttl')) return { kind: 'mpls', labels: fine };
      const ttl = number(args, 'a TTL', 255);
      return ttl === undefined ? undefined : { kind: 'mpls', labels: fine, ttl };
    }
    case 'ip':
    case 'ip6':
      return tunnel(kind.text, args);
    case 'ila': {
      const locator = args.need('a locator');
      if (locator === undefined) return undefined;
      return /^([0-9a-f]{1,4}:){3}[0-9a-f]{1,4}$/i.test(locator.text)
        ? { kind: 'ila', locator: locator.text.toLowerCase() }
        : args.bad(locator, 'four groups of hexadecimal digits');
    }
    default:
      return args.bad(kind, 'mpls, ip, ip6 or ila');
  }
}

function tunnel(kind: 'ip' | 'ip6', args: Arguments): Encapsulation | undefined {
  const found: Mutable<Extract<Encapsulation, { kind: 'ip' | 'ip6' }>> = { kind };
  const options: Readonly<Record<string, () => boolean>> = {
    id: () => keep(number(args, 'an id', Number.MAX_SAFE_INTEGER), (value) => (found.id = value)),
    dst: () => keep(address(args), (value) => (found.destination = value)),
    src: () => keep(address(args), (value) => (found.source = value)),
    tos: () => keep(tos(args), (value) => (found.trafficClass = value)),
    tc: () => keep(tos(args), (value) => (found.trafficClass = value)),
    ttl: () => keep(number(args, 'a TTL', 255), (value) => (found.hopLimit = value)),
    hoplimit: () => keep(number(args, 'a hop limit', 255), (value) => (found.hopLimit = value)),
  };
  for (;;) {
    const word = args.peek();
    const option = word !== undefined && Object.hasOwn(options, word.text) ? options[word.text] : undefined;
    if (option === undefined) return found;
    args.take();
    if (!option()) return undefined;
  }
}

function finished(route: Draft, words: readonly string[], at: RouteLine['at'], args: Arguments): RouteLine | undefined {
  const { family: told, destination, from, hop, hops, placement, ...rest } = route;
  if (destination === undefined) {
    args.missing('a destination');
    return undefined;
  }
  const hint = route.source ?? hop.via ?? hops[0]?.via;
  const family: Family =
    told ?? prefixFamily(destination) ?? prefixFamily(from) ?? (hint === undefined ? 'ipv4' : familyOf(hint));
  if (hops.length > 0 && Object.keys(hop).length > 0) return misfit(args, at, 'has a next hop before nexthop');
  const mixed = [destination, from].some((one) => (prefixFamily(one) ?? family) !== family);
  if (mixed || (route.source !== undefined && familyOf(route.source) !== family))
    return misfit(args, at, 'mixes IPv4 and IPv6');
  const all = hops.length > 0 ? hops : Object.keys(hop).length > 0 ? [hop] : [];
  return {
    words,
    at,
    entry: {
      ...rest,
      kind: 'route',
      text: words
        .filter((word, i) => word !== 'no_track' && word !== 'track_group' && words[i - 1] !== 'track_group')
        .join(' '),
      family,
      destination: destination === 'all' ? allOf(family) : destination,
      ...(from === undefined ? {} : { from: from === 'all' ? allOf(family) : from }),
      // As keepalived: where a route leads somewhere, it goes before an equal one of others.
      placement: placement ?? (leads(route.type) ? 'prepend' : 'add'),
      hops: all,
    },
  };
}

function misfit(args: Arguments, at: RouteLine['at'], what: string): undefined {
  args.diagnostics.error(
    'bad-value',
    at,
    `the route ${args.statement.words.map(({ text }) => text).join(' ')} ${what}`,
  );
}

function prefixFamily(prefix: Prefix | 'all' | undefined): Family | undefined {
  return prefix === undefined || prefix === 'all' ? undefined : familyOf(prefix.address);
}

function leads(type: RouteType): boolean {
  return type === 'unicast';
}
