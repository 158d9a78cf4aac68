import { describe, expect, it } from 'vitest';
import { type WeightEffect, noEffect, weightOf } from './weight.ts';

const weighed = (weight: number, configuredWeight: number, effect: Partial<WeightEffect>) =>
  weightOf({ settings: { weight, configuredWeight }, effect: { ...noEffect, ...effect } });

describe('the weight of a server', () => {
  it.each([
    ['is the configured one', 5, 5, {}, 5],
    ['is replaced by a script', 5, 5, { replaced: 9 }, 9],
    ['grows and shrinks by a file', 5, 5, { added: -3 }, 2],
    ['never falls below 0', 5, 5, { added: -30 }, 0],
    ['never exceeds what the kernel takes', 5, 5, { added: 3e9 }, 0x7fff_ffff],
    ['is shared', 100, 100, { share: 0.35 }, 35],
    ['shared, is never 0', 1, 1, { share: 0.1 }, 1],
    ['0, shared, stays 0', 0, 0, { share: 0.5 }, 0],
    ['of an operator wins over a script', 7, 5, { replaced: 9 }, 7],
    ['of a drained server is 0 whatever checks say', 0, 5, { replaced: 9, added: 3 }, 0],
  ])('%s', (_, weight, configured, effect, expected) => {
    expect(weighed(weight, configured, effect)).toBe(expected);
  });
});
