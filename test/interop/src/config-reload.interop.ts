import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

// What a reload leaves alone, in a whole agent that is the backup of a keepalived: state, learned master, counters, and the
// verdicts of checkers; and a reload that nobody confirms.

const program = (name: string) => fileURLToPath(new URL(`../../../bin/${name}`, import.meta.url));
const [ours, theirs] = [`kf-rl-a-${process.pid}`, `kf-rl-b-${process.pid}`];
const deadline = 60_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-reload-'));
const place = (name: string) => join(directory, name);
const children: ChildProcess[] = [];
let said = '';

beforeAll(async () => {
  for (const name of [ours, theirs]) execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', ours, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'eth0', 'netns', theirs]);
  for (const [name, address] of [
    [ours, '192.0.2.1/24'],
    [theirs, '192.0.2.2/24'],
  ] as const) {
    execFileSync('ip', ['-n', name, 'address', 'add', address, 'dev', 'eth0']);
    for (const link of ['lo', 'eth0']) execFileSync('ip', ['-n', name, 'link', 'set', link, 'up']);
  }
  mkdirSync(place('state'));
  writeFileSync(place('agent.yaml'), 'node: L1\nsnmp:\n  enabled: false\nmetrics: {}\n');
  writeFileSync(place('peer.conf'), instance(200));
  const pids = ['p', 'r', 'c', 'b'].flatMap((option) => [`-${option}`, place(`peer-${option}.pid`)]);
  start(theirs, 'keepalived', ['-n', '-l', '-P', '-f', place('peer.conf'), ...pids]);
  // Who begins after it learns its master, and is not put out by it.
  await until('keepalived is master', () =>
    execFileSync('ip', ['-n', theirs, 'address', 'show', 'dev', 'eth0'], { encoding: 'utf8' }).includes('192.0.2.100'),
  );
  write({});
  const files = ['--config', place('keepalived.conf'), '--agent-config', place('agent.yaml')];
  start(ours, program('keepfleet-agent'), [...files, '--run-dir', place('run'), '--state-dir', place('state')]);
  await until('the server is down', () => metric('keepalived_lvs_server_up{') === 0);
  await until('adverts are heard', () => metric('keepalived_advertisements_received_total{') > 3);
  await until('the master is learned', () => said.includes('"vrrp.master"'));
});

afterAll(() => {
  for (const name of [ours, theirs]) {
    for (const pid of execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n'))
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    execFileSync('ip', ['netns', 'delete', name]);
  }
  rmSync(directory, { recursive: true });
});

it('a reload keeps state, learned master, counters and verdicts', async () => {
  const facts = () => ({
    since: metric('keepalived_vrrp_state_since_seconds{'),
    transitions: occurrences('"vrrp.state"'),
    masters: occurrences('"vrrp.master"'),
    verdicts: occurrences('"lvs.real-server"'),
  });
  const [before, heard] = [facts(), metric('keepalived_advertisements_received_total{')];
  const loads = occurrences('is in force');
  write({ priority: 110, weight: 7 });
  process.kill(Number(readFileSync(place('run/control.pid'), 'utf8')), 'SIGHUP');
  await until('the reload is in force', () => occurrences('is in force') > loads);
  await until('the new priority is told', () => metric('keepalived_vrrp_base_priority{') === 110);
  await until('the new weight is told', () => said.includes('weight of 192.0.2.2:81 1 → 7'));
  expect(metric('keepalived_lvs_server_up{')).toBe(0);
  expect(metric('keepalived_advertisements_received_total{')).toBeGreaterThanOrEqual(heard);
  await until('adverts go on', () => metric('keepalived_advertisements_received_total{') > heard + 2);
  expect(facts()).toEqual(before);
});

it('a reload that nobody confirms is taken back', async () => {
  const before = metric('keepalived_vrrp_base_priority{');
  write({ priority: 120 });
  execFileSync('ip', [
    'netns',
    'exec',
    ours,
    program('keepfleet'),
    'reload',
    '--confirm',
    '5s',
    '--run-dir',
    place('run'),
  ]);
  await until('the new priority', () => metric('keepalived_vrrp_base_priority{') === 120);
  await until('the word of it', () => said.includes('the reload was taken back'));
  await until('the old priority', () => metric('keepalived_vrrp_base_priority{') === before);
});

function instance(priority: number): string {
  return `vrrp_instance V {\n interface eth0\n virtual_router_id 9\n priority ${priority}\n virtual_ipaddress {\n 192.0.2.100/24\n }\n}\n`;
}

/** Nobody listens at the server's port. */
function write({ priority = 100, weight = 1 }): void {
  const checker = 'TCP_CHECK {\n retry 0\n delay_loop 1\n warmup 0\n connect_timeout 1\n }';
  const server = `real_server 192.0.2.2 81 {\n weight ${weight}\n ${checker}\n }`;
  writeFileSync(
    place('keepalived.conf'),
    `${instance(priority)}virtual_server 192.0.2.100 80 {\n protocol TCP\n ${server}\n}\n`,
  );
}

function start(namespace: string, name: string, args: readonly string[]): void {
  const child = spawn('ip', ['netns', 'exec', namespace, name, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      if (namespace === ours) said += text.toString();
    });
  children.push(child);
}

/** Of the first sample that begins so; NaN without one. */
function metric(prefix: string): number {
  const url = 'http://127.0.0.1:9650/metrics';
  let text = '';
  try {
    text = execFileSync('ip', ['netns', 'exec', ours, 'curl', '-s', '--max-time', '10', url], { encoding: 'utf8' });
  } catch {
    // Nobody listens yet.
    return NaN;
  }
  const line = text.split('\n').find((one) => one.startsWith(prefix));
  return Number(line?.split(' ').at(-1) ?? NaN);
}

function occurrences(text: string): number {
  return said.split(text).length - 1;
}

function until(what: string, condition: () => boolean): Promise<unknown> {
  return waitFor(condition, { deadline, what, every: 100 }).catch((cause: unknown) => {
    throw new Error(`${what}: it said ${said.slice(-2_000)}`, { cause });
  });
}
