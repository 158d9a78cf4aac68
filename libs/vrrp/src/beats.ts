import { type Duration, micros } from '@keepfleet/machine';

/** A power of two. More of them would wake the process more often, which costs more than the adverts themselves. */
const PLACES = 16;

/**
 * Where in the advert interval each master of a node speaks. Those that became master together would otherwise speak
 * together for ever: a burst of hundreds of packets, of which the last ones wait for the first, and all of them for a
 * processor that the node has just used up its share of.
 */
export class Beats {
  readonly #masters = new Array<number>(PLACES).fill(0);
  readonly #groups = new Map<string, Beat>();

  /**
   * The place that the fewest share; the first of all is 0. Members of a sync group share one: elsewhere they are heard no
   * more all at once, and take over without waiting for each other.
   */
  take(group?: string): Beat {
    const shared = group === undefined ? undefined : this.#groups.get(group);
    if (shared !== undefined) {
      shared.masters++;
      return shared;
    }
    const place = this.#masters.indexOf(Math.min(...this.#masters));
    this.#masters[place] = (this.#masters[place] ?? 0) + 1;
    const beat = { place, group, masters: 1 };
    if (group !== undefined) this.#groups.set(group, beat);
    return beat;
  }

  /** Its master is master no more. */
  free(beat: Beat): void {
    if (--beat.masters > 0) return;
    this.#masters[beat.place] = (this.#masters[beat.place] ?? 1) - 1;
    if (beat.group !== undefined) this.#groups.delete(beat.group);
  }
}

/** A place, and how many masters of one sync group have it together. */
export interface Beat {
  readonly place: number;
  readonly group: string | undefined;
  masters: number;
}

/** By how much the first advert of a place comes before its interval is over: 0, 1/2, 1/4, 3/4, 1/8 and so on of it. */
export function lead(place: number, interval: Duration): Duration {
  let share = 0;
  for (let bit = 1; bit < PLACES; bit *= 2) if ((place & bit) !== 0) share += 1 / (2 * bit);
  return micros(interval * share);
}
