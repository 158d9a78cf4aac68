import { randomUUID } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { lockPidFile } from '@keepfleet/linux';
import { z } from 'zod';
import type { Log } from '../log.ts';
import { Connection } from './connection.ts';
import { readDelta } from './delta.ts';
import { EventRing } from './event-ring.ts';
import { LinkError } from './link-error.ts';
import {
  type ControlMessage,
  type Outcome,
  type ProcessMessage,
  type Role,
  type StopMode,
  controlMessage,
} from './messages.ts';

/** Snapshots are sent at most this often, and at least every {@link SNAPSHOT_EVERY_MS} unless one costs too much. */
export const SNAPSHOT_GAP_MS = 100;
export const SNAPSHOT_EVERY_MS = 2_000;
/**
 * The gap is at least so many times what the last one took to write; to read and check it takes control three times that,
 * and a reload must not wait for it. At 37,000 real servers: 0.2 s, so that one is sent every 8 s.
 */
const SNAPSHOT_COST = 40;
/** And where new settings are in force, which somebody waits to see: 2 s at 37,000 real servers. */
const NEW_SETTINGS_COST = 10;
/** Of making one, before other work has its turn. */
const SNAPSHOT_SLICE_MS = 1;
/** However much it costs. Who is master must be known sooner, and is never that much to write. */
const SNAPSHOT_LONGEST_GAP_MS: Readonly<Record<Role, number>> = {
  lvs: 10_000,
  vrrp: SNAPSHOT_EVERY_MS,
  bfd: SNAPSHOT_EVERY_MS,
};

/** Connections at a time: control's, and a few that somebody looks on by. */
export const MAX_PEERS = 16;

export interface Refusal {
  readonly refused: string;
  /** Because it is about to end, which nobody has to look into. */
  readonly stopping?: true;
}

/** What a process does at the control process's word. */
export interface LinkedProcess<Settings, Command, Snapshot> {
  readonly role: Role;
  readonly settings: z.ZodType<Settings>;
  readonly command: z.ZodType<Command>;
  /** The schema of its settings reads lists of items that are like the one before. */
  readonly alike?: true;
  /**
   * Takes the whole desired state; the same state again changes nothing. A returned reason refuses it, and then nothing
   * has changed. Never called again before it has returned.
   */
  configure(settings: Settings): Promise<Refusal | undefined> | Refusal | undefined;
  carryOut(command: Command): Promise<Outcome> | Outcome;
  /** `signal`: by a signal to the process itself, not by its control process. */
  stop(mode: StopMode, by?: 'signal'): void;
  snapshot(): Snapshot;
  /** The same as JSON, in pieces that take little time each; where there is this, other work is done between them. */
  snapshotText?(): Generator<string, void>;
}

export interface LinkServerOptions {
  readonly runDirectory: string;
  readonly version: string;
  readonly log: Log;
}

interface Peer {
  readonly connection: Connection<ControlMessage>;
  /** Number of the next event to send; none before `resume`. */
  nextEvent: number | undefined;
  snapshotDue: boolean;
}

/**
 * The process's end of the link. It goes on whether or not a control process is there, and never waits for one: a
 * snapshot that was not read is replaced by the next, an event stays in the ring until it is its turn.
 */
export class LinkServer<Settings extends object, Command, Snapshot, Event> {
  readonly incarnation = randomUUID();
  readonly #process: LinkedProcess<Settings, Command, Snapshot>;
  readonly #options: LinkServerOptions;
  readonly #startedAt = Date.now();
  readonly #ring = new EventRing<Event>();
  readonly #peers = new Set<Peer>();
  readonly #server: Server;
  readonly #releaseLock: () => void;
  readonly #path: string;
  #problems: readonly string[] = [];
  #revision: string | null = null;
  /** Those of the revision. */
  #settings: Settings | undefined;
  #configuring: Promise<void> = Promise.resolve();
  #snapshotTimer: NodeJS.Timeout | undefined;
  #isMaking = false;
  /** Since the making of the last one began. */
  #changedMeanwhile = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #snapshotAt = -Infinity;
  /** Milliseconds that the last one took. */
  #snapshotTook = 0;
  /** In force when the last one was begun. */
  #toldRevision: string | null = null;
  #closing: Promise<void> | undefined;

  private constructor(
    process: LinkedProcess<Settings, Command, Snapshot>,
    options: LinkServerOptions,
    releaseLock: () => void,
  ) {
    this.#process = process;
    this.#options = options;
    this.#releaseLock = releaseLock;
    this.#path = socketPath(options.runDirectory, process.role);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /**
   * Takes the role's place in the run directory and listens. Throws {@link LinkError} `in-use` when a live process has
   * it; what a dead one left is removed.
   */
  static async listen<Settings extends object, Command, Snapshot, Event>(
    process: LinkedProcess<Settings, Command, Snapshot>,
    options: LinkServerOptions,
  ): Promise<LinkServer<Settings, Command, Snapshot, Event>> {
    const pidFile = join(options.runDirectory, `${process.role}.pid`);
    const lock = lockPidFile(pidFile);
    if (lock.kind === 'held') {
      const owner = lock.pid === undefined ? 'another process' : `process ${lock.pid}`;
      throw new LinkError(
        'in-use',
        `${owner} already runs the role ${process.role} in ${options.runDirectory}: stop it first, or give another --run-dir`,
      );
    }
    const server = new LinkServer<Settings, Command, Snapshot, Event>(process, options, lock.release);
    try {
      await server.#listen();
    } catch (error) {
      lock.release();
      throw error;
    }
    return server;
  }

  /** Keeps an event and sends it to whoever wants events. */
  event(event: Event): void {
    this.#ring.push(event, Date.now());
    for (const peer of this.#peers) this.#pump(peer);
  }

  /** The snapshot is no longer what was last sent. Cheap: call it at every change. */
  changed(): void {
    this.#changedMeanwhile = true;
    if (this.#peers.size === 0 || this.#snapshotTimer !== undefined || this.#isMaking) return;
    const wait = Math.max(0, this.#snapshotAt + this.#snapshotGap() - performance.now());
    this.#snapshotTimer = setTimeout(() => void this.#sendSnapshots(), wait);
  }

  /** What keeps the process from its whole work. */
  set problems(problems: readonly string[]) {
    this.#problems = problems;
    for (const peer of this.#peers) this.#send(peer, { type: 'problems', problems: [...problems] });
  }

  /** Ends all connections and gives the role's place free. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#snapshotTimer);
    clearInterval(this.#heartbeat);
    for (const { connection } of this.#peers) connection.end();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      // A peer that does not close its end must not keep the process.
      setTimeout(() => {
        for (const { connection } of this.#peers) connection.destroy();
      }, SNAPSHOT_GAP_MS).unref();
    });
    this.#releaseLock();
  }

  #listen(): Promise<void> {
    // Whoever held the lock is dead, so nobody listens there any more.
    rmSync(this.#path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#path, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#options.log.error({ err: error }, `${this.#path}: cannot accept`));
        chmodSync(this.#path, 0o600);
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const { log } = this.#options;
    const connection = new Connection(socket, controlMessage, {
      message: (message) => this.#receive(peer, message),
      drained: () => {
        this.#pump(peer);
        if (peer.snapshotDue) this.changed();
      },
      closed: (reason) => {
        this.#peers.delete(peer);
        if (this.#peers.size === 0) clearInterval(this.#heartbeat);
        if (this.#closing !== undefined) return;
        if (reason === undefined) log.info({}, 'the control process closed its connection; going on without it');
        else log.warn({ err: reason }, 'the connection of the control process broke; going on without it');
      },
    });
    const peer: Peer = { connection, nextEvent: undefined, snapshotDue: true };
    if (this.#peers.size === 0) {
      clearInterval(this.#heartbeat);
      this.#heartbeat = setInterval(() => this.#beat(), SNAPSHOT_EVERY_MS);
    }
    this.#makeRoom();
    this.#peers.add(peer);
    this.#send(peer, {
      type: 'hello',
      role: this.#process.role,
      pid: process.pid,
      incarnation: this.incarnation,
      version: this.#options.version,
      revision: this.#revision,
      startedAt: this.#startedAt,
      problems: [...this.#problems],
      deltas: true,
      ...(this.#process.alike === true ? { alike: true } : {}),
    });
    this.changed();
  }

  /** A control process asks for events at once; of the others the oldest goes. */
  #makeRoom(): void {
    if (this.#peers.size < MAX_PEERS) return;
    const peers = [...this.#peers];
    const oldest = peers.find(({ nextEvent }) => nextEvent === undefined) ?? peers[0];
    if (oldest === undefined) return;
    this.#peers.delete(oldest);
    oldest.connection.destroy();
  }

  #receive(peer: Peer, message: ControlMessage): void {
    switch (message.type) {
      case 'configure':
        this.#configuring = this.#configuring.then(() => this.#configure(peer, message));
        break;
      case 'command':
        void this.#carryOut(peer, message.id, message.command);
        break;
      case 'resume':
        peer.nextEvent = message.incarnation === this.incarnation ? message.after + 1 : 1;
        this.#pump(peer);
        break;
      case 'stop':
        this.#process.stop(message.mode);
        break;
      default:
        message satisfies never;
    }
  }

  async #configure(peer: Peer, message: Extract<ControlMessage, { type: 'configure' }>): Promise<void> {
    const { revision, base } = message;
    const refuse = (reason: string, level: 'error' | 'info' = 'error') => {
      this.#options.log[level]({ revision, reason }, 'settings refused; the ones before stay in force');
      this.#send(peer, { type: 'refused', revision, reason });
    };
    // What is as before has been checked before.
    const known = base !== undefined && base === this.#revision ? this.#settings : undefined;
    const delta = known === undefined ? undefined : readDelta(known, message.settings);
    if (base !== undefined && delta === undefined) return this.#send(peer, { type: 'unknown-base', revision });
    const parsed = this.#process.settings.safeParse(delta?.changed ?? message.settings);
    if (!parsed.success) return refuse(z.prettifyError(parsed.error));
    const settings = delta?.whole(parsed.data) ?? parsed.data;
    try {
      const result = await this.#process.configure(settings);
      if (result !== undefined) return refuse(result.refused, result.stopping === true ? 'info' : 'error');
    } catch (error) {
      this.#options.log.error({ err: error, revision }, 'settings could not be applied');
      return refuse(error instanceof Error ? error.message : String(error));
    }
    this.#revision = revision;
    this.#settings = settings;
    this.#send(peer, { type: 'applied', revision });
    // One that waits may be sent earlier now.
    clearTimeout(this.#snapshotTimer);
    this.#snapshotTimer = undefined;
    this.changed();
  }

  async #carryOut(peer: Peer, id: string, data: unknown): Promise<void> {
    const command = this.#process.command.safeParse(data);
    let outcome: Outcome;
    try {
      outcome = command.success
        ? await this.#process.carryOut(command.data)
        : { ok: false, reason: z.prettifyError(command.error) };
    } catch (error) {
      this.#options.log.error({ err: error, command: data }, 'a command failed');
      outcome = { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
    this.#send(peer, { type: 'done', id, outcome });
    this.changed();
  }

  /** Sends the peer as many events as it takes; the rest stays in the ring until it has read those. */
  #pump(peer: Peer): void {
    if (peer.nextEvent === undefined || peer.connection.busy) return;
    // A peer that claims events which never were gets what comes.
    peer.nextEvent = Math.min(peer.nextEvent, this.#ring.last + 1);
    const missed = this.#ring.first - peer.nextEvent;
    if (missed > 0) {
      this.#send(peer, { type: 'missed', count: missed });
      peer.nextEvent = this.#ring.first;
    }
    while (!peer.connection.busy) {
      const entry = this.#ring.at(peer.nextEvent);
      if (entry === undefined) return;
      this.#send(peer, { type: 'event', ...entry });
      peer.nextEvent += 1;
    }
  }

  /** Where snapshots are rare, something else shows that the process is alive. */
  #beat(): void {
    if (this.#snapshotGap() > SNAPSHOT_EVERY_MS) this.problems = this.#problems;
    this.changed();
  }

  /** One of tens of thousands of servers takes long to write: the process shall have time for its work. */
  #snapshotGap(): number {
    const cost = this.#toldRevision === this.#revision ? SNAPSHOT_COST : NEW_SETTINGS_COST;
    const longest = SNAPSHOT_LONGEST_GAP_MS[this.#process.role];
    return Math.min(longest, Math.max(SNAPSHOT_GAP_MS, cost * this.#snapshotTook));
  }

  async #sendSnapshots(): Promise<void> {
    this.#snapshotTimer = undefined;
    this.#isMaking = true;
    this.#snapshotAt = performance.now();
    this.#changedMeanwhile = false;
    this.#toldRevision = this.#revision;
    try {
      await this.#sendSnapshot();
    } catch (error) {
      // VRRP and IPVS do not end because their state cannot be told; control says what it does not hear.
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.error(
        { err: error },
        `the state could not be told (${reason}); tried again with its next change`,
      );
    } finally {
      this.#isMaking = false;
    }
    if (this.#changedMeanwhile && this.#closing === undefined) this.changed();
  }

  async #sendSnapshot(): Promise<void> {
    const start = `{"type":"snapshot","at":${Date.now()},"snapshot":`;
    const { text, took } = await this.#snapshotText();
    const since = performance.now();
    if (this.#closing !== undefined) return;
    for (const peer of this.#peers) {
      peer.snapshotDue = peer.connection.busy;
      if (!peer.snapshotDue) peer.connection.sendText(`${start}${text}}`);
    }
    this.#snapshotTook = took + performance.now() - since;
  }

  /** And how long it took without what was done in between, milliseconds. */
  async #snapshotText(): Promise<{ readonly text: string; readonly took: number }> {
    let began = performance.now();
    const pieces = this.#process.snapshotText?.();
    if (pieces === undefined) {
      const text = JSON.stringify(this.#process.snapshot());
      return { text, took: performance.now() - began };
    }
    const parts: string[] = [];
    let took = 0;
    for (const piece of pieces) {
      parts.push(piece);
      if (performance.now() - began < SNAPSHOT_SLICE_MS) continue;
      took += performance.now() - began;
      await immediate();
      began = performance.now();
    }
    return { text: parts.join(''), took: took + performance.now() - began };
  }

  #send(peer: Peer, message: ProcessMessage): void {
    peer.connection.send(message);
  }
}

export function socketPath(runDirectory: string, role: Role): string {
  return join(runDirectory, `${role}.sock`);
}
