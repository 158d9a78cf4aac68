import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

const agent = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const configuration =
  'vrrp_instance V1 {\n interface lo\n virtual_router_id 9\n virtual_ipaddress { 192.0.2.100/24 }\n}\n';
const deadline = 60_000;
const namespace = `kf-end-${process.pid}`;

let directory: string;
let child: ChildProcess;
let said = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-end-'));
  execFileSync('ip', ['netns', 'add', namespace]);
  execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  writeFileSync(join(directory, 'keepalived.conf'), configuration);
  writeFileSync(join(directory, 'agent.yaml'), 'node: L1\n');
  const options = [
    '--config',
    'keepalived.conf',
    '--agent-config',
    'agent.yaml',
    '--run-dir',
    'run',
    '--state-dir',
    'state',
  ];
  const words = options.map((word) => (word.startsWith('--') ? word : join(directory, word)));
  child = spawn('ip', ['netns', 'exec', namespace, agent, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (said += text.toString()));
});

afterEach(() => {
  for (const pid of execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).split('\n'))
    if (pid !== '') process.kill(Number(pid), 'SIGKILL');
  execFileSync('ip', ['netns', 'delete', namespace]);
  rmSync(directory, { recursive: true });
});

it.each(['SIGTERM', 'SIGQUIT'] as const)('an agent ends at %s, with 0', async (signal) => {
  await waitFor(() => said.includes('the configuration is in force'), { deadline, what: `a start; it said: ${said}` });
  const file = join(directory, 'run/control.pid');
  expect(existsSync(file)).toBe(true);
  process.kill(Number(readFileSync(file, 'utf8')), signal);
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, { deadline, what: 'its end' });
  expect([child.exitCode, child.signalCode], said).toEqual([0, null]);
});

it('an agent that is asked twice ends once, with 0, and its address is gone', async () => {
  await waitFor(() => said.includes('the configuration is in force'), { deadline, what: `a start; it said: ${said}` });
  const pid = Number(readFileSync(join(directory, 'run/control.pid'), 'utf8'));
  const addresses = () => execFileSync('ip', ['-n', namespace, 'addr'], { encoding: 'utf8' });
  await waitFor(() => addresses().includes('192.0.2.100'), { deadline, what: `a master; it said: ${said}` });
  process.kill(pid, 'SIGTERM');
  process.kill(pid, 'SIGINT');
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, { deadline, what: 'its end' });
  expect([child.exitCode, child.signalCode], said).toEqual([0, null]);
  expect(addresses()).not.toContain('192.0.2.100');
});

it('an agent whose vrrp process is killed before it has handed over ends with its address gone, and says so', async () => {
  await waitFor(() => said.includes('the configuration is in force'), { deadline, what: `a start; it said: ${said}` });
  const pidOf = (role: string) => Number(readFileSync(join(directory, `run/${role}.pid`), 'utf8'));
  const addresses = () => execFileSync('ip', ['-n', namespace, 'addr'], { encoding: 'utf8' });
  await waitFor(() => addresses().includes('192.0.2.100'), { deadline, what: `a master; it said: ${said}` });
  const vrrp = pidOf('vrrp');
  // It can neither hand over nor tell.
  process.kill(vrrp, 'SIGSTOP');
  process.kill(pidOf('control'), 'SIGTERM');
  await waitFor(() => said.includes('stopping: handing over'), { deadline, what: `its stop; it said: ${said}` });
  process.kill(vrrp, 'SIGKILL');
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, { deadline, what: `its end: ${said}` });
  expect([child.exitCode, child.signalCode], said).toEqual([0, null]);
  expect(said).toContain('killed before it had handed over');
  expect(said).toContain('vrrp.residual-address');
  expect(addresses()).not.toContain('192.0.2.100');
});

it('an agent ends although its vrrp and lvs processes hang', async () => {
  await waitFor(() => said.includes('the configuration is in force'), { deadline, what: `a start; it said: ${said}` });
  const pids = ['vrrp', 'lvs', 'control'].map((role) =>
    Number(readFileSync(join(directory, `run/${role}.pid`), 'utf8')),
  );
  const [vrrp = 0, lvs = 0, control = 0] = pids;
  for (const pid of [vrrp, lvs]) process.kill(pid, 'SIGSTOP');
  process.kill(control, 'SIGTERM');
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, { deadline, what: `its end: ${said}` });
  expect([child.exitCode, child.signalCode], said).toEqual([0, null]);
  const left = execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
  expect(left).toBe('');
  expect(execFileSync('ip', ['-n', namespace, 'addr'], { encoding: 'utf8' })).not.toContain('192.0.2.100');
});
