import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Datagrams between two looks at the heap. */
const LOOK_AFTER = 100;
/** Growth until garbage is collected, in bytes, or in parts of what was left the last time. */
const LEAST_GROWTH = 8e6;
const GROWTH_SHARE = 1 / 4;

/** What there is to look at, and to do about it. */
export interface Heap {
  /** Bytes in use, those outside of the heap with them. */
  used(): number;
  /** Of the young generation alone: a few ms, where all of it takes 100 ms beside a large view. */
  collectYoung(): void;
  collect(): void;
}

/**
 * Under a flood of requests V8 lets an agent grow to four times of what it needs before it collects. Told to be thrifty at
 * its start it would be so too when it reads a configuration, which takes twice as long then. So the heap is looked at
 * here, while datagrams come: a quiet agent pays nothing.
 */
export class DatagramGarbage {
  readonly #heap: Heap;
  #datagrams = 0;
  #left: number;

  constructor(heap: Heap = heapOfV8()) {
    this.#heap = heap;
    this.#left = heap.used();
  }

  /** To be told of each datagram when nothing of it is in use any more. */
  datagram(): void {
    if (++this.#datagrams < LOOK_AFTER) return;
    this.#datagrams = 0;
    const growth = Math.max(LEAST_GROWTH, this.#left * GROWTH_SHARE);
    if (this.#heap.used() - this.#left < growth) return;
    this.#heap.collectYoung();
    if (this.#heap.used() - this.#left < growth / 2) return;
    this.#heap.collect();
    this.#left = this.#heap.used();
  }
}

function heapOfV8(): Heap {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;
  return {
    used: () => {
      const { used_heap_size: used, external_memory: external } = getHeapStatistics();
      return used + external;
    },
    collectYoung: () => collect({ type: 'minor' }),
    collect: () => collect(),
  };
}
