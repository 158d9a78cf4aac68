import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

// What a node goes by after a crash, a full disk, or half a file. Whole agents in a namespace, their state on a small disk.

const agent = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const namespace = `kf-good-${process.pid}`;
const deadline = 60_000;

let directory: string;
let child: ChildProcess | undefined;
let said = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-good-'));
  execFileSync('ip', ['netns', 'add', namespace]);
  mkdirSync(place('state'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'kf-good', place('state')]);
  writeFileSync(place('agent.yaml'), 'node: L1\nsnmp:\n  enabled: false\n');
});

afterEach(() => {
  killAll();
  execFileSync('umount', ['-l', place('state')]);
  execFileSync('ip', ['netns', 'delete', namespace]);
  rmSync(directory, { recursive: true });
});

it('after kill -9 while a reload waits for its confirmation, the node starts with what was confirmed', async () => {
  write('first');
  await start();
  const firstHash = hashInForce();
  write('second');
  await control('reload', '--confirm', '600s');
  expect(hashInForce()).not.toBe(firstHash);
  killAll();
  await start();
  expect(hashInForce()).toBe(firstHash);
  expect(said).toContain('nobody confirmed');
}, 400_000);

it('half a file, or an empty one, is not taken, neither at a reload nor at a start', async () => {
  write('first');
  await start();
  const hash = hashInForce();
  for (const text of [configuration('second').slice(0, 90), '']) {
    writeFileSync(place('keepalived.conf'), text);
    const refusals = occurrences('"config.refused"');
    process.kill(controlPid(), 'SIGHUP');
    await waitFor(() => occurrences('"config.refused"') > refusals, { deadline, what: `a refusal: ${said}` });
    killAll();
    await start();
    expect(hashInForce()).toBe(hash);
    expect(said).toContain('the last good configuration');
  }
}, 400_000);

it('on a full disk a reload is in force, is said not to be kept, and the last one that was kept stays whole', async () => {
  write('first');
  await start();
  const kept = readFileSync(place('state/last-good.json'), 'utf8');
  fillDisk();
  write('second', `# ${'x'.repeat(900)}\n`.repeat(40));
  const before = occurrences('is in force');
  process.kill(controlPid(), 'SIGHUP');
  await waitFor(() => occurrences('is in force') > before, { deadline, what: `the reload: ${said}` });
  await waitFor(() => said.includes('cannot be kept on disk'), { deadline, what: `a word about the disk: ${said}` });
  expect(readFileSync(place('state/last-good.json'), 'utf8')).toBe(kept);
  killAll();
  writeFileSync(place('keepalived.conf'), 'vrrp_instance {');
  await start();
  expect(hashInForce()).toBe((JSON.parse(kept) as { meaningHash: string }).meaningHash);
}, 400_000);

function place(name: string): string {
  return join(directory, name);
}

function configuration(name: string): string {
  return `global_defs {\n router_id ${name}\n}\nvrrp_instance V1 {\n interface lo\n virtual_router_id 9\n virtual_ipaddress {\n 192.0.2.100/24\n }\n}\n`;
}

function write(name: string, more = ''): void {
  writeFileSync(place('keepalived.conf'), more + configuration(name));
}

async function start(): Promise<void> {
  const words = ['config', 'keepalived.conf', 'agent-config', 'agent.yaml', 'run-dir', 'run', 'state-dir', 'state'].map(
    (word, i) => (i % 2 === 0 ? `--${word}` : place(word)),
  );
  said = '';
  const started = spawn('ip', ['netns', 'exec', namespace, agent, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  // What one that was killed had said before may arrive when the next one runs.
  const hear = (text: Buffer) => {
    if (child === started) said += text.toString();
  };
  for (const stream of [started.stdout, started.stderr]) stream.on('data', hear);
  await waitFor(() => /is (?:in force|not wholly in force)/.test(said), {
    deadline,
    what: `a start; it said: ${said}`,
  });
  // It is kept a little after it is in force.
  await waitFor(() => existsSync(place('state/last-good.json')), { deadline, what: `what is kept: ${said}` });
}

/** What the log said last of what is in force. */
function hashInForce(): string {
  return [...said.matchAll(/"hash":"([0-9a-f]{64})"[^\n]*in force/g)].at(-1)?.[1] ?? '';
}

function occurrences(text: string): number {
  return said.split(text).length - 1;
}

function controlPid(): number {
  return Number(readFileSync(place('run/control.pid'), 'utf8'));
}

async function control(...words: string[]): Promise<void> {
  const before = occurrences('in force');
  const keepfleet = fileURLToPath(new URL('../../../bin/keepfleet', import.meta.url));
  execFileSync('ip', ['netns', 'exec', namespace, keepfleet, ...words, '--run-dir', place('run')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await waitFor(() => occurrences('in force') > before, { deadline, what: `${words.join(' ')}: ${said}` });
}

function killAll(): void {
  for (const pid of execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).split('\n'))
    if (pid !== '') process.kill(Number(pid), 'SIGKILL');
}

/** To its last block. */
function fillDisk(): void {
  const { bavail, bsize } = statfsSync(place('state'));
  writeFileSync(place('state/filler'), Buffer.alloc(Number(bavail) * Number(bsize)));
}
