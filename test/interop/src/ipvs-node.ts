import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';

const MAIN = join(import.meta.dirname, '../../../apps/node-agent/src/main.ts');
const CLI = join(import.meta.dirname, '../../../apps/cli/src/main.ts');
const ROOT = '/run/kf-ipvs';

/** Kills what runs in a namespace: while one process is left, its devices stay, though its name can be deleted. */
export async function emptyNamespace(name: string): Promise<void> {
  await waitFor(
    () => {
      const pids = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n').filter(Boolean);
      for (const pid of pids)
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      return pids.length === 0;
    },
    { deadline: 60_000, what: `the end of all processes of ${name}`, every: 100 },
  );
}

/** A network namespace with IPVS of its own, and a program that looks after it. */
export abstract class IpvsNode {
  readonly name: string;
  readonly directory: string;
  /** Of its program. */
  environment: NodeJS.ProcessEnv = process.env;
  protected child: ChildProcess | undefined;

  constructor(name: string) {
    this.name = name;
    this.directory = join(ROOT, name);
    mkdirSync(this.directory, { recursive: true });
    execFileSync('ip', ['netns', 'add', this.name]);
    this.ip('link', 'set', 'lo', 'up');
  }

  get config(): string {
    return join(this.directory, 'keepalived.conf');
  }

  get wholeLog(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8');
  }

  get log(): string {
    return this.wholeLog.split('\n').slice(-40).join('\n');
  }

  ip(...words: readonly string[]): string {
    return execFileSync('ip', ['-n', this.name, ...words], { encoding: 'utf8' });
  }

  run(program: string, ...args: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, program, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** None of its processes works or waits for a processor: but for what it does by the clock, it has done all. */
  get isIdle(): boolean {
    const pids = execFileSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' }).split('\n').filter(Boolean);
    return pids.every((pid) => /^\d+ \(.*\) S/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1')));
  }

  /** The kernel's table, one line a service or destination, sorted. */
  table(): string[] {
    return this.run('ipvsadm', '-Sn')
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .sort();
  }

  /** The thresholds of the destinations, each with its service, sorted; those without any are left out. */
  thresholds(): string[] {
    let service = '';
    return this.run('ipvsadm', '-Ln', '--thresholds')
      .split('\n')
      .flatMap((line) => {
        const [, server, upper, lower] = /^ *-> (\S+) +(\d+) +(\d+)/.exec(line) ?? [];
        if (server === undefined) service = line.trim();
        return server === undefined || (upper === '0' && lower === '0') ? [] : `${service} ${server} ${upper} ${lower}`;
      })
      .sort();
  }

  /** The kernel's own text of the table, without counters; cheap, since it starts no program. Flags are not in it. */
  shown(): string {
    const { child } = this;
    if (child?.exitCode !== null) throw new Error(`the program in ${this.name} has ended: ${this.log}`);
    const text = readFileSync(`/proc/${child.pid ?? 0}/net/ip_vs`, 'utf8');
    const lines = text.split('\n').slice(3);
    return lines
      .map((line) => line.trim().replace(/( +\d+){2}$/, ''))
      .sort()
      .join('\n')
      .trim();
  }

  abstract start(text: string): Promise<void>;

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    await emptyNamespace(this.name);
    execFileSync('ip', ['netns', 'del', this.name]);
    rmSync(this.directory, { recursive: true });
  }

  protected spawn(program: string, args: readonly string[]): void {
    const log = openSync(join(this.directory, 'log'), 'a');
    this.child = spawn('ip', ['netns', 'exec', this.name, program, ...args], {
      stdio: ['ignore', log, log],
      env: this.environment,
    });
  }
}

/** keepalived's checker process alone. */
export class KeepalivedNode extends IpvsNode {
  override start(text: string): Promise<void> {
    writeFileSync(this.config, text);
    const pid = (name: string) => join(this.directory, `${name}.pid`);
    this.spawn('keepalived', ['-n', '-C', '-G', '-l', '-f', this.config, '-p', pid('main'), '-c', pid('checkers')]);
    return Promise.resolve();
  }
}

/** The whole agent. */
export class OurNode extends IpvsNode {
  /** `more`: for its agent.yaml. */
  override async start(text: string, more = ''): Promise<void> {
    writeFileSync(this.config, text);
    const directory = (name: string) => join(this.directory, name);
    writeFileSync(directory('agent.yaml'), `node: ${this.name}\n${more}`);
    this.spawn(process.execPath, [
      ...[MAIN, '--config', this.config, '--agent-config', directory('agent.yaml')],
      ...['--run-dir', directory('run'), '--state-dir', directory('state')],
    ]);
    await Promise.resolve();
  }

  /** What `keepfleet` says on this node, whether or not it could do it. */
  keepfleet(...words: readonly string[]): string {
    const all = ['netns', 'exec', this.name, process.execPath, CLI, ...words, '--run-dir', join(this.directory, 'run')];
    const { stdout, stderr } = spawnSync('ip', all, { encoding: 'utf8' });
    return stdout + stderr;
  }

  reload(text: string): void {
    writeFileSync(this.config, text);
    this.child?.kill('SIGHUP');
  }
}
