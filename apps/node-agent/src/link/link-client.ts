import { connect } from 'node:net';
import type { z } from 'zod';
import type { Log } from '../log.ts';
import { BadMessage, Connection } from './connection.ts';
import { withLikeness } from './alike.ts';
import { deltaOf } from './delta.ts';
import { LineTooLong } from './line-reader.ts';
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
/** A process says something every 2 s: after three times that it is stopped or held up, and what it said last is old. */
export const SILENT_AFTER_MS = 6_000;

/** Up to where events have been taken in; kept by the control process across its own restarts. */
export interface EventPosition {
  readonly incarnation: string;
  readonly seq: number;
}

export interface LinkListener<Snapshot, Event> {
  /** A process is there, this control process's first or a new one. */
  connected(hello: Hello): void;
  /** What keeps the process from its work is no longer what its hello said. */
  problems(problems: readonly string[]): void;
  /** `at`: milliseconds since 1970 on this node. */
  snapshot(snapshot: Snapshot, at: number): void;
  event(event: Event, at: number, position: EventPosition): void;
  /** Events were dropped before this control process could read them. */
  missed(count: number): void;
  applied(revision: string): void;
  refused(revision: string, reason: string): void;
  /** The process is there and has said nothing since then (milliseconds since 1970); undefined: it speaks again. */
  silent(since: number | undefined): void;
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
  /** Default {@link SILENT_AFTER_MS}. */
  readonly silentAfterMs?: number;
}

interface Waiting {
  resolve(outcome: Outcome): void;
  reject(error: LinkError): void;
  readonly timer: NodeJS.Timeout;
}

/** The control process's end of the link to one process. Connects by itself, again and again, until closed. */
export class LinkClient<Settings extends object, Command, Snapshot, Event> {
  readonly #options: LinkClientOptions<Snapshot, Event>;
  readonly #path: string;
  readonly #waiting = new Map<string, Waiting>();
  #desired: { readonly revision: string; readonly settings: Settings } | undefined;
  /** What the process at the other end has said that it has in force. */
  #inForce: { readonly revision: string; readonly settings: Settings } | undefined;
  #position: EventPosition;
  #hello: Hello | undefined;
  #connection: Connection<ProcessMessage> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retries = 0;
  #commands = 0;
  #closed = false;
  #stopAsked = false;
  #watch: NodeJS.Timeout | undefined;
  #heardAt = -Infinity;
  #silent = false;
  /** What was logged of a connection that failed, so that each failure is one line and not one a retry. */
  #told = '';
  #toldUnreadable = '';

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

  /** Whether somebody has taken the connection, greeting or not. */
  get connected(): boolean {
    return this.#connection?.established === true;
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
      if (this.#silent) {
        // It would be carried out when the process wakes up, whenever that is.
        const { pid } = this.#hello;
        const reason = `the ${role} process (${pid}) does not answer: it is stopped or held up; nothing was done`;
        reject(new LinkError('not-connected', reason));
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
    clearTimeout(this.#watch);
    this.#connection?.end();
    this.#failCommands(new LinkError('closed', 'the link was closed'));
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#connection = new Connection(socket, processMessage, {
      message: (message) => {
        if (this.#closed) return;
        this.#heardAt = performance.now();
        this.#receive(message);
        if (this.#silent) this.#becomeSilent(false);
      },
      drained: () => undefined,
      closed: (reason) => this.#disconnected(reason),
    });
    this.#heardAt = performance.now();
    this.#watchSilence();
  }

  #watchSilence(): void {
    const { silentAfterMs = SILENT_AFTER_MS, role, log } = this.#options;
    clearTimeout(this.#watch);
    const wait = Math.max(0, this.#heardAt + silentAfterMs - performance.now());
    // The immediate lets what has arrived be read first, should this process itself have been stopped.
    const look = () => {
      if (this.#closed || this.#connection === undefined) return;
      if (performance.now() - this.#heardAt < silentAfterMs) return this.#watchSilence();
      if (this.#hello !== undefined) this.#becomeSilent(true);
      else
        log.error({ link: role }, `the ${role} process takes a connection and says nothing: it is stopped or held up`);
    };
    this.#watch = setTimeout(() => setImmediate(look), wait);
  }

  #becomeSilent(isSilent: boolean): void {
    this.#silent = isSilent;
    this.#options.listener.silent(isSilent ? Math.round(Date.now() - (performance.now() - this.#heardAt)) : undefined);
    if (!isSilent) this.#watchSilence();
  }

  #disconnected(reason: Error | undefined): void {
    const { role, log, listener } = this.#options;
    this.#connection = undefined;
    this.#failCommands(new LinkError('lost', `the connection to the ${role} process ended`, { cause: reason }));
    const hadProcess = this.#hello !== undefined;
    this.#hello = undefined;
    this.#inForce = undefined;
    this.#silent = false;
    clearTimeout(this.#watch);
    if (this.#closed) return;
    // What it says now it says the next time too, a process of another version for example.
    const misunderstood = reason instanceof BadMessage || reason instanceof LineTooLong;
    if (misunderstood) this.#retries = QUICK_RETRIES;
    const why = reason?.message ?? '';
    if (hadProcess) {
      if (this.#stopAsked) log.info({ link: role }, `the ${role} process has stopped`);
      else if (!misunderstood || why !== this.#told)
        log.warn({ link: role, err: reason }, `the connection to the ${role} process ended; connecting again`);
      listener.disconnected(reason);
    } else if (reason !== undefined) this.#options.unreachable?.(reason);
    this.#told = misunderstood ? why : '';
    this.#retries += 1;
    this.#retry = setTimeout(() => this.#connect(), this.#retries > QUICK_RETRIES ? SLOW_RETRY_MS : RETRY_MS);
  }

  #receive(message: ProcessMessage): void {
    const { listener } = this.#options;
    switch (message.type) {
      case 'hello':
        this.#greet(message);
        break;
      case 'problems':
        if (this.#hello !== undefined) this.#hello = { ...this.#hello, problems: message.problems };
        listener.problems(message.problems);
        break;
      case 'applied':
        this.#inForce = this.#desired?.revision === message.revision ? this.#desired : undefined;
        listener.applied(message.revision);
        break;
      case 'unknown-base':
        this.#inForce = undefined;
        if (this.#desired?.revision === message.revision) this.#sendDesired();
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
    if (this.#desired === undefined) return;
    const { revision, settings } = this.#desired;
    const base = this.#hello?.deltas === true ? this.#inForce : undefined;
    const told = base === undefined ? settings : deltaOf(base.settings, settings);
    this.#send({
      type: 'configure',
      revision,
      ...(base === undefined ? {} : { base: base.revision }),
      settings: this.#hello?.alike === true ? withLikeness(told) : told,
    });
  }

  /** A process of another version may know more than we do; what it says apart from this still counts. */
  #unreadable(what: string, error: z.ZodError): void {
    if (error.message === this.#toldUnreadable) return;
    this.#toldUnreadable = error.message;
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
