import { describe, expect, it } from 'vitest';
import { DatagramGarbage } from './datagram-garbage.ts';

function after(datagrams: number, start: number, perDatagram: number): number {
  const heap = { bytes: start, collections: 0 };
  const garbage = new DatagramGarbage({
    used: () => heap.bytes,
    collect: () => {
      heap.bytes = start;
      heap.collections++;
    },
  });
  for (let i = 0; i < datagrams; i++) {
    heap.bytes += perDatagram;
    garbage.datagram();
  }
  return heap.collections;
}

describe('DatagramGarbage', () => {
  it.each([
    ['never where nothing grows', 1e6, 20e6, 0, 0],
    ['every 200 datagrams of 64 KiB', 10_000, 20e6, 65_536, 50],
    ['when the heap has grown by 8 MB', 10_000, 20e6, 8_000, 10],
    ['of a large heap, when it has grown by a quarter', 10_000, 100e6, 20_000, 7],
  ])('collects %s', (_, datagrams, start, perDatagram, collections) => {
    expect(after(datagrams, start, perDatagram)).toBe(collections);
  });
});
