import { describe, expect, it } from 'vitest';
import { lanRun } from './test/lan-run.ts';

const RUNS = 150;
/** A run is a few milliseconds of computing; ten times that on a machine that is busy. */
const LIMIT_MS = 180_000;

describe('nodes on a LAN with loss, partitions, pauses, suspensions, thieves and changes', () => {
  it(
    'keep the invariants of VRRP and of sync groups; npm run soak -- vrrp-lan has the full count',
    () => {
      let takeovers = 0;
      for (let seed = 1; seed <= RUNS; seed++) takeovers += lanRun(seed).takeovers;
      expect(takeovers).toBeGreaterThan(RUNS);
    },
    LIMIT_MS,
  );

  it('is the same run for the same seed', () => {
    expect(lanRun(7)).toEqual(lanRun(7));
  });
});
