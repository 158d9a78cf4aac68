import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// reload_time_file, reload_repeat, reload_file and reload_check_config in keepalived and in a whole agent: the same is done with both, and
// both must do the same. Needs root and Debian's keepalived.

const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kf-reload-time-'));
const deadline = 60_000;
/** A busy machine may see a file of a time later than that time: then it is written once more. */
const AHEAD_MS = 4_000;
const ATTEMPTS = 10;

interface Daemon {
  readonly name: string;
  readonly command: (place: (name: string) => string) => readonly string[];
  readonly pidFile: string;
  readonly ready: string;
  readonly loaded: string;
  readonly refused: string;
}

const daemons: readonly Daemon[] = [
  {
    name: 'keepalived',
    command: (place) => [
      ...['keepalived', '-n', '-l', '-D', '-P', '-f', place('keepalived.conf')],
      ...['p', 'r', 'c', 'b'].flatMap((option) => [`-${option}`, place(option)]),
    ],
    pidFile: 'p',
    ready: 'VRRP sockpool',
    loaded: 'Reload complete',
    refused: 'New config failed validation',
  },
  {
    name: 'keepfleet-agent',
    command: (place) => [
      ...[AGENT, '--config', place('keepalived.conf'), '--agent-config', place('agent.yaml')],
      ...['--run-dir', place('run'), '--state-dir', place('state')],
    ],
    pidFile: 'run/control.pid',
    ready: 'is in force',
    loaded: 'is in force',
    refused: '"config.refused"',
  },
];

describe.each(daemons)('$name', ({ name, command, pidFile, ready, loaded, refused }) => {
  const namespace = `kf-rt-${name.slice(0, 5)}-${process.pid}`;
  const place = (file: string) => join(directory, name, file);
  let said = '';

  beforeAll(async () => {
    mkdirSync(place('state'), { recursive: true });
    execFileSync('ip', ['netns', 'add', namespace]);
    execFileSync('ip', ['-n', namespace, 'link', 'add', 'eth0', 'type', 'bridge']);
    writeFileSync(place('agent.yaml'), 'node: L1\nsnmp:\n  enabled: false\n');
    write({});
    const child = spawn('ip', ['netns', 'exec', namespace, ...command(place)], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
    await until('it runs', () => said.includes(ready) && existsSync(place(pidFile)));
  });

  afterAll(() => {
    for (const pid of execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).split('\n'))
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    execFileSync('ip', ['netns', 'delete', namespace]);
    rmSync(join(directory, name), { recursive: true });
  });

  it('reloads at a time of day, and takes the file away', async () => {
    await reloadAt(timeOfDay);
    await until('the file is gone', () => !existsSync(place('time')));
  });

  it('does not take a file with which the test finds fault, writes what it is, and goes on', async () => {
    const [loads, refusals] = [occurrences(loaded), occurrences(refused)];
    write({ priority: 300 });
    hangUp();
    await until('the refusal', () => occurrences(refused) > refusals);
    expect(readFileSync(place('check.log'), 'utf8')).toMatch(/keepalived\.conf:.*300/);
    expect(occurrences(loaded)).toBe(loads);
    write({ priority: 50 });
    hangUp();
    await until('the reload of the mended file', () => occurrences(loaded) > loads);
  });

  it('with reload_repeat leaves a time of day where it is, and takes one with a date away', async () => {
    const loads = occurrences(loaded);
    write({ more: 'reload_repeat' });
    hangUp();
    await until('the reload', () => occurrences(loaded) > loads);
    await reloadAt(timeOfDay);
    expect(existsSync(place('time'))).toBe(true);
    await reloadAt((at) => `${at.toISOString().slice(0, 10)} ${timeOfDay(at)}`);
    await until('the file is gone', () => !existsSync(place('time')));
  });

  it('has the file of reload_file while it reads, and no longer', async () => {
    const seen: string[] = [];
    mkdirSync(place('flag'));
    const watcher = watch(place('flag'), (event, file) => seen.push(`${event} ${file}`));
    write({ more: `reload_file ${place('flag/reloading')}` });
    // What is in force says whether there is one.
    await reload();
    expect(seen).toEqual([]);
    await reload();
    await until('the file is gone', () => seen.length >= 2);
    watcher.close();
    expect(seen.filter((event) => event === 'rename reloading')).toHaveLength(2);
    expect(readdirSync(place('flag'))).toEqual([]);
  }, 200_000);

  async function reload(): Promise<void> {
    const loads = occurrences(loaded);
    hangUp();
    await until('the reload', () => occurrences(loaded) > loads);
  }

  async function reloadAt(format: (at: Date) => string): Promise<void> {
    const loads = occurrences(loaded);
    for (let attempt = 0; attempt < ATTEMPTS && occurrences(loaded) === loads; attempt++) {
      const at = Date.now() + AHEAD_MS;
      writeFileSync(place('time'), `${format(new Date(at))}\n`);
      await until('its time is over', () => occurrences(loaded) > loads || Date.now() > at + AHEAD_MS);
    }
    expect(occurrences(loaded), said.slice(-2_000)).toBeGreaterThan(loads);
  }

  function write({ priority = 100, more = '' }): void {
    writeFileSync(
      place('keepalived.conf'),
      `global_defs {\nreload_time_file ${place('time')}\nreload_check_config ${place('check.log')}\n${more}\n}\n` +
        `vrrp_instance V {\ninterface eth0\nvirtual_router_id 7\npriority ${priority}\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n`,
    );
  }

  function hangUp(): void {
    process.kill(Number(readFileSync(place(pidFile), 'utf8')), 'SIGHUP');
  }

  function occurrences(text: string): number {
    return said.split(text).length - 1;
  }

  function until(what: string, condition: () => boolean): Promise<unknown> {
    return waitFor(condition, { deadline, what, every: 100 }).catch((cause: unknown) => {
      throw new Error(`${what}: it said ${said.slice(-2_000)}`, { cause });
    });
  }
});

afterAll(() => rmSync(directory, { recursive: true }));

function timeOfDay(at: Date): string {
  return `${at.toISOString().slice(11, 19)}Z`;
}
