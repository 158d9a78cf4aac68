import { describe, expect, it } from 'vitest';
import { EventRing } from './event-ring.ts';

describe('the event ring', () => {
  it('numbers events from 1 and keeps the latest', () => {
    const ring = new EventRing<string>(3);
    expect([ring.first, ring.last]).toEqual([1, 0]);
    for (const event of ['a', 'b', 'c', 'd']) ring.push(event, 7);
    expect([ring.first, ring.last]).toEqual([2, 4]);
    expect([1, 2, 3, 4, 5].map((seq) => ring.at(seq)?.event)).toEqual([undefined, 'b', 'c', 'd', undefined]);
  });

  it('finds events while it is not full', () => {
    const ring = new EventRing<string>(3);
    ring.push('a', 7);
    expect([ring.at(0), ring.at(1)]).toEqual([undefined, { seq: 1, at: 7, event: 'a' }]);
  });
});
