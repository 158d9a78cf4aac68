import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { measureNpmSwim } from './npm-swim.ts';
import type { Measure } from './table.ts';
import { processorSeconds } from './usage.ts';

/** Members, and how many of them are killed one after the other. */
const SIZES: readonly (readonly [members: number, kills: number])[] = [
  [3, 3],
  [10, 6],
  [32, 8],
];
const JOIN_DEADLINE_MS = 120_000;
const DETECTION_DEADLINE_MS = 90_000;
const REST_MS = 10_000;
/** Members of the simulated fleets; of 5,000, whose views of each other have no room in memory, one is (share.ts). */
const SIMULATED = [100, 320, 1000] as const;
const SIMULATION_MS = 420_000;
const PORT = 7946;

const standalone = fileURLToPath(new URL('../../../apps/node-agent/src/gossip/standalone.ts', import.meta.url));
const simulation = fileURLToPath(new URL('../../soak/src/gossip/simulated.ts', import.meta.url));
const share = fileURLToPath(new URL('../../soak/src/gossip/share.ts', import.meta.url));

export interface GossipResult {
  readonly measures: readonly Measure[];
  readonly notes: readonly string[];
}

interface Figures {
  /** Seconds from kill -9 to the first and the last of the others that says so. */
  readonly first: readonly number[];
  readonly last: readonly number[];
  /** Of each member at rest: milliseconds of processor time and bytes on the wire a second. */
  readonly processor: number;
  readonly bytes: number;
}

export async function measureGossip(progress: (text: string) => void): Promise<GossipResult> {
  const measures: Measure[] = [];
  for (const [members, kills] of SIZES) {
    progress(`gossip: ${members} of ours`);
    const ours = await measure('keepfleet', members, kills);
    progress(`gossip: ${members} of serf`);
    const theirs = await measure('serf', members, kills);
    const median = (values: readonly number[]) =>
      [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
    const row = ({ first, last, processor, bytes }: Figures) => [median(first), median(last), processor, bytes];
    measures.push({
      what: `gossip of ${members}: kill -9 known, s; at rest, a member and second`,
      columns: ['first', 'all', 'CPU ms', 'bytes'],
      ours: row(ours),
      theirs: row(theirs),
      peer: 'serf',
    });
  }
  return { measures, notes: await measureNpmSwim(progress) };
}

/** Fleets in virtual time, larger than a machine has room for processes. */
export function simulateGossip(progress: (text: string) => void): string[] {
  progress('gossip: the share of one member');
  const notes = [`gossip, one member at rest: ${simulated(share)}`];
  for (const members of SIMULATED) {
    progress(`gossip: ${members} simulated`);
    notes.push(`gossip of ${members}, simulated: ${simulated(simulation, String(members))}`);
  }
  return notes;
}

/** What was measured before is not lost by one that fails. */
function simulated(...words: readonly string[]): string {
  const { stdout, error, status } = spawnSync(process.execPath, ['--max-old-space-size=6144', ...words], {
    encoding: 'utf8',
    timeout: SIMULATION_MS,
  });
  return stdout.trim() || `NOT MEASURED, ${error?.message ?? `ended with ${status ?? 'a signal'}`}`;
}

type Program = 'keepfleet' | 'serf';

interface Member {
  readonly name: string;
  readonly child: ChildProcess;
  readonly seen: Map<string, Map<'alive' | 'failed', number>>;
}

async function measure(program: Program, count: number, kills: number): Promise<Figures> {
  const namespace = `kf-bench-gossip-${process.pid}`;
  const directory = mkdtempSync(join(tmpdir(), 'kf-bench-gossip-'));
  execFileSync('ip', ['netns', 'add', namespace]);
  const members: Member[] = [];
  try {
    execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    for (let i = 1; i <= count; i++) members.push(start(program, namespace, directory, i));
    await until(
      () => members.every(({ seen }) => [...seen.values()].filter((status) => status.has('alive')).length >= count),
      JOIN_DEADLINE_MS,
      `${count} members of ${program} that all see each other`,
    );
    await pause(5_000);
    const before = { processor: members.map(processorOf), bytes: wireBytes(namespace) };
    await pause(REST_MS);
    const spent = members.map(processorOf).reduce((sum, now, i) => sum + now - (before.processor[i] ?? now), 0);
    const bytes = wireBytes(namespace) - before.bytes;
    const first: number[] = [];
    const last: number[] = [];
    for (let kill = 0; kill < kills && members.length > 2; kill++) {
      const victim = members.splice(1 + Math.floor(Math.random() * (members.length - 1)), 1)[0];
      if (victim === undefined) break;
      const killedAt = performance.now();
      await end(victim.child);
      const times = () => members.map(({ seen }) => seen.get(victim.name)?.get('failed'));
      await until(
        () => times().every((time) => time !== undefined),
        DETECTION_DEADLINE_MS,
        `${victim.name} known dead by all`,
      );
      const known = times().flatMap((time) => (time === undefined ? [] : [(time - killedAt) / 1_000]));
      first.push(Math.min(...known));
      last.push(Math.max(...known));
    }
    const share = (REST_MS / 1_000) * count;
    return { first, last, processor: (spent * 1_000) / share, bytes: bytes / share };
  } finally {
    await Promise.all(members.map(({ child }) => end(child)));
    execFileSync('ip', ['netns', 'delete', namespace]);
    rmSync(directory, { recursive: true, force: true });
  }
}

function start(program: Program, namespace: string, directory: string, i: number): Member {
  const name = `n${i}`;
  const bind = `127.0.${i >> 8}.${i & 255}`;
  const seed = '127.0.0.1';
  const argv =
    program === 'serf'
      ? [
          ...['serf', 'agent', `-node=${name}`, `-bind=${bind}:${PORT}`, `-rpc-addr=127.0.0.1:${20_000 + i}`],
          ...['-profile=lan', ...(i === 1 ? [] : [`-retry-join=${seed}:${PORT}`])],
        ]
      : [
          process.execPath,
          standalone,
          JSON.stringify({ bind, name, seeds: [seed], stateFile: join(directory, `${name}.json`) }),
        ];
  const child = spawn('ip', ['netns', 'exec', namespace, ...argv], { stdio: ['pipe', 'pipe', 'ignore'] });
  const seen: Member['seen'] = new Map();
  const note = (member: string, status: 'alive' | 'failed') => {
    const times = seen.get(member) ?? new Map<'alive' | 'failed', number>();
    if (!times.has(status)) times.set(status, performance.now());
    seen.set(member, times);
  };
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const [, event, who] = /EventMember(Join|Failed): (\S+)/.exec(line) ?? [];
      if (who !== undefined) note(who, event === 'Join' ? 'alive' : 'failed');
      if (!line.startsWith('{"kind":"member"')) return;
      const { change, member } = JSON.parse(line) as { change: string; member: { name: string } };
      if (change === 'joined') note(member.name, 'alive');
      if (change === 'failed') note(member.name, 'failed');
    });
  return { name, child, seen };
}

/** `ip netns exec` becomes the program, so that its process is the member's. */
function processorOf({ child }: Member): number {
  return child.pid !== undefined && existsSync(`/proc/${child.pid}`) ? processorSeconds(child.pid) : 0;
}

/** All members are in one namespace: what its loopback carries is what they send. */
function wireBytes(namespace: string): number {
  const text = execFileSync('ip', ['-n', namespace, '-s', '-j', 'link', 'show', 'lo'], { encoding: 'utf8' });
  const [link] = JSON.parse(text) as { stats64: { tx: { bytes: number } } }[];
  return link?.stats64.tx.bytes ?? 0;
}

async function until(condition: () => boolean, deadline: number, what: string): Promise<void> {
  const giveUp = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > giveUp) throw new Error(`${what}: not within ${deadline / 1_000} s`);
    await pause(20);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
