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

  /** The place that the fewest share; the first of all is 0. */
  take(): number {
    const place = this.#masters.indexOf(Math.min(...this.#masters));
    this.#masters[place] = (this.#masters[place] ?? 0) + 1;
    return place;
  }

  /** Its master is master no more. */
  free(place: number): void {
    this.#masters[place] = (this.#masters[place] ?? 1) - 1;
  }
}

/** By how much the first advert of a place comes before its interval is over: 0, 1/2, 1/4, 3/4, 1/8 and so on of it. */
export function lead(place: number, interval: Duration): Duration {
  let share = 0;
  for (let bit = 1; bit < PLACES; bit *= 2) if ((place & bit) !== 0) share += 1 / (2 * bit);
  return micros(interval * share);
}
