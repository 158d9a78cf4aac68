import type {
  AddressMarkSettings,
  GroupMarks,
  GroupMember,
  LvsSettings,
  Protocol,
  VirtualServerGroupSettings,
} from '@keepfleet/ipvs';
import { type IpAddress, familyOf, ipBytes } from '@keepfleet/wire';
import type { Log } from '../log.ts';
import { type NftFailure, nftRules, tablesWithout, tryNftNow } from '../nft.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const FAMILIES = ['ipv4', 'ipv6'] as const;

/** Between two looks at whether what was given to nftables is still there. */
const LOOK_EVERY_MS = 10_000;

/** nftables as it is asked. */
export interface Nft {
  readonly run: (script: string) => NftFailure | undefined;
  readonly rules: (table: string) => number | undefined;
}

/** What a run leaves to the next one. */
export interface MarksLeft {
  /** That the marks were dealt out from; null without nftables_ipvs. */
  readonly first: number | null;
  readonly given: Readonly<Record<string, number>>;
  /** Every one of ours that may be in the kernel. */
  readonly tables: readonly string[];
}

export const noMarks: MarksLeft = { first: null, given: {}, tables: [] };

/**
 * nftables_ipvs: the addresses of a group are given one mark by nftables, and IPVS has one service of that mark instead of
 * one of each address. A mark is its group's for as long as there is the group, also in the next process: the kernel has
 * its connections by it.
 */
export class AddressMarks {
  readonly #log: Log;
  readonly #keep: (left: MarksLeft) => void;
  readonly #nft: Nft;
  readonly #repaired: (what: string) => void;
  readonly #lookEveryMs: number;
  readonly #marks = new Map<string, number>();
  #first: number | null = null;
  #tables: readonly string[] = [];
  /** As kept last. */
  #kept = JSON.stringify(noMarks);
  /** Of what is in the kernel; undefined while that is not known. */
  #script: string | undefined;
  #problem: string | undefined;
  /** As applied last. */
  #wanted: Parameters<AddressMarks['apply']> | undefined;
  /** nft answered, and would again: it is not what hangs. */
  #refused = false;
  #lookAt = 0;

  /**
   * `keep` is told what the next process has to know, before the kernel is; `repaired`, that somebody had removed what is
   * there again.
   */
  constructor(
    log: Log,
    keep: (left: MarksLeft) => void,
    repaired: (what: string) => void,
    nft: Nft = { run: tryNftNow, rules: nftRules },
    lookEveryMs = LOOK_EVERY_MS,
  ) {
    this.#log = log;
    this.#keep = keep;
    this.#repaired = repaired;
    this.#nft = nft;
    this.#lookEveryMs = lookEveryMs;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** What an earlier run left; before everything else. */
  seed(left: MarksLeft): void {
    this.#first = left.first;
    this.#tables = left.tables;
    this.#kept = JSON.stringify(left);
    const taken = new Set<number>();
    for (const [key, mark] of Object.entries(left.given)) {
      if (!taken.has(mark)) this.#marks.set(key, mark);
      taken.add(mark);
    }
  }

  /** The groups of the settings with the marks of their addresses. */
  groups<T>(settings: LvsSettings<T>): readonly VirtualServerGroupSettings[] {
    this.#deal(settings);
    this.#keepAll();
    if (this.#marks.size === 0) return settings.groups;
    return settings.groups.map((group) => {
      const marks: GroupMarks = Object.fromEntries(
        PROTOCOLS.flatMap((protocol) => {
          const mark = this.#marks.get(markKey(group.name, protocol));
          return mark === undefined ? [] : [[protocol, mark]];
        }),
      );
      return Object.keys(marks).length === 0 ? group : { ...group, marks };
    });
  }

  #deal<T>(settings: LvsSettings<T>): void {
    const first = settings.addressMarks?.first ?? null;
    if (this.#first !== first) this.#marks.clear();
    this.#first = first;
    if (first === null) return;
    const wanted = wantedMarks(settings);
    const configured = new Set(configuredMarks(settings));
    // Also those given up now: nftables still gives them to what was theirs.
    const taken = new Set([...this.#marks.values(), ...configured]);
    for (const [key, mark] of this.#marks) if (!wanted.has(key) || configured.has(mark)) this.#marks.delete(key);
    let next = first;
    for (const key of wanted) {
      if (this.#marks.has(key)) continue;
      while (taken.has(next)) next++;
      taken.add(next);
      this.#marks.set(key, next);
    }
  }

  /** Has the kernel mark what the groups say; everything at once, so that no packet meets half of it. */
  apply(settings: AddressMarkSettings | undefined, groups: readonly VirtualServerGroupSettings[]): void {
    this.#wanted = [settings, groups];
    const script =
      settings === undefined ? '' : FAMILIES.map((family) => familyTable(family, settings, groups)).join('');
    const configured = settings === undefined ? [] : [settings.table];
    const old = [...new Set([...this.#tables, ...configured])];
    const wanted = script === '' ? [] : configured;
    if (script === this.#script && this.#tables.join() === wanted.join()) return;
    const before = this.#tables;
    this.#hold(old);
    const failure = old.length === 0 ? undefined : this.#nft.run(`${old.flatMap(removal).join('\n')}\n${script}`);
    if (failure === undefined) this.#hold(wanted);
    else if (failure.refused) this.#hold(before);
    // Asked again with the next settings, or by a look.
    this.#script = failure === undefined ? script : undefined;
    this.#refused = failure?.refused === true;
    this.#tell(failure?.reason, old, script !== '');
  }

  /**
   * To be called often, and done now and then: what nft refused is asked for again, and what somebody else has removed is put
   * back. Whoever loads rules of his own begins with `flush ruleset`, and without marks IPVS gets no packet.
   */
  look(): void {
    const script = this.#script;
    const wanted = this.#wanted;
    const now = performance.now();
    if (wanted === undefined || now < this.#lookAt || (script === undefined ? !this.#refused : script === '')) return;
    this.#lookAt = now + this.#lookEveryMs;
    if (script === undefined) return this.apply(...wanted);
    const missing = tablesWithout(script, this.#nft.rules);
    if (missing.length === 0) return;
    this.#script = undefined;
    this.apply(...wanted);
    // With a failure that has been told.
    if (this.#problem === undefined) this.#repaired(`add the table ${missing.join(' and ')} of nftables_ipvs`);
  }

  /** For the end of a process whose services are removed with it. */
  remove(): void {
    this.#marks.clear();
    this.#first = null;
    this.apply(undefined, []);
    this.#keepAll();
  }

  #hold(tables: readonly string[]): void {
    this.#tables = tables;
    this.#keepAll();
  }

  #keepAll(): void {
    const left: MarksLeft = { first: this.#first, given: Object.fromEntries(this.#marks), tables: this.#tables };
    const text = JSON.stringify(left);
    if (text === this.#kept) return;
    this.#kept = text;
    this.#keep(left);
  }

  #tell(reason: string | undefined, tables: readonly string[], marking: boolean): void {
    const what = marking
      ? 'the addresses of groups are not marked as configured, and IPVS does not get their packets'
      : `what is no longer configured is still marked, by the table ${tables.join(', ')}`;
    const before = this.#problem;
    this.#problem = reason === undefined ? undefined : `nftables_ipvs: ${what}: ${reason}`;
    if (this.#problem !== undefined && this.#problem !== before) this.#log.error({ tables, reason }, this.#problem);
  }
}

function markKey(group: string, protocol: Protocol): string {
  return `${protocol} ${group}`;
}

/** In the order in which the virtual servers are. */
function wantedMarks<T>({ virtualServers, groups }: LvsSettings<T>): ReadonlySet<string> {
  const withAddresses = new Set(
    groups.filter(({ members }) => members.some(({ kind }) => kind !== 'fwmark')).map(({ name }) => name),
  );
  return new Set(
    virtualServers.flatMap(({ target, protocol }) =>
      target.kind === 'group' && withAddresses.has(target.name) ? [markKey(target.name, protocol)] : [],
    ),
  );
}

/** Those that the configuration gives to something else. */
function configuredMarks<T>({ virtualServers, groups }: LvsSettings<T>): readonly number[] {
  return [
    ...virtualServers.flatMap(({ target }) => (target.kind === 'fwmark' ? [target.fwmark] : [])),
    ...groups.flatMap(({ members }) => members.flatMap((member) => (member.kind === 'fwmark' ? [member.fwmark] : []))),
  ];
}

/** It may not be there. */
function removal(table: string): string[] {
  return ['ip', 'ip6'].flatMap((family) => [`add table ${family} ${table}`, `delete table ${family} ${table}`]);
}

interface Interval {
  readonly first: IpAddress;
  readonly last: IpAddress;
  readonly port: number;
}

function intervalOf(member: GroupMember, family: (typeof FAMILIES)[number]): Interval[] {
  if (member.kind === 'fwmark') return [];
  const { port } = member;
  const [first, last] = member.kind === 'range' ? [member.first, member.last] : [member.address, member.address];
  return familyOf(first) === family ? [{ first, last, port }] : [];
}

/** nftables takes no interval that overlaps another. */
function joined(intervals: readonly Interval[]): readonly Interval[] {
  const order = (a: IpAddress, b: IpAddress) => Buffer.compare(ipBytes(a), ipBytes(b));
  const sorted = [...intervals].sort((a, b) => a.port - b.port || order(a.first, b.first));
  const result: Interval[] = [];
  for (const one of sorted) {
    const before = result.at(-1);
    if (before === undefined || before.port !== one.port || order(one.first, before.last) > 0) result.push(one);
    else if (order(one.last, before.last) > 0) result[result.length - 1] = { ...before, last: one.last };
  }
  return result;
}

/** With the names that keepalived gives: what others have to do with them goes on. */
function familyTable(
  family: (typeof FAMILIES)[number],
  { table, priority, counters }: AddressMarkSettings,
  groups: readonly VirtualServerGroupSettings[],
): string {
  const [word, type] = family === 'ipv4' ? ['ip', 'ipv4_addr'] : ['ip6', 'ipv6_addr'];
  const maps = PROTOCOLS.flatMap((protocol) => {
    const elements = groups.flatMap(({ marks, members }) => {
      const mark = marks?.[protocol];
      if (mark === undefined) return [];
      return joined(members.flatMap((member) => intervalOf(member, family))).map(
        ({ first, last, port }) => `${first === last ? first : `${first}-${last}`} . ${port} : ${mark}`,
      );
    });
    return elements.length === 0 ? [] : [{ protocol, elements }];
  });
  if (maps.length === 0) return '';
  return [
    `table ${word} ${table} {`,
    ...maps.map(
      ({ protocol, elements }) =>
        ` map ${protocol}_map {\n  type ${type} . inet_service : mark\n  flags interval\n${counters ? '  counter\n' : ''}  elements = { ${elements.join(', ')} }\n }`,
    ),
    ' chain in {',
    `  type filter hook input priority ${priority}; policy accept;`,
    ...maps.map(
      ({ protocol }) =>
        `  meta mark set ${word} daddr . ${protocol} dport map @${protocol}_map ${counters ? 'counter ' : ''}return`,
    ),
    ' }',
    '}\n',
  ].join('\n');
}
