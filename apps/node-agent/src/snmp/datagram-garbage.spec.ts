import { describe, expect, it } from 'vitest';
import { DatagramGarbage } from './datagram-garbage.ts';

/** How often everything was collected; `old` of a datagram's garbage is none of the young generation. */
function after(datagrams: number, start: number, perDatagram: number, old = 1) {
  const heap = { bytes: start, old: start, young: 0, all: 0 };
  const garbage = new DatagramGarbage({
    used: () => heap.bytes,
    collectYoung: () => {
      heap.bytes = heap.old;
      heap.young++;
    },
    collect: () => {
      heap.bytes = heap.old = start;
      heap.all++;
    },
  });
  for (let i = 0; i < datagrams; i++) {
    heap.bytes += perDatagram;
    heap.old += perDatagram * old;
    garbage.datagram();
  }
  return heap;
}

describe('DatagramGarbage', () => {
  it.each([
    ['never where nothing grows', 1e6, 20e6, 0, 0],
    ['every 200 datagrams of 64 KiB', 10_000, 20e6, 65_536, 50],
    ['when the heap has grown by 8 MB', 10_000, 20e6, 8_000, 10],
    ['of a large heap, when it has grown by a quarter', 10_000, 100e6, 20_000, 7],
  ])('collects %s', (_, datagrams, start, perDatagram, collections) => {
    expect(after(datagrams, start, perDatagram)).toMatchObject({ all: collections });
  });

  it('collects the young generation alone as long as that is enough', () => {
    expect(after(10_000, 20e6, 8_000, 0)).toMatchObject({ young: 10, all: 0, bytes: 20e6 });
    expect(after(10_000, 20e6, 8_000, 0.1)).toMatchObject({ young: 12, all: 1 });
  });
});
