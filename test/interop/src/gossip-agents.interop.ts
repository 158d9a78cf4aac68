import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Whole agents, each in a namespace of its own with two networks: one for gossip, one for VRRP. What the operator sees is
// asked by the command line at the agent's own socket; beside one of the agents there is the controller to which it alone
// reports, and an SNMP manager.

const program = (app: string) => fileURLToPath(new URL(`../../../apps/${app}/src/main.ts`, import.meta.url));
const SOON = 120_000;
/** The node that reports to a controller, which runs beside it on its loopback. */
const CONTROLLED = 3;
/** Where its SNMP manager listens. */
const MANAGER = '127.0.0.1:1162';
const CONTROLLER = fileURLToPath(new URL('../../../apps/controller/dist/main.js', import.meta.url));

const SNMP_TRAP = '.1.3.6.1.6.3.1.1.4.1.0';
/** Of docs/mibs/KEEPFLEET-MIB.txt. */
const KEEPFLEET_MIB = '.1.3.6.1.4.1.8072.9999.9999.7946';

interface FleetEvent {
  readonly node?: string;
  readonly event?: { readonly message?: string; readonly at?: string; readonly attributes?: Record<string, string> };
}

interface ClaimedRouter {
  readonly verdict?: string;
  readonly claims?: readonly { readonly node: string; readonly state: string; readonly member: string }[];
}

class Nodes {
  readonly #directory = mkdtempSync(join(tmpdir(), 'kf-agents-'));
  readonly #switch = `kf-agents-${process.pid}-sw`;
  readonly #agents = new Map<number, ChildProcess>();
  readonly #keyring = JSON.stringify([randomBytes(32).toString('base64')]);
  readonly #count: number;
  log = '';
  /** What the agents say happened, as `kind: message`. */
  readonly said: { readonly node: number; readonly text: string; readonly at: number }[] = [];

  constructor(count: number) {
    this.#count = count;
    ip('netns', 'add', this.#switch);
    for (const bridge of ['mgmt', 'vrrp']) {
      ip('-n', this.#switch, 'link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0');
      ip('-n', this.#switch, 'link', 'set', bridge, 'up');
    }
    for (let node = 1; node <= count; node++) {
      const namespace = this.namespace(node);
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      for (const [i, network] of (['mgmt', 'vrrp'] as const).entries()) {
        const name = `eth${i}`;
        const port = this.port(node, network);
        ip('link', 'add', name, 'netns', namespace, 'type', 'veth', 'peer', 'name', port, 'netns', this.#switch);
        ip('-n', this.#switch, 'link', 'set', port, 'master', network, 'up');
        ip('-n', namespace, 'address', 'add', `10.7${i}.0.${node}/24`, 'dev', name);
        ip('-n', namespace, 'link', 'set', name, 'up');
      }
    }
  }

  namespace(node: number): string {
    return `kf-agents-${process.pid}-${node}`;
  }

  port(node: number, network: 'mgmt' | 'vrrp'): string {
    return `${network}${node}`;
  }

  start(node: number): void {
    const directory = join(this.#directory, `n${node}`);
    mkdirSync(join(directory, 'state'), { recursive: true });
    writeFileSync(
      join(directory, 'keepalived.conf'),
      `global_defs {\n  router_id n${node}\n  enable_traps\n  enable_snmp_vrrp\n}\nvrrp_instance VI_1 {\n  state BACKUP\n  interface eth1\n  virtual_router_id 51\n` +
        `  priority ${200 - 10 * node}\n  advert_int 1\n  virtual_ipaddress {\n    198.51.100.51/32\n  }\n}\n`,
    );
    const seeds = Array.from({ length: this.#count }, (_, i) => `10.70.0.${i + 1}`).join(', ');
    const controller = node === CONTROLLED ? `controller:\n  addresses: ['127.0.0.1:7443']\n  plaintext: true\n` : '';
    writeFileSync(
      join(directory, 'agent.yaml'),
      `node: n${node}\ngossip:\n  bind: 10.70.0.${node}\n  seeds: [${seeds}]\n${controller}snmp:\n  enabled: false\n` +
        `  notifications:\n    receivers:\n      - { address: '${MANAGER}', community: traps }\n`,
    );
    writeFileSync(join(directory, 'state', 'gossip-keyring.json'), this.#keyring, { flag: 'w', mode: 0o600 });
    const child = this.#spawn(node, [
      program('node-agent'),
      ...['--config', join(directory, 'keepalived.conf'), '--agent-config', join(directory, 'agent.yaml')],
      ...['--run-dir', this.run(node), '--state-dir', join(directory, 'state')],
    ]);
    if (child.stderr !== null)
      createInterface(child.stderr).on('line', (line) => {
        const { event, msg, at } = (jsonOf(line) ?? {}) as { event?: string; msg?: string; at?: string };
        if (event !== undefined) this.said.push({ node, text: `${event}: ${msg ?? ''}`, at: Date.parse(at ?? '') });
      });
    this.#agents.set(node, child);
  }

  startController(): void {
    const child = this.#spawn(CONTROLLED, [
      ...[CONTROLLER, '--insecure-plaintext', '--state-dir', join(this.#directory, 'controller')],
    ]);
    this.#agents.set(0, child);
  }

  /** Net-SNMP's manager beside the controller. */
  startManager(): void {
    const conf = join(this.#directory, 'snmptrapd.conf');
    writeFileSync(conf, 'authCommunity log traps\n');
    const words = ['-f', '-C', '-c', conf, '-Lf', this.#traps, '-On', '-F', '%v\\n', `udp:${MANAGER}`];
    const options = { MIBS: '', SNMP_PERSISTENT_DIR: join(this.#directory, 'trapd') };
    this.#agents.set(-1, this.#run(CONTROLLED, ['snmptrapd', ...words], { ...process.env, ...options }));
  }

  /** Variables of the notifications that came, by OID without the dot and the instance of our MIB. */
  traps(): Map<string, string>[] {
    if (!existsSync(this.#traps)) return [];
    return readFileSync(this.#traps, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(
        (line) =>
          new Map(
            line.split('\t').map((one): [string, string] => {
              const [, name = '', value = ''] = /^(\S+) = \S+: (.*?) *$/.exec(one) ?? [];
              return [name, value.replace(/^"(.*)"$/, '$1')];
            }),
          ),
      );
  }

  get #traps(): string {
    return join(this.#directory, 'traps');
  }

  #spawn(node: number, argv: readonly string[]): ChildProcess {
    return this.#run(node, [process.execPath, ...argv]);
  }

  #run(node: number, argv: readonly string[], env = process.env): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace(node), ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => {
        this.log = (this.log + `n${node}: ${text.toString()}`).slice(-20_000);
      });
    return child;
  }

  /** The control process alone: VRRP and IPVS go on. */
  signalControl(node: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#agents.get(node)?.kill(signal);
  }

  /** Every process of the node at once, as when its power fails. */
  kill(node: number): void {
    for (const pid of execFileSync('ip', ['netns', 'pids', this.namespace(node)], { encoding: 'utf8' }).split('\n'))
      if (pid !== '') killed(Number(pid));
  }

  /** When each of `nodes` told first, since a time, what contains `text`; both by the wall clock, ms. Waits for all. */
  async told(text: string, nodes: readonly number[], since: number): Promise<number[]> {
    const first = (node: number) =>
      this.said.find((one) => one.node === node && one.text.includes(text) && one.at >= since)?.at;
    await waitFor(() => nodes.every((node) => first(node) !== undefined), {
      deadline: SOON,
      every: 100,
      what: `${text} at ${nodes.join(', ')}`,
    });
    return nodes.map((node) => first(node) ?? NaN);
  }

  run(node: number): string {
    return join(this.#directory, `run${node}`);
  }

  /** The operator's command on a node: its exit code, what it printed, and that as JSON where it is. */
  keepfleet(node: number, ...args: readonly string[]): Promise<{ code: number; text: string; data: unknown }> {
    return this.#command(node, ['--agent', join(this.run(node), 'agent.sock'), ...args]);
  }

  /** The same asked of the controller. */
  byController(...args: readonly string[]): Promise<{ code: number; text: string; data: unknown }> {
    return this.#command(CONTROLLED, ['--controller', '127.0.0.1:7481', ...args]);
  }

  #command(node: number, args: readonly string[]): Promise<{ code: number; text: string; data: unknown }> {
    const argv = ['netns', 'exec', this.namespace(node), process.execPath, program('cli'), '-o', 'json'];
    return new Promise((resolve) => {
      execFile('ip', [...argv, ...args], { timeout: SOON }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, text: stdout + stderr, data: jsonOf(stdout) });
      });
    });
  }

  async router(node: number): Promise<ClaimedRouter | undefined> {
    const { data } = await this.keepfleet(node, 'routers');
    return (data as { routers?: ClaimedRouter[] } | undefined)?.routers?.[0];
  }

  /** Nodes that are master by what the controller was told. */
  async mastersAtController(): Promise<string[]> {
    const { data } = await this.byController('routers');
    const { routers = [] } = (data ?? {}) as { routers?: { claims?: { claim?: { node: string; state: string } }[] }[] };
    const claims = routers.flatMap((router) => router.claims ?? []);
    return claims.flatMap(({ claim }) => (claim?.state === 'ROUTER_STATE_MASTER' ? [claim.node] : []));
  }

  /** One of the two segments; the other goes on. */
  plug(node: number, network: 'mgmt' | 'vrrp', state: 'up' | 'down'): void {
    // The bridge's port, so that the node itself sees no loss of its link.
    const port = this.port(node, network);
    if (state === 'down') ip('-n', this.#switch, 'link', 'set', port, 'nomaster');
    else ip('-n', this.#switch, 'link', 'set', port, 'master', network);
  }

  /** The first event of the controller itself of that kind since a time. Waits for it. */
  async toldByController(kind: string, since: number): Promise<{ readonly at: number; readonly message: string }> {
    const event = await waitFor(
      async () => {
        const { data } = await this.byController('events', '--kind', kind);
        const { events = [] } = (data ?? {}) as { events?: FleetEvent[] };
        return events.find(({ node = '', event: told }) => node === '' && Date.parse(told?.at ?? '') >= since)?.event;
      },
      { deadline: SOON, every: 500, what: `${kind} at the controller` },
    );
    return { at: Date.parse(event.at ?? ''), message: event.message ?? '' };
  }

  async down(): Promise<void> {
    for (const child of this.#agents.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
      await exit;
      clearTimeout(late);
    }
    for (let node = 1; node <= this.#count; node++) {
      const namespace = this.namespace(node);
      for (const pid of execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).split('\n'))
        if (pid !== '') killed(Number(pid));
      ip('netns', 'delete', namespace);
    }
    ip('netns', 'delete', this.#switch);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const verdictIs = (nodes: Nodes, on: readonly number[], verdict: string) =>
  waitFor(
    async () => {
      const routers = await Promise.all(on.map((node) => nodes.router(node)));
      return routers.every((router) => router?.verdict === verdict);
    },
    { deadline: SOON, every: 300, what: `${verdict} at ${on.join(', ')}` },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; the agents said: ${nodes.log}`);
  });

describe('three agents, of which one reports to a controller', () => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = new Nodes(3);
    nodes.startController();
    nodes.startManager();
    for (const node of [1, 2, 3]) nodes.start(node);
    await verdictIs(nodes, [1, 2, 3], 'one-master');
    await waitFor(async () => (await nodes.mastersAtController()).join() === 'n1', {
      deadline: SOON,
      every: 500,
      what: 'n1 as the master at the controller',
    });
  });
  afterAll(() => nodes.down());

  it('list each other with round trips, encrypted', async () => {
    await waitFor(
      async () => {
        const { data } = await nodes.keepfleet(2, 'members');
        const { members, encrypted } = data as {
          members?: { name: string; status: string; roundTripUs?: number }[];
          encrypted?: boolean;
        };
        return (
          encrypted === true &&
          members?.length === 3 &&
          members.every(({ name, status, roundTripUs = 0 }) => status === 'alive' && (name === 'n2' || roundTripUs > 0))
        );
      },
      { deadline: SOON, what: 'three members alive' },
    );
    const { code, text } = await nodes.keepfleet(2, 'members', 'forget', 'n1');
    expect([code, text]).toEqual([1, expect.stringContaining('only a member that failed or left')]);
  });

  it('find nothing wrong with each other', async () => {
    await waitFor(
      async () => {
        const { code, data } = await nodes.keepfleet(1, 'doctor');
        const { findings = [], ways = [] } = data as { findings?: unknown[]; ways?: { udp: string; tcp: string }[] };
        const open = ways.filter(({ udp, tcp }) => udp === 'VERDICT_OPEN' && tcp === 'VERDICT_OPEN');
        return code === 0 && findings.length === 0 && open.length === 6;
      },
      { deadline: SOON, what: 'a doctor without findings' },
    );
  });

  it('say which two are masters when only the segment of VRRP is cut, and that it is over once it is mended', async () => {
    const cutAt = Date.now();
    nodes.plug(1, 'vrrp', 'down');
    await verdictIs(nodes, [1, 2, 3], 'multi-master');
    const [secondMasterAt = NaN] = await nodes.told('→ master', [2], cutAt);
    const toldAt = await nodes.told('vrrp.multi-master', [1, 2, 3], cutAt);
    measured('two masters known to all', Math.max(...toldAt) - secondMasterAt, 'after the second one', {
      'after the cut': Math.max(...toldAt) - cutAt,
    });
    const atController = await nodes.toldByController('vrrp.multi-master', cutAt);
    measured(
      'two masters known to the controller, to which but one node reports',
      atController.at - secondMasterAt,
      'after the second one',
      {
        'after the cut': atController.at - cutAt,
      },
    );
    expect(atController.message).toContain('masters at once, n1 and n2');
    const trap = await waitFor(() => nodes.traps().find((one) => one.get(SNMP_TRAP) === `${KEEPFLEET_MIB}.0.1`), {
      deadline: SOON,
      what: 'kfMultiMaster at snmptrapd',
    });
    const variable = (number: number) => trap.get(`${KEEPFLEET_MIB}.1.1.${number}.0`);
    expect([1, 2, 3, 4, 5, 6].map(variable)).toEqual(['VI_1', '51', '1', 'C6 33 64 33', '2', 'n1,n2']);
    expect(variable(7)).toContain('2 masters at once, n1 and n2');
    const router = await nodes.router(3);
    const masters = router?.claims?.filter(({ state }) => state === 'ROUTER_STATE_MASTER').map(({ node }) => node);
    expect(masters).toEqual(['n1', 'n2']);
    expect(nodes.said.some(({ text }) => text.includes('masters at once, n1 and n2'))).toBe(true);
    nodes.plug(1, 'vrrp', 'up');
    await verdictIs(nodes, [1, 2, 3], 'one-master');
    await nodes.toldByController('vrrp.one-master', cutAt);
    await waitFor(() => nodes.traps().some((one) => one.get(SNMP_TRAP) === `${KEEPFLEET_MIB}.0.3`), {
      deadline: SOON,
      what: 'kfOneMaster at snmptrapd',
    });
  });

  it('see each other again after the management network was cut, and take VRRP for nothing but sound meanwhile', async () => {
    const cutAt = Date.now();
    nodes.plug(1, 'mgmt', 'down');
    const lostAt = await nodes.told('n1 at 10.70.0.1: failed', [2, 3], cutAt);
    await nodes.told('n2 at 10.70.0.2: failed', [1], cutAt);
    await nodes.told('n3 at 10.70.0.3: failed', [1], cutAt);
    measured('a cut management network known to all', Math.max(...lostAt) - cutAt, 'after the cut', {});
    await verdictIs(nodes, [1, 2, 3], 'one-master');
    const healedAt = Date.now();
    nodes.plug(1, 'mgmt', 'up');
    const backAt = await nodes.told('n1 at 10.70.0.1: joined', [2, 3], healedAt);
    const foundAt = [
      ...(await nodes.told('n2 at 10.70.0.2: joined', [1], healedAt)),
      ...(await nodes.told('n3 at 10.70.0.3: joined', [1], healedAt)),
    ];
    measured('all together again', Math.max(...backAt, ...foundAt) - healedAt, 'after the network was mended', {});
    await verdictIs(nodes, [1, 2, 3], 'one-master');
    const since = nodes.said.filter(({ at }) => at >= cutAt);
    expect(since.filter(({ text }) => /vrrp\.(no|multi)-master/.test(text))).toEqual([]);
  });

  it('take a master whose control process stands still for 20 s neither for dead VRRP nor the others for dead', async () => {
    const stoppedAt = Date.now();
    nodes.signalControl(1, 'SIGSTOP');
    await nodes.told('n1 at 10.70.0.1: failed', [2, 3], stoppedAt);
    await verdictIs(nodes, [2, 3], 'one-master');
    // Twenty seconds of standing still are what is asked for.
    await waitFor(() => Date.now() - stoppedAt > 20_000, { deadline: SOON, what: 'twenty seconds' });
    const resumedAt = Date.now();
    nodes.signalControl(1, 'SIGCONT');
    const backAt = await nodes.told('n1 at 10.70.0.1: joined', [2, 3], resumedAt);
    measured('back after standing still', Math.max(...backAt) - resumedAt, 'after it went on', {});
    await verdictIs(nodes, [1, 2, 3], 'one-master');
    const since = nodes.said.filter(({ at }) => at >= stoppedAt);
    expect(since.filter(({ text }) => /gossip\.member: (?!n1 ).*: failed/.test(text))).toEqual([]);
    expect(since.filter(({ text }) => /vrrp\.(no|multi)-master/.test(text))).toEqual([]);
  });

  it('rotate their key, and keep each other', async () => {
    const before = await nodes.keepfleet(3, 'keys', 'list');
    const fingerprint = (data: unknown) =>
      (data as { keys: { fingerprint: string }[] }).keys.map((key) => key.fingerprint);
    expect(fingerprint(before.data).length).toBe(1);
    const rotated = await nodes.keepfleet(3, 'keys', 'rotate');
    expect([rotated.code, rotated.text]).toEqual([0, expect.any(String)]);
    const after = await nodes.keepfleet(1, 'keys', 'list');
    expect(fingerprint(after.data).length).toBe(1);
    expect(fingerprint(after.data)).not.toEqual(fingerprint(before.data));
    await verdictIs(nodes, [1, 2, 3], 'one-master');
  });

  it('answer the same to the controller, and all learn where it is', async () => {
    await waitFor(
      async () => {
        const { code, data } = await nodes.byController('members');
        const { members = [] } = (data ?? {}) as { members?: { name: string; status: string }[] };
        const alive = members.filter(({ status }) => status === 'alive').map(({ name }) => name);
        return code === 0 && ['n1', 'n2'].every((name) => alive.includes(name));
      },
      { deadline: SOON, every: 500, what: 'the others alive by the controller' },
    );
    await waitFor(
      async () => {
        const { data } = await nodes.keepfleet(2, 'members');
        const { members } = data as { members?: { name: string; tags?: { grpc?: string } }[] };
        return members?.find(({ name }) => name === `n${CONTROLLED}`)?.tags?.grpc === '127.0.0.1:7443';
      },
      { deadline: SOON, every: 500, what: 'the controller told by the tags of who reports to it' },
    );
    const doctor = await nodes.byController('doctor');
    const { findings, ways = [] } = doctor.data as { findings: unknown[]; ways?: { udp: string; tcp: string }[] };
    const open = ways.filter(({ udp, tcp }) => udp === 'VERDICT_OPEN' && tcp === 'VERDICT_OPEN');
    expect([doctor.code, findings, open.length]).toEqual([0, [], 6]);
    const rotated = await nodes.byController('keys', 'rotate');
    expect([rotated.code, rotated.text]).toEqual([0, expect.any(String)]);
    const listed = await nodes.byController('keys', 'list');
    const { keys } = listed.data as { keys: { fingerprint: string; members?: unknown[] }[] };
    expect([listed.code, keys.length]).toEqual([0, 1]);
    await verdictIs(nodes, [1, 2, 3], 'one-master');
  });

  it('say within moments that there is no master when its node dies, and never that there are two', async () => {
    const diedAt = Date.now();
    nodes.kill(1);
    const noneAt = await nodes.told('vrrp.no-master', [2, 3], diedAt);
    measured('no master known to all', Math.max(...noneAt) - diedAt, 'after the death of its node', {});
    const oneAt = await nodes.told('vrrp.one-master', [2, 3], Math.max(...noneAt));
    const [nextAt = NaN] = await nodes.told('→ master', [2], diedAt);
    measured('the next master known to all', Math.max(...oneAt) - nextAt, 'after it took over', {});
    const atController = await nodes.toldByController('vrrp.no-master', diedAt);
    measured('no master known to the controller', atController.at - diedAt, 'after the death of its node', {});
    await nodes.told('n1 at 10.70.0.1: failed', [2, 3], diedAt);
    expect(nodes.said.filter(({ text, at }) => at >= diedAt && text.includes('vrrp.multi-master'))).toEqual([]);
    const forgotten = await nodes.byController('members', 'forget', 'n1');
    expect([forgotten.code, forgotten.text]).toEqual([0, expect.any(String)]);
    await nodes.told('n1 at 10.70.0.1: left', [2, 3], diedAt);
  });
});

/** A figure for the report; it is not judged, since the machine may be slow. */
function measured(what: string, took: number, from: string, more: Readonly<Record<string, number>>): void {
  const others = Object.entries(more).map(([label, ms]) => `, ${ms} ms ${label}`);
  process.stdout.write(`measured: ${what} ${took} ms ${from}${others.join('')}\n`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A refusal is a sentence on standard error.
    return undefined;
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
