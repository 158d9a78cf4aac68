import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';

const MAIN = join(import.meta.dirname, '../../../apps/node-agent/src/main.ts');

/** As much of a snapshot as is looked at here. */
export interface Snapshot {
  readonly available: boolean;
  readonly reason: string | null;
  readonly foreignServices: readonly string[];
  readonly repairs: number;
  readonly virtualServers: readonly VirtualServer[];
}

export interface VirtualServer {
  readonly key: string;
  readonly alive: boolean;
  readonly quorumState: string;
  readonly traffic: Readonly<Record<string, string | number>> | null;
  readonly problems: readonly string[];
  readonly sorryServer: { readonly inUse: boolean; readonly kernel: Destination | null } | null;
  readonly realServers: readonly RealServer[];
}

export interface RealServer {
  readonly key: string;
  readonly state: string;
  readonly effectiveWeight: number | null;
  readonly kernel: Destination | null;
  readonly checkers: readonly { readonly what: string; readonly lastResult: string | null; readonly ran: boolean }[];
}

export interface Destination {
  readonly weight: number;
  readonly connections: { readonly active: number; readonly inactive: number; readonly persistent: number };
  readonly traffic: Readonly<Record<string, string | number>>;
}

export type Event = Readonly<Record<string, unknown>> & { readonly kind: string };

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The lvs process of the agent, and the control process's end of its link, spoken by hand. */
export class LvsAgent {
  readonly events: Event[] = [];
  /** Lines of its log. */
  readonly log: string[] = [];
  hello: Message | undefined;
  snapshot: Snapshot | undefined;
  readonly #runDirectory: string;
  readonly #within: readonly string[];
  #process: ChildProcess | undefined;
  #socket: Socket | undefined;
  #answers: Message[] = [];
  #ids = 0;

  /** `within`: words in front of its command, such as those that enter a namespace. */
  constructor(runDirectory: string, within: readonly string[] = []) {
    this.#runDirectory = runDirectory;
    this.#within = within;
    mkdirSync(runDirectory, { recursive: true });
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get running(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  async start(): Promise<void> {
    const words = [...this.#within, process.execPath, MAIN, '--role', 'lvs', '--run-dir', this.#runDirectory];
    const [program = '', ...args] = words;
    this.#process = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (this.#process.stderr) createInterface(this.#process.stderr).on('line', (line) => this.log.push(line));
    this.hello = undefined;
    this.snapshot = undefined;
    this.events.length = 0;
    await waitFor(() => this.#connect(), {
      deadline: 120_000,
      what: `a socket of the lvs process: ${this.log.join('\n')}`,
    });
    await waitFor(() => this.hello, { deadline: 60_000, what: 'a hello' });
    this.#send({ type: 'resume', incarnation: String(this.hello?.['incarnation']), after: 0 });
  }

  /** Resolves with `applied` or `refused`. */
  configure(settings: object): Promise<Message> {
    this.#ids++;
    const revision = `r${this.#ids}`;
    this.#send({ type: 'configure', revision, settings });
    return waitFor(() => this.#answers.find((answer) => answer['revision'] === revision), {
      deadline: 60_000,
      what: 'an answer to configure',
    });
  }

  async command(command: object): Promise<unknown> {
    this.#ids++;
    const id = `c${this.#ids}`;
    this.#send({ type: 'command', id, command });
    const answer = await waitFor(() => this.#answers.find((one) => one['id'] === id), {
      deadline: 60_000,
      what: 'an answer to a command',
    });
    return answer['outcome'];
  }

  stop(mode: 'release' | 'leave'): Promise<void> {
    this.#send({ type: 'stop', mode });
    return this.ended();
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#process?.kill(signal);
    await this.ended();
  }

  async ended(): Promise<void> {
    const child = this.#process;
    if (child && this.running) await once(child, 'exit');
    this.#socket?.destroy();
  }

  server(service: string, server: string): RealServer | undefined {
    return this.service(service)?.realServers.find(({ key }) => key === server);
  }

  service(key: string): VirtualServer | undefined {
    return this.snapshot?.virtualServers.find((one) => one.key === key);
  }

  /** Waits until the snapshot is as wanted. */
  seen(what: string, condition: (snapshot: Snapshot) => unknown, deadline = 90_000): Promise<unknown> {
    return waitFor(() => this.snapshot && Boolean(condition(this.snapshot)), { deadline, what });
  }

  eventSeen(what: string, condition: (event: Event) => boolean): Promise<Event> {
    return waitFor(() => this.events.find(condition), { deadline: 90_000, what });
  }

  async #connect(): Promise<boolean> {
    const socket = connect(join(this.#runDirectory, 'lvs.sock'));
    await once(socket, 'connect');
    this.#socket = socket;
    createInterface(socket).on('line', (line) => this.#receive(JSON.parse(line) as Message));
    // A killed process may reset the connection; that it ended is seen otherwise.
    socket.on('error', () => socket.destroy());
    return true;
  }

  #receive(message: Message): void {
    if (message.type === 'hello') this.hello = message;
    else if (message.type === 'snapshot') this.snapshot = message['snapshot'] as Snapshot;
    else if (message.type === 'event') this.events.push(message['event'] as Event);
    else this.#answers.push(message);
  }

  #send(message: object): void {
    this.#socket?.write(`${JSON.stringify(message)}\n`);
  }
}
