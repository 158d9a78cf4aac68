import { type Duration, type Instant, after, between, micros } from '@keepfleet/machine';

export interface PacerSettings {
  /** Sent at once after a quiet time. */
  readonly burst: number;
  /** Time between two after that. Raising it delays the last of a storm, lowering it floods the receivers. */
  readonly interval: Duration;
  /** Waiting at the most; of more the oldest are given up. */
  readonly limit: number;
}

/** Lets a storm of notifications out at a bearable rate and in order. */
export class NotificationPacer<T> {
  readonly #settings: PacerSettings;
  readonly #waiting: T[] = [];
  #credit: number;
  #creditAt: Instant | undefined;
  dropped = 0;

  constructor(settings: PacerSettings) {
    this.#settings = settings;
    this.#credit = settings.burst;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** What may go out now. */
  push(one: T, now: Instant): T[] {
    this.#waiting.push(one);
    const ready = this.timeout(now);
    if (this.#waiting.length > this.#settings.limit) {
      this.#waiting.shift();
      this.dropped++;
    }
    return ready;
  }

  timeout(now: Instant): T[] {
    const { burst, interval } = this.#settings;
    if (this.#creditAt !== undefined) {
      const earned = Math.floor(between(this.#creditAt, now) / interval);
      if (earned > 0) {
        this.#credit = Math.min(burst, this.#credit + earned);
        this.#creditAt = this.#credit === burst ? now : after(this.#creditAt, micros(earned * interval));
      }
    } else this.#creditAt = now;
    const ready = this.#waiting.splice(0, this.#credit);
    if (ready.length > 0 && this.#credit === burst) this.#creditAt = now;
    this.#credit -= ready.length;
    return ready;
  }

  nextDeadline(): Instant | undefined {
    if (this.#waiting.length === 0 || this.#creditAt === undefined) return undefined;
    return after(this.#creditAt, this.#settings.interval);
  }
}
