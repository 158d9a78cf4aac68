import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import type { Soak, SoakTask } from '../soak.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const AGENT = join(ROOT, 'bin/keepfleet-agent');
const FLOODER = join(import.meta.dirname, '../snmp-flooder-main.ts');
const MOST_BYTES = 150e6;
const PORT = 1161;
const ADDRESSES = 250;
const PATIENCE = 120_000;

/** As much as comes of one line of the flooder. */
interface Line {
  readonly done: number;
  readonly answers?: number;
  readonly afterMs?: number;
}

export const soak: Soak = {
  about: 'datagrams at a built agent without an snmpd: it stays below 150 MB and answers afterwards',
  count: 300_000,
  unit: 'datagrams',
  run: async (task) => {
    const directory = mkdtempSync(join(tmpdir(), 'kf-flood-'));
    const namespace = `kf-flood-${process.pid}`;
    const children: ChildProcess[] = [];
    execFileSync('ip', ['netns', 'add', namespace]);
    try {
      return await flooded(task, directory, (...words) => {
        const child = spawn('ip', ['netns', 'exec', namespace, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
        children.push(child);
        return child;
      });
    } finally {
      for (const child of children) await stop(child);
      execFileSync('ip', ['netns', 'del', namespace]);
      rmSync(directory, { recursive: true });
    }
  },
};

async function flooded(
  { count, seed, progress, signal }: SoakTask,
  directory: string,
  start: (...words: string[]) => ChildProcess,
) {
  for (const words of ['set lo up', 'add lan0 type bridge', 'set lan0 up'])
    await once(start('ip', 'link', ...words.split(' ')), 'exit');
  const addresses = Array.from({ length: ADDRESSES }, (_, i) => `  10.0.${i >> 8}.${i & 255}/32 dev lan0`);
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const conf = file('keepalived.conf', `static_ipaddress {\n${addresses.join('\n')}\n}\n`);
  const standalone = `{ listen: ["127.0.0.1:${PORT}"], communities: [{ name: public }] }`;
  const yaml = file('agent.yaml', `snmp:\n  enabled: false\n  standalone: ${standalone}\n`);
  const agent = start(
    AGENT,
    '--config',
    conf,
    '--agent-config',
    yaml,
    '--run-dir',
    directory,
    '--state-dir',
    directory,
  );
  let log = '';
  for (const stream of [agent.stdout, agent.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await waitFor(() => log.includes('SNMP managers are answered') && existsSync(join(directory, 'control.pid')), {
    deadline: PATIENCE,
    what: 'the agent listens',
  });
  const pid = Number(readFileSync(join(directory, 'control.pid'), 'utf8'));
  const before = residentBytes(pid);
  const flooder = start(process.execPath, FLOODER, String(PORT), String(count), String(seed));
  let complaint = '';
  flooder.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  signal.addEventListener('abort', () => flooder.kill('SIGTERM'));
  let most = 0;
  let last: Line = { done: 0 };
  if (flooder.stdout === null) throw new Error('no stdout');
  for await (const text of createInterface({ input: flooder.stdout })) {
    last = JSON.parse(text) as Line;
    most = Math.max(most, residentBytes(pid));
    if (most >= MOST_BYTES) throw new Error(`${most} bytes resident after ${last.done} datagrams`);
    progress(last.done);
  }
  if (last.afterMs === undefined && !signal.aborted) throw new Error(`the flooder ended early: ${complaint}`);
  return {
    answered: last.answers ?? 0,
    'MB before': (before / 1e6).toFixed(1),
    'most MB': (most / 1e6).toFixed(1),
    'MB after': (residentBytes(pid) / 1e6).toFixed(1),
    'answer after the flood ms': (last.afterMs ?? NaN).toFixed(0),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kilobytes === undefined) throw new Error('the agent has ended');
  return Number(kilobytes) * 1024;
}
