import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutIpvs } from '@keepfleet/test-lab';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sh } from './vrrp-stand.ts';

// nftables_ipvs: what keepalived and the agent have nftables mark, each in a namespace of its own. The kernel of the tests has
// no IPVS and that of the guests no nf_tables: that IPVS gets what is marked is for fwmark services to show.

const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const DEADLINE = 120_000;

interface Group {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly members: readonly string[];
  readonly server: string;
}

const web: Group = {
  name: 'WEB',
  protocol: 'TCP',
  members: ['198.51.100.10-20 80', '198.51.100.30 443', '198.51.101.0/28 80'],
  server: '192.0.2.10 80',
};
const dns: Group = { name: 'DNS', protocol: 'UDP', members: ['198.51.100.40 53'], server: '192.0.2.10 53' };
const more: Group = { name: 'MORE', protocol: 'TCP', members: ['198.51.100.50-60 80'], server: '192.0.2.11 80' };
const six: Group = {
  name: 'SIX',
  protocol: 'TCP',
  members: ['2001:db8::10-1f 80', '2001:db8:1::/124 443', '2001:db8::99 80'],
  server: '2001:db8:2::10 80',
};

interface Case {
  readonly name: string;
  readonly globals: string;
  readonly groups: readonly Group[];
  /** After a reload. */
  readonly then: readonly Group[];
}

const cases: readonly Case[] = [
  {
    name: 'ranges, prefixes and single addresses of both families',
    globals: 'nftables_ipvs',
    groups: [web, dns, six, more],
    then: [web, dns, six, { ...more, members: ['198.51.100.70 80'] }],
  },
  {
    name: 'with a table, a priority, a first mark and counters of its own',
    globals: 'nftables_ipvs marks\n nftables_ipvs_priority -7\n nftables_ipvs_start_fwmark 5000\n nftables_counters',
    groups: [more, dns],
    then: [more, dns, web],
  },
];

type Program = 'keepalived' | 'keepfleet';

const directory = mkdtempSync(join(tmpdir(), 'kf-marks-'));
let environment: NodeJS.ProcessEnv = {};
let stands = 0;

class Stand {
  readonly #who: Program;
  readonly #directory = join(directory, `stand-${++stands}`);
  readonly #namespace = `kf-marks-${process.pid}-${stands}`;
  readonly #globals: string;
  #child: ChildProcess | undefined;

  constructor(who: Program, globals: string) {
    this.#who = who;
    mkdirSync(this.#path('run'), { recursive: true });
    this.#globals = globals;
    sh('ip', 'netns', 'add', this.#namespace);
    sh('ip', '-n', this.#namespace, 'link', 'set', 'lo', 'up');
  }

  write(groups: readonly Group[]): void {
    const text = [
      `global_defs {\n router_id L1\n ${this.#globals}\n}`,
      ...groups.map(({ name, members }) => `virtual_server_group ${name} {\n ${members.join('\n ')}\n}`),
      ...groups.map(
        ({ name, protocol, server }) =>
          `virtual_server group ${name} {\n lvs_sched rr\n lvs_method NAT\n protocol ${protocol}\n real_server ${server} {\n weight 1\n }\n}`,
      ),
    ];
    writeFileSync(this.#path('conf'), `${text.join('\n')}\n`);
  }

  start(): void {
    writeFileSync(this.#path('yaml'), 'node: L1\nsnmp:\n  enabled: false\n');
    const files = ['--config', this.#path('conf'), '--agent-config', this.#path('yaml')];
    const command =
      this.#who === 'keepalived'
        ? [
            'keepalived',
            '-n',
            '-C',
            '-l',
            '-D',
            '-f',
            this.#path('conf'),
            '-p',
            this.#path('pid'),
            '-c',
            this.#path('lvs'),
          ]
        : [process.execPath, AGENT, ...files, '--run-dir', this.#path('run'), '--state-dir', this.#path('state')];
    const child = spawn('ip', ['netns', 'exec', this.#namespace, ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...(this.#who === 'keepalived' ? environment : {}) },
    });
    const log = createWriteStream(this.#path('log'));
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#child = child;
  }

  reload(): void {
    this.#child?.kill('SIGHUP');
  }

  /** As a crash would end it; the agent starts another one. */
  killLvs(): void {
    process.kill(Number(readFileSync(this.#path('run/lvs.pid'), 'utf8')), 'SIGKILL');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }

  async close(): Promise<void> {
    await this.stop();
    sh('ip', 'netns', 'del', this.#namespace);
  }

  nft(words: string): void {
    sh('ip', 'netns', 'exec', this.#namespace, 'nft', words);
  }

  /** In the order of their words, without what counts. */
  rules(): readonly string[] {
    const { nftables } = JSON.parse(sh('ip', 'netns', 'exec', this.#namespace, 'nft', '-j', 'list', 'ruleset')) as {
      nftables: readonly Record<string, unknown>[];
    };
    return nftables
      .filter((object) => object['metainfo'] === undefined)
      .map((object) =>
        JSON.stringify(object, (key, value: unknown) => {
          if (key === 'handle' || key === 'packets' || key === 'bytes') return undefined;
          return key === 'elem' && Array.isArray(value) ? value.map((one) => JSON.stringify(one)).sort() : value;
        }),
      )
      .sort();
  }

  async settled(holds: (rules: readonly string[]) => boolean, what: string): Promise<void> {
    await waitFor(() => holds(this.rules()), { deadline: DEADLINE, what }).catch((cause: unknown) => {
      const log = readFileSync(this.#path('log'), 'utf8').slice(-3_000);
      throw new Error(`${this.#who}: ${what}: ${this.rules().join('\n')}\nthe log ends in ${log}`, { cause });
    });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

beforeAll(() => {
  environment = withoutIpvs(directory);
});
afterAll(() => rmSync(directory, { recursive: true }));

const same = (a: readonly string[], b: readonly string[]) => JSON.stringify(a) === JSON.stringify(b);

describe('what nftables marks for groups of addresses, beside keepalived', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, { globals, groups, then }) => {
    const [theirs, ours] = [new Stand('keepalived', globals), new Stand('keepfleet', globals)];
    try {
      for (const stand of [theirs, ours]) {
        stand.write(groups);
        stand.start();
      }
      await theirs.settled((rules) => rules.length > 0, 'rules');
      await ours.settled((rules) => same(rules, theirs.rules()), 'the rules of keepalived');
      const before = ours.rules();
      for (const stand of [theirs, ours]) {
        stand.write(then);
        stand.reload();
      }
      await theirs.settled((rules) => !same(rules, before), 'other rules');
      await ours.settled((rules) => same(rules, theirs.rules()), 'the rules of keepalived after the reload');
      await Promise.all([theirs.stop(), ours.stop()]);
      expect([theirs.rules(), ours.rules()]).toEqual([[], []]);
    } finally {
      await theirs.close();
      await ours.close();
    }
  });
});

describe('marks of the agent', () => {
  const single: Group = { ...more, members: ['198.51.100.70 80'] };
  const markOf = (rules: readonly string[], address: string, port: number) =>
    Number(rules.join('').split(`\\"${address}\\",${port}]},`)[1]?.match(/^\d+/)?.[0]);

  it('stay with their groups when lvs is killed', async () => {
    const stand = new Stand('keepfleet', 'nftables_ipvs');
    try {
      stand.write([web, dns]);
      stand.start();
      await stand.settled((rules) => markOf(rules, '198.51.100.40', 53) === 1001, 'the mark of DNS');
      stand.write([single, dns]);
      stand.reload();
      await stand.settled((rules) => markOf(rules, '198.51.100.70', 80) === 1002, 'the mark of MORE');
      stand.killLvs();
      stand.write([single, dns, six]);
      stand.reload();
      await stand.settled((rules) => markOf(rules, '2001:db8::99', 80) === 1000, 'a mark that is free for SIX');
      const rules = stand.rules();
      expect([markOf(rules, '198.51.100.40', 53), markOf(rules, '198.51.100.70', 80)]).toEqual([1001, 1002]);
    } finally {
      await stand.close();
    }
  });

  it('are put back when somebody removes one table of them and empties the other', async () => {
    const stand = new Stand('keepfleet', 'nftables_ipvs');
    try {
      stand.write([web, six]);
      stand.start();
      await stand.settled((rules) => markOf(rules, '2001:db8::99', 80) === 1001, 'marks of both families');
      const rules = stand.rules();
      stand.nft('delete table ip keepalived_ipvs; flush table ip6 keepalived_ipvs');
      expect(stand.rules()).not.toEqual(rules);
      await stand.settled((now) => same(now, rules), 'the same rules as before');
    } finally {
      await stand.close();
    }
  });

  // A range behind an address that is in it is taken, and nobody knows whose mark the address gets.
  it.each([
    ['is there twice', '198.51.100.15'],
    ['is in a range before it', '198.51.100.10-198.51.100.20'],
  ])('are for addresses of one group only: nftables takes none that %s', (_, range) => {
    const script = (address: string) =>
      `add table ip t; add map ip t m { type ipv4_addr . inet_service : mark; flags interval; elements = { ${range} . 80 : 1000, ${address} . 80 : 1001 }; }`;
    const nft = (address: string) => sh('unshare', '-n', 'nft', '--check', script(address));
    expect(() => nft('198.51.100.9')).not.toThrow();
    expect(() => nft('198.51.100.15')).toThrow(/File exists/);
  });
});
