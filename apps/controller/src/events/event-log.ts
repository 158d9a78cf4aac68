import { Inject, Injectable } from '@nestjs/common';
import { fleet, model } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { readTextMap } from '../common/json.ts';
import { Signal } from '../common/signal.ts';
import { CLOCK, OPTIONS } from '../common/tokens.ts';
import type { Options } from '../options.ts';
import { EventRepository, type EventFilter, type NewEventRow, type StoredEventRow } from './event.repository.ts';

/** The controller's own events have an epoch that no agent can name (see link/intake.ts). */
const OWN_EPOCH = '~controller';
const WATCH_PAGE = 500;
/** Old events are looked for once in so many new ones. */
const PRUNE_EVERY = 1000;
export const LARGEST_PAGE = 1000;
export const USUAL_PAGE = 100;

export interface OwnEvent {
  /** The node that it is about, if one. */
  readonly node: string;
  readonly severity: model.Severity;
  readonly kind: string;
  readonly subject: string;
  readonly message: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Since when, and why, the store takes no events. */
interface StoreFailure {
  readonly since: Date;
  readonly reason: string;
}

export interface EventPage {
  readonly events: fleet.FleetEvent[];
  /** Where to go on. */
  readonly next: number;
}

/** The log of everything that happened: the nodes' events, each once and in the node's order, and the controller's own. */
@Injectable()
export class EventLog {
  readonly #repository: EventRepository;
  readonly #clock: Clock;
  readonly #keep: number;
  readonly #stored = new Signal();
  #ownTurn: Promise<unknown> = Promise.resolve();
  #total = 0;
  #failing: StoreFailure | undefined;
  #unpruned = 0;

  constructor(
    @Inject(EventRepository) repository: EventRepository,
    @Inject(CLOCK) clock: Clock,
    @Inject(OPTIONS) options: Pick<Options, 'keepEvents'>,
  ) {
    this.#repository = repository;
    this.#clock = clock;
    this.#keep = options.keepEvents;
  }

  /** Stored since the start. */
  get total(): number {
    return this.#total;
  }

  through(node: string, epoch: string): Promise<number> {
    return this.#repository.through(node, epoch);
  }

  /** Resolves when the events are on disk and may be acknowledged. */
  async store(node: string, epoch: string, events: readonly model.Event[]): Promise<void> {
    if (events.length === 0) return;
    const now = this.#clock.now().getTime();
    const rows = events.map((event) => ({ node, epoch, received_at: now, ...toRow(event) }));
    await this.#append(node, epoch, rows);
  }

  /** Writes down what the controller itself did or noticed. */
  write(event: OwnEvent): Promise<void> {
    // One at a time: the sequence is the last one plus one.
    const turn = this.#ownTurn.then(async () => {
      const sequence = (await this.#repository.through(event.node, OWN_EPOCH)) + 1;
      const now = this.#clock.now();
      const row = toRow({ sequence: BigInt(sequence), at: now, attributes: {}, ...event });
      await this.#append(event.node, OWN_EPOCH, [
        { node: event.node, epoch: OWN_EPOCH, received_at: now.getTime(), ...row },
      ]);
    });
    this.#ownTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Events after a position; before them what is missing there, if anything is. */
  async list(after: number, filter: EventFilter, limit: number): Promise<EventPage> {
    const gap = await this.#gap(after);
    const from = gap === undefined ? after : Number(gap.position);
    const rows = await this.#repository.after(from, filter, limit);
    return { events: [...(gap === undefined ? [] : [gap]), ...rows.map(fromRow)], next: rows.at(-1)?.position ?? from };
  }

  /** Whether the store can be written: rejects with what it says. */
  async check(): Promise<void> {
    await this.#repository.rewrite();
    if (this.#failing !== undefined) await this.#recovered(this.#failing);
  }

  async latest(filter: EventFilter, limit: number): Promise<EventPage> {
    const head = await this.#repository.head();
    const rows = await this.#repository.latest(filter, limit);
    return { events: rows.map(fromRow), next: Math.max(head, rows.at(-1)?.position ?? 0) };
  }

  /** Events after `from` and then new ones as they are stored, until `abort`. Reads the log, so that none is missed or told twice. */
  async *watch(
    from: { readonly after: number } | { readonly latest: number },
    filter: EventFilter,
    abort: AbortSignal,
  ): AsyncGenerator<fleet.FleetEvent> {
    let after: number;
    if ('latest' in from) {
      const page = await this.latest(filter, from.latest);
      yield* page.events;
      after = page.next;
    } else {
      after = from.after;
    }
    while (!abort.aborted) {
      const gap = await this.#gap(after);
      if (gap !== undefined) {
        after = Number(gap.position);
        yield gap;
      }
      const reading = new AbortController();
      // Subscribed before reading: what is stored while reading raises the signal.
      const news = this.#stored.next(AbortSignal.any([abort, reading.signal]));
      try {
        const head = await this.#repository.head();
        const rows = await this.#repository.after(after, filter, WATCH_PAGE);
        for (const row of rows) yield fromRow(row);
        const last = rows.at(-1)?.position ?? after;
        const whole = rows.length < WATCH_PAGE;
        // Past what the filter left out, so that it is not looked at again.
        after = whole ? Math.max(last, head) : last;
        if (whole) await news;
      } finally {
        reading.abort();
      }
    }
  }

  /** Written down, since what the controller itself had to say meanwhile is lost; agents keep theirs until they are taken. */
  async #recovered(failing: StoreFailure): Promise<void> {
    this.#failing = undefined;
    const seconds = Math.round((this.#clock.now().getTime() - failing.since.getTime()) / 1000);
    const message = `the store takes events again, after ${seconds} s (${failing.reason}); the controller's own of that time are lost`;
    const event = { node: '', severity: model.Severity.WARNING, kind: 'store.recovered', subject: 'store', message };
    await this.write(event).catch((error: unknown) => {
      this.#failing = failing;
      throw error;
    });
  }

  /**
   * What one who has read through `after` cannot be shown any more: an event that is in no log, at the position after which
   * the log goes on. One who begins with the oldest misses nothing.
   */
  async #gap(after: number): Promise<fleet.FleetEvent | undefined> {
    if (after === 0) return undefined;
    const oldest = await this.#repository.oldest();
    const missing = (oldest ?? 0) - after - 1;
    if (missing > 0)
      return notice(
        (oldest ?? 0) - 1,
        this.#clock.now(),
        `${missing} event${missing === 1 ? '' : 's'} after position ${after} had been removed before they were read; ` +
          '--keep-events says how many the controller keeps',
      );
    const head = await this.#repository.head();
    if (head >= after) return undefined;
    return notice(
      0,
      this.#clock.now(),
      `the log ends at position ${head}, before ${after}: the store was replaced, and is read from its beginning`,
    );
  }

  async #append(node: string, epoch: string, rows: readonly NewEventRow[]): Promise<void> {
    const stored = await this.#repository.append(node, epoch, rows).catch((error: unknown) => {
      this.#failing ??= { since: this.#clock.now(), reason: error instanceof Error ? error.message : String(error) };
      throw error;
    });
    if (this.#failing !== undefined) void this.#recovered(this.#failing).catch(() => undefined);
    this.#total += stored;
    this.#unpruned += stored;
    if (this.#unpruned >= PRUNE_EVERY) {
      this.#unpruned = 0;
      await this.#repository.removeThrough((await this.#repository.head()) - this.#keep);
    }
    if (stored > 0) this.#stored.raise();
  }
}

function notice(position: number, now: Date, message: string): fleet.FleetEvent {
  const at = { sequence: 0n, at: now, severity: model.Severity.WARNING, attributes: {} };
  return {
    position: BigInt(position),
    node: '',
    receivedAt: now,
    event: { ...at, kind: 'events.missed', subject: 'events', message },
  };
}

function toRow(event: Omit<model.Event, 'attributes'> & { attributes: Readonly<Record<string, string>> }) {
  return {
    sequence: Number(event.sequence),
    at: event.at?.getTime() ?? null,
    severity: event.severity,
    kind: event.kind,
    subject: event.subject,
    message: event.message,
    attributes: JSON.stringify(event.attributes),
  };
}

const severities = new Map<number, model.Severity>(
  Object.values(model.Severity).map((severity) => [severity, severity]),
);

function fromRow(row: StoredEventRow): fleet.FleetEvent {
  return {
    position: BigInt(row.position),
    node: row.node,
    receivedAt: new Date(row.received_at),
    event: {
      sequence: BigInt(row.sequence),
      at: row.at === null ? undefined : new Date(row.at),
      severity: severities.get(row.severity) ?? model.Severity.UNSPECIFIED,
      kind: row.kind,
      subject: row.subject,
      message: row.message,
      attributes: readTextMap(row.attributes),
    },
  };
}
