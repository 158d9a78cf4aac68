import { centis, micros, seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { firstWait, masterDownInterval, skewTime } from './index.ts';

describe('the timers of RFC 3768 section 6.1 and RFC 9568 section 6.1', () => {
  it.each([
    // version, priority, interval, adverts, skew, master down
    [2, 100, seconds(1), 3, 609_375, 3_609_375],
    [2, 254, seconds(1), 3, 7_813, 3_007_813],
    [2, 1, seconds(2), 3, 996_094, 6_996_094],
    [2, 100, seconds(1), 1, 609_375, 1_609_375],
    [3, 100, seconds(1), 3, 609_375, 3_609_375],
    [3, 200, centis(25), 3, 54_688, 804_688],
    [3, 1, centis(4095), 3, 40_790_039, 163_640_039],
  ] as const)(
    'version %d, priority %d, interval %d µs, %d adverts',
    (version, priority, interval, downTimerAdverts, skew, down) => {
      expect(skewTime(version, priority, interval)).toBe(skew);
      expect(masterDownInterval({ version, downTimerAdverts }, priority, interval)).toBe(down);
    },
  );

  it('give a configured master one interval and the smallest skew', () => {
    expect(firstWait(2, seconds(2))).toBe(seconds(2) + micros(1_000_000 / 256));
    expect(firstWait(3, centis(25))).toBe(micros(250_000 + 250_000 / 256));
  });
});
