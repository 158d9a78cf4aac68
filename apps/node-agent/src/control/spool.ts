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
import { errorText } from './error-text.ts';

/** Events kept while no controller acknowledges them; beyond it the oldest are given up, counted and reported. About 100 MiB on disk. */
export const MAX_SPOOLED_EVENTS = 200_000;
/** Acknowledged events that the file may carry before it is written anew. */
const COMPACT_AFTER = 2_000;

const originSchema = z.object({ role: z.enum(['vrrp', 'lvs']), incarnation: z.string(), seq: z.int() });

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
  #fd: number;
  #wakeUps = new Set<() => void>();
  /** Events given up because the spool was full, or kept in memory alone because the disk refused them. */
  #lost = 0;
  #unwritten = 0;
  readonly problems: string[] = [];

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    this.#meta = this.#loadMeta();
    this.#last = this.#meta.last;
    this.#loadEvents();
    this.#fd = openSync(this.#eventsPath, 'a', 0o640);
    this.#saveMeta();
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
    this.#write(kept);
    this.#pending.push(kept);
    if (origin !== undefined) this.#noteTaken(origin);
    if (this.#pending.length > MAX_SPOOLED_EVENTS) {
      this.#pending.shift();
      this.#lost += 1;
    }
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
    if (this.#linesOnDisk - this.#pending.length > COMPACT_AFTER) this.#compact();
    else this.#saveMeta();
  }

  /** Calls `wake` after every append; returns the way to stop. */
  onAppend(wake: () => void): () => void {
    this.#wakeUps.add(wake);
    return () => this.#wakeUps.delete(wake);
  }

  close(): void {
    this.#saveMeta();
    fsyncSync(this.#fd);
    closeSync(this.#fd);
  }

  get #eventsPath(): string {
    return join(this.#directory, 'events.jsonl');
  }

  get #metaPath(): string {
    return join(this.#directory, 'meta.json');
  }

  /** A full disk must not stop the node: the event stays in memory, the loss of safety is told once and mended with the next write. */
  #write(event: NodeEvent): void {
    try {
      appendFileSync(this.#fd, `${JSON.stringify(event)}\n`);
      this.#linesOnDisk += 1;
      if (this.#unwritten > 0) this.#compact();
    } catch (error) {
      this.#unwritten += 1;
      const problem = `event spool: ${this.#eventsPath} cannot be written (${errorText(error)}); events are kept in memory only until it can: free space there`;
      if (!this.problems.includes(problem)) this.problems.push(problem);
    }
  }

  #compact(): void {
    try {
      const temporary = `${this.#eventsPath}.new`;
      writeFileAtomically(temporary, this.#pending.map((event) => `${JSON.stringify(event)}\n`).join(''));
      renameSync(temporary, this.#eventsPath);
      closeSync(this.#fd);
      this.#fd = openSync(this.#eventsPath, 'a', 0o640);
      this.#linesOnDisk = this.#pending.length;
      this.#unwritten = 0;
      this.problems.length = 0;
      this.#saveMeta();
    } catch (error) {
      this.problems.splice(
        0,
        this.problems.length,
        `event spool: ${this.#directory} cannot be written (${errorText(error)})`,
      );
    }
  }

  #noteTaken(origin: EventOrigin): void {
    const others = this.#meta.taken.filter((one) => one.role !== origin.role);
    this.#meta.taken = [...others, origin];
  }

  #saveMeta(): void {
    this.#meta.last = this.#last;
    try {
      writeFileAtomically(this.#metaPath, JSON.stringify(this.#meta));
    } catch (error) {
      const problem = `event spool: ${this.#metaPath} cannot be written (${errorText(error)}); after a restart acknowledged events may be sent again`;
      if (!this.problems.includes(problem)) this.problems.push(problem);
    }
  }

  #loadMeta(): Meta {
    const fresh: Meta = { version: 1, epoch: randomUUID(), last: 0, acknowledged: 0, taken: [] };
    if (!existsSync(this.#metaPath)) return fresh;
    const parsed = metaSchema.safeParse(parseJson(readFileSync(this.#metaPath, 'utf8')));
    if (parsed.success) return parsed.data;
    renameSync(this.#metaPath, `${this.#metaPath}.damaged`);
    if (existsSync(this.#eventsPath)) renameSync(this.#eventsPath, `${this.#eventsPath}.damaged`);
    this.problems.push(
      `event spool: ${this.#metaPath} was damaged; the spool begins anew and the old files are kept as *.damaged`,
    );
    return fresh;
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
    if (good === text.length) return;
    const fd = openSync(this.#eventsPath, 'r+');
    ftruncateSync(fd, good);
    closeSync(fd);
    this.problems.push(
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
