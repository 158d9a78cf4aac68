import { decodePacket } from '@keepfleet/bfd';
import { fuzz } from '@keepfleet/testkit';
import { unhex } from '@keepfleet/wire';
import type { Soak } from '../soak.ts';

/** Of keepalived and of FRR, in Down, Init and Up with both bits, and an authenticated one. */
const packets = [
  '20400418a2b5f8d100000000000f42400000c35000000000',
  '2080031831f540caa2b5f8d1000f4240000f42400000c350',
  '20e0031831f540caa2b5f8d1000493e0000493e00000c350',
  '20d00418a2b5f8d131f540ca00009c400000c35000000000',
  '2044041ca2b5f8d100000000000f42400000c3500000000001040161',
];

export const soak: Soak = {
  about: 'BFD packets, mutated, into the decoder',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    let read = 0;
    const { slowest } = fuzz({
      ...task,
      vectors: packets.map(unhex),
      decode: (bytes) => {
        if (decodePacket(bytes).ok) read++;
      },
      clock: () => performance.now(),
    });
    return { accepted: read, 'slowest ms': slowest.toFixed(2) };
  },
};
