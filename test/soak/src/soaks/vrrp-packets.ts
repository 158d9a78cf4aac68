import { createHmac } from 'node:crypto';
import { fuzz } from '@keepfleet/testkit';
import { everyDecoder, fuzzVectors } from '@keepfleet/vrrp/test/packet-fuzz';
import type { Soak } from '../soak.ts';

export const soak: Soak = {
  about: 'VRRP adverts, plain and signed, mutated, into every decoder',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    const decode = everyDecoder({
      digests: { hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest() },
      unixMicros: (now) => now,
    });
    let read = 0;
    const { slowest } = fuzz({
      ...task,
      vectors: fuzzVectors,
      decode: (bytes) => (read += decode(bytes)),
      clock: () => performance.now(),
    });
    return { accepted: read, 'slowest ms': slowest.toFixed(2) };
  },
};
