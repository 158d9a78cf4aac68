import { after, instant, micros, seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { lanTunables } from './settings.ts';
import { Suspicion, suspicionBounds, suspicionTime } from './suspicion.ts';

describe('the time to refute', () => {
  it.each([
    [2, 0, 4, 24],
    [3, 0, 4, 24],
    [4, 2, 4, 24],
    [10, 2, 4, 24],
    [100, 2, 8, 48],
    [1000, 2, 12, 72],
  ])('among %i live members: %i confirmations, %i to %i s', (live, wanted, least, most) => {
    expect(suspicionBounds(live, lanTunables)).toEqual({ wanted, least: seconds(least), most: seconds(most) });
  });

  it.each([
    [0, 24],
    [1, 24 - (20 * Math.log(2)) / Math.log(3)],
    [2, 4],
    [3, 4],
  ])('after %i confirmations is %d s', (confirmations, wanted) => {
    expect(suspicionTime(confirmations, suspicionBounds(10, lanTunables))).toBe(micros(wanted * 1e6));
  });

  it('counts each accuser once, and no more than are wanted', () => {
    const start = instant(5);
    const suspicion = new Suspicion('a', suspicionBounds(10, lanTunables), start);
    expect(suspicion.deadline).toBe(after(start, seconds(24)));
    expect([suspicion.confirm('a'), suspicion.confirm('b'), suspicion.confirm('b')]).toEqual([false, true, false]);
    expect([suspicion.confirm('c'), suspicion.confirm('d')]).toEqual([true, false]);
    expect(suspicion.deadline).toBe(after(start, seconds(4)));
    expect(suspicion.accusers).toEqual(['a', 'b', 'c']);
  });
});
