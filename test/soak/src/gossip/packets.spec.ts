import { expect, it } from 'vitest';
import { soak as answers } from '../soaks/gossip-answers.ts';
import { soak as packets } from '../soaks/gossip-packets.ts';

/** A slice of `npm run soak gossip-packets gossip-answers`. */
const SLICE = 5_000;

it.each([
  ['datagram or stream harms a member, and none changes one that has a key', packets],
  ['answer or filter makes a decoder throw', answers],
])('no mutated %s', async (_what, soak) => {
  const signal = new AbortController().signal;
  const figures = await soak.run({ count: SLICE, seed: 11, progress: () => undefined, signal });
  expect(figures['slowest ms']).toBeDefined();
});
