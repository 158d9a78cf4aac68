import type { IpAddress } from '@keepfleet/wire';
import { type Mismatch, type PacketError, describeError } from './errors.ts';
import type { VrrpEvent } from './messages.ts';
import type { RouterCounters } from './stats.ts';

/** Packets with something wrong: all are counted, and of each kind the first is reported. */
export class Rejections {
  readonly #counters: RouterCounters;
  readonly #reported = new Set<string>();

  constructor(counters: RouterCounters) {
    this.#counters = counters;
  }

  /** What is to be reported of it, if anything. */
  add(instance: string, error: PacketError | Mismatch, source: IpAddress): VrrpEvent | undefined {
    this.#counters.errors[error.kind]++;
    if (this.#reported.has(error.kind)) return undefined;
    this.#reported.add(error.kind);
    return { kind: 'bad-packet', instance, error: error.kind, source, detail: describeError(error) };
  }

  /** Each kind is to be reported again: the state or the master is another. */
  forgetReports(): void {
    this.#reported.clear();
  }
}
