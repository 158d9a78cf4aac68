import { type Instant, after, instant, seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { SlowStart } from './index.ts';

describe('a slow start', () => {
  const began = instant(5_000_000);

  it('gives a tenth of the weight at first and a tenth more with each tenth of the time', () => {
    const start = new SlowStart(seconds(20));
    start.begin(began);
    const shares: [at: number, share: number][] = [];
    for (let now: Instant | undefined = began; now !== undefined; now = start.nextDeadline(now))
      shares.push([now - began, start.share(now)]);
    expect(shares).toEqual(Array.from({ length: 10 }, (_, i) => [i * seconds(2), (i + 1) / 10]));
  });

  it('is over after its time however late it is looked at, and stays over', () => {
    const start = new SlowStart(seconds(20));
    start.begin(began);
    const late = after(began, seconds(100));
    expect(start.share(late)).toBe(1);
    expect(start.nextDeadline(late)).toBeUndefined();
    expect(start.share(after(began, seconds(1)))).toBe(1);
  });

  it('begins anew with a server that comes back again, and ends with one that goes', () => {
    const start = new SlowStart(seconds(10));
    start.begin(began);
    expect(start.share(after(began, seconds(5)))).toBe(0.6);
    start.end();
    expect(start.share(after(began, seconds(6)))).toBe(1);
    start.begin(after(began, seconds(7)));
    expect(start.share(after(began, seconds(7)))).toBe(0.1);
  });

  it('of no time, or before a server came back, leaves the weight alone', () => {
    const none = new SlowStart(seconds(0));
    none.begin(began);
    expect([none.share(began), none.nextDeadline(began)]).toEqual([1, undefined]);
    const unused = new SlowStart(seconds(10));
    expect([unused.share(began), unused.nextDeadline(began)]).toEqual([1, undefined]);
  });
});
