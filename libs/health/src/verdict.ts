import { type Duration, type Instant, micros } from '@keepfleet/machine';
import type { ScheduledCheckSettings } from './settings.ts';

export interface CheckerStatus {
  readonly up: boolean;
  /** False until a first run has ended. */
  readonly ran: boolean;
  readonly lastResult: string | null;
  /** Failed runs one after another. */
  readonly failures: number;
  /** When `up` changed last. */
  readonly since: Instant;
}

/** A failed HTTP check must succeed twice, as keepalived's does: once where it failed and once as a whole. */
const HTTP_RISE = 2;

/** Counts the runs of one checker: what its verdict is, and how long until the next run. */
export class Verdict {
  readonly #settings: ScheduledCheckSettings;
  #status: CheckerStatus;
  #forgiven: number;
  #successes = 0;
  /** The verdict "down" stems from a failure of its own, not from `alpha` or another check of the server. */
  #failed = false;

  /** `up` is what to begin with: the state of the real server it belongs to. */
  constructor(settings: ScheduledCheckSettings, up: boolean, now: Instant) {
    this.#settings = settings;
    // The very first failure is not forgiven: the retries begin used up.
    this.#forgiven = settings.schedule.retry;
    this.#status = { up, ran: false, lastResult: null, failures: 0, since: now };
  }

  get status(): CheckerStatus {
    return this.#status;
  }

  /** The same with other times: what was counted so far counts on. */
  under(settings: ScheduledCheckSettings): Verdict {
    const next = new Verdict(settings, this.#status.up, this.#status.since);
    next.#status = this.#status;
    next.#forgiven = this.#status.ran ? Math.min(this.#forgiven, settings.schedule.retry) : settings.schedule.retry;
    next.#successes = this.#successes;
    next.#failed = this.#failed;
    return next;
  }

  /** Takes the result of a run and says how long to wait for the next one. */
  conclude(success: boolean, result: string, now: Instant): Duration {
    const { schedule } = this.#settings;
    const before = this.#status;
    const failures = success ? 0 : before.failures + 1;
    this.#successes = success ? this.#successes + 1 : 0;
    const forgiven = !success && (before.up || !before.ran) && this.#forgiven < schedule.retry;
    const up = success ? before.up || this.#successes >= this.#rise : forgiven && before.up;
    this.#forgiven = forgiven ? this.#forgiven + 1 : 0;
    if (!success && !forgiven) this.#failed = true;
    if (up) this.#failed = false;
    this.#status = { up, ran: true, lastResult: result, failures, since: up === before.up ? before.since : now };
    if (forgiven) return schedule.delayBeforeRetry;
    const http = this.#settings.kind === 'http' ? this.#settings : undefined;
    if (success) return !up && http?.fastRecovery === true ? micros(0) : schedule.delayLoop;
    // keepalived asks a web server that is down no sooner than it would repeat a question to one that is up.
    return http === undefined ? schedule.delayLoop : micros(Math.max(schedule.delayLoop, schedule.delayBeforeRetry));
  }

  get #rise(): number {
    const { schedule, kind } = this.#settings;
    return kind === 'http' && this.#failed ? Math.max(schedule.rise, HTTP_RISE) : schedule.rise;
  }
}
