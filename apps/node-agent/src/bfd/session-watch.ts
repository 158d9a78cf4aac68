import { type BfdEvent, type BfdSnapshot, type SessionState, diagnosticText } from '@keepfleet/bfd';
import { connect } from 'node:net';
import { Connection } from '../link/connection.ts';
import { socketPath } from '../link/index.ts';
import { type ProcessMessage, processMessage } from '../link/messages.ts';
import type { Log } from '../log.ts';
import { bfdEventSchema, bfdSnapshotSchema } from './schemas.ts';

/** What a session says of its path. `unknown`: there is no such session, or nothing has been heard of it yet. */
export interface SessionVerdict {
  readonly state: 'up' | 'down' | 'unknown';
  /** Why, for an operator: the diagnostic. */
  readonly reason: string;
}

export interface SessionWatchOptions {
  readonly runDirectory: string;
  readonly log: Log;
  /** The verdict of a wanted session is another. */
  readonly changed: (session: string, verdict: SessionVerdict) => void;
  /** Default {@link HOLD_MS}. */
  readonly holdMs?: number;
}

/**
 * For so long the last verdict holds when the bfd process is gone, and after it is back until its new sessions have come
 * up: a crash of ours is no failure of a path. Sessions come up within 3 s.
 */
export const HOLD_MS = 10_000;
const RETRY_MS = 200;
/** Every event from now on: what was before is in the snapshot. */
const NO_OLD_EVENTS = Number.MAX_SAFE_INTEGER - 1;

const UNKNOWN: SessionVerdict = { state: 'unknown', reason: 'nothing has been heard of it yet' };

interface Watched {
  verdict: SessionVerdict;
  /** Has been up since this bfd process was started, so that its being down is a failure. */
  hasBeenUp: boolean;
  /** What it will be told as when the hold is over. */
  held: SessionVerdict | undefined;
}

/**
 * Reads from the bfd process how its sessions are, for a process that tracks them: over the same socket that the control
 * process uses, so that the news comes at once and whether or not a control process is there. Connects while sessions
 * are wanted.
 */
export class SessionWatch {
  readonly #options: SessionWatchOptions;
  readonly #sessions = new Map<string, Watched>();
  #connection: Connection<ProcessMessage> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #hold: NodeJS.Timeout | undefined;
  #incarnation: string | undefined;
  #greeted = false;
  #told = '';
  #closed = false;

  constructor(options: SessionWatchOptions) {
    this.#options = options;
  }

  /** The sessions whose verdicts matter from now on, all of them. */
  want(names: Iterable<string>): void {
    const wanted = new Set(names);
    for (const name of this.#sessions.keys()) if (!wanted.has(name)) this.#sessions.delete(name);
    const isNew = [...wanted].filter((name) => !this.#sessions.has(name));
    for (const name of isNew) this.#sessions.set(name, { verdict: UNKNOWN, hasBeenUp: false, held: undefined });
    if (this.#sessions.size === 0) return this.#disconnect();
    // A snapshot tells of the new ones; the bfd process sends one on connection, and every 2 s.
    if (isNew.length > 0 && this.#connection !== undefined) this.#disconnect();
    if (this.#connection === undefined && this.#retry === undefined) this.#connect();
  }

  verdict(session: string): SessionVerdict {
    return this.#sessions.get(session)?.verdict ?? UNKNOWN;
  }

  close(): void {
    this.#closed = true;
    this.#sessions.clear();
    this.#disconnect();
  }

  #connect(): void {
    this.#retry = undefined;
    const connection = new Connection(connect(socketPath(this.#options.runDirectory, 'bfd')), processMessage, {
      message: (message) => {
        if (this.#connection === connection) this.#receive(message);
      },
      drained: () => undefined,
      closed: (reason) => {
        if (this.#connection === connection) this.#lost(reason);
      },
    });
    this.#connection = connection;
  }

  #disconnect(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#hold);
    this.#retry = undefined;
    this.#hold = undefined;
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#greeted = false;
  }

  #lost(reason: Error | undefined): void {
    this.#connection = undefined;
    if (this.#greeted) this.#startHold();
    this.#greeted = false;
    const text = reason?.message ?? 'it has ended';
    if (text !== this.#told)
      this.#options.log.warn(
        { reason: text },
        'the bfd process cannot be read; the states of its sessions hold for a while, and it is tried again until it can',
      );
    this.#told = text;
    if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
  }

  #receive(message: ProcessMessage): void {
    switch (message.type) {
      case 'hello':
        this.#greet(message.incarnation);
        break;
      case 'snapshot': {
        const snapshot = bfdSnapshotSchema.safeParse(message.snapshot);
        if (snapshot.success) this.#take(snapshot.data);
        else this.#options.log.error({ err: snapshot.error }, 'an unreadable snapshot of the bfd process; dropped');
        break;
      }
      case 'event': {
        const event = bfdEventSchema.safeParse(message.event);
        if (event.success) this.#happened(event.data);
        break;
      }
      default:
    }
  }

  #greet(incarnation: string): void {
    if (this.#told !== '') this.#options.log.info({}, 'the bfd process can be read');
    this.#told = '';
    this.#connection?.send({ type: 'resume', incarnation, after: NO_OLD_EVENTS });
    if (this.#incarnation !== incarnation) for (const session of this.#sessions.values()) session.hasBeenUp = false;
    this.#incarnation = incarnation;
    this.#greeted = true;
    this.#startHold();
  }

  /** All that is known of the sessions; one that it does not have is unknown when the hold is over. */
  #take(snapshot: BfdSnapshot): void {
    const found = new Map(snapshot.sessions.map((session) => [session.name, session]));
    for (const [name, watched] of this.#sessions) {
      const session = found.get(name);
      if (session === undefined) this.#judge(name, watched, { state: 'unknown', reason: 'there is no such session' });
      else {
        if (session.counters.up > 0) watched.hasBeenUp = true;
        this.#judge(name, watched, verdictOf(session));
      }
    }
  }

  #happened(event: BfdEvent): void {
    if (event.kind !== 'state-changed') return;
    const watched = this.#sessions.get(event.session);
    if (watched === undefined || event.reason === 'stopped' || event.reason === 'removed') return;
    this.#judge(event.session, watched, verdictOf({ ...event, state: event.to }));
  }

  #judge(name: string, watched: Watched, next: SessionVerdict | undefined): void {
    if (next === undefined) {
      if (watched.verdict.state !== 'unknown') return;
      next = SWITCHED_OFF;
    }
    if (next.state === 'up') watched.hasBeenUp = true;
    const isNews = next.state === 'up' || (next.state === 'down' && watched.hasBeenUp);
    // Where nothing is known, there is nothing to hold: a session that has not come up yet is down.
    const counts = isNews || this.#hold === undefined || watched.verdict.state === 'unknown';
    watched.held = counts ? undefined : next;
    if (counts) this.#become(name, watched, next);
  }

  #become(name: string, watched: Watched, next: SessionVerdict): void {
    const before = watched.verdict;
    watched.verdict = next;
    if (before.state !== next.state) this.#options.changed(name, next);
  }

  #startHold(): void {
    if (this.#connection === undefined) {
      for (const watched of this.#sessions.values())
        watched.held = { state: 'unknown', reason: 'the bfd process does not answer' };
    }
    // One that runs is not begun again: a process that crashes again and again must not be believed for ever.
    this.#hold ??= setTimeout(() => this.#endHold(), this.#options.holdMs ?? HOLD_MS);
  }

  #endHold(): void {
    this.#hold = undefined;
    for (const [name, watched] of this.#sessions) {
      const { held } = watched;
      watched.held = undefined;
      if (held !== undefined) this.#become(name, watched, held);
    }
  }
}

const SWITCHED_OFF: SessionVerdict = { state: 'down', reason: 'it is administratively down at one end' };

/**
 * Undefined where BFD was switched off at either end, which says nothing of the path: whatever was true before stays so
 * (RFC 5882 section 3.2, and keepalived).
 */
function verdictOf(session: {
  readonly state: SessionState;
  readonly diagnostic: number;
  readonly remoteState: SessionState;
}): SessionVerdict | undefined {
  const { state, remoteState } = session;
  const reason = diagnosticText(session.diagnostic);
  if (state === 'up') return { state, reason };
  return state === 'admin-down' || (state === 'down' && remoteState === 'admin-down')
    ? undefined
    : { state: 'down', reason };
}
