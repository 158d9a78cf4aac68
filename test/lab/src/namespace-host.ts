import type { Service } from './commands.ts';
import { Jobs } from './jobs.ts';
import type { HostState, LabHost } from './lab-host.ts';
import { createNamespace, setPorts } from './network.ts';
import { logDirectory } from './paths.ts';
import { namespaceOf, type Host } from './plan.ts';
import { signalNamespace } from './processes.ts';
import { parseStewardRequest, type ServiceAction, type Signal } from './protocol.ts';
import { Requests, type Listener, type Outcome } from './requests.ts';
import { Supervisor, type ServiceState } from './supervisor.ts';

/** The client, a web server or the controller's host: a network namespace of the machine. */
export class NamespaceHost implements LabHost {
  readonly host: Host;
  private readonly supervisor: Supervisor;
  private readonly jobs: Jobs;
  private readonly requests: Requests;
  private readonly prefix: string[];
  private readonly environment: Record<string, string>;
  private condition: HostState = 'dead';
  private made = false;

  constructor(host: Host, services: readonly Service[], environment: Record<string, string>) {
    this.host = host;
    this.environment = environment;
    this.prefix = ['ip', 'netns', 'exec', namespaceOf(host)];
    this.supervisor = new Supervisor(logDirectory(host), this.prefix);
    for (const service of services) this.supervisor.add(service);
    this.jobs = new Jobs((reply) => {
      this.requests.receive(reply);
      return Promise.resolve();
    });
    // Both sides of the protocol are here: what is asked is started at once.
    this.requests = new Requests((message) => {
      const request = parseStewardRequest(message);
      if (request?.op === 'run') this.jobs.start(request);
    });
  }

  get state(): HostState {
    return this.condition;
  }

  get services(): ServiceState[] {
    return this.supervisor.states();
  }

  async boot(): Promise<void> {
    if (this.condition !== 'dead') throw new Error(`${this.host.name} is ${this.condition} already`);
    if (this.made) await setPorts(this.host, 'up');
    else await createNamespace(this.host);
    this.made = true;
    this.condition = 'up';
    this.supervisor.startAll();
  }

  async kill(): Promise<void> {
    if (this.condition === 'dead') throw new Error(`${this.host.name} is dead already`);
    if (this.condition === 'paused') await signalNamespace(namespaceOf(this.host), 'SIGCONT');
    this.condition = 'dead';
    await setPorts(this.host, 'down');
    this.jobs.killAll();
    await this.supervisor.stopAll('SIGKILL');
    await signalNamespace(namespaceOf(this.host), 'SIGKILL');
  }

  async pause(): Promise<void> {
    if (this.condition !== 'up') throw new Error(`${this.host.name} is ${this.condition}`);
    this.condition = 'paused';
    await setPorts(this.host, 'down');
    await signalNamespace(namespaceOf(this.host), 'SIGSTOP');
  }

  async resume(): Promise<void> {
    if (this.condition !== 'paused') throw new Error(`${this.host.name} is ${this.condition}`);
    await setPorts(this.host, 'up');
    await signalNamespace(namespaceOf(this.host), 'SIGCONT');
    this.condition = 'up';
  }

  run(argv: string[], timeout?: number, listener?: Listener): { id: number; outcome: Promise<Outcome> } {
    if (this.condition !== 'up') throw new Error(`${this.host.name} is ${this.condition}`);
    const job = { argv: [...this.prefix, ...argv], environment: this.environment };
    return this.requests.run({ ...job, ...(timeout === undefined ? {} : { timeout }) }, listener);
  }

  signal(job: number, signal: Signal): Promise<void> {
    this.jobs.signal(job, signal);
    return Promise.resolve();
  }

  async service(name: string, action: ServiceAction): Promise<void> {
    if (action === 'start') this.supervisor.start(name);
    else if (action === 'stop') await this.supervisor.stop(name);
    else await this.supervisor.restart(name);
  }
}
