import { instant, seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { Beats, lead } from './beats.ts';
import { VrrpNode, virtualRouter } from './index.ts';

describe('beats', () => {
  it('give places that are as far from each other as they can be, the first at the end of the interval', () => {
    const beats = new Beats();
    const taken = Array.from({ length: 5 }, () => beats.take());
    expect(taken.map(({ place }) => lead(place, seconds(1)))).toEqual([0, 0.5, 0.25, 0.75, 0.125].map(seconds));
  });

  it('give each place once before any a second time, and first those that have become free', () => {
    const beats = new Beats();
    const taken = Array.from({ length: 16 }, () => beats.take());
    expect(new Set(taken.map(({ place }) => place)).size).toBe(16);
    expect(beats.take().place).toBe(0);
    for (const beat of taken) if (beat.place === 7) beats.free(beat);
    expect(beats.take().place).toBe(7);
  });

  it('give the members of a sync group one place, until the last of them is master no more', () => {
    const beats = new Beats();
    const [first, second] = [beats.take('G'), beats.take('G')];
    expect([first.place, second.place, beats.take('H').place, beats.take().place]).toEqual([0, 0, 1, 2]);
    beats.free(first);
    expect([beats.take('G').place, beats.take().place]).toEqual([0, 3]);
    beats.free(second);
    beats.free(second);
    expect(beats.take().place).toBe(0);
  });
});

describe('the masters of a node that become so in one moment', () => {
  it('speak at the interval, and not all at once, even after they were held up', () => {
    const instances = Array.from({ length: 255 }, (_, i) =>
      virtualRouter({ name: `V${i}`, vrid: i + 1, interface: 'eth0', priority: 255, addresses: [] }),
    );
    const node = new VrrpNode();
    const addresses = [{ address: ip('192.0.2.1'), prefix: 24 }];
    node.handle({ kind: 'interface', interface: { name: 'eth0', index: 1, up: true, addresses } }, instant(0));
    node.handle(
      { kind: 'configure', settings: { startupDelay: seconds(0), logUnknownVrids: false, instances } },
      instant(0),
    );
    /** How many speak at a time in the next so many moments. */
    const spoken = (moments: number) =>
      Array.from({ length: moments }, () => {
        const due = node.nextDeadline() ?? instant(0);
        return node.timeout(due).filter(({ kind }) => kind === 'send').length;
      });
    expect(Math.max(...spoken(160))).toBe(16);
    expect(node.nextDeadline()).toBe(seconds(10 + 1 / 16));
    // All of them are late by then, and by different numbers of intervals.
    node.timeout(instant(seconds(12.9)));
    expect(Math.max(...spoken(160))).toBe(16);
    expect(node.snapshot(() => 0).instances.every(({ counters }) => counters.advertsSent === 22)).toBe(true);
  });
});
