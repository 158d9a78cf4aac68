import type { Duration } from './time.ts';

/** How the kernel is to run the process of a machine: settings that its driver carries out. */
export interface Scheduling {
  /** SCHED_RR, 1..99. */
  readonly realTime?: number;
  /** How long it may run real-time without a pause before the kernel ends it, µs. */
  readonly realTimeLimit?: number;
  /** Raised to by itself when a timer is late by so much: at most to `highest`, 0 = never. */
  readonly automatic?: { readonly highest: number; readonly lateness: Duration };
  /** -20..19. */
  readonly nice?: number;
  /** Nothing of it is to wait for a disk. */
  readonly noSwap?: boolean;
  readonly cpus?: readonly number[];
  /** Name in ps and top. */
  readonly processName?: string;
}
