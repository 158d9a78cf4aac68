import { describe, expect, it } from 'vitest';
import { lanRun, scenarios } from './scenarios.ts';

/** A slice of `npm run soak gossip-lan`; five of each scenario. */
const SLICE = 5 * Object.keys(scenarios).length;
const LARGEST = 32;

describe('a fleet in trouble keeps the invariants of gossip', () => {
  it.each(Array.from({ length: SLICE }, (_, i) => i + 1))('in run %i', (seed) => {
    expect(lanRun(seed, LARGEST).members).toBeGreaterThan(0);
  });
});
