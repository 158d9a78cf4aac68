import { availableParallelism, getPriority } from 'node:os';
import {
  LinuxError,
  lockProgramMemory,
  nameProcess,
  raiseRealTime,
  runOnCpus,
  runRealTime,
  setNice,
  setTimeSlice,
} from '@keepfleet/linux';
import { type Duration, type Scheduling, toMillis } from '@keepfleet/machine';
import { z } from 'zod';
import type { Log } from './log.ts';

/** V8 compiles and collects for longer than keepalived's 10 ms at a time; the kernel would end the process for it. */
const LEAST_LIMIT_MICROS = 1_000_000;

/**
 * Of a process that little is asked of, at set times, while much depends on it; a twentieth of a processor for hundreds of
 * virtual routers. Taken where the configuration gives no other.
 */
const PROMPT_NICE = -10;
/** The shortest that Linux takes: an advert takes a third of it. */
const SHORT_SLICE_NANOS = 100_000;
/**
 * Processes of an agent that was started in real time (chrt, CPUSchedulingPolicy=) take turns of 100 ms where there is one
 * CPU, and what control does with a large state would hold up checks and adverts: these go so far ahead of it.
 */
const AHEAD = { timely: 1, prompt: 2 } as const;

const count = z.int().nonnegative();
const priority = z.int().min(1).max(99);

export const schedulingSchema: z.ZodType<Scheduling> = z.object({
  realTime: z.exactOptional(priority),
  realTimeLimit: z.exactOptional(count),
  automatic: z.exactOptional(
    z.object({ highest: priority, lateness: count.transform((microseconds) => microseconds as Duration) }),
  ),
  nice: z.exactOptional(z.int().min(-20).max(19)),
  noSwap: z.exactOptional(z.boolean()),
  cpus: z.exactOptional(z.array(count)),
  processName: z.exactOptional(z.string()),
});

/** How the kernel runs this process, by the keywords of the configuration. What it refuses is logged and goes without. */
export class ProcessScheduling {
  readonly #role: string;
  readonly #log: Log;
  #applied: Scheduling = {};
  /** SCHED_RR, 0 = ordinary. */
  #realTime = 0;
  /** It comes from the start of the agent; what the keywords say of real time is still to be done. */
  #isInherited = false;
  /** The nice value where the configuration gives none. */
  #usual = 0;

  /** `role` names the process in what is logged. */
  constructor(role: string, log: Log) {
    this.#role = role;
    this.#log = log;
  }

  /** For a process of short work at set times, before its settings are known. */
  beginPrompt(): void {
    this.#usual = Math.min(getPriority(), PROMPT_NICE);
    this.#nice(this.#usual);
    this.#try('a short time slice', () => setTimeSlice(SHORT_SLICE_NANOS), 'warn');
    this.#goAhead(AHEAD.prompt);
  }

  /** For a process that has much to do at set times. */
  beginTimely(): void {
    this.#goAhead(AHEAD.timely);
  }

  apply(wanted: Scheduling = {}): void {
    const before = this.#applied;
    this.#applied = wanted;
    if (wanted.processName !== undefined && wanted.processName !== before.processName)
      this.#try('its name', () => nameProcess(wanted.processName ?? ''));
    if (wanted.cpus !== undefined && String(wanted.cpus) !== String(before.cpus))
      this.#try(`CPU ${wanted.cpus.join(', ')}`, () => runOnCpus(wanted.cpus ?? []));
    if (wanted.nice !== before.nice) this.#nice(wanted.nice ?? this.#usual);
    if (wanted.noSwap === true && before.noSwap !== true) this.#try('its program in memory', lockProgramMemory);
    if (wanted.realTime !== undefined && (wanted.realTime !== this.#realTime || this.#isInherited))
      this.#raise(wanted.realTime, wanted.realTimeLimit);
  }

  /** A timer was served so much too late. */
  late(lateness: Duration): void {
    const { automatic, realTimeLimit } = this.#applied;
    if (automatic === undefined || lateness < automatic.lateness || this.#realTime >= automatic.highest) return;
    this.#raise(this.#realTime + 1, realTimeLimit);
    this.#log.warn(
      { priority: this.#realTime, lateMs: toMillis(lateness) },
      `late by ${toMillis(lateness)} ms: the process runs with the real-time priority ${this.#realTime} from now on`,
    );
  }

  #goAhead(steps: number): void {
    if (availableParallelism() > 1) return;
    // A container may not allow it, and then all take turns.
    this.#try(
      'a higher real-time priority',
      () => {
        this.#realTime = raiseRealTime(steps);
        this.#isInherited = this.#realTime > 0;
      },
      'warn',
    );
  }

  #raise(priority: number, limit: number | undefined): void {
    this.#try(`real-time priority ${priority}`, () => {
      runRealTime(priority, limit === undefined ? undefined : Math.max(limit, LEAST_LIMIT_MICROS));
      this.#realTime = priority;
      this.#isInherited = false;
    });
  }

  #nice(value: number): void {
    // A container may not allow it, and it goes on as keepalived does.
    this.#try(`nice ${value}`, () => setNice(value), value === this.#usual ? 'warn' : 'error');
  }

  #try(what: string, change: () => void, level: 'warn' | 'error' = 'error'): void {
    try {
      change();
    } catch (error) {
      if (!(error instanceof LinuxError) && !(error instanceof Error && 'code' in error)) throw error;
      this.#log[level]({ err: error }, `the ${this.#role} process runs without ${what}: ${error.message}`);
    }
  }
}
