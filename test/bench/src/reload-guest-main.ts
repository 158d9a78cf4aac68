import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { CHANGED_SERVICE, largeConfiguration, linesInTheKernel } from './large-configuration.ts';

/**
 * Runs in a guest whose kernel has IPVS: a large configuration in force, one weight of it changed, and the time from
 * SIGHUP until the kernel has the new weight; by the whole agent and by keepalived. A line of JSON at the end, and lines
 * on the way for whoever has to find out where a guest stands still.
 */
const RUNS = Number(process.argv[2] ?? 5);
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const ROOT = '/run/kf-bench-reload';
const CONF = join(ROOT, 'keepalived.conf');
/** For the table as for a change of it. */
const DEADLINE = 200_000;
/** Of one file, which a guest reads slowly. */
const LOG_TAIL = 1_000;

const began = performance.now();
/** Who did not have what in the kernel within the deadline. */
const late: string[] = [];
mkdirSync(ROOT, { recursive: true });
// Every real server answers its check: all their addresses are of this host. By a process of its own, for this one waits.
execFileSync('ip', ['route', 'add', 'local', '10.0.0.0/12', 'dev', 'lo']);
const answer = "require('net').createServer((s) => { s.on('error', () => 0); s.end(); }).listen(80, '0.0.0.0', 4096)";
const web = spawn(process.execPath, ['-e', answer], { stdio: 'ignore' });
writeFileSync(join(ROOT, 'agent.yaml'), 'node: bench\nsnmp:\n  enabled: false\n');
const own = ['--config', CONF, '--agent-config', join(ROOT, 'agent.yaml')];
const places = ['--run-dir', join(ROOT, 'run'), '--state-dir', join(ROOT, 'state')];
const pids = ['p', 'c'].flatMap((option) => [`-${option}`, join(ROOT, `${option}.pid`)]);
const ours = await measure('keepfleet', process.execPath, [AGENT, ...own, ...places]);
const theirs = await measure('keepalived', 'keepalived', ['-n', '-C', '-G', '-l', '-f', CONF, ...pids]);
web.kill();
process.stdout.write(
  `${JSON.stringify({ ours, theirs, late, deadlineMs: DEADLINE, phases: phases(), pollMs: pollMs() })}\n`,
);
process.exit();

async function measure(name: string, program: string, args: readonly string[]): Promise<number[]> {
  execFileSync('ipvsadm', ['-C']);
  let weight = 1_000;
  writeFileSync(CONF, largeConfiguration(weight));
  const child = logged(name, program, args);
  const times: number[] = [];
  let wanted = 'the table';
  try {
    await kernelHas(name, () => kernelLines() === linesInTheKernel, 2_000);
    say(`${name} has the table in the kernel`);
    wanted = 'the change';
    for (let run = 0; run < RUNS; run++) {
      writeFileSync(CONF, largeConfiguration(++weight));
      const start = performance.now();
      child.kill('SIGHUP');
      await kernelHas(name, () => shown().includes(` ${weight} `), 20);
      times.push(Math.round(performance.now() - start));
      say(`${name} ${run + 1}/${RUNS}: ${times.at(-1)} ms`);
    }
  } catch (error) {
    // In a guest, keepalived can take longer than anybody waits, for the table itself too; that is a figure as well.
    say(String(error));
    late.push(`${name} did not have ${wanted}`);
  }
  child.kill(times.length < RUNS ? 'SIGKILL' : 'SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return times;
}

/** What the agent says of each reload: reading the file, and from there until the lvs process has it in force. */
function phases(): { readMs: number; applyMs: number }[] {
  return readFileSync(join(ROOT, 'keepfleet.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"applyMs"'))
    .map((line) => JSON.parse(line) as { readMs: number; applyMs: number })
    .slice(1)
    .map(({ readMs, applyMs }) => ({ readMs, applyMs }));
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

function kernelHas(name: string, condition: () => boolean, every: number): Promise<unknown> {
  return waitFor(condition, { deadline: DEADLINE, what: 'the table', every }).catch((cause: unknown) => {
    const log = readFileSync(join(ROOT, `${name}.log`), 'utf8').slice(-LOG_TAIL);
    const lines = `the kernel has ${kernelLines()} lines of ${linesInTheKernel}`;
    throw new Error(`${name} after ${Math.round(performance.now() - began)} ms: ${lines}; its log ends with ${log}`, {
      cause,
    });
  });
}

function kernelLines(): number {
  let lines = 0;
  for (const line of readFileSync('/proc/net/ip_vs', 'utf8').split('\n'))
    if (line.startsWith('TCP') || /-> .* \d/.test(line)) lines++;
  return lines;
}

function logged(name: string, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(ROOT, `${name}.log`), 'a');
  return spawn(program, args, { stdio: ['ignore', log, log] });
}

function say(text: string): void {
  process.stdout.write(`${Math.round((performance.now() - began) / 1_000)} s: ${text}\n`);
}
