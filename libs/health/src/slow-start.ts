import { type Duration, type Instant, after, between, micros } from '@keepfleet/machine';

/** Steps on the way; each is one change in the kernel. */
const STEPS = 10;

/** The share of its weight that a server has while it comes back: a tenth at first, more with each tenth of the time. */
export class SlowStart {
  readonly #time: Duration;
  #began: Instant | undefined;

  constructor(time: Duration) {
    this.#time = time;
  }

  /** The server is up again. */
  begin(now: Instant): void {
    if (this.#time > 0) this.#began = now;
  }

  end(): void {
    this.#began = undefined;
  }

  share(now: Instant): number {
    if (this.#began === undefined) return 1;
    const step = Math.floor((between(this.#began, now) / this.#time) * STEPS);
    if (step >= STEPS - 1) this.#began = undefined;
    return Math.min(1, (step + 1) / STEPS);
  }

  nextDeadline(now: Instant): Instant | undefined {
    if (this.#began === undefined) return undefined;
    const step = Math.floor((between(this.#began, now) / this.#time) * STEPS) + 1;
    return after(this.#began, micros(Math.ceil((step * this.#time) / STEPS)));
  }
}
