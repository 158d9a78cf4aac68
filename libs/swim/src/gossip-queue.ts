import { COMPOUND_PART_OVERHEAD } from './envelope.ts';

/** What goes first when not everything fits: membership, then intents to join and leave, queries, user events. */
export type GossipRank = 0 | 1 | 2 | 3;

interface Entry {
  readonly key: string;
  readonly rank: GossipRank;
  readonly message: Uint8Array;
  readonly order: number;
  /** Times sent in all, and among them those that count. */
  readonly sent: number;
  readonly counted: number;
}

/** Most messages kept; beyond, the least urgent goes. */
const MAX_QUEUED = 4096;
/** Messages too long for the room left that are passed over in search of a shorter one. */
const MAX_PASSED_OVER = 32;
/** Where nobody lives whose hearing would count, news is dropped all the same after so many times the limit. */
const SENT_LIMIT = 4;

/** News to be told a limited number of times, the least told first. */
export class GossipQueue {
  readonly #entries = new Map<string, Entry>();
  /** The same entries, most urgent first; kept in order by insertion, since every datagram takes from the front. */
  readonly #sorted: Entry[] = [];
  #order = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Newer news of the same key replaces the older, told or not. */
  push(key: string, rank: GossipRank, message: Uint8Array): void {
    const older = this.#entries.get(key);
    if (older !== undefined) this.#remove(older);
    this.#insert({ key, rank, message, order: this.#order++, sent: 0, counted: 0 });
    const last = this.#sorted.at(-1);
    if (this.#entries.size > MAX_QUEUED && last !== undefined) this.#remove(last);
  }

  /**
   * Up to `most` messages that fit in `room` bytes together; those told `limit` times by now are dropped. What goes along
   * with a ping does not count, nor what goes to a suspect: a few of those, and news that has few sends would be over
   * before the first round of gossip.
   */
  take(room: number, most: number, limit: number, counts: boolean): Uint8Array[] {
    const taken: Entry[] = [];
    let left = room;
    let passedOver = 0;
    for (const entry of this.#sorted) {
      if (taken.length >= most || left <= COMPOUND_PART_OVERHEAD || passedOver >= MAX_PASSED_OVER) break;
      const size = entry.message.length + COMPOUND_PART_OVERHEAD;
      if (size > left) {
        passedOver++;
        continue;
      }
      left -= size;
      taken.push(entry);
    }
    for (const entry of taken) {
      this.#remove(entry);
      const told = { ...entry, sent: entry.sent + 1, counted: entry.counted + (counts ? 1 : 0) };
      if (told.counted < limit && told.sent < SENT_LIMIT * limit) this.#insert(told);
    }
    return taken.map((entry) => entry.message);
  }

  #insert(entry: Entry): void {
    this.#entries.set(entry.key, entry);
    this.#sorted.splice(this.#place(entry), 0, entry);
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#sorted.splice(this.#place(entry), 1);
  }

  /** Where an entry is, or belongs: no two are equally urgent, since none have the same `order`. */
  #place(entry: Entry): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#sorted[middle];
      if (other !== undefined && byUrgency(other, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function byUrgency(a: Entry, b: Entry): number {
  return a.rank - b.rank || a.sent - b.sent || b.message.length - a.message.length || b.order - a.order;
}
