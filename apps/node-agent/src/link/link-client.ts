import { connect } from 'node:net';
import type { z } from 'zod';
import type { Log } from '../log.ts';
import { Connection } from './connection.ts';
import { LinkError } from './link-error.ts';
import { socketPath } from './link-server.ts';
import {
  type ControlMessage,
  type Hello,
  type Outcome,
  type ProcessMessage,
  type Role,
  type StopMode,
  processMessage,
} from './messages.ts';

/** Between two attempts while a process is expected to be there soon. */
export const RETRY_MS = 20;
const QUICK_RETRIES = 100;
/** Between two attempts after that. */
export const SLOW_RETRY_MS = 500;
export const COMMAND_TIMEOUT_MS = 10_000;

/** Up to where events have been taken in; kept by the control process across its own restarts. */
export interface EventPosition {
  readonly incarnation: string;
  readonly seq: number;
}

export interface LinkListener<Snapshot, Event> {
  /** A process is there, this control process's first or a new one. */
  connected(hello: Hello): void;
  /** `at`: milliseconds since 1970 on this node. */
  snapshot(snapshot: Snapshot, at: number): void;
  event(event: Event, at: number, position: EventPosition): void;
  /** Events were dropped before this control process could read them. */
  missed(count: number): void;
  applied(revision: string): void;
  refused(revision: string, reason: string): void;
  /** The process, or the connection to it, is gone; tried again until close(). */
  disconnected(reason: Error | undefined): void;
}

export interface LinkClientOptions<Snapshot, Event> {
  readonly runDirectory: string;
  readonly role: Role;
  readonly snapshot: z.ZodType<Snapshot>;
  readonly event: z.ZodType<Event>;
  readonly listener: LinkListener<Snapshot, Event>;
  readonly log: Log;
  /** An attempt to connect failed. */
  readonly unreachable?: (reason: NodeJS.ErrnoException) => void;
  /** Where a control process before this one has stopped reading events. */
  readonly position?: EventPosition | undefined;
}

interface Waiting {
  resolve(outcome: Outcome): void;
  reject(error: LinkError): void;
  readonly timer: NodeJS.Timeout;
}

/** The control process's end of the link to one process. Connects by itself, again and again, until closed. */
export class LinkClient<Settings, Command, Snapshot, Event> {
  readonly #options: LinkClientOptions<Snapshot, Event>;
  readonly #path: string;
  readonly #waiting = new Map<string, Waiting>();
  #desired: { readonly revision: string; readonly settings: Settings } | undefined;
  #position: EventPosition;
  #hello: Hello | undefined;
  #connection: Connection<ProcessMessage> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retries = 0;
  #commands = 0;
  #closed = false;
  #stopAsked = false;

  constructor(options: LinkClientOptions<Snapshot, Event>) {
    this.#options = options;
    this.#path = socketPath(options.runDirectory, options.role);
    this.#position = options.position ?? { incarnation: '', seq: 0 };
    this.#connect();
  }

  /** Who is at the other end now. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  /** Sets the desired state: sent now if a process is there, and to every one that comes. */
  configure(revision: string, settings: Settings): void {
    this.#desired = { revision, settings };
    if (this.#hello !== undefined) this.#sendDesired();
  }

  /** Rejects with {@link LinkError}; only after `lost` and `timeout` may the command have been carried out all the same. */
  command(command: Command, timeoutMs = COMMAND_TIMEOUT_MS): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const { role } = this.#options;
      if (this.#hello === undefined) {
        reject(new LinkError('not-connected', `the ${role} process is not running`));
        return;
      }
      this.#commands += 1;
      const id = `${process.pid}-${this.#commands}`;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new LinkError('timeout', `the ${role} process did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ type: 'command', id, command });
    });
  }

  /** Asks the process to end. */
  stop(mode: StopMode): void {
    this.#stopAsked = true;
    this.#send({ type: 'stop', mode });
  }

  /** Connects eagerly again: a process has just been started. */
  hasten(): void {
    this.#retries = 0;
  }

  /** Ends the link; the process goes on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#connection?.end();
    this.#failCommands(new LinkError('closed', 'the link was closed'));
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#connection = new Connection(socket, processMessage, {
      message: (message) => {
        if (!this.#closed) this.#receive(message);
      },
      drained: () => undefined,
      closed: (reason) => this.#disconnected(reason),
    });
  }

  #disconnected(reason: Error | undefined): void {
    const { role, log, listener } = this.#options;
    this.#connection = undefined;
    this.#failCommands(new LinkError('lost', `the connection to the ${role} process ended`, { cause: reason }));
    const hadProcess = this.#hello !== undefined;
    this.#hello = undefined;
    if (this.#closed) return;
    if (hadProcess) {
      if (this.#stopAsked) log.info({ link: role }, `the ${role} process has stopped`);
      else log.warn({ link: role, err: reason }, `the connection to the ${role} process ended; connecting again`);
      listener.disconnected(reason);
    } else if (reason !== undefined) this.#options.unreachable?.(reason);
    this.#retries += 1;
    this.#retry = setTimeout(() => this.#connect(), this.#retries > QUICK_RETRIES ? SLOW_RETRY_MS : RETRY_MS);
  }

  #receive(message: ProcessMessage): void {
    const { listener } = this.#options;
    switch (message.type) {
      case 'hello':
        this.#greet(message);
        break;
      case 'applied':
        listener.applied(message.revision);
        break;
      case 'refused':
        listener.refused(message.revision, message.reason);
        break;
      case 'snapshot': {
        const snapshot = this.#options.snapshot.safeParse(message.snapshot);
        if (snapshot.success) listener.snapshot(snapshot.data, message.at);
        else this.#unreadable('snapshot', snapshot.error);
        break;
      }
      case 'event': {
        if (this.#hello === undefined || message.seq <= this.#position.seq) return;
        this.#position = { incarnation: this.#hello.incarnation, seq: message.seq };
        const event = this.#options.event.safeParse(message.event);
        if (event.success) listener.event(event.data, message.at, this.#position);
        else this.#unreadable(`event ${message.seq}`, event.error);
        break;
      }
      case 'missed':
        this.#options.log.warn({ link: this.#options.role, count: message.count }, 'events were dropped unread');
        listener.missed(message.count);
        break;
      case 'done': {
        const waiting = this.#waiting.get(message.id);
        if (waiting === undefined) return;
        this.#waiting.delete(message.id);
        clearTimeout(waiting.timer);
        waiting.resolve(message.outcome.ok ? { ok: true, value: message.outcome.value } : message.outcome);
        break;
      }
      default:
        message satisfies never;
    }
  }

  #greet(hello: Hello): void {
    this.#hello = hello;
    this.#stopAsked = false;
    this.#retries = 0;
    if (this.#position.incarnation !== hello.incarnation) this.#position = { incarnation: hello.incarnation, seq: 0 };
    this.#send({ type: 'resume', incarnation: hello.incarnation, after: this.#position.seq });
    this.#sendDesired();
    this.#options.listener.connected(hello);
  }

  #sendDesired(): void {
    if (this.#desired !== undefined) this.#send({ type: 'configure', ...this.#desired });
  }

  /** A process of another version may know more than we do; what it says apart from this still counts. */
  #unreadable(what: string, error: z.ZodError): void {
    this.#options.log.error({ link: this.#options.role, err: error }, `an unreadable ${what}; dropped`);
  }

  #failCommands(error: LinkError): void {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
  }

  #send(message: ControlMessage): void {
    this.#connection?.send(message);
  }
}
