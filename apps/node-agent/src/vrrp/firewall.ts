import type { VirtualAddress, VrrpSettings, WantedInterface } from '@keepfleet/vrrp';
import { familyOf } from '@keepfleet/wire';
import type { Log } from '../log.ts';
import { runNft, runNftNow } from '../nft.ts';

const DEFAULT_TABLE = 'keepfleet';
const DEFAULT_PRIORITY = -1;
const OWNER_PRIORITY = 255;

/** What is to be filtered, in words that do not change while it means the same. */
interface Plan {
  readonly table: string;
  readonly text: string;
}

/**
 * Drops what is sent to addresses that a master has without being their owner (no_accept, strict mode), and keeps group
 * reports and router solicitations from leaving with a virtual MAC. All of it follows from the settings alone, so that no
 * change of state has to wait for it: a drop for an address that is elsewhere meets nothing.
 */
export class Firewall {
  readonly #log: Log;
  #applied: Plan | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(log: Log) {
    this.#log = log;
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
    const table = settings.firewall?.table ?? DEFAULT_TABLE;
    const plan: Plan = {
      table,
      text: tables(
        settings,
        interfaces.flatMap(({ name, base }) => {
          const index = indexOf(base);
          return index === undefined ? [] : [{ name, base: index }];
        }),
      ),
    };
    const before = this.#applied;
    if (before?.table === plan.table && before.text === plan.text) return;
    this.#applied = plan;
    const others = before === undefined || before.table === table ? [] : removal(before.table);
    const script = [...others, ...removal(table), plan.text].join('\n');
    // Nothing to filter: what a crash left is removed where it can be, and there is no hurry.
    if (when === 'now' && plan.text !== '') this.#report(table, runNftNow(script));
    else
      this.#work = this.#work.then(async () => {
        const problem = await runNft(script);
        if (plan.text !== '') this.#report(table, problem);
      });
  }

  #report(table: string, problem: string | undefined): void {
    if (problem === undefined) return;
    this.#log.error(
      { table, reason: problem },
      `unaccepted addresses and virtual interfaces are not filtered, addresses answer although they should not: ${problem}`,
    );
  }

  /** For the end of the process. */
  remove(): void {
    const plan = this.#applied;
    this.#applied = undefined;
    if (plan === undefined || plan.text === '') return;
    const problem = runNftNow(`${removal(plan.table).join('\n')}\n`);
    if (problem !== undefined)
      this.#log.warn({ table: plan.table, reason: problem }, `the filter stays behind: ${problem}`);
  }
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
