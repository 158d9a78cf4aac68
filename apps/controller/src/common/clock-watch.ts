import { uptime } from 'node:os';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';

/** Wall clock and monotonic clock apart by more than this between two looks: the wall clock was set. */
const STEP_MS = 500;

/**
 * The clock of everybody here. It notices at every look that somebody set it: whoever keeps times is told by how much before
 * anybody sees the new time, and moves them along, so that an age stays an age and a deadline as far away as it was. That the
 * machine was suspended sets no clock: what was known before is as old as it is.
 */
export class ClockWatch implements Clock {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Set<(ms: number) => void>();
  readonly #uptime: () => number;
  #monotonic = performance.now();
  #time: number;
  /** Milliseconds that the machine was suspended, and the offset of two clocks. */
  #suspended: number;

  /** `up` is in seconds and counts the time of suspensions, which the monotonic clock leaves out. */
  constructor(clock: Clock, log: Logger, up = uptime) {
    this.#uptime = up;
    this.#suspended = this.#readSuspended();
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
    const apart = now.getTime() - this.#time - (monotonic - this.#monotonic);
    this.#monotonic = monotonic;
    this.#time = now.getTime();
    const set = Math.abs(apart) > STEP_MS ? Math.round(apart - this.#sinceSuspended()) : 0;
    if (Math.abs(set) > STEP_MS) {
      this.#log.warn({ milliseconds: set }, 'the clock of this machine was set; ages and deadlines are kept');
      for (const listener of this.#listeners) listener(set);
    }
    return now;
  }

  /** How long it was suspended since the last call. */
  #sinceSuspended(): number {
    const before = this.#suspended;
    this.#suspended = this.#readSuspended();
    return this.#suspended - before;
  }

  #readSuspended(): number {
    return this.#uptime() * 1000 - performance.now();
  }
}
