import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MEMBERS = 3;
const FIRST_PORT = 21_000;
const DEADLINE_MS = 30_000;
/** How long nothing happens: whoever is called faulty in it is healthy. */
const REST_MS = 10_000;
const FAULTY = '2';

const member = fileURLToPath(new URL('npm-swim-member.mjs', import.meta.url));

/** Its own defaults, and the probe and suspicion times that our LAN profile and serf have. */
const timings = {
  'its own defaults (10 probes a second, 60 ms of suspicion)': {},
  'a probe a second and 4 s of suspicion, as ours': {
    interval: 1_000,
    pingTimeout: 500,
    pingReqTimeout: 900,
    suspectTimeout: 4_000,
  },
} as const;

/** npm's swim as far as it runs: its codec does not compile on a Node of today, so that it speaks JSON. */
export async function measureNpmSwim(progress: (text: string) => void): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'kf-bench-swim-'));
  try {
    progress('gossip: npm swim');
    const overrides = { msgpack: 'npm:msgpack-lite@0.1.26' };
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ dependencies: { swim: '0.6.0' }, overrides }));
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: directory,
      stdio: 'ignore',
      timeout: 120_000,
    });
    const notes: string[] = [];
    for (const [what, timing] of Object.entries(timings))
      notes.push(`npm swim 0.6.0, ${MEMBERS} members, JSON, ${what}: ${await killed(directory, timing)}`);
    return notes;
  } catch (error) {
    return [`npm swim 0.6.0 has no row: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function killed(directory: string, timing: Readonly<Record<string, number>>): Promise<string> {
  const hosts = Array.from({ length: MEMBERS }, (_, i) => `127.0.0.1:${FIRST_PORT + i}`);
  const seen: { readonly observer: number; readonly host: string; readonly state: string; readonly at: number }[] = [];
  const children = hosts.map((host, observer): ChildProcess => {
    const seeds = hosts.filter((other) => other !== host);
    const child = spawn(process.execPath, [member, JSON.stringify({ host, seeds, timing })], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    createInterface(child.stdout).on('line', (line) => {
      const [about = '', state = ''] = line.split(' ');
      seen.push({ observer, host: about, state, at: performance.now() });
    });
    return child;
  });
  const [victim] = children;
  const until = async (condition: () => boolean): Promise<boolean> => {
    const giveUp = performance.now() + DEADLINE_MS;
    while (!condition() && performance.now() < giveUp) await pause(20);
    return condition();
  };
  try {
    const complete = () =>
      hosts.every(
        (_, i) => new Set(seen.filter(({ observer }) => observer === i).map(({ host }) => host)).size >= MEMBERS - 1,
      );
    if (!(await until(complete))) return `the members did not find each other within ${DEADLINE_MS / 1_000} s`;
    await pause(REST_MS);
    const wrong = seen.filter(({ state }) => state === FAULTY).length;
    const killedAt = performance.now();
    victim?.kill('SIGKILL');
    const knows = (i: number) =>
      seen.find(
        ({ observer, host, state, at }) => observer === i && host === hosts[0] && state === FAULTY && at > killedAt,
      );
    const others = hosts.map((_, i) => i).slice(1);
    const known = await until(() => others.every((i) => knows(i) !== undefined));
    const seconds = others.map((i) => ((knows(i)?.at ?? NaN) - killedAt) / 1_000);
    const falsely =
      wrong === 0 ? '' : `; ${wrong} times a healthy member was called faulty in ${REST_MS / 1_000} s at rest`;
    return `a kill -9 is ${known ? `known to all after ${Math.max(...seconds).toFixed(2)} s` : `not known to all within ${DEADLINE_MS / 1_000} s`}${falsely}`;
  } finally {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
      }),
    );
  }
}
