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
import { runNftNow } from '../nft.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const FAMILIES = ['ipv4', 'ipv6'] as const;

/**
 * nftables_ipvs: the addresses of a group are given one mark by nftables, and IPVS has one service of that mark instead of
 * one of each address. A mark is its group's as long as this process runs; at the start they are dealt out in the order of
 * the configuration, so that a new process deals out the same ones.
 */
export class AddressMarks {
  readonly #log: Log;
  readonly #marks = new Map<string, number>();
  #first: number | undefined;
  /** Of what is in the kernel. */
  #table: string | undefined;
  #script = '';
  #problem: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** The groups of the settings with the marks of their addresses. */
  groups<T>(settings: LvsSettings<T>): readonly VirtualServerGroupSettings[] {
    const { addressMarks } = settings;
    if (addressMarks === undefined) {
      this.#marks.clear();
      return settings.groups;
    }
    if (this.#first !== addressMarks.first) this.#marks.clear();
    this.#first = addressMarks.first;
    const wanted = wantedMarks(settings);
    for (const key of this.#marks.keys()) if (!wanted.has(key)) this.#marks.delete(key);
    const taken = new Set([...this.#marks.values(), ...configuredMarks(settings)]);
    let next = addressMarks.first;
    for (const key of wanted) {
      if (this.#marks.has(key)) continue;
      while (taken.has(next)) next++;
      taken.add(next);
      this.#marks.set(key, next);
    }
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

  /** Has the kernel mark what the groups say; everything at once, so that no packet meets half of it. */
  apply(settings: AddressMarkSettings | undefined, groups: readonly VirtualServerGroupSettings[]): void {
    const tables =
      settings === undefined ? '' : FAMILIES.map((family) => familyTable(family, settings, groups)).join('');
    if (tables === this.#script && settings?.table === this.#table) return;
    const old = [...new Set([this.#table, settings?.table])].flatMap((table) => (table === undefined ? [] : [table]));
    if (old.length === 0) return;
    this.#table = settings?.table;
    this.#script = tables;
    this.#tell(runNftNow(`${old.flatMap(removal).join('\n')}\n${tables}`), old);
  }

  /** For the end of a process whose services are removed with it. */
  remove(): void {
    this.apply(undefined, []);
  }

  #tell(reason: string | undefined, tables: readonly string[]): void {
    this.#problem =
      reason === undefined
        ? undefined
        : `nftables_ipvs: the addresses of groups are not marked, and IPVS does not get their packets: ${reason}`;
    // Asked again with the next settings.
    if (reason !== undefined) this.#script = '?';
    if (this.#problem !== undefined) this.#log.error({ tables, reason }, this.#problem);
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
