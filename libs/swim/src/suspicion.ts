import { type Duration, type Instant, after, micros } from '@keepfleet/machine';
import type { SwimTunables } from './settings.ts';

export interface SuspicionBounds {
  /** Confirmations by others that bring the wait down to `least`; 0 when there are too few members to confirm. */
  readonly wanted: number;
  readonly least: Duration;
  readonly most: Duration;
}

/**
 * How long a suspect has to refute among `live` members, itself and us included. Counting the dead too, as memberlist
 * does, makes two survivors of a larger fleet wait for confirmations that nobody can give.
 */
export function suspicionBounds(live: number, tunables: SwimTunables): SuspicionBounds {
  const confirming = tunables.suspicionMultiplier - 2;
  const scale = Math.max(1, Math.log10(Math.max(1, live)));
  const least = micros(tunables.suspicionMultiplier * scale * tunables.probeInterval);
  return {
    wanted: live - 2 < confirming ? 0 : confirming,
    least,
    most: micros(tunables.suspicionMaxMultiplier * least),
  };
}

/** The whole wait once `confirmations` members beside the first agree: falls with the logarithm of their number (Lifeguard, LHA-Suspicion). */
export function suspicionTime(confirmations: number, { wanted, least, most }: SuspicionBounds): Duration {
  if (wanted < 1) return least;
  const share = Math.log(confirmations + 1) / Math.log(wanted + 1);
  return micros(Math.max(least, most - share * (most - least)));
}

/** One member under suspicion: who accuses it, and until when it may refute. The deadline only ever comes nearer. */
export class Suspicion {
  readonly #bounds: SuspicionBounds;
  #start: Instant;
  readonly #accusers: Set<string>;

  constructor(accuser: string, bounds: SuspicionBounds, now: Instant) {
    this.#bounds = bounds;
    this.#start = now;
    this.#accusers = new Set([accuser]);
  }

  get accusers(): readonly string[] {
    return [...this.#accusers];
  }

  get deadline(): Instant {
    return after(this.#start, suspicionTime(this.#accusers.size - 1, this.#bounds));
  }

  /** Whether the accuser is new and still matters; only then is its accusation worth passing on. */
  confirm(accuser: string): boolean {
    if (this.#accusers.has(accuser) || this.#accusers.size > this.#bounds.wanted) return false;
    this.#accusers.add(accuser);
    return true;
  }

  postpone(by: Duration): void {
    this.#start = after(this.#start, by);
  }
}
