import { type Duration, type Instant, type Machine, after, between, earliest, seconds } from '@keepfleet/machine';
import type { TrackerState } from './messages.ts';
import type { ScriptTrackerSettings } from './settings.ts';
import type { ScriptRun } from './snapshot.ts';

export type ScriptInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** The program runs: its time counts from now. */
  | { readonly kind: 'began' }
  /** It could not be run for a reason of this node's, which says nothing about what it would have found. */
  | { readonly kind: 'not-run' }
  /** The run has ended; `succeeded` is exit code 0. */
  | { readonly kind: 'exited'; readonly succeeded: boolean };

export type ScriptOutput =
  | { readonly kind: 'run' }
  | { readonly kind: 'kill'; readonly signal: 'SIGTERM' | 'SIGKILL' }
  | { readonly kind: 'state'; readonly state: TrackerState }
  /** The interval is over, and the last run is not. */
  | { readonly kind: 'overrun' };

/** From the polite signal to the other. */
const GRACE = seconds(2);

interface Run {
  /** Undefined until it has begun. */
  endBy: Instant | undefined;
  /** Signals sent; its result is already known to be failure. */
  signals: number;
}

/** When a vrrp_script runs, how long it may take, and what its results come to: rise, fall and init_fail. */
export class ScriptMonitor implements Machine<ScriptInput, ScriptOutput> {
  readonly #settings: ScriptTrackerSettings;
  #state: TrackerState;
  /** Results in a row that speak against the present state. */
  #against = 0;
  #nextRun: Instant | undefined;
  #run: Run | undefined;

  constructor(settings: ScriptTrackerSettings) {
    this.#settings = settings;
    this.#state = settings.initiallyFailed ? 'down' : 'unknown';
  }

  get state(): TrackerState {
    return this.#state;
  }

  get run(): ScriptRun {
    if (this.#run === undefined) return 'idle';
    if (this.#run.signals === 0) return 'running';
    return this.#run.signals === 1 ? 'terminating' : 'killing';
  }

  handle(input: ScriptInput, now: Instant): readonly ScriptOutput[] {
    switch (input.kind) {
      case 'start':
        return [{ kind: 'state', state: this.#state }, ...this.#start(now)];
      case 'stop': {
        this.#nextRun = undefined;
        const running = this.#run !== undefined;
        this.#run = undefined;
        return running ? [{ kind: 'kill', signal: 'SIGTERM' }] : [];
      }
      case 'began':
        if (this.#run !== undefined) this.#run.endBy = after(now, this.#settings.timeout);
        return [];
      case 'not-run':
        this.#run = undefined;
        return [];
      case 'exited': {
        const run = this.#run;
        this.#run = undefined;
        // One that was ended for its slowness has been counted.
        return run === undefined || run.signals > 0 ? [] : this.#count(input.succeeded);
      }
    }
  }

  timeout(now: Instant): readonly ScriptOutput[] {
    const outputs: ScriptOutput[] = [];
    const run = this.#run;
    const killAt = run === undefined ? undefined : killTime(run);
    if (run !== undefined && killAt !== undefined && killAt <= now) {
      run.signals++;
      outputs.push({ kind: 'kill', signal: run.signals === 1 ? 'SIGTERM' : 'SIGKILL' });
      // Whoever looks so late was held up, and the program most likely with it: that says nothing.
      const wasHeldUp = between(killAt, now) > this.#settings.timeout;
      if (run.signals === 1 && !wasHeldUp) outputs.push(...this.#count(false));
    }
    if (this.#nextRun !== undefined && this.#nextRun <= now) outputs.push(...this.#start(now));
    return outputs;
  }

  nextDeadline(): Instant | undefined {
    return earliest(this.#nextRun, this.#run === undefined ? undefined : killTime(this.#run));
  }

  #start(now: Instant): ScriptOutput[] {
    this.#nextRun = after(now, this.#settings.interval);
    if (this.#run !== undefined) return [{ kind: 'overrun' }];
    this.#run = { endBy: undefined, signals: 0 };
    return [{ kind: 'run' }];
  }

  #count(succeeded: boolean): ScriptOutput[] {
    const result = succeeded ? 'up' : 'down';
    if (result === this.#state) {
      this.#against = 0;
      return [];
    }
    this.#against++;
    const { rise, fall } = this.#settings;
    // keepalived: the very first result counts at once.
    const wanted = this.#state === 'unknown' ? 1 : succeeded ? rise : fall;
    if (this.#against < wanted) return [];
    this.#against = 0;
    this.#state = result;
    return [{ kind: 'state', state: result }];
  }
}

function killTime({ endBy, signals }: Run): Instant | undefined {
  return endBy === undefined ? undefined : after(endBy, (signals * GRACE) as Duration);
}
