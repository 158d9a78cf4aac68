import type { Machine } from './machine.ts';
import type { Instant } from './time.ts';

/** One call of a machine and what it answered. A recording is a sequence of these, one JSON text a line. */
export interface Step<Input, Output> {
  readonly at: Instant;
  /** Absent for a timeout. */
  readonly input?: Input;
  readonly outputs: readonly Output[];
}

/** A machine that hands every step to `sink` as it happens. */
export function recording<Input, Output>(
  machine: Machine<Input, Output>,
  sink: (step: Step<Input, Output>) => void,
): Machine<Input, Output> {
  return {
    handle(input, now) {
      const outputs = machine.handle(input, now);
      sink({ at: now, input, outputs });
      return outputs;
    },
    timeout(now) {
      const outputs = machine.timeout(now);
      sink({ at: now, outputs });
      return outputs;
    },
    nextDeadline: () => machine.nextDeadline(),
  };
}

/** Feeds a recording's inputs to a fresh machine and gives the outputs step by step, to be compared with the recorded ones. */
export function replay<Input, Output>(
  machine: Machine<Input, Output>,
  steps: Iterable<Step<Input, Output>>,
): (readonly Output[])[] {
  return Array.from(steps, (step) =>
    step.input === undefined ? machine.timeout(step.at) : machine.handle(step.input, step.at),
  );
}
