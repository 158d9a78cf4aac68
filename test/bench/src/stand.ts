import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Host = 'a' | 'b';
export type Space = Host | 'client' | 'lan';

/** Address of the client, in the network of the virtual addresses. */
export const CLIENT = '192.0.2.9';
const MACS: Readonly<Record<Host | 'client', string>> = {
  a: '02:00:00:00:00:01',
  b: '02:00:00:00:00:02',
  client: '02:00:00:00:00:09',
};

function sh(...command: string[]): string {
  const [program = '', ...rest] = command;
  return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

let stands = 0;

/** Two routers (192.0.2.1 and 192.0.2.2) and a client on a bridge, all in namespaces of their own. */
export class Stand {
  static readonly #open = new Set<Stand>();

  readonly directory = mkdtempSync(join(tmpdir(), `kf-bench-${process.pid}-`));
  readonly #prefix = `kf-bench-${process.pid}-${++stands}`;

  constructor() {
    Stand.#open.add(this);
    for (const space of ['lan', 'client', 'a', 'b'] as const) sh('ip', 'netns', 'add', this.namespace(space));
    const lan = this.namespace('lan');
    sh('ip', '-n', lan, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    sh('ip', '-n', lan, 'link', 'set', 'br0', 'up');
    this.#plug('client', CLIENT);
    for (const host of ['a', 'b'] as const) this.#plug(host, addressOf(host));
  }

  /** Closes every stand that is open: for an end in the middle of a measurement. */
  static closeAll(): void {
    for (const stand of Stand.#open) stand.close();
  }

  namespace(space: Space): string {
    return `${this.#prefix}-${space}`;
  }

  spawn(space: Space, command: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.namespace(space), ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
  }

  /** The way to a network, for a host. */
  route(space: Space, network: string, via: string): void {
    sh('ip', '-n', this.namespace(space), 'route', 'add', network, 'via', via);
  }

  /** Every address of a network is one of this space. */
  ownAll(space: Space, network: string): void {
    sh('ip', '-n', this.namespace(space), 'route', 'add', 'local', network, 'dev', 'lo');
  }

  /** Takes the plug of a host out, as seen by everybody else. */
  unplug(host: Host): void {
    sh('ip', '-n', this.namespace('lan'), 'link', 'set', port(host), 'down');
  }

  plugIn(host: Host): void {
    sh('ip', '-n', this.namespace('lan'), 'link', 'set', port(host), 'up');
  }

  /** Gives a host a new interface, with nothing left on it of what ran before. */
  renew(host: Host): void {
    sh('ip', '-n', this.namespace('lan'), 'link', 'delete', port(host));
    this.#plug(host, addressOf(host));
  }

  /** Ends every process in the namespaces, removes them and all files. */
  close(): void {
    if (!Stand.#open.delete(this)) return;
    for (const space of ['a', 'b', 'client', 'lan'] as const) removeNamespace(this.namespace(space));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #plug(host: Host | 'client', address: string): void {
    const [space, lan] = [this.namespace(host), this.namespace('lan')];
    sh('ip', 'link', 'add', 'eth0', 'netns', space, 'type', 'veth', 'peer', 'name', port(host), 'netns', lan);
    sh('ip', '-n', lan, 'link', 'set', port(host), 'master', 'br0', 'up');
    sh('ip', '-n', space, 'link', 'set', 'lo', 'up');
    sh('ip', '-n', space, 'link', 'set', 'eth0', 'address', MACS[host], 'up');
    sh('ip', '-n', space, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  }
}

/** The end at the bridge of a host's cable. `ip` takes a name such as `a` for a keyword. */
function port(host: Host | 'client'): string {
  return `port-${host}`;
}

export function addressOf(host: Host): string {
  return host === 'a' ? '192.0.2.1' : '192.0.2.2';
}

export function other(host: Host): Host {
  return host === 'a' ? 'b' : 'a';
}

/** Which host sent a frame, by the address of its Ethernet header. */
export function hostOf(mac: string): Host | undefined {
  return mac === MACS.a ? 'a' : mac === MACS.b ? 'b' : undefined;
}

/** Removes what a bench that was killed has left: namespaces and files named after a process that is no more. */
export function removeLeftovers(): void {
  for (const line of sh('ip', 'netns', 'list').split('\n')) {
    const [, namespace, pid] = /^(kf-bench-(\d+)-\S+)/.exec(line) ?? [];
    if (namespace !== undefined && !isRunning(Number(pid))) removeNamespace(namespace);
  }
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = /^kf-bench-(\d+)-\w+$/.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function removeNamespace(namespace: string): void {
  let pids;
  try {
    pids = sh('ip', 'netns', 'pids', namespace).split('\n').filter(Boolean).map(Number);
  } catch {
    // Never made: an end in the middle of the constructor.
    return;
  }
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself meanwhile.
      if (isRunning(pid)) throw error;
    }
  }
  sh('ip', 'netns', 'delete', namespace);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
