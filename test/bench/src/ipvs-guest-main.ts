import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { type Size, type Table, tableOf } from './ipvs-sizes.ts';

/** Runs in a guest whose kernel has IPVS; a line of JSON about each size. */
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const ROOT = '/run/kf-bench';
const DEADLINE = 300_000;

interface Times {
  readonly program: number;
  readonly change: number;
  readonly dump: number;
}

for (const words of process.argv.slice(2)) {
  const [services = 0, servers = 0] = words.split('x').map(Number);
  const size: Size = { services, servers };
  const table = tableOf(size);
  const changed = tableOf(size, 7);
  const result = {
    size,
    ours: await ours(table, changed),
    ipvsadm: ipvsadm(table),
    keepalived: await keepalived(table, changed),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit();

async function ours(table: Table, changed: Table): Promise<Times> {
  const directory = join(ROOT, 'agent');
  mkdirSync(directory, { recursive: true });
  const child = logged(process.execPath, [AGENT, '--role', 'lvs', '--run-dir', directory]);
  const answers: Readonly<Record<string, unknown>>[] = [];
  const socket = await waitFor(
    async () => {
      const candidate = connect(join(directory, 'lvs.sock'));
      await once(candidate, 'connect');
      return candidate;
    },
    { deadline: 60_000, what: 'the socket of the lvs process' },
  );
  createInterface(socket).on('line', (line) => {
    // Snapshots are long and say nothing here.
    if (!line.startsWith('{"type":"snapshot"')) answers.push(JSON.parse(line) as Readonly<Record<string, unknown>>);
  });
  const send = async (message: Readonly<Record<string, unknown>>, field: string): Promise<number> => {
    const text = `${JSON.stringify(message)}\n`;
    const start = performance.now();
    socket.write(text);
    const answer = await waitFor(() => answers.find((one) => one[field] === message[field]), {
      deadline: DEADLINE,
      what: `an answer about ${field} ${String(message[field])}`,
      every: 2,
    });
    if (answer['type'] === 'refused') throw new Error(String(answer['reason']));
    return performance.now() - start;
  };
  const program = await send({ type: 'configure', revision: '1', settings: table.settings }, 'revision');
  expectTable(table);
  const change = await send({ type: 'configure', revision: '2', settings: changed.settings }, 'revision');
  expectTable(changed);
  const command = { kind: 'connections', address: '192.0.2.1' };
  const dump = await send({ type: 'command', id: 'dump', command }, 'id');
  child.kill('SIGTERM');
  await once(child, 'exit');
  expectEmpty();
  return { program, change, dump };
}

function ipvsadm(table: Table): Times {
  const program = timed(() =>
    execFileSync('ipvsadm', ['-R'], { input: table.saved, stdio: ['pipe', 'ignore', 'inherit'] }),
  );
  const [address = ''] = /10\.\S+(?=:80 -r)/.exec(table.saved.trim().split('\n').at(-1) ?? '') ?? [];
  const [real = ''] = /(?<=-r )\S+/.exec(table.saved.trim().split('\n').at(-1) ?? '') ?? [];
  const change = timed(() => execFileSync('ipvsadm', ['-e', '-t', `${address}:80`, '-r', real, '-m', '-w', '7']));
  const dump = timed(() =>
    execFileSync('ipvsadm', ['-Sn'], { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  execFileSync('ipvsadm', ['-C']);
  return { program, change, dump };
}

/** From its start, or the signal, until the kernel has it. A dump is not to be had from it. */
async function keepalived(table: Table, changed: Table): Promise<Times> {
  const file = join(ROOT, 'keepalived.conf');
  writeFileSync(file, table.keepalivedConf);
  const pid = (name: string) => join(ROOT, `${name}.pid`);
  let start = performance.now();
  const child = logged('keepalived', ['-n', '-C', '-G', '-l', '-f', file, '-p', pid('main'), '-c', pid('checkers')]);
  const lines = table.size.services * (table.size.servers + 1);
  await kernelHas(() => kernelLines().length >= lines);
  const program = performance.now() - start;
  writeFileSync(file, changed.keepalivedConf);
  start = performance.now();
  child.kill('SIGHUP');
  await kernelHas(() => kernelLines().some((line) => /Masq +7 /.test(line)));
  const change = performance.now() - start;
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { program, change, dump: NaN };
}

function kernelHas(condition: () => boolean): Promise<unknown> {
  return waitFor(condition, { deadline: DEADLINE, what: 'the table of keepalived', every: 20 });
}

function kernelLines(): string[] {
  return readFileSync('/proc/net/ip_vs', 'utf8')
    .split('\n')
    .filter((line) => /^TCP|->.* \d/.test(line));
}

function expectTable(table: Table): void {
  const lines = execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const sorted = (text: string) => text.trim().split('\n').sort().join('\n');
  if (sorted(lines) !== sorted(table.saved)) throw new Error('the kernel does not have what was asked for');
}

function expectEmpty(): void {
  if (kernelLines().length > 0) throw new Error('something is left in the table');
}

function timed(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

function logged(program: string, args: readonly string[]): ChildProcess {
  mkdirSync(ROOT, { recursive: true });
  const log = openSync(join(ROOT, 'log'), 'a');
  return spawn(program, args, { stdio: ['ignore', log, log] });
}
