import { describe, expect, it } from 'vitest';
import { monotonicMicros, monotonicOf } from './clock.ts';

describe('a time of the kernel on the monotonic clock', () => {
  it('is now for now, by the clocks of this machine', () => {
    const before = monotonicMicros();
    const at = monotonicOf(Date.now() * 1_000);
    // Date.now() counts whole milliseconds.
    expect(at).toBeGreaterThanOrEqual(before - 1_001);
    expect(at).toBeLessThanOrEqual(monotonicMicros());
  });

  it('is as long ago as it is by the wall clock', () => {
    expect(
      monotonicOf(
        1_000_000,
        () => 1_250_000,
        () => 90_000_000,
      ),
    ).toBe(89_750_000);
  });

  it('is not in the future for a clock that was set back between the two', () => {
    expect(
      monotonicOf(
        3_600_000_000,
        () => 1_000_000,
        () => 90_000_000,
      ),
    ).toBe(90_000_000);
  });
});
