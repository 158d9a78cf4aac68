import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from './atomic-file.ts';
import { errorText } from '../error-text.ts';

/** Events kept while no controller acknowledges them; beyond it the oldest are given up, counted and reported. About 100 MiB on disk. */
export const MAX_SPOOLED_EVENTS = 200_000;
/** So that a full spool is not moved in memory at each event. */
const GIVEN_UP_AT_ONCE = 1_000;
/** Events no longer wanted that the file may carry before it is written anew; a tenth of those wanted, when that is more. */
const COMPACT_AFTER = 2_000;
/** A disk that refuses the whole file is asked again after so many times the time that it took to refuse. */
const PAUSE_FACTOR = 10;

const originSchema = z.object({ role: z.enum(['vrrp', 'lvs', 'bfd']), incarnation: z.string(), seq: z.int() });

export const nodeEventSchema = z.object({
  sequence: z.int().positive(),
  /** ISO 8601, when it happened on this node. */
  at: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  kind: z.string(),
  subject: z.string(),
  message: z.string(),
  attributes: z.record(z.string(), z.string()),
  origin: originSchema.optional(),
});

export type NodeEvent = z.infer<typeof nodeEventSchema>;
export type EventOrigin = z.infer<typeof originSchema>;

const metaSchema = z.object({
  version: z.literal(1),
  epoch: z.string(),
  /** The last sequence that was given out when this was written; the file's own lines may go on from there. */
  last: z.int().min(0),
  acknowledged: z.int().min(0),
  /** The last event taken over from each process, so that a restart asks for the next one. */
  taken: z.array(originSchema),
});
type Meta = z.infer<typeof metaSchema>;

/**
 * Events on disk until the controller has acknowledged them, in order, each once. Sequences count from 1 within an epoch;
 * the epoch changes only when the spool's files are lost. Appends are written before they are sent.
 */
export class EventSpool {
  readonly #directory: string;
  #meta: Meta;
  #pending: NodeEvent[] = [];
  #last: number;
  #linesOnDisk = 0;
  /** Undefined while the file could not be opened. */
  #fd: number | undefined;
  #wakeUps = new Set<() => void>();
  /** Events given up because the spool was full. */
  #lost = 0;
  /** Events that are in memory alone because the disk refused them. */
  #unwritten = 0;
  #compactAfter = -Infinity;
  /** What was wrong with the files at start. */
  #damage: string[] = [];
  /** Why events, and the place of reading, cannot be written. */
  #eventsTrouble: string | undefined;
  #metaTrouble: string | undefined;

  /** Never throws: a node whose disk is full or broken works on with its events in memory, and says so. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#meta = { version: 1, epoch: randomUUID(), last: 0, acknowledged: 0, taken: [] };
    this.#last = 0;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o750 });
      this.#loadMeta();
      this.#last = this.#meta.last;
      this.#loadEvents();
    } catch (error) {
      this.#damage.push(
        `event spool: ${directory} cannot be read (${errorText(error)}): make it readable for the agent`,
      );
    }
    try {
      this.#fd = openSync(this.#eventsPath, 'a', 0o640);
    } catch (error) {
      this.#eventsRefused(error);
    }
    this.#saveMeta();
  }

  /** What the operator should know; empty when all is well. */
  get problems(): readonly string[] {
    return [...this.#damage, this.#eventsTrouble, this.#metaTrouble].filter((one) => one !== undefined);
  }

  get epoch(): string {
    return this.#meta.epoch;
  }

  get last(): number {
    return this.#last;
  }

  get acknowledged(): number {
    return this.#meta.acknowledged;
  }

  get lost(): number {
    return this.#lost;
  }

  /** The position in a process's own event ring up to which its events are in the spool, if any came from this incarnation. */
  taken(role: EventOrigin['role'], incarnation: string): number {
    const origin = this.#meta.taken.find((one) => one.role === role);
    return origin?.incarnation === incarnation ? origin.seq : 0;
  }

  /** Where a process's own event ring was read to, across restarts of control. */
  position(role: EventOrigin['role']): { readonly incarnation: string; readonly seq: number } | undefined {
    return this.#meta.taken.find((one) => one.role === role);
  }

  /** Gives the event its sequence and keeps it. An event of a process that was taken over before is ignored. */
  append(event: Omit<NodeEvent, 'sequence'>): NodeEvent | undefined {
    const { origin } = event;
    if (origin !== undefined && origin.seq <= this.taken(origin.role, origin.incarnation)) return undefined;
    const kept: NodeEvent = { sequence: this.#last + 1, ...event };
    this.#last = kept.sequence;
    this.#pending.push(kept);
    if (origin !== undefined) this.#noteTaken(origin);
    if (this.#pending.length > MAX_SPOOLED_EVENTS) {
      this.#pending.splice(0, GIVEN_UP_AT_ONCE);
      this.#lost += GIVEN_UP_AT_ONCE;
    }
    this.#write(kept);
    for (const wake of this.#wakeUps) wake();
    return kept;
  }

  /** Up to `limit` events after `sequence` that are not acknowledged. */
  after(sequence: number, limit: number): readonly NodeEvent[] {
    const first = this.#pending[0];
    if (first === undefined) return [];
    const start = Math.max(0, sequence + 1 - first.sequence);
    return this.#pending.slice(start, start + limit);
  }

  /** Every event up to and with `sequence` is stored at the controller. */
  acknowledge(sequence: number): void {
    if (sequence <= this.#meta.acknowledged || sequence > this.#last) return;
    this.#meta.acknowledged = sequence;
    const first = this.#pending[0];
    if (first !== undefined) this.#pending.splice(0, Math.max(0, sequence + 1 - first.sequence));
    if (this.#isLong()) this.#compact();
    else this.#saveMeta();
  }

  /**
   * The controller has more of this epoch than was ever given out: the state directory went back in time, as from a
   * backup. What is pending is numbered anew under a new epoch; under the old one it would pass for known.
   */
  beginAnew(): void {
    this.#pending = this.#pending.map((event, index) => ({ ...event, sequence: index + 1 }));
    this.#last = this.#pending.length;
    this.#meta = { ...this.#meta, epoch: randomUUID(), acknowledged: 0 };
    this.#compact();
  }

  /** Calls `wake` after every append; returns the way to stop. */
  onAppend(wake: () => void): () => void {
    this.#wakeUps.add(wake);
    return () => this.#wakeUps.delete(wake);
  }

  close(): void {
    if (this.#unwritten > 0) this.#compact();
    else this.#saveMeta();
    if (this.#fd === undefined) return;
    try {
      fsyncSync(this.#fd);
    } finally {
      closeSync(this.#fd);
      this.#fd = undefined;
    }
  }

  get #eventsPath(): string {
    return join(this.#directory, 'events.jsonl');
  }

  get #metaPath(): string {
    return join(this.#directory, 'meta.json');
  }

  /** A full disk must not stop the node: the event stays in memory, and the file is written whole once the disk takes it again. */
  #write(event: NodeEvent): void {
    if (this.#fd === undefined || this.#unwritten > 0) {
      this.#unwritten += 1;
      this.#compact();
      return;
    }
    try {
      appendFileSync(this.#fd, `${JSON.stringify(event)}\n`);
      this.#linesOnDisk += 1;
    } catch (error) {
      this.#unwritten += 1;
      this.#eventsRefused(error);
      return;
    }
    if (this.#isLong()) this.#compact();
  }

  #isLong(): boolean {
    return this.#linesOnDisk - this.#pending.length > Math.max(COMPACT_AFTER, this.#pending.length / 10);
  }

  #compact(): void {
    const started = performance.now();
    if (started < this.#compactAfter) return;
    try {
      writeFileAtomically(this.#eventsPath, this.#pending.map((event) => `${JSON.stringify(event)}\n`).join(''));
      if (this.#fd !== undefined) closeSync(this.#fd);
      this.#fd = undefined;
      this.#fd = openSync(this.#eventsPath, 'a', 0o640);
      this.#linesOnDisk = this.#pending.length;
      this.#unwritten = 0;
      this.#damage = [];
      this.#eventsTrouble = undefined;
      this.#saveMeta();
    } catch (error) {
      const now = performance.now();
      this.#compactAfter = now + PAUSE_FACTOR * (now - started);
      this.#eventsRefused(error);
    }
  }

  #eventsRefused(error: unknown): void {
    this.#eventsTrouble = `event spool: ${this.#eventsPath} cannot be written (${errorText(error)}); events are kept in memory only until it can: free space there, or make it writable for the agent`;
  }

  #noteTaken(origin: EventOrigin): void {
    const others = this.#meta.taken.filter((one) => one.role !== origin.role);
    this.#meta.taken = [...others, origin];
  }

  #saveMeta(): void {
    this.#meta.last = this.#last;
    try {
      writeFileAtomically(this.#metaPath, JSON.stringify(this.#meta));
      this.#metaTrouble = undefined;
    } catch (error) {
      this.#metaTrouble = `event spool: ${this.#metaPath} cannot be written (${errorText(error)}); after a restart acknowledged events may be sent again`;
    }
  }

  #loadMeta(): void {
    if (!existsSync(this.#metaPath)) return;
    const parsed = metaSchema.safeParse(parseJson(readFileSync(this.#metaPath, 'utf8')));
    if (parsed.success) {
      this.#meta = parsed.data;
      return;
    }
    renameSync(this.#metaPath, `${this.#metaPath}.damaged`);
    if (existsSync(this.#eventsPath)) renameSync(this.#eventsPath, `${this.#eventsPath}.damaged`);
    this.#damage.push(
      `event spool: ${this.#metaPath} was damaged; the spool begins anew and the old files are kept as *.damaged`,
    );
  }

  /** Reads the events back. A torn last line, the trace of a crash or a full disk in mid-write, is cut off. */
  #loadEvents(): void {
    if (!existsSync(this.#eventsPath)) return;
    const text = readFileSync(this.#eventsPath);
    let good = 0;
    while (good < text.length) {
      const end = text.indexOf(0x0a, good);
      if (end === -1) break;
      const event = nodeEventSchema.safeParse(parseJson(text.toString('utf8', good, end)));
      if (!event.success) break;
      good = end + 1;
      this.#linesOnDisk += 1;
      this.#last = Math.max(this.#last, event.data.sequence);
      if (event.data.sequence > this.#meta.acknowledged) this.#pending.push(event.data);
      if (event.data.origin !== undefined) this.#noteTaken(event.data.origin);
    }
    const surplus = this.#pending.length - MAX_SPOOLED_EVENTS;
    if (surplus > 0) {
      this.#pending.splice(0, surplus);
      this.#lost += surplus;
    }
    if (good === text.length) return;
    const fd = openSync(this.#eventsPath, 'r+');
    ftruncateSync(fd, good);
    closeSync(fd);
    this.#damage.push(
      `event spool: ${text.length - good} bytes at the end of ${this.#eventsPath} were no whole event and were cut off`,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
