import { Inject, Injectable } from '@nestjs/common';
import type { ClockWatch } from '../common/clock-watch.ts';
import { Signal } from '../common/signal.ts';
import { CLOCK } from '../common/tokens.ts';
import { shiftedRecord, type NodeRecord } from './node-record.ts';

/** The fleet as the streams tell it: in memory only, because a kept state would be an old one. */
@Injectable()
export class FleetState {
  readonly changes = new Signal();
  readonly #records = new Map<string, NodeRecord>();

  constructor(@Inject(CLOCK) clock: ClockWatch) {
    clock.subscribe((ms) => this.#shift(ms));
  }

  records(): NodeRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  record(name: string): NodeRecord | undefined {
    return this.#records.get(name);
  }

  put(record: NodeRecord): void {
    this.#records.set(record.name, record);
    this.changes.raise();
  }

  remove(name: string): void {
    this.#records.delete(name);
    this.changes.raise();
  }

  /** Applies what a stream brought; word of a stream that was replaced meanwhile changes nothing. */
  update(name: string, stream: number, change: (record: NodeRecord) => NodeRecord): void {
    const record = this.#records.get(name);
    if (record?.stream?.id === stream) this.put(change(record));
  }

  /** The clock was set by so much: what is known keeps its age. */
  #shift(ms: number): void {
    for (const record of this.#records.values()) this.#records.set(record.name, shiftedRecord(record, ms));
    this.changes.raise();
  }
}
