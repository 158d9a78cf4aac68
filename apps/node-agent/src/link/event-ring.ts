/** How many events a process keeps for a control process that is away. */
export const EVENT_RING_SIZE = 4096;

export interface NumberedEvent<Event> {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly event: Event;
}

/** The latest events, by number. */
export class EventRing<Event> {
  readonly #size: number;
  readonly #slots: NumberedEvent<Event>[] = [];
  #last = 0;

  constructor(size = EVENT_RING_SIZE) {
    this.#size = size;
  }

  /** Number of the latest event, 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Number of the oldest event that is still here; `last + 1` when there is none. */
  get first(): number {
    return this.#last - this.#slots.length + 1;
  }

  push(event: Event, at: number): NumberedEvent<Event> {
    this.#last += 1;
    const entry = { seq: this.#last, at, event };
    this.#slots[(this.#last - 1) % this.#size] = entry;
    return entry;
  }

  at(seq: number): NumberedEvent<Event> | undefined {
    return seq < this.first || seq > this.#last ? undefined : this.#slots[(seq - 1) % this.#size];
  }
}
