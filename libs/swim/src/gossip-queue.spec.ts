import { describe, expect, it } from 'vitest';
import { GossipQueue } from './gossip-queue.ts';

const sized = (length: number, fill = 0) => new Uint8Array(length).fill(fill);

describe('the gossip queue', () => {
  it('tells the least told first, then the longest, then the newest, membership before all', () => {
    const queue = new GossipQueue();
    queue.push('event', 3, sized(50, 1));
    queue.push('short', 0, sized(5, 2));
    queue.push('long', 0, sized(9, 3));
    queue.push('newer', 0, sized(9, 4));
    expect(queue.take(200, 1, 9, true)).toEqual([sized(9, 4)]);
    expect(queue.take(200, 9, 9, true)).toEqual([sized(9, 3), sized(5, 2), sized(9, 4), sized(50, 1)]);
  });

  it('tells news a limited number of times, counted anew when it is replaced', () => {
    const queue = new GossipQueue();
    queue.push('a', 0, sized(1));
    queue.take(100, 9, 2, true);
    queue.push('a', 0, sized(2));
    expect(queue.take(100, 9, 2, true)).toEqual([sized(2)]);
    expect(queue.has('a')).toBe(true);
    expect(queue.take(100, 9, 2, true)).toEqual([sized(2)]);
    expect(queue.has('a')).toBe(false);
    expect(queue.take(100, 9, 2, true)).toEqual([]);
  });

  it('does not count what goes along with a ping or to a suspect, but drops in the end what nobody hears', () => {
    const queue = new GossipQueue();
    queue.push('a', 0, sized(1));
    for (let i = 0; i < 3; i++) queue.take(100, 9, 2, false);
    queue.take(100, 9, 2, true);
    expect(queue.take(100, 9, 2, true)).toEqual([sized(1)]);
    expect(queue.size).toBe(0);
    queue.push('a', 0, sized(1));
    for (let i = 0; i < 8; i++) expect(queue.take(100, 9, 2, false)).toEqual([sized(1)]);
    expect(queue.size).toBe(0);
  });

  it('fills the room it is given and no more, two bytes a part counted', () => {
    const queue = new GossipQueue();
    for (const name of ['a', 'b', 'c']) queue.push(name, 0, sized(10));
    expect(queue.take(24, 9, 9, true).length).toBe(2);
    expect(queue.take(23, 9, 9, true).length).toBe(1);
    expect(queue.take(11, 9, 9, true).length).toBe(0);
  });

  it('keeps a bounded number of messages, membership longest', () => {
    const queue = new GossipQueue();
    queue.push('member a', 0, sized(1));
    for (let i = 0; i < 5000; i++) queue.push(`event ${i}`, 3, sized(2));
    expect(queue.size).toBe(4096);
    expect(queue.has('member a')).toBe(true);
  });
});
