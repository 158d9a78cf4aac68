import { COMPOUND_PART_OVERHEAD } from './envelope.ts';

/** What goes first when not everything fits: membership, then intents to join and leave, queries, user events. */
export type GossipRank = 0 | 1 | 2 | 3;

interface Entry {
  readonly key: string;
  readonly rank: GossipRank;
  readonly message: Uint8Array;
  readonly order: number;
  sent: number;
}

/** Most messages kept; beyond, the most often sent of the lowest rank goes. */
const MAX_QUEUED = 4096;

/** News to be told a limited number of times, the least told first. */
export class GossipQueue {
  readonly #entries = new Map<string, Entry>();
  #order = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Newer news of the same key replaces the older, told or not. */
  push(key: string, rank: GossipRank, message: Uint8Array): void {
    this.#entries.delete(key);
    this.#entries.set(key, { key, rank, message, order: this.#order++, sent: 0 });
    if (this.#entries.size <= MAX_QUEUED) return;
    const last = [...this.#entries.values()].sort(byUrgency).at(-1);
    if (last !== undefined) this.#entries.delete(last.key);
  }

  /** Up to `most` messages that fit in `room` bytes together; those told `limit` times by now are dropped. */
  take(room: number, most: number, limit: number): Uint8Array[] {
    if (this.#entries.size === 0) return [];
    const taken: Uint8Array[] = [];
    let left = room;
    for (const entry of [...this.#entries.values()].sort(byUrgency)) {
      if (taken.length >= most || left <= COMPOUND_PART_OVERHEAD) break;
      const size = entry.message.length + COMPOUND_PART_OVERHEAD;
      if (size > left) continue;
      left -= size;
      taken.push(entry.message);
      if (++entry.sent >= limit) this.#entries.delete(entry.key);
    }
    return taken;
  }
}

function byUrgency(a: Entry, b: Entry): number {
  return a.rank - b.rank || a.sent - b.sent || b.message.length - a.message.length || b.order - a.order;
}
