import { readFileSync } from 'node:fs';
import { boottimeMicros, monotonicMicros } from '@keepfleet/linux';
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
  /** Of each processor that this thread may run on. */
  readonly stolen: readonly number[];
  readonly waited: number;
  readonly ran: number;
}

const MICROS_A_TICK = 10_000;
/** Reading the counters takes 0.1 ms, and more the more processors there are. */
const LOOK_EVERY_MICROS = 1_000_000;
const STEAL_FIELD = 8;

interface Look {
  readonly at: number;
  readonly counters: HoldUpCounters;
}

/** Looks at the counters whenever a timer is armed, so that a late one can be compared with a time shortly before it. */
export class HoldUps {
  readonly #read: () => HoldUpCounters;
  #last: Look;
  #before: Look;

  constructor(now: number, read = readCounters) {
    this.#read = read;
    this.#last = { at: now, counters: read() };
    this.#before = this.#last;
  }

  /** A timer is armed. */
  look(now: number): void {
    if (now - this.#last.at < LOOK_EVERY_MICROS) return;
    this.#before = this.#last;
    this.#last = { at: now, counters: this.#read() };
  }

  /** A timer was served so late, `now`. */
  causeOf(lateness: Duration, now: number): HoldUpCause {
    const before = this.#before;
    const last = this.#last;
    const next = { at: now, counters: this.#read() };
    this.#before = last;
    this.#last = next;
    // What went on before the timer was due is taken to be as it was until the last look.
    const past = Math.max(1, last.at - before.at);
    const share = Math.max(0, next.at - last.at - lateness) / past;
    const usual = growth(before.counters, last.counters);
    const grown = growth(last.counters, next.counters);
    const late = (kind: keyof HoldUpCounters) => grown[kind] - share * usual[kind];
    return holdUpCause(
      { suspended: grown.suspended, stolen: late('stolen'), waited: late('waited'), ran: late('ran') },
      lateness,
    );
  }
}

/** How much each counter grew; of the processors the one from which most was stolen. */
type Growth = Readonly<Record<keyof HoldUpCounters, number>>;

function growth(before: HoldUpCounters, after: HoldUpCounters): Growth {
  return {
    suspended: after.suspended - before.suspended,
    stolen: Math.max(0, ...after.stolen.map((stolen, i) => stolen - (before.stolen[i] ?? stolen))),
    waited: after.waited - before.waited,
    ran: after.ran - before.ran,
  };
}

/** Whatever took at least half of the delay; what is seen from outside first, since from inside it looks like work. */
export function holdUpCause(grown: Growth, lateness: Duration): HoldUpCause {
  const half = lateness / 2;
  if (grown.suspended >= half) return 'suspend';
  if (grown.stolen >= half) return 'steal';
  if (grown.waited >= half) return 'processor';
  return grown.ran >= half ? 'work' : 'stopped';
}

function readCounters(): HoldUpCounters {
  const [ran = 0, waited = 0] = numbers(linesOf('/proc/thread-self/schedstat')[0]);
  const allowed = cpuList(
    linesOf('/proc/thread-self/status')
      .find((line) => line.startsWith('Cpus_allowed_list:'))
      ?.split('\t')[1] ?? '',
  );
  const stolen = linesOf('/proc/stat').flatMap((line) => {
    const [, cpu] = /^cpu(\d+) /.exec(line) ?? [];
    if (cpu === undefined || !allowed(Number(cpu))) return [];
    return [(numbers(line)[STEAL_FIELD] ?? 0) * MICROS_A_TICK];
  });
  // A suspension counts on the clock since boot, not on the monotonic one.
  const suspended = boottimeMicros() - monotonicMicros();
  return { suspended, stolen, waited: micros(waited / 1_000), ran: micros(ran / 1_000) };
}

/** Whether a processor is in the kernel's list, such as `0-3,8`. */
function cpuList(text: string): (cpu: number) => boolean {
  const ranges = text.split(',').map((range) => range.split('-').map(Number));
  return (cpu) => ranges.some(([first = NaN, last = first]) => cpu >= first && cpu <= last);
}

function numbers(line = ''): number[] {
  return line.split(/\s+/).map(Number);
}

/** None where the kernel does not have the file. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}
