/** Gives a whole number from `low` to `high`. */
export type Random = (low: number, high: number) => number;

/** A linear congruential generator with the constants of ISO C's example; good enough for `${_RANDOM}`. */
export function repeatableRandom(seed = 1): Random {
  let state = seed;
  return (low, high) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return low + ((state >> 8) % (high - low + 1));
  };
}
