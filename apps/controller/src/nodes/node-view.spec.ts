import { expect, it } from 'vitest';
import { fullStateRecord, helloRecord } from '../fleet/node-record.ts';
import { hello, member, nodeState } from '../trial/samples.ts';
import { nodeViews } from './node-view.ts';

const now = new Date(1_800_000_000_000);

/** A node that knows the status of others by gossip. */
function record(name: string, words: Readonly<Record<string, string>>) {
  const stream = { id: 1, heartbeatMs: 1000, remoteAddress: '', at: now };
  const members = Object.entries(words).map(([other, status]) => member(other, status));
  const fresh = helloRecord(undefined, hello(name, { now }), stream);
  return fullStateRecord(fresh, { observedAt: now, state: nodeState({ members }) }, now);
}

it('takes the word of the others about a node, never its own', () => {
  const [l1, l2] = nodeViews([record('L1', { L1: 'failed', L2: 'suspect' }), record('L2', { L1: 'alive' })], now);
  expect(l1).toMatchObject({ gossip: 'alive', gossipSources: ['L2'], problems: [] });
  expect(l2).toMatchObject({ gossip: 'suspect', gossipSources: ['L1'] });
});

it('names a few of the many who say the same, and counts the rest', () => {
  const names = Array.from({ length: 20 }, (_, i) => `N${String(i).padStart(2, '0')}`);
  const words = (by: number) => Object.fromEntries(names.map((name) => [name, by < 15 ? 'alive' : 'failed']));
  const [first] = nodeViews(
    names.map((name, i) => record(name, words(i))),
    now,
  );
  expect(first?.gossipSources).toEqual(['N01', 'N02', 'N03', 'N04', 'N05', 'N06', 'N07', 'N08']);
  expect(first?.problems).toEqual([
    'gossip disagrees about N00: N01, N02, N03, N04, N05, N06, N07, N08 and 6 more say alive, N15, N16, N17, N18 and N19 say failed',
  ]);
});
