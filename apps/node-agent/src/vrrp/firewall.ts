import type { VirtualAddress, VrrpSettings, WantedInterface } from '@keepfleet/vrrp';
import { familyOf } from '@keepfleet/wire';
import type { Log } from '../log.ts';
import { type NftFailure, nftRules, tablesWithout, tryNft, tryNftNow } from '../nft.ts';

const DEFAULT_TABLE = 'keepfleet';
const DEFAULT_PRIORITY = -1;
const OWNER_PRIORITY = 255;

/** What is to be filtered, in words that do not change while it means the same. */
interface Plan {
  readonly table: string;
  readonly text: string;
}

/** How nftables is told: at once, or while other things go on. */
export interface Nft {
  readonly now: (script: string) => NftFailure | undefined;
  readonly soon: (script: string) => Promise<NftFailure | undefined>;
  /** How many rules there are of a table, `ip NAME`; undefined where the kernel cannot tell. */
  readonly rules: (table: string) => number | undefined;
}

/** Until what failed is tried again by itself; a change of the settings or of an interface tries at once. */
const RETRY_MS = 30_000;

/** Between two looks at whether what is filtered is still in the kernel. */
const LOOK_EVERY_MS = 10_000;

/**
 * Drops what is sent to addresses that a master has without being their owner (no_accept, strict mode), and keeps group
 * reports and router solicitations from leaving with a virtual MAC. All of it follows from the settings alone, so that no
 * change of state has to wait for it: a drop for an address that is elsewhere meets nothing.
 */
export class Firewall {
  readonly #log: Log;
  readonly #nft: Nft;
  readonly #retryMs: number;
  readonly #lookEveryMs: number;
  #wanted: Plan | undefined;
  /** What the kernel has; undefined while that is not known. */
  #applied: Plan | undefined;
  /** Every one of ours that may be in the kernel. */
  #tables = new Set<string>();
  #work: Promise<void> | undefined;
  /** Something was told at once while `#work` was under way: which of the two nft did last is not known. */
  #overtaken = false;
  /** Of the next try, or of the next look. */
  #timer: NodeJS.Timeout | undefined;
  /** As told last. */
  #problem: string | undefined;

  constructor(
    log: Log,
    nft: Nft = { now: tryNftNow, soon: tryNft, rules: nftRules },
    retryMs = RETRY_MS,
    lookEveryMs = LOOK_EVERY_MS,
  ) {
    this.#log = log;
    this.#nft = nft;
    this.#retryMs = retryMs;
    this.#lookEveryMs = lookEveryMs;
  }

  /**
   * To be called before the interfaces are made, whose first packets are among what is filtered. `now`: nothing else
   * happens before it is in place. `indexOf` gives the index of an interface that is there.
   */
  apply(
    settings: VrrpSettings,
    interfaces: readonly WantedInterface[],
    indexOf: (name: string) => number | undefined,
    when: 'now' | 'soon',
  ): void {
    const plan: Plan = {
      table: settings.firewall?.table ?? DEFAULT_TABLE,
      text: tables(
        settings,
        interfaces.flatMap(({ name, base }) => {
          const index = indexOf(base);
          return index === undefined ? [] : [{ name, base: index }];
        }),
      ),
    };
    // What is under way is not what will be in force, if another one is wanted after it.
    if (isSame(plan, this.#work === undefined ? this.#applied : this.#wanted)) return;
    this.#wanted = plan;
    // Nothing to filter: what a crash left is removed where it can be, and there is no hurry.
    if (when === 'soon' || plan.text === '') this.#work ??= this.#carryOut();
    else {
      this.#overtaken = this.#work !== undefined;
      const before = new Set(this.#tables);
      this.#settle(plan, before, this.#nft.now(this.#script(plan)));
    }
  }

  /** For the end of the process. Resolves when nothing of it is under way any more. */
  async remove(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = undefined;
    const work = this.#work;
    this.#removeTables();
    if (work === undefined) return;
    await work;
    // What was under way has put its table back.
    this.#removeTables();
  }

  /** One script after the other, until the kernel has what is wanted or refuses it. */
  async #carryOut(): Promise<void> {
    for (let plan = this.#wanted; plan !== undefined;) {
      this.#overtaken = false;
      const before = new Set(this.#tables);
      const failure = await this.#nft.soon(this.#script(plan));
      this.#settle(plan, before, failure);
      plan = isSame(plan, this.#wanted) && !this.#overtaken ? undefined : this.#wanted;
    }
    this.#work = undefined;
  }

  #script({ table, text }: Plan): string {
    const old = new Set([...this.#tables, table]);
    if (text !== '') this.#tables.add(table);
    return `${[...old].flatMap(removal).join('\n')}\n${text}`;
  }

  /** `before`: the tables there may have been when nft was asked. */
  #settle(plan: Plan, before: Set<string>, failure: NftFailure | undefined): void {
    clearTimeout(this.#timer);
    // Where two were told at the same time, the tables of both may be there.
    if (!this.#overtaken) {
      if (failure === undefined) this.#tables = new Set(plan.text === '' ? [] : [plan.table]);
      else if (failure.refused) this.#tables = before;
    }
    // Without a filter, and without one of before, nothing is missed where there is no nft.
    const isDone = failure === undefined || (plan.text === '' && this.#tables.size === 0);
    this.#applied = isDone ? plan : undefined;
    this.#report(plan, isDone ? undefined : failure.reason);
    if (this.#wanted === undefined) return;
    if (!isDone) this.#timer = setTimeout(() => (this.#work ??= this.#carryOut()), this.#retryMs).unref();
    else if (plan.text !== '') this.#lookLater();
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => this.#look(), this.#lookEveryMs).unref();
  }

  /** Whoever loads rules of his own begins with `flush ruleset`. */
  #look(): void {
    const plan = this.#applied;
    const missing = plan === undefined || this.#work !== undefined ? [] : tablesWithout(plan.text, this.#nft.rules);
    if (missing.length === 0) return this.#lookLater();
    const tables = missing.join(' and ');
    this.#log.warn({ tables }, `somebody removed what is filtered by ${tables}: it is put back`);
    this.#applied = undefined;
    this.#work ??= this.#carryOut();
  }

  #report({ table, text }: Plan, reason: string | undefined): void {
    const what =
      text === ''
        ? 'what is no longer to be filtered still is, and accepted addresses may not answer'
        : 'unaccepted addresses and virtual interfaces are not filtered, addresses answer although they should not';
    const problem = reason === undefined ? undefined : `${what}: ${reason}`;
    if (problem !== undefined && problem !== this.#problem)
      this.#log.error({ table, reason }, `${problem} (tried again every ${this.#retryMs / 1_000} s)`);
    else if (problem === undefined && this.#problem !== undefined)
      this.#log.info({ table }, 'what is filtered is as configured again');
    this.#problem = problem;
  }

  #removeTables(): void {
    const tables = [...this.#tables];
    if (tables.length === 0) return;
    const failure = this.#nft.now(`${tables.flatMap(removal).join('\n')}\n`);
    if (failure === undefined) this.#tables.clear();
    else this.#log.warn({ tables, reason: failure.reason }, `the filter stays behind: ${failure.reason}`);
  }
}

function isSame(a: Plan, b: Plan | undefined): boolean {
  return b !== undefined && a.table === b.table && a.text === b.text;
}

/** A made interface, and the index of the one below it. */
interface Made {
  readonly name: string;
  readonly base: number;
}

/** It may not be there. */
function removal(table: string): string[] {
  return ['ip', 'ip6'].flatMap((family) => [`add table ${family} ${table}`, `delete table ${family} ${table}`]);
}

function tables(settings: VrrpSettings, interfaces: readonly Made[]): string {
  const { table = DEFAULT_TABLE, priority = DEFAULT_PRIORITY, counters = false } = settings.firewall ?? {};
  const drop = counters ? 'counter drop' : 'drop';
  const refused = settings.instances
    .filter((instance) => !instance.accept && instance.priority !== OWNER_PRIORITY)
    .flatMap(({ addresses }) => addresses);
  return [
    familyTable('ip', table, priority, {
      in: addressRules(refused, 'ipv4', 'daddr', drop),
      out: [
        ...interfaces.map(
          ({ name, base }) => `oifname "${name}" ip protocol igmp dup to ip daddr device ${base} ${drop}`,
        ),
        ...addressRules(refused, 'ipv4', 'saddr', drop),
      ],
    }),
    familyTable('ip6', table, priority, {
      in: addressRules(refused, 'ipv6', 'daddr', drop),
      out: [
        ...interfaces.flatMap(({ name, base }) => [
          `oifname "${name}" icmpv6 type mld2-listener-report dup to ip6 daddr device ${base} ${drop}`,
          `oifname "${name}" icmpv6 type nd-router-solicit ${drop}`,
        ]),
        ...addressRules(refused, 'ipv6', 'saddr', drop),
      ],
    }),
  ].join('');
}

function familyTable(
  family: 'ip' | 'ip6',
  table: string,
  priority: number,
  { in: arriving, out: leaving }: { in: readonly string[]; out: readonly string[] },
): string {
  if (arriving.length === 0 && leaving.length === 0) return '';
  const chain = (name: string, hook: string, rules: readonly string[]) =>
    rules.length === 0
      ? ''
      : ` chain ${name} {\n  type filter hook ${hook} priority ${priority}; policy accept;\n${rules.map((rule) => `  ${rule}\n`).join('')} }\n`;
  return `table ${family} ${table} {\n${chain('in', 'input', arriving)}${chain('out', 'output', leaving)}}\n`;
}

function addressRules(
  addresses: readonly VirtualAddress[],
  family: 'ipv4' | 'ipv6',
  side: 'saddr' | 'daddr',
  drop: string,
): string[] {
  const own = addresses.filter(({ address }) => familyOf(address) === family);
  if (own.length === 0) return [];
  const protocol = family === 'ipv4' ? 'ip' : 'ip6';
  // A link-local address is one of its link only.
  const local = own.filter(({ address }) => /^fe[89ab]/.test(address));
  const wide = own.filter((one) => !local.includes(one)).map(({ address }) => address);
  return [
    // Who has an unaccepted address still answers for it.
    ...(family === 'ipv6' ? ['icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'] : []),
    ...local.map(
      ({ address, interface: name }) =>
        `ip6 ${side} ${address} ${side === 'daddr' ? 'iifname' : 'oifname'} "${name}" ${drop}`,
    ),
    ...(wide.length === 0 ? [] : [`${protocol} ${side} { ${[...new Set(wide)].join(', ')} } ${drop}`]),
  ];
}
