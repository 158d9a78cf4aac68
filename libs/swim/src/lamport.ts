/** serf's own: how many Lamport times back events and queries are told apart from news. */
export const WINDOW = 512;
/** How far a clock may be ahead of ours: one at the end of its range could never be passed again. */
const MAX_CLOCK_LEAP = 2 ** 32;

/** A Lamport clock: it never falls behind a time seen. */
export class Clock {
  #time = 1;

  get time(): number {
    return this.#time;
  }

  next(): number {
    return ++this.#time;
  }

  witness(time: number): void {
    if (time >= this.#time) this.#time = time + 1;
  }

  plausible(time: number): boolean {
    return time <= this.#time + MAX_CLOCK_LEAP;
  }
}
