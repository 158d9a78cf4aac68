import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';

const standalone = fileURLToPath(new URL('../../../apps/node-agent/src/gossip/standalone.ts', import.meta.url));
/** How long a process may take to start or to answer on a machine with much to do. */
const READY = 60_000;
const RPC = '127.0.0.1:7373';

export type MemberTable = Readonly<Record<string, { readonly status: string; readonly tags: Record<string, string> }>>;

export interface Outcome {
  readonly code: number;
  readonly text: string;
}

/** Hosts in namespaces of their own, all on one bridge: host number n has 172.31.0.n. */
export class GossipStand {
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-gossip-'));
  readonly #switch = `kf-gossip-${process.pid}-sw`;
  readonly #hosts: number;
  readonly #processes: ChildProcess[] = [];

  constructor(hosts: number) {
    this.#hosts = hosts;
    ip('netns', 'add', this.#switch);
    ip('-n', this.#switch, 'link', 'add', 'bridge', 'type', 'bridge');
    ip('-n', this.#switch, 'link', 'set', 'bridge', 'up');
    for (let host = 1; host <= hosts; host++) {
      const namespace = this.namespace(host);
      ip('netns', 'add', namespace);
      ip('link', 'add', 'eth0', 'netns', namespace, 'type', 'veth', 'peer', 'name', port(host), 'netns', this.#switch);
      ip('-n', this.#switch, 'link', 'set', port(host), 'master', 'bridge', 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('-n', namespace, 'address', 'add', `${address(host)}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    }
  }

  namespace(host: number): string {
    return `kf-gossip-${process.pid}-${host}`;
  }

  plug(host: number, state: 'up' | 'down'): void {
    ip('-n', this.#switch, 'link', 'set', port(host), state);
  }

  file(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** Written the first time only: whoever has it changes it afterwards. */
  fileOnce(name: string, content: string): string {
    const path = join(this.directory, name);
    return existsSync(path) ? path : this.file(name, content);
  }

  spawn(host: number, program: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace(host), program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#processes.push(child);
    return child;
  }

  async run(host: number, program: string, ...args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      execFile('ip', ['netns', 'exec', this.namespace(host), program, ...args], (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, text: stdout + stderr }),
      );
    });
  }

  /** What a member of a host remembers. */
  memory(host: number): string {
    return join(this.directory, `n${host}.json`);
  }

  /** Whether a host's member has written down another by name. */
  remembers(host: number, name: string): boolean {
    const path = this.memory(host);
    return existsSync(path) && readFileSync(path, 'utf8').includes(`"${name}"`);
  }

  /** Ends every process and forgets what members remember; the hosts stay. */
  async clear(): Promise<void> {
    await Promise.all(this.#processes.map(ended));
    this.#processes.length = 0;
    for (let host = 1; host <= this.#hosts; host++) rmSync(this.memory(host), { force: true });
  }

  async down(): Promise<void> {
    await this.clear();
    for (let host = 1; host <= this.#hosts; host++) ip('netns', 'delete', this.namespace(host));
    ip('netns', 'delete', this.#switch);
    rmSync(this.directory, { recursive: true });
  }
}

export function address(host: number): string {
  return `172.31.0.${host}`;
}

export interface SerfOptions {
  readonly name?: string;
  readonly options?: readonly string[];
}

/** Debian's serf agent on a host, and its command line. */
export class SerfAgent {
  readonly #stand: GossipStand;
  readonly #host: number;
  readonly #process: ChildProcess;

  constructor(stand: GossipStand, host: number, { name = 'ref', options = [] }: SerfOptions = {}) {
    this.#stand = stand;
    this.#host = host;
    const bind = `-bind=${address(host)}:7946`;
    this.#process = stand.spawn(host, 'serf', [
      'agent',
      `-node=${name}`,
      bind,
      `-rpc-addr=${RPC}`,
      `-tag=role=${name}`,
      ...options,
    ]);
    this.#process.stdout?.resume();
    this.#process.stderr?.resume();
  }

  async ready(): Promise<void> {
    await waitFor(async () => (await this.ask('members')).code === 0, { deadline: READY, what: 'serf agent answers' });
  }

  ask(command: string, ...args: readonly string[]): Promise<Outcome> {
    return this.#stand.run(this.#host, 'serf', command, `-rpc-addr=${RPC}`, ...args);
  }

  async members(): Promise<MemberTable> {
    const { code, text } = await this.ask('members', '-format=json');
    if (code !== 0) throw new Error(text);
    const { members } = JSON.parse(text) as {
      members: { name: string; status: string; tags: Record<string, string> }[];
    };
    return Object.fromEntries(members.map(({ name, status, tags }) => [name, { status, tags }]));
  }

  /** What `serf monitor` says, as it comes. */
  monitor(): { readonly text: string; ready(): Promise<void>; stop(): void } {
    const child = this.#stand.spawn(this.#host, 'serf', ['monitor', `-rpc-addr=${RPC}`]);
    let text = '';
    child.stdout?.on('data', (data: Buffer) => (text += data.toString()));
    return {
      get text() {
        return text;
      },
      ready: async () =>
        void (await waitFor(() => text !== '', { deadline: READY, what: 'serf monitor says something' })),
      stop: () => void child.kill('SIGKILL'),
    };
  }

  async kill(): Promise<void> {
    await ended(this.#process);
  }
}

interface Line {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** One of our members on a host, by itself. */
export class OurMember {
  readonly name: string;
  readonly lines: Line[] = [];
  readonly process: ChildProcess;
  errors = '';

  /** `environment`: `NAME=VALUE` for its process. */
  constructor(
    stand: GossipStand,
    host: number,
    options: Record<string, unknown> = {},
    environment: readonly string[] = [],
  ) {
    this.name = `n${host}`;
    const settings = {
      bind: address(host),
      name: this.name,
      tags: { role: 'agent', version: '0.1.0', grpc: `${address(host)}:7443` },
      stateFile: stand.memory(host),
      ...options,
    };
    const argv = [...environment, process.execPath, standalone, JSON.stringify(settings)];
    this.process = stand.spawn(host, 'env', argv);
    this.process.stderr?.on('data', (text: Buffer) => (this.errors += text.toString()));
    // A command to a member that was killed meanwhile is the test's own affair.
    this.process.stdin?.on('error', () => undefined);
    if (this.process.stdout !== null)
      createInterface(this.process.stdout).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
  }

  async started(): Promise<void> {
    await this.line('started', READY);
  }

  async kill(): Promise<void> {
    await ended(this.process);
  }

  say(command: Record<string, unknown>): void {
    this.process.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  async line(kind: string, deadline: number, from = 0): Promise<Line> {
    return waitFor(() => this.lines.slice(from).find((line) => line.kind === kind), {
      deadline,
      what: `"${kind}" from ${this.name}; it said on stderr: ${this.errors}`,
    });
  }

  /** Says a command and gives the line that answers it. */
  async ask(command: Record<string, unknown>, kind: string): Promise<Line> {
    const from = this.lines.length;
    this.say(command);
    return this.line(kind, READY, from);
  }

  async members(): Promise<MemberTable> {
    const { members } = (await this.ask({ do: 'members' }, 'members')) as unknown as {
      members: { name: string; status: string; tags: Record<string, string> }[];
    };
    return Object.fromEntries(members.map(({ name, status, tags }) => [name, { status, tags }]));
  }

  async dropped(): Promise<Record<string, number>> {
    const line = (await this.ask({ do: 'snapshot' }, 'snapshot')) as unknown as {
      snapshot: { stats: { dropped: Record<string, number> } };
    };
    return line.snapshot.stats.dropped;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function port(host: number): string {
  return `port${host}`;
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
