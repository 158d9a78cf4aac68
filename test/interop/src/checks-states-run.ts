import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { withoutIpvs } from '@keepfleet/test-lab';
import { PipeReader } from './checks-pipe.ts';
import { receiveMails } from './mail-receiver.ts';
import { ALPHA_SERVERS, SERVICES, makeWell, statesConfiguration, table, walk } from './checks-states.ts';

// The same servers led through the same states under keepalived and under the agent: in a guest whose kernel has IPVS one
// after the other, or with `at-once` where none is and both find nothing in each other's way. A line of JSON about each: the
// table, the new lines of the pipe and the mails after every step.

const DIRECTORY = mkdtempSync(join(tmpdir(), 'kf-states-'));
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const atOnce = process.argv[2] === 'at-once';
/** When all is told that must be, nothing more comes for so long. */
const STILL_MS = 2_000;
/** The same where nobody knows what must be told: two checks of each server on a busy machine. */
const STILL_UNKNOWN_MS = 5_000;
const LOOK_MS = 100;
const DEADLINE = 240_000;

interface Step {
  readonly name: string;
  /** Empty without IPVS. */
  readonly table: string;
  readonly lines: readonly string[];
  /** Lines of servers and services in the pipe for everything. */
  readonly common: readonly string[];
  /** Calls of scripts with their arguments. */
  readonly calls: readonly string[];
  /** Subjects. */
  readonly mails: readonly string[];
}

execFileSync('ip', ['link', 'set', 'lo', 'up']);

async function run(
  who: string,
  mailPort: number,
  start: (path: (name: string) => string) => ChildProcess,
): Promise<void> {
  const directory = join(DIRECTORY, who);
  const path = (name: string) => join(directory, name);
  mkdirSync(directory);
  const mails: string[] = [];
  const server = await receiveMails(mailPort, ({ subject }) => mails.push(subject));
  if (!atOnce) execFileSync('ipvsadm', ['-C']);
  // The mail server runs in this process, and keepalived gives a mail up whose server is slow.
  const look = async () => (atOnce ? '' : await table());
  const pipe = new PipeReader(path('fifo'));
  const commonPipe = new PipeReader(path('common'));
  const steps: Step[] = [];
  const lines: string[] = [];
  const settled = async (
    name: string,
    known?: () => boolean,
    still = known === undefined ? STILL_UNKNOWN_MS : STILL_MS,
  ) => {
    let last = '';
    const from = performance.now();
    let since = from;
    while (performance.now() - since < still || known?.() === false) {
      lines.push(...pipe.take());
      const now = `${await look()} ${lines.length} ${mails.length}`;
      if (now !== last) since = performance.now();
      if (since - from > DEADLINE || performance.now() - from > 2 * DEADLINE) break;
      last = now;
      await pause(LOOK_MS);
    }
    const calls = existsSync(path('calls')) ? readFileSync(path('calls'), 'utf8').split(/(?<=\n)/) : [];
    rmSync(path('calls'), { force: true });
    const common = commonPipe.take().filter((line) => /^[RV]S /.test(line));
    steps.push({
      ...{ name, table: await look(), lines: lines.splice(0).sort(), common: common.sort(), calls: calls.sort() },
      mails: mails.splice(0).sort(),
    });
  };
  makeWell(directory, walk[0] ?? []);
  writeFileSync(path('note'), `#!/bin/sh\necho "$*" >>${path('calls')}\n`, { mode: 0o755 });
  const write = (without?: 'the last server' | 'the last service') =>
    writeFileSync(path('conf'), statesConfiguration(directory, mailPort, without));
  write();
  const child = start(path);
  await settled('at start', () => told(lines, 'UP') >= ALPHA_SERVERS, STILL_UNKNOWN_MS);
  for (const well of walk.slice(1)) {
    makeWell(directory, well);
    await settled(`well: ${well.join(' ') || 'none'}`, () => told(lines) >= SERVICES);
  }
  for (const without of ['the last server', 'the last service'] as const) {
    write(without);
    child.kill('SIGHUP');
    await settled(`reloaded without ${without}`);
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
  await settled('stopped', () => true);
  pipe.close();
  commonPipe.close();
  server.close();
  process.stdout.write(`${JSON.stringify({ who, steps })}\n`);
}

/** Words about servers. */
function told(lines: readonly string[], word = ''): number {
  return lines.filter((line) => line.startsWith('RS ') && line.includes(word)).length;
}

const runs = [
  () =>
    run('keepalived', 2525, (path) =>
      spawn('keepalived', ['-n', '-C', '-l', '-f', path('conf'), '-p', path('pid'), '-c', path('lvs.pid')], {
        stdio: ['ignore', 'ignore', openSync(path('log'), 'w')],
        env: { ...process.env, ...(atOnce ? withoutIpvs(DIRECTORY) : {}) },
      }),
    ),
  () =>
    run('keepfleet', 2526, (path) => {
      const places = ['--run-dir', path('run'), '--state-dir', path('state')];
      return spawn(process.execPath, [AGENT, '--config', path('conf'), ...places], {
        stdio: ['ignore', openSync(path('log'), 'w'), 'inherit'],
      });
    }),
];
if (atOnce) await Promise.all(runs.map((one) => one()));
else for (const one of runs) await one();
rmSync(DIRECTORY, { recursive: true });
process.exit();
