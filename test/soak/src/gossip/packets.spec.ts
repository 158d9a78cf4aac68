import { expect, it } from 'vitest';
import { soak } from '../soaks/gossip-packets.ts';

/** A slice of `npm run soak gossip-packets`. */
const SLICE = 5_000;

it('no mutated datagram or stream harms a member, and none changes one that has a key', async () => {
  const signal = new AbortController().signal;
  const figures = await soak.run({ count: SLICE, seed: 11, progress: () => undefined, signal });
  expect(figures['slowest ms']).toBeDefined();
}, 240_000);
