import { fuzz } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { advertVectors, headerVectors } from './fixtures/adverts.ts';
import { everyDecoder, fuzzVectors } from './test/packet-fuzz.ts';

const INPUTS = 5_000;

describe('every decoder of received bytes', () => {
  it('is total; npm run soak -- vrrp-packets has the full count', () => {
    const decode = everyDecoder();
    let read = 0;
    const { inputs } = fuzz({
      vectors: fuzzVectors,
      decode: (bytes) => (read += decode(bytes)),
      count: INPUTS,
      seed: 1,
    });
    expect(inputs).toBe(INPUTS);
    // Some are left as they were, so the decoders get beyond their first check.
    expect(read).toBeGreaterThan(0);
  });

  it('knows its vectors', () => {
    const decode = everyDecoder();
    expect(fuzzVectors.map((bytes) => decode(bytes) > 0)).toContain(true);
    // And the two that are signed there.
    expect(fuzzVectors.length).toBe(advertVectors.length + headerVectors.length + 2);
  });
});
