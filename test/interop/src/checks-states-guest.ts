import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { PipeReader } from './checks-pipe.ts';
import { MAIL_PORT, makeWell, statesConfiguration, table, walk } from './checks-states.ts';

// Runs in a guest whose kernel has IPVS: the same servers led through the same states under keepalived and under the agent.
// A line of JSON about each: the table and the new lines of the pipe after every step.

const DIRECTORY = '/run/kf-states';
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
/** Nothing moves for so long: two checks of each server on a busy machine. */
const STILL_MS = 5_000;
const LOOK_MS = 200;

interface Step {
  readonly name: string;
  readonly table: string;
  readonly lines: readonly string[];
  /** Subjects. */
  readonly mails: readonly string[];
}

const mails: string[] = [];
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS', 'AUTH'],
  logger: false,
  onData(stream, _session, callback) {
    let text = '';
    stream.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
    stream.on('end', () => {
      mails.push(/^Subject: (.*)$/m.exec(text.replace(/\r\n[ \t]/g, ' ').replace(/\r/g, ''))?.[1] ?? text);
      callback();
    });
  },
});
server.on('error', () => undefined);

mkdirSync(DIRECTORY, { recursive: true });
execFileSync('ip', ['link', 'set', 'lo', 'up']);
await new Promise<void>((resolve) => server.listen(MAIL_PORT, '127.0.0.1', resolve));

async function run(who: string, start: (file: string) => ChildProcess): Promise<void> {
  execFileSync('ipvsadm', ['-C']);
  const pipe = new PipeReader(join(DIRECTORY, 'fifo'));
  const file = join(DIRECTORY, `${who}.conf`);
  const steps: Step[] = [];
  const settled = async (name: string) => {
    let last = '';
    let since = performance.now();
    while (performance.now() - since < STILL_MS) {
      const now = `${table()} ${pipe.length} ${mails.length}`;
      if (now !== last) since = performance.now();
      last = now;
      await pause(LOOK_MS);
    }
    steps.push({ name, table: table(), lines: pipe.take().sort(), mails: mails.splice(0).sort() });
  };
  makeWell(DIRECTORY, walk[0] ?? []);
  writeFileSync(file, statesConfiguration(DIRECTORY));
  const child = start(file);
  while (!table().includes(':12 ')) {
    if (child.exitCode !== null) throw new Error(`${who} ended`);
    await pause(LOOK_MS);
  }
  await settled('at start');
  for (const well of walk.slice(1)) {
    makeWell(DIRECTORY, well);
    await settled(`well: ${well.join(' ') || 'none'}`);
  }
  for (const without of ['the last server', 'the last service'] as const) {
    writeFileSync(file, statesConfiguration(DIRECTORY, without));
    child.kill('SIGHUP');
    await settled(`reloaded without ${without}`);
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
  await settled('stopped');
  pipe.close();
  process.stdout.write(`${JSON.stringify({ who, steps })}\n`);
}

await run('keepalived', (file) =>
  spawn('keepalived', ['-n', '-C', '-l', '-f', file, '-p', `${file}.pid`, '-c', `${file}.lvs.pid`], {
    stdio: ['ignore', 'ignore', openSync(join(DIRECTORY, 'keepalived.log'), 'w')],
  }),
);
await run('keepfleet', (file) =>
  spawn(
    process.execPath,
    [AGENT, '--config', file, '--run-dir', join(DIRECTORY, 'agent'), '--state-dir', join(DIRECTORY, 'state')],
    { stdio: ['ignore', openSync(join(DIRECTORY, 'keepfleet.log'), 'w'), 'inherit'] },
  ),
);
process.exit();
