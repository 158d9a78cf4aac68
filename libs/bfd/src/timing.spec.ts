import { millis, seconds } from '@keepfleet/machine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectionTime, jittered, transmitInterval } from './timing.ts';

describe('the intervals', () => {
  it.each([
    [10, 300, 300],
    [300, 10, 300],
    [50, 50, 50],
  ])('with %d ms wanted and %d ms taken, packets are %d ms apart', (desired, taken, expected) => {
    expect(transmitInterval(millis(desired), millis(taken))).toBe(millis(expected));
  });

  it.each([
    [3, 300, 300, 900],
    [5, 10, 1000, 5000],
    [4, 50, 40, 200],
    [255, 1, 1, 255],
  ])('detection time: multiplier %d, %d ms taken, %d ms sent: %d ms', (multiplier, taken, sent, expected) => {
    expect(detectionTime(multiplier, millis(taken), millis(sent))).toBe(millis(expected));
  });

  it('of the longest that a packet can say is exact', () => {
    expect(detectionTime(255, seconds(1), seconds(0xffff_ffff / 1e6))).toBe(255 * 0xffff_ffff);
  });

  it('are shortened by up to 25 %, and by 10 % at least where one packet missed is a failure', () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 0xffff_ffff }),
        fc.integer({ min: 1, max: 255 }),
        share,
        (interval, multiplier, at) => {
          const wait = jittered(millis(interval), multiplier, () => at);
          expect(wait).toBeGreaterThanOrEqual(millis(interval) * 0.75);
          expect(wait).toBeLessThanOrEqual(millis(interval) * (multiplier === 1 ? 0.9 : 1));
        },
      ),
    );
  });
});
