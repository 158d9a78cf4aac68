import type { Instant } from './time.ts';

/**
 * A protocol machine without I/O. The driver hands it inputs and the time, carries out the outputs in their order, and
 * calls {@link Machine.timeout} at {@link Machine.nextDeadline}. Inputs and outputs are JSON-safe, so that a run can be
 * recorded and replayed.
 */
export interface Machine<Input, Output> {
  handle(input: Input, now: Instant): readonly Output[];
  /** Carries out what is due at `now`; a call before the deadline does nothing and returns no output. */
  timeout(now: Instant): readonly Output[];
  /** When {@link Machine.timeout} wants to be called next, if at all. */
  nextDeadline(): Instant | undefined;
}

/** A source of uniformly distributed numbers in [0, 1), given by the driver (or seeded by a test). */
export type RandomSource = () => number;
