import { monotonicMicros } from '@keepfleet/linux';
import type { Instant } from '@keepfleet/machine';

/**
 * Unix milliseconds of points on the monotonic clock. One point keeps its answer as long as it is asked for, whatever
 * happens to the wall clock, so that a time in a snapshot does not tremble.
 */
export class WallClock {
  #kept = new Map<Instant, number>();
  #used = new Map<Instant, number>();

  unixMillis(at: Instant): number {
    const known = this.#used.get(at) ?? this.#kept.get(at);
    const value = known ?? Math.round(Date.now() - (monotonicMicros() - at) / 1_000);
    this.#used.set(at, value);
    return value;
  }

  /** Forgets what was not asked for since the last call. */
  sweep(): void {
    this.#kept = this.#used;
    this.#used = new Map();
  }
}
