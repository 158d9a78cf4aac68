import { type Family, familyOf } from '@keepfleet/wire';
import type { Prefix, RuleAction, RuleEntry, RuleLine } from '../model/routing.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { interfaceName } from './readers.ts';
import {
  KEEPALIVED_PROTOCOL,
  allOf,
  cNumber,
  ipProtocol,
  number,
  prefix,
  protocol,
  range,
  realms,
  table,
  tos,
} from './routing-values.ts';

/** A rule whose place among the others is perhaps not told. */
export type RuleDraft = Omit<RuleLine, 'entry'> & {
  readonly entry: Omit<RuleEntry, 'priority'> & { readonly priority?: number };
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Partial<Omit<Mutable<RuleEntry>, 'kind' | 'from' | 'to'>> & {
  from?: Prefix | 'all';
  to?: Prefix | 'all';
  tracked: boolean;
  protocol: number;
  not: boolean;
  l3mdev: boolean;
};
type Option = (rule: Draft, args: Arguments) => boolean;

const MAX_PORT = 65_535;

function keep<T>(value: T | undefined, store: (value: T) => void): boolean {
  if (value === undefined) return false;
  store(value);
  return true;
}

const lookup: Option = (rule, args) => keep(table(args), (value) => (rule.action = { kind: 'table', table: value }));
const order: Option = (rule, args) => keep(number(args, 'a preference'), (value) => (rule.priority = value));
const service: Option = (rule, args) => keep(tos(args), (value) => (rule.tos = value));
const suppressLength: Option = (rule, args) =>
  keep(number(args, 'a prefix length', 128), (value) => (rule.suppressPrefixLength = value));
const suppressGroup: Option = (rule, args) => keep(number(args, 'a group'), (value) => (rule.suppressGroup = value));
const input: Option = (rule, args) => keep(interfaceName(args), (value) => (rule.inputInterface = value));
const act =
  (action: RuleAction): Option =>
  (rule) => {
    rule.action = action;
    return true;
  };
const set =
  (change: Partial<Draft>): Option =>
  (rule) => {
    Object.assign(rule, change);
    return true;
  };

const OPTIONS: Readonly<Record<string, Option>> = {
  inet: set({ family: 'ipv4' }),
  inet6: set({ family: 'ipv6' }),
  not: set({ not: true }),
  from: (rule, args) => keep(prefix(args), (value) => (rule.from = value)),
  to: (rule, args) => keep(prefix(args), (value) => (rule.to = value)),
  table: lookup,
  lookup,
  preference: order,
  order,
  priority: order,
  pref: order,
  tos: service,
  dsfield: service,
  fwmark(rule, args) {
    const word = args.need('a mark');
    if (word === undefined) return false;
    const [mark, mask, ...more] = word.text.split('/').map(cNumber);
    if (mark === undefined || more.length > 0 || (word.text.includes('/') && mask === undefined)) {
      args.bad(word, 'MARK or MARK/MASK');
      return false;
    }
    rule.mark = mark;
    if (mask !== undefined) rule.markMask = mask;
    return true;
  },
  realms: (rule, args) => keep(realms(args), (value) => (rule.realms = value)),
  suppress_prefixlength: suppressLength,
  sup_pl: suppressLength,
  suppress_ifgroup: suppressGroup,
  sup_group: suppressGroup,
  dev: input,
  iif: input,
  oif: (rule, args) => keep(interfaceName(args), (value) => (rule.outputInterface = value)),
  'tunnel-id': (rule, args) =>
    keep(number(args, 'a tunnel id', Number.MAX_SAFE_INTEGER), (value) => (rule.tunnelId = value)),
  uidrange: (rule, args) => keep(range(args, 'users', 0xffff_fffe), (value) => (rule.users = value)),
  l3mdev: set({ l3mdev: true, action: { kind: 'table', table: 0 } }),
  protocol: (rule, args) => keep(protocol(args), (value) => (rule.protocol = value)),
  ipproto: (rule, args) => keep(ipProtocol(args), (value) => (rule.ipProtocol = value)),
  sport: (rule, args) => keep(range(args, 'ports', MAX_PORT), (value) => (rule.sourcePorts = value)),
  dport: (rule, args) => keep(range(args, 'ports', MAX_PORT), (value) => (rule.destinationPorts = value)),
  goto: (rule, args) => keep(number(args, 'a preference'), (target) => (rule.action = { kind: 'goto', target })),
  nop: act({ kind: 'nop' }),
  blackhole: act({ kind: 'blackhole' }),
  unreachable: act({ kind: 'unreachable' }),
  prohibit: act({ kind: 'prohibit' }),
  // The word before an action that needs none.
  type: () => true,
  no_track: set({ tracked: false }),
  track_group: (rule, args) => keep(args.need('a name')?.text, (name) => (rule.trackGroup = name)),
};

/** A rule as iproute2 writes it, with keepalived's own words. */
export const ruleLine = syntax(
  '[not] [from PREFIX] [to PREFIX] [iif INTERFACE] [fwmark MARK[/MASK]] … table N|goto N|blackhole|… [priority N]',
  'from 192.0.2.0/24 table 100 priority 1000',
  (args: Arguments): RuleDraft | undefined => {
    const { at } = args;
    const words = args.statement.words.map(({ text }) => text);
    const rule: Draft = { tracked: true, protocol: KEEPALIVED_PROTOCOL, not: false, l3mdev: false };
    for (let word = args.take(); word !== undefined; word = args.take()) {
      const option = Object.hasOwn(OPTIONS, word.text) ? OPTIONS[word.text] : undefined;
      if (option === undefined) return args.bad(word, 'a word of a rule');
      if (!option(rule, args)) return undefined;
    }
    const { from, to, action, priority, ...rest } = rule;
    if (action === undefined) {
      args.missing('what to do: table, goto, nop, blackhole, unreachable or prohibit');
      return undefined;
    }
    const family = rule.family ?? prefixFamily(from) ?? prefixFamily(to) ?? 'ipv4';
    if ([from, to].some((one) => (prefixFamily(one) ?? family) !== family)) {
      args.diagnostics.error('bad-value', at, `the rule ${words.join(' ')} mixes IPv4 and IPv6`);
      return undefined;
    }
    if (action.kind === 'goto' && priority !== undefined && action.target <= priority) {
      args.diagnostics.error('bad-value', at, `the rule ${words.join(' ')} goes to a rule before itself`);
      return undefined;
    }
    return {
      words,
      at,
      entry: {
        ...rest,
        kind: 'rule',
        text: words
          .filter((word, i) => word !== 'no_track' && word !== 'track_group' && words[i - 1] !== 'track_group')
          .join(' '),
        family,
        ...(from === undefined ? {} : { from: from === 'all' ? allOf(family) : from }),
        ...(to === undefined ? {} : { to: to === 'all' ? allOf(family) : to }),
        ...(priority === undefined ? {} : { priority }),
        action,
      },
    };
  },
);

function prefixFamily(prefix: Prefix | 'all' | undefined): Family | undefined {
  return prefix === undefined || prefix === 'all' ? undefined : familyOf(prefix.address);
}
