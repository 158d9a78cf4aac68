import { type Duration, type Instant, after, micros, millis } from '@keepfleet/machine';
import type { Heard } from './backup.ts';
import { advertisedInterval } from './timers.ts';
import type { VirtualRouterSettings } from './settings.ts';

const LEAST_TOLERANCE = millis(250);

/**
 * Whether another router is heard as master, in every state and whatever this router makes of its adverts: one that is in
 * fault, waits to preempt or is held by its sync group knows of a master too. It rules nothing here; the fleet is told.
 */
export class Hearing {
  #overdueAt: Instant | undefined;

  /** An advert was heard no longer ago than the interval that it promised, with the tolerance for a late one. */
  get isMasterHeard(): boolean {
    return this.#overdueAt !== undefined;
  }

  take({ advert }: Heard, settings: VirtualRouterSettings, now: Instant): void {
    // Priority 0 says that its sender is master no more.
    this.#overdueAt =
      advert.priority === 0 ? undefined : after(now, overdueAfter(advertisedInterval(advert, settings)));
  }

  timeout(now: Instant): void {
    if (this.#overdueAt !== undefined && this.#overdueAt <= now) this.#overdueAt = undefined;
  }

  nextDeadline(): Instant | undefined {
    return this.#overdueAt;
  }

  forget(): void {
    this.#overdueAt = undefined;
  }
}

/** A quarter of an interval for its jitter, but no less than a busy machine may take. */
function overdueAfter(interval: Duration): Duration {
  return micros(interval + Math.max(interval / 4, LEAST_TOLERANCE));
}
