import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { type Duration, micros } from '@keepfleet/machine';

/** Why a timer was served late, as far as the kernel's counters tell. */
export type HoldUpCause =
  /** The whole machine slept. */
  | 'suspend'
  /** The hypervisor gave the processors to others. */
  | 'steal'
  /** Other processes had the processor. */
  | 'processor'
  /** This process itself was at work. */
  | 'work'
  /** It was not to run: stopped by a signal, or waiting for memory or a disk. */
  | 'stopped';

export const HOLD_UP_TEXT: Readonly<Record<HoldUpCause, string>> = {
  suspend: 'the machine was suspended',
  steal: 'the hypervisor gave the processor to others (steal)',
  processor: 'other processes had the processor; see vrrp_rt_priority',
  work: 'this process was busy',
  stopped: 'this process was stopped, or waited for memory or a disk',
};

/** Counters that only grow, in microseconds. */
export interface HoldUpCounters {
  readonly suspended: number;
  readonly stolen: number;
  readonly waited: number;
  readonly ran: number;
}

const MICROS_A_TICK = 10_000;
const REFRESH_MICROS = 1_000_000;
const STEAL_FIELD = 8;

/** Looks at the counters now and then, so that a late timer can be compared with a time shortly before it. */
export class HoldUps {
  readonly #read: () => HoldUpCounters;
  #before: HoldUpCounters;
  #at: number;

  constructor(now: number, read = readCounters) {
    this.#read = read;
    this.#before = read();
    this.#at = now;
  }

  /** A timer was served in time. */
  inTime(now: number): void {
    if (now - this.#at < REFRESH_MICROS) return;
    this.#before = this.#read();
    this.#at = now;
  }

  /** A timer was served so late. */
  causeOf(lateness: Duration, now: number): HoldUpCause {
    const before = this.#before;
    this.#before = this.#read();
    this.#at = now;
    return holdUpCause(before, this.#before, lateness);
  }
}

/** Whatever took at least half of the delay; what is seen from outside first, since from inside it looks like work. */
export function holdUpCause(before: HoldUpCounters, after: HoldUpCounters, lateness: Duration): HoldUpCause {
  const half = lateness / 2;
  if (after.suspended - before.suspended >= half) return 'suspend';
  if (after.stolen - before.stolen >= half) return 'steal';
  if (after.waited - before.waited >= half) return 'processor';
  return after.ran - before.ran >= half ? 'work' : 'stopped';
}

function readCounters(): HoldUpCounters {
  const [ran = 0, waited = 0] = numbersIn('/proc/thread-self/schedstat');
  const steal = numbersIn('/proc/stat')[STEAL_FIELD] ?? 0;
  // The system's uptime counts a suspension, the monotonic clock does not.
  const suspended = uptime() * 1_000_000 - Number(process.hrtime.bigint() / 1_000n);
  return { suspended, stolen: steal * MICROS_A_TICK, waited: micros(waited / 1_000), ran: micros(ran / 1_000) };
}

/** Of the first line; none where the kernel does not have the file. */
function numbersIn(path: string): number[] {
  try {
    const [line = ''] = readFileSync(path, 'utf8').split('\n');
    return line.split(/\s+/).map(Number);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}
