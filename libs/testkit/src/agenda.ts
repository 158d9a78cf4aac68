import type { Instant } from '@keepfleet/machine';

interface Entry<T> {
  readonly at: Instant;
  readonly order: number;
  readonly item: T;
}

/** Things to happen at instants of virtual time; those of the same instant come out in the order they were put in. */
export class Agenda<T> {
  readonly #heap: Entry<T>[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  nextAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  add(at: Instant, item: T): void {
    const heap = this.#heap;
    const entry = { at, order: this.#order++, item };
    let child = heap.length;
    heap.push(entry);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || before(above, entry)) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = entry;
  }

  take(): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length === 0) return first.item;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      let lower = heap[child];
      if (lower === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, lower)) {
        child++;
        lower = right;
      }
      if (before(last, lower)) break;
      heap[parent] = lower;
      parent = child;
    }
    heap[parent] = last;
    return first.item;
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
