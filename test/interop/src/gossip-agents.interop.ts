import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Whole agents, each in a namespace of its own with two networks: one for gossip, one for VRRP. What the operator sees is
// asked by the command line at the agent's own socket, and in the end by a controller beside one of the agents.

const program = (app: string) => fileURLToPath(new URL(`../../../apps/${app}/src/main.ts`, import.meta.url));
const SOON = 120_000;
/** The node that reports to a controller, which runs beside it on its loopback. */
const CONTROLLED = 3;
const CONTROLLER = fileURLToPath(new URL('../../../apps/controller/dist/main.js', import.meta.url));

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
      `global_defs {\n  router_id n${node}\n}\nvrrp_instance VI_1 {\n  state BACKUP\n  interface eth1\n  virtual_router_id 51\n` +
        `  priority ${200 - 10 * node}\n  advert_int 1\n  virtual_ipaddress {\n    198.51.100.51/32\n  }\n}\n`,
    );
    const seeds = Array.from({ length: this.#count }, (_, i) => `10.70.0.${i + 1}`).join(', ');
    const controller = node === CONTROLLED ? `controller:\n  addresses: ['127.0.0.1:7443']\n  plaintext: true\n` : '';
    writeFileSync(
      join(directory, 'agent.yaml'),
      `node: n${node}\ngossip:\n  bind: 10.70.0.${node}\n  seeds: [${seeds}]\n${controller}snmp:\n  enabled: false\n`,
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

  #spawn(node: number, argv: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace(node), process.execPath, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
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

  /** Only the segment of VRRP; gossip goes on. */
  plugVrrp(node: number, state: 'up' | 'down'): void {
    // The bridge's port, so that the node itself sees no loss of its link.
    const port = this.port(node, 'vrrp');
    if (state === 'down') ip('-n', this.#switch, 'link', 'set', port, 'nomaster');
    else ip('-n', this.#switch, 'link', 'set', port, 'master', 'vrrp');
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

describe('three agents without a controller', () => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = new Nodes(3);
    for (const node of [1, 2, 3]) nodes.start(node);
    await verdictIs(nodes, [1, 2, 3], 'one-master');
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
    nodes.plugVrrp(1, 'down');
    await verdictIs(nodes, [1, 2, 3], 'multi-master');
    const [secondMasterAt = NaN] = await nodes.told('→ master', [2], cutAt);
    const toldAt = await nodes.told('vrrp.multi-master', [1, 2, 3], cutAt);
    measured('two masters known to all', Math.max(...toldAt) - secondMasterAt, 'after the second one', {
      'after the cut': Math.max(...toldAt) - cutAt,
    });
    const router = await nodes.router(3);
    const masters = router?.claims?.filter(({ state }) => state === 'ROUTER_STATE_MASTER').map(({ node }) => node);
    expect(masters).toEqual(['n1', 'n2']);
    expect(nodes.said.some(({ text }) => text.includes('masters at once, n1 and n2'))).toBe(true);
    nodes.plugVrrp(1, 'up');
    await verdictIs(nodes, [1, 2, 3], 'one-master');
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

  it('answer the same to a controller that one of them reports to, and all learn where it is', async () => {
    nodes.startController();
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
