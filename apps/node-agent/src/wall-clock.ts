import { type Instant, instant } from '@keepfleet/machine';
import { monotonicMicros } from '@keepfleet/linux';

/** A step of the wall clock larger than this is followed; smaller ones would make every timestamp waver. */
const STEP_MS = 1_000;

/** Turns instants into times of day, the same instant always into the same time unless somebody set the clock. */
export class WallClock {
  #offset = offset();

  epochMillis(at: Instant): number {
    return this.reading()(at);
  }

  /** For many instants at once: reads the clocks once. */
  reading(): (at: Instant) => number {
    const current = offset();
    if (Math.abs(current - this.#offset) > STEP_MS) this.#offset = current;
    const used = this.#offset;
    return (at) => Math.round(at / 1_000 + used);
  }
}

export function monotonicNow(): Instant {
  return instant(monotonicMicros());
}

function offset(): number {
  return Date.now() - monotonicMicros() / 1_000;
}
