import type { Logger } from 'pino';
import type { Clock } from './clock.ts';

/** Wall clock and monotonic clock apart by more than this between two looks: the wall clock was set. */
const STEP_MS = 500;

/**
 * The clock of everybody here. It notices at every look that somebody set it: whoever keeps times is told by how much before
 * anybody sees the new time, and moves them along, so that an age stays an age and a deadline as far away as it was.
 */
export class ClockWatch implements Clock {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Set<(ms: number) => void>();
  #monotonic = performance.now();
  #time: number;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    this.#time = clock.now().getTime();
  }

  /** `listener` is told the milliseconds that the clock was set by. Returns what ends the subscription. */
  subscribe(listener: (ms: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  now(): Date {
    const now = this.#clock.now();
    const monotonic = performance.now();
    const set = Math.round(now.getTime() - this.#time - (monotonic - this.#monotonic));
    this.#monotonic = monotonic;
    this.#time = now.getTime();
    if (Math.abs(set) > STEP_MS) {
      this.#log.warn({ milliseconds: set }, 'the clock of this machine was set; ages and deadlines are kept');
      for (const listener of this.#listeners) listener(set);
    }
    return now;
  }
}
