import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { CHANGED_SERVICE, largeConfiguration, linesInTheKernel } from './large-configuration.ts';

/**
 * Runs in a guest whose kernel has IPVS: a large configuration in force, one weight of it changed, and the time from
 * SIGHUP until the kernel has the new weight; by the whole agent and by keepalived. A line of JSON at the end.
 */
const RUNS = Number(process.argv[2] ?? 5);
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const ROOT = '/run/kf-bench-reload';
const CONF = join(ROOT, 'keepalived.conf');
const DEADLINE = 300_000;

mkdirSync(ROOT, { recursive: true });
// Every real server answers its check: all their addresses are of this host.
execFileSync('ip', ['route', 'add', 'local', '10.0.0.0/12', 'dev', 'lo']);
const web = createServer((socket) => socket.end()).listen(80, '0.0.0.0');
await once(web, 'listening');
writeFileSync(join(ROOT, 'agent.yaml'), 'node: bench\nsnmp:\n  enabled: false\n');
const own = ['--config', CONF, '--agent-config', join(ROOT, 'agent.yaml')];
const places = ['--run-dir', join(ROOT, 'run'), '--state-dir', join(ROOT, 'state')];
const pids = ['p', 'c'].flatMap((option) => [`-${option}`, join(ROOT, `${option}.pid`)]);
const ours = await measure(process.execPath, [AGENT, ...own, ...places]);
const theirs = await measure('keepalived', ['-n', '-C', '-G', '-l', '-f', CONF, ...pids]);
process.stdout.write(`${JSON.stringify({ ours, theirs, pollMs: pollMs() })}\n`);
process.exit();

async function measure(program: string, args: readonly string[]): Promise<number[]> {
  execFileSync('ipvsadm', ['-C']);
  let weight = 1_000;
  writeFileSync(CONF, largeConfiguration(weight));
  const child = logged(program, args);
  await kernelHas(() => kernelLines() === linesInTheKernel, 1_000);
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    writeFileSync(CONF, largeConfiguration(++weight));
    const start = performance.now();
    child.kill('SIGHUP');
    await kernelHas(() => shown().includes(` ${weight} `), 1);
    times.push(Math.round(performance.now() - start));
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
  return times;
}

function shown(): string {
  return execFileSync('ipvsadm', ['-Ln', '-t', CHANGED_SERVICE], { encoding: 'utf8' });
}

/** What one look costs, which is part of every time. */
function pollMs(): number {
  const start = performance.now();
  for (let i = 0; i < 10; i++) execFileSync('ipvsadm', ['-v']);
  return Math.round((performance.now() - start) / 10);
}

function kernelHas(condition: () => boolean, every: number): Promise<unknown> {
  return waitFor(condition, {
    deadline: DEADLINE,
    what: `the table; the log ends with ${readFileSync(join(ROOT, 'log'), 'utf8').slice(-1_000)}`,
    every,
  });
}

function kernelLines(): number {
  return readFileSync('/proc/net/ip_vs', 'utf8')
    .split('\n')
    .filter((line) => /^TCP|->.* \d/.test(line)).length;
}

function logged(program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(ROOT, 'log'), 'a');
  return spawn(program, args, { stdio: ['ignore', log, log] });
}
