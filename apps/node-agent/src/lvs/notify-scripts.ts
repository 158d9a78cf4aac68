import type { Log } from '../log.ts';
import { type ScriptCommand, startScript } from '../scripts/index.ts';

/** Scripts that run at the same time; each is a process, and more wait for one of them to end. */
const MOST_RUNNING = 256;
/** Scripts that wait; more are given up. Each costs some 200 octets. */
const MOST_WAITING = 65_536;
/** At the end of the process: how long scripts that wait are still begun, and so many in one go. */
const BEGIN_MS = 2_000;
const BEGIN_AT_ONCE = 64;
/** At the end of the process: how long it is waited for scripts that run, to tell how they end. They go on by themselves. */
const END_MS = 1_000;

/** Runs notify scripts in the order in which they are asked for. None is lost in silence. */
export class NotifyScripts {
  readonly #log: Log;
  readonly #most: { readonly running: number; readonly waiting: number };
  /** From `#next` on. */
  #waiting: ScriptCommand[] = [];
  #next = 0;
  #running = 0;
  #lost = 0;
  #complained = false;
  #ending = false;
  #last: NodeJS.Timeout | undefined;

  constructor(log: Log, most = { running: MOST_RUNNING, waiting: MOST_WAITING }) {
    this.#log = log;
    this.#most = most;
  }

  /** Scripts that were not run since the start. */
  get lost(): number {
    return this.#lost;
  }

  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  run(command: ScriptCommand): void {
    if (this.#running < this.#most.running) return this.#begin(command);
    if (this.waiting >= this.#most.waiting) {
      this.#lost++;
      const text = `not run: ${this.waiting} notify scripts wait already, for ${this.#running} that run; do they end?`;
      this.#log.error({ script: command.argv.join(' '), lost: this.#lost }, text);
      return;
    }
    this.#waiting.push(command);
    if (this.#complained) return;
    this.#complained = true;
    this.#log.warn({ running: this.#running }, `${this.#running} notify scripts run; more wait until one of them ends`);
  }

  /** The process ends: it waits a moment for what runs, and begins what waits while that takes no longer than BEGIN_MS. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    const until = performance.now() + BEGIN_MS;
    const more = () => {
      for (let i = 0; i < BEGIN_AT_ONCE; i++) this.#beginNext();
      if (this.waiting > 0 && performance.now() < until) {
        setImmediate(more);
        return;
      }
      if (this.waiting > 0) {
        this.#lost += this.waiting;
        this.#log.error({ lost: this.waiting }, `the process ends, and ${this.waiting} notify scripts are not run`);
        this.#waiting = [];
        this.#next = 0;
      }
      // Also because who a script runs as is asked for first.
      if (this.#running > 0) this.#last = setTimeout(() => undefined, END_MS);
    };
    more();
  }

  #beginNext(): void {
    const command = this.#waiting[this.#next];
    if (command === undefined) return;
    this.#next++;
    // A shift for each would copy all that wait.
    if (this.#next * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.#waiting.length === 0) this.#complained = false;
    this.#begin(command);
  }

  #begin(command: ScriptCommand): void {
    this.#running++;
    startScript(
      command,
      (end) => {
        this.#running--;
        const script = command.argv.join(' ');
        if ('reason' in end) this.#log.error({ script }, `the notify script ${end.reason}`);
        else if (end.status !== 0) this.#log.warn({ script, ...end }, 'a notify script ended with an error');
        this.#beginNext();
        if (this.#running === 0) clearTimeout(this.#last);
      },
      { awaited: false },
    );
  }
}
