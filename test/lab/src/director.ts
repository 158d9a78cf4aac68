import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { killGroup, startGuest } from './guest.ts';
import { JsonLines } from './json-lines.ts';
import { guestMegabytes, type Kernel } from './kernel.ts';
import { createNamespace, existingNamespaces, removeNamespace, setPorts } from './network.ts';
import type { HostState, LabHost } from './lab-host.ts';
import { hostDirectory, logDirectory, paths, repository } from './paths.ts';
import { namespaceOf, portOf, switchNamespace, type DirectorHost } from './plan.ts';
import type { ServiceAction, Signal } from './protocol.ts';
import { signalNamespace } from './processes.ts';
import { Requests, type Listener, type Outcome } from './requests.ts';
import { parseFacts, type Facts } from './steward.ts';
import { Windowed } from './windowed.ts';

export interface DirectorSettings {
  host: DirectorHost;
  kernel: Kernel;
  cpu: number;
  memory: string;
  /** Told when the director ends without having been killed by the lab. */
  died: (how: string) => void;
}

/** A guest is up after 2 to 5 seconds; under load, or on a machine without CPU to spare, it takes longer. */
const bootMilliseconds = 180_000;

/** One director: boots it, talks to its steward, freezes it, takes its power away. */
export class Director implements LabHost {
  readonly host: DirectorHost;
  readonly cpu: number;
  private readonly settings: DirectorSettings;
  private current: { child: ChildProcess; requests: Requests; console: WriteStream } | undefined;
  private condition: HostState = 'dead';

  constructor(settings: DirectorSettings) {
    this.host = settings.host;
    this.cpu = settings.cpu;
    this.settings = settings;
  }

  get state(): HostState {
    return this.condition;
  }

  /** Resolves when its steward answers. */
  async boot(): Promise<void> {
    if (this.condition !== 'dead') throw new Error(`${this.host.name} is ${this.condition} already`);
    this.condition = 'booting';
    if (this.settings.kernel === 'namespaces') {
      // What ended by itself has left its namespace behind.
      if ((await existingNamespaces()).includes(namespaceOf(this.host))) await removeNamespace(this.host);
      await createNamespace(this.host);
    }
    const child = this.settings.kernel === 'guests' ? this.guest() : this.namespace();
    const console = createWriteStream(join(logDirectory(this.host), 'console.log'), { flags: 'a' });
    // A namespace's first process talks to its steward on stdout, and writes its own log.
    if (this.settings.kernel === 'guests') child.stdout?.pipe(console, { end: false });
    child.stderr?.pipe(console, { end: false });

    await new Promise<void>((resolve, reject) => {
      const [to, from] =
        this.settings.kernel === 'guests' ? [child.stdio[3], child.stdio[4]] : [child.stdin, child.stdout];
      if (!(to instanceof Writable) || !(from instanceof Readable)) throw new Error('no line to the steward');
      const late = setTimeout(() => {
        reject(new Error(`${this.host.name} does not answer ${bootMilliseconds / 1000} s after its start`));
      }, bootMilliseconds);
      const requests = new Requests((message) => void lines.send(message));
      const line = new Windowed(to);
      const lines: JsonLines = new JsonLines(
        from,
        line,
        (message) => {
          const other = requests.receive(message);
          if (other?.kind !== 'event') return;
          if (other.event === 'taken') line.confirm(Number(other.text));
          if (other.event !== 'ready') return;
          clearTimeout(late);
          this.condition = 'up';
          resolve();
        },
        (noise) => console.write(`steward's line: ${noise}\n`),
      );
      this.current = { child, requests, console };
      child.once('error', (error) => reject(new Error(`${this.host.name} could not be started: ${error.message}`)));
      child.once('exit', (code, signal) => {
        clearTimeout(late);
        const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
        this.over(`${this.host.name} ${how}`);
        reject(new Error(`${this.host.name} ${how} while it started; see its console.log`));
      });
    });
  }

  /** Takes its power away. */
  async kill(): Promise<void> {
    const { current } = this;
    if (current === undefined) throw new Error(`${this.host.name} is dead already`);
    this.current = undefined;
    this.condition = 'dead';
    if (this.settings.kernel === 'namespaces') await setPorts(this.host, 'down');
    await killGroup(current.child);
    current.requests.end(`${this.host.name} was killed`);
    current.console.end();
    if (this.settings.kernel === 'namespaces') await removeNamespace(this.host);
  }

  /** Freezes it: no packet is answered, and its clock goes on. */
  async pause(): Promise<void> {
    await this.freeze('up', 'paused', 'SIGSTOP');
  }

  async resume(): Promise<void> {
    await this.freeze('paused', 'up', 'SIGCONT');
  }

  run(argv: string[], timeout?: number, listener?: Listener): { id: number; outcome: Promise<Outcome> } {
    return this.requests().run({ argv, ...(timeout === undefined ? {} : { timeout }) }, listener);
  }

  async signal(job: number, signal: Signal): Promise<void> {
    await this.requests().ask({ op: 'signal', job, signal });
  }

  async service(name: string, action: ServiceAction): Promise<void> {
    await this.requests().ask({ op: 'service', name, action });
  }

  async facts(): Promise<Facts> {
    return parseFacts(await this.requests().ask({ op: 'facts' }));
  }

  private requests(): Requests {
    if (this.condition === 'up' && this.current !== undefined) return this.current.requests;
    throw new Error(`${this.host.name} is ${this.condition}`);
  }

  private async freeze(from: HostState, to: HostState, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const pid = this.current?.child.pid;
    if (this.condition !== from || pid === undefined) throw new Error(`${this.host.name} is ${this.condition}`);
    if (this.settings.kernel === 'guests') {
      // The first process is the guest's kernel; without it no process of the guest gets further than a system call.
      process.kill(pid, signal);
    } else {
      await setPorts(this.host, signal === 'SIGSTOP' ? 'down' : 'up');
      await signalNamespace(namespaceOf(this.host), signal);
    }
    this.condition = to;
  }

  private over(how: string): void {
    if (this.current === undefined) return;
    this.current.requests.end(how);
    this.current.console.end();
    this.current = undefined;
    this.condition = 'dead';
    this.settings.died(how);
  }

  private guest(): ChildProcess {
    const { host, cpu, memory } = this.settings;
    return startGuest({
      name: host.name,
      files: hostDirectory(host),
      directory: paths.guests,
      cpu,
      megabytes: guestMegabytes,
      memory,
      namespace: switchNamespace,
      taps: host.interfaces.map((each) => ({ port: portOf(host, each), mac: each.mac })),
    });
  }

  private namespace(): ChildProcess {
    const { host } = this.settings;
    const unshare = ['unshare', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--propagation', 'private'];
    const argv = ['netns', 'exec', namespaceOf(host), ...unshare, join(repository, 'test/lab/guest/init.sh')];
    return spawn('ip', argv, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: {
        ...process.env,
        KF_KERNEL: 'namespace',
        KF_HOST: host.name,
        KF_FILES: hostDirectory(host),
        KF_REPOSITORY: repository,
      },
    });
  }
}
