import { describe, expect, it } from 'vitest';
import { SecondaryPromotion } from './secondary-promotion.ts';

describe('SecondaryPromotion', () => {
  it('sets what is wanted and puts back what was before', () => {
    const kernel = new Map([
      ['eth0', '0'],
      ['eth1', '1'],
    ]);
    const name = (path: string) => path.split('/')[3] ?? '';
    const promotion = new SecondaryPromotion(
      (path) => kernel.get(name(path)),
      (path, value) => kernel.set(name(path), value) === kernel,
    );
    promotion.apply(['eth0', 'eth1', 'eth2']);
    promotion.apply(['eth0', 'eth1']);
    expect(Object.fromEntries(kernel)).toEqual({ eth0: '1', eth1: '1' });
    promotion.apply([]);
    expect(Object.fromEntries(kernel)).toEqual({ eth0: '0', eth1: '1' });
  });
});
