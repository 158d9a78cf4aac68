import { type Instant, after } from '@keepfleet/machine';
import type { SwimSettings } from './settings.ts';

export interface DepartureParts {
  readonly settings: SwimSettings;
  isAlone(): boolean;
  /** Whether news of that key waits to be told still. */
  isTelling(key: string): boolean;
  /** Tells the intent; the key of the news. */
  announce(): string;
  /** Tells the departure itself. */
  leave(now: Instant): void;
}

type Step =
  | { readonly kind: 'staying' }
  /** Until the queue is rid of it or time is up. */
  | {
      readonly kind: 'telling';
      readonly what: 'intent' | 'departure';
      readonly key: string;
      readonly until: Instant;
    }
  | { readonly kind: 'lingering'; readonly until: Instant };

/** Leaving in serf's order: first the intent, so that the departure after it is understood as leaving and not as failing. */
export class Departure {
  readonly #parts: DepartureParts;
  #step: Step = { kind: 'staying' };

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  begin(now: Instant): void {
    const { settings, announce } = this.#parts;
    this.#step = { kind: 'telling', what: 'intent', key: announce(), until: after(now, settings.leaveTimeout) };
  }

  /** Whether all is told and we may go. */
  proceed(now: Instant): boolean {
    const { settings, isAlone, isTelling, leave } = this.#parts;
    const alone = isAlone();
    const step = this.#step;
    if (step.kind === 'telling') {
      if (!alone && isTelling(step.key) && step.until > now) return false;
      if (step.what === 'intent') {
        leave(now);
        const until = after(now, settings.leaveTimeout);
        this.#step = { kind: 'telling', what: 'departure', key: `member ${settings.name}`, until };
        return alone && this.proceed(now);
      }
      this.#step = { kind: 'lingering', until: alone ? now : after(now, settings.leaveLinger) };
    }
    return this.#step.kind === 'lingering' && this.#step.until <= now;
  }

  nextDeadline(): Instant | undefined {
    return this.#step.kind === 'staying' ? undefined : this.#step.until;
  }
}
