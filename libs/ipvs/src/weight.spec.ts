import { describe, expect, it } from 'vitest';
import { type WeightEffect, noEffect, weightOf } from './weight.ts';

const weighed = (weight: number, weightIsSet: boolean, effect: Partial<WeightEffect>) =>
  weightOf({ settings: { weight, configuredWeight: 5, weightIsSet }, effect: { ...noEffect, ...effect } });

describe('the weight of a server', () => {
  it.each([
    ['is the configured one', 5, false, {}, 5],
    ['is replaced by a script', 5, false, { replaced: 9 }, 9],
    ['grows and shrinks by a file', 5, false, { added: -3 }, 2],
    ['never falls below 0', 5, false, { added: -30 }, 0],
    ['never exceeds what the kernel takes', 5, false, { added: 3e9 }, 0x7fff_ffff],
    ['is shared', 100, false, { share: 0.35 }, 35],
    ['shared, is never 0', 1, false, { share: 0.1 }, 1],
    ['0, shared, stays 0', 0, false, { share: 0.5 }, 0],
    ['of an operator wins over a script', 7, true, { replaced: 9 }, 7],
    ['of an operator is no less one for being the configured one', 5, true, { replaced: 9 }, 5],
    ['of a script counts where 0 is configured', 0, false, { replaced: 9 }, 9],
    ['of a drained server is 0 whatever checks say', 0, true, { replaced: 9, added: 3 }, 0],
  ])('%s', (_, weight, isSet, effect, expected) => {
    expect(weighed(weight, isSet, effect)).toBe(expected);
  });

  it("is an operator's where it is another than the configured one and nobody says", () => {
    const effect = { ...noEffect, replaced: 9 };
    expect(weightOf({ settings: { weight: 0, configuredWeight: 5 }, effect })).toBe(0);
    expect(weightOf({ settings: { weight: 5, configuredWeight: 5 }, effect })).toBe(9);
  });
});
