import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { withoutIpvs } from '@keepfleet/test-lab';
import { waitFor } from '@keepfleet/testkit';
import { CHECK_EVERY_S, type ChecksResult, addressOf, checksConfiguration } from './checks-plan.ts';
import { Probe } from './checks-probe.ts';
import { percentile } from './table.ts';

/**
 * Runs where the network is its own: many checks of a web server, made by one program. When
 * each is made is seen on the wire. A line of JSON.
 */
const [program = '', size = ''] = process.argv.slice(2);
const count = Number(size);
/** Warm-up, and a round to settle. */
const SETTLE_MS = (2 * CHECK_EVERY_S + 3) * 1_000;
const WINDOW_MS = 20_000;
const LOOK_MS = 250;
const DEADLINE = 240_000;
const TICKS = 100;
const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;
const IP_DESTINATION = 16;
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
/** What is measured has one to itself where there are two. */
const TWO = availableParallelism() > 1;
/** And both come before whatever else runs on the machine: what is measured is the program, and the answers it gets. */
const FIRST = TWO ? ['taskset', '-c', '0', 'chrt', '-r', '1'] : [];
const OTHERS = TWO ? ['taskset', '-c', '1', 'chrt', '-r', '1'] : [];

const directory = mkdtempSync(join(tmpdir(), 'kf-checks-'));
const file = (name: string) => join(directory, name);
const conf = file('keepalived.conf');
const children: ChildProcess[] = [];
try {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['route', 'replace', 'local', '10.0.0.0/12', 'dev', 'lo']);
  writeFileSync(conf, checksConfiguration(count));
  await web();
  const result = await measure();
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true, force: true });
}
process.exit();

async function measure(): Promise<ChecksResult> {
  const child = program === 'ours' ? agent() : keepalived();
  await waitFor(() => checkerOf(child) !== undefined, { deadline: DEADLINE, what: 'the process that checks' });
  const checker = checkerOf(child) ?? 0;
  // The first check of each has been seen by the web server once the pool stands; what counts comes later.
  await waitFor(() => descriptors(checker) > 0, { deadline: DEADLINE, what: 'its descriptors' });
  const capture = await sniffer();
  await waitFor(() => existsSync(file('syn.pcap')) && seen(), { deadline: DEADLINE, what: 'a check', every: LOOK_MS });
  await pause(SETTLE_MS);
  const probe = program === 'ours' ? await Probe.open(join(file('run'), 'lvs.sock')) : undefined;
  const from = Date.now();
  const before = [processor([checker]), processor(family(child.pid ?? 0)), waited(checker)] as const;
  let most = 0;
  while (Date.now() - from < WINDOW_MS) {
    most = Math.max(most, descriptors(checker));
    await probe?.ask();
    await pause(LOOK_MS);
  }
  const to = Date.now();
  const seconds = (to - from) / 1_000;
  const used = [processor([checker]) - before[0], processor(family(child.pid ?? 0)) - before[1]] as const;
  const waiting = waited(checker) - before[2];
  const memory = residentMegabytes(checker);
  capture.kill('SIGINT');
  await once(capture, 'exit');
  child.kill('SIGTERM');
  await once(child, 'exit');
  const { lateness, checked } = readCapture(from, to);
  const of = (samples: readonly number[]) => [50, 99, 100].map((percent) => percentile(samples, percent));
  return {
    program,
    count,
    checked,
    runs: lateness.length,
    lateness: of(lateness),
    processor: (100 * used[0]) / seconds,
    processorOfAll: (100 * used[1]) / seconds,
    waiting: (100 * waiting) / seconds,
    descriptors: most,
    memory,
    answers: probe === undefined ? [] : of(probe.answers),
  };
}

function start(words: readonly string[], log = 'log', environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const output = openSync(file(log), 'a');
  const [command = '', ...args] = words;
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...environment } });
  children.push(child);
  return child;
}

function agent(): ChildProcess {
  writeFileSync(file('agent.yaml'), 'node: bench\nsnmp:\n  enabled: false\n');
  const places = ['--run-dir', file('run'), '--state-dir', file('state')];
  mkdirSync(file('run'));
  return start([...FIRST, process.execPath, AGENT, '--config', conf, '--agent-config', file('agent.yaml'), ...places]);
}

function keepalived(): ChildProcess {
  const pids = ['p', 'c'].flatMap((option) => [`-${option}`, file(`${option}.pid`)]);
  const words = ['keepalived', '-n', '-C', '-G', '-l', '-f', conf, ...pids];
  return start([...FIRST, ...words], 'log', withoutIpvs(directory));
}

async function web(): Promise<void> {
  writeFileSync(
    file('nginx.conf'),
    `daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000; pid ${file('nginx.pid')}; error_log ${file('nginx.log')};
     events { worker_connections 16384; }
     http {
       access_log off; keepalive_timeout 0;
       client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
       uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
       server { listen 80 backlog=4096; return 200 "hello\\n"; }
     }`,
  );
  start([...OTHERS, 'nginx', '-e', file('nginx.log'), '-c', file('nginx.conf')]);
  await waitFor(
    async () => {
      const socket = connect(80, addressOf(0));
      await once(socket, 'connect');
      socket.destroy();
      return true;
    },
    { deadline: DEADLINE, what: 'the web server' },
  );
}

/** The first packet of each connection; the kernel stamps them. */
async function sniffer(): Promise<ChildProcess> {
  const filter = 'dst port 80 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn';
  const output = ['-i', 'lo', '-s', '64', '-B', '16384', '-U', '-w', file('syn.pcap')];
  const child = start([...OTHERS, 'tcpdump', '-n', '-Z', 'root', ...output, filter], 'tcpdump.log');
  await waitFor(() => readFileSync(file('tcpdump.log'), 'utf8').includes('listening on'), {
    deadline: DEADLINE,
    what: 'tcpdump',
  });
  return child;
}

function seen(): boolean {
  return readFileSync(file('syn.pcap')).length > PCAP_HEADER;
}

/** How much later than its interval each check was begun, milliseconds, and how many were made at all. */
function readCapture(from: number, to: number): { lateness: number[]; checked: number } {
  const bytes = readFileSync(file('syn.pcap'));
  const last = new Map<number, number>();
  const lateness: number[] = [];
  for (let at = PCAP_HEADER; at + RECORD_HEADER <= bytes.length;) {
    const time = bytes.readUInt32LE(at) * 1_000 + bytes.readUInt32LE(at + 4) / 1_000;
    const length = bytes.readUInt32LE(at + 8);
    const address = bytes.readUInt32BE(at + RECORD_HEADER + ETHERNET + IP_DESTINATION);
    at += RECORD_HEADER + length;
    if (time < from || time > to) continue;
    const before = last.get(address);
    if (before !== undefined) lateness.push(time - before - CHECK_EVERY_S * 1_000);
    last.set(address, time);
  }
  return { lateness, checked: last.size };
}

/** The process and all that it started. */
function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? Number(statOf(Number(name))[1]) : NaN;
    if (!Number.isNaN(parent)) parents.set(Number(name), parent);
  }
  const of = (root: number): number[] => [
    root,
    ...[...parents].filter(([, parent]) => parent === root).flatMap(([child]) => of(child)),
  ];
  return of(pid);
}

function checkerOf(child: ChildProcess): number | undefined {
  if (child.exitCode !== null) throw new Error(`it ended: ${readFileSync(file('log'), 'utf8').slice(-2_000)}`);
  const pids = family(child.pid ?? 0);
  if (program !== 'ours') return pids[1];
  return pids.find((pid) => existsSync(`/proc/${pid}/comm`) && commandOf(pid).includes('\0lvs\0'));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Fields from the state on; none of a process that has ended. */
function statOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
  } catch {
    return [];
  }
}

/** Seconds. */
function processor(pids: readonly number[]): number {
  const ticks = pids.reduce((sum, pid) => sum + Number(statOf(pid)[11] ?? 0) + Number(statOf(pid)[12] ?? 0), 0);
  return ticks / TICKS;
}

/** Seconds that its first thread was ready to run and others ran; NaN where the kernel does not tell. */
function waited(pid: number): number {
  const path = `/proc/${pid}/schedstat`;
  return existsSync(path) ? Number(readFileSync(path, 'latin1').split(' ')[1]) / 1e9 : NaN;
}

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function residentMegabytes(pid: number): number {
  const [, kilobytes = ''] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kilobytes) / 1_000;
}
