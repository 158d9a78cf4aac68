import { type Instant, type Machine, between, toMillis } from '@keepfleet/machine';
import { monotonicNow } from '../../wall-clock.ts';

/** One operating system timer for one machine, whose outputs are carried out as they come. */
export class MachineTimer<Output> {
  readonly #machine: Pick<Machine<never, Output>, 'timeout' | 'nextDeadline'>;
  readonly #carryOut: (outputs: readonly Output[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    machine: Pick<Machine<never, Output>, 'timeout' | 'nextDeadline'>,
    carryOut: (outputs: readonly Output[]) => void,
  ) {
    this.#machine = machine;
    this.#carryOut = carryOut;
  }

  /** Something is told to the machine. */
  step(handle: (now: Instant) => readonly Output[]): void {
    if (this.#closed) return;
    this.#carryOut(handle(monotonicNow()));
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const deadline = this.#machine.nextDeadline();
    if (deadline === undefined || this.#closed) return;
    const wait = Math.max(0, Math.ceil(toMillis(between(monotonicNow(), deadline))));
    const serve = () => this.step((now) => this.#machine.timeout(now));
    // The immediate lets what has happened be read first, such as the end of a script, should this process have been held up.
    this.#timer = setTimeout(() => setImmediate(serve), wait);
  }
}
