import { type Duration, type Instant, between } from '@keepfleet/machine';
import type { LatenessSnapshot } from '@keepfleet/vrrp';

/** Later than this is worth counting: the skew time between two neighbouring priorities is 4 ms, an advert interval 1 s. */
export const LATE = 100_000 as Duration;

/** How late deadlines are served: what a busy machine, a stopped process or a long piece of work does to VRRP. */
export class Lateness {
  #last = 0 as Duration;
  #worst = 0 as Duration;
  #late = 0;
  #deadlines = 0;

  /** Gives the lateness. */
  served(deadline: Instant, now: Instant): Duration {
    const lateness = Math.max(0, between(deadline, now)) as Duration;
    this.#last = lateness;
    if (lateness > this.#worst) this.#worst = lateness;
    if (lateness > LATE) this.#late++;
    this.#deadlines++;
    return lateness;
  }

  snapshot(): LatenessSnapshot {
    return { last: this.#last, worst: this.#worst, late: this.#late, deadlines: this.#deadlines };
  }
}
