import { describe, expect, it } from 'vitest';
import { shareOfOne } from './test/one-of-many.ts';

describe('the share of a member at rest', () => {
  it('is two probes a second and the same bytes in a fleet of 32 and of 5,000', () => {
    const [small, large] = [shareOfOne(32, 3_000), shareOfOne(5_000, 3_000)];
    for (const { probes } of [small, large]) expect(probes).toBeCloseTo(2, 1);
    expect(large.bytes / small.bytes).toBeLessThan(1.25);
    expect(large.bytes / small.bytes).toBeGreaterThan(0.5);
  });
});
