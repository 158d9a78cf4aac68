import type { Log } from '../log.ts';

/** Between two lines of the log about checks that could not be made. */
const SAY_EVERY_MS = 10_000;

/** Checks whose runs are left out for want of something on this node, until they are made again. */
export class LeftOut {
  readonly #log: Log;
  /** When each was left out first, the longest first. */
  readonly #since = new Map<string, Date>();
  #reason = '';
  /** Runs since that was last said. */
  #runs = 0;
  #saidAt = -Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  /** All checks meet it at once; one line says so. `what` tells the check to an operator. */
  add(check: string, what: string, reason: string): void {
    if (!this.#since.has(check)) this.#since.set(check, new Date());
    this.#reason = reason;
    this.#runs++;
    if (performance.now() - this.#saidAt < SAY_EVERY_MS) return;
    this.#log.error(
      { check: what, reason, checks: this.#runs },
      `checks cannot be made, and the verdicts stay as they are: ${reason}`,
    );
    this.#runs = 0;
    this.#saidAt = performance.now();
  }

  /** It was made, or is no longer wanted. */
  delete(check: string): void {
    this.#since.delete(check);
  }

  clear(): void {
    this.#since.clear();
  }

  /** How many and since when, for whoever asks for the state of the node. */
  get problem(): string | undefined {
    const [since] = this.#since.values();
    if (since === undefined) return undefined;
    const checks = this.#since.size === 1 ? 'check' : 'checks';
    return `${this.#since.size} health ${checks} cannot be made, the first since ${since.toISOString()}, and the verdicts on their servers are as old: ${this.#reason}`;
  }
}
