import { hex, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Framer } from './framer.ts';
import { encodePdu } from './packet.ts';

const header = { sessionId: 1, transactionId: 2, packetId: 3, networkOrder: true };
const pdus = [
  encodePdu({ ...header, kind: 'commit-set' }),
  encodePdu({ ...header, kind: 'ping', context: unhex('6162636465') }),
  encodePdu({
    ...header,
    networkOrder: false,
    kind: 'get',
    context: null,
    ranges: [{ start: [1, 3], include: false, end: [] }],
  }),
  encodePdu({
    ...header,
    kind: 'notify',
    context: null,
    varBinds: [{ name: [1], value: { type: 'octets', value: new Uint8Array(9000) } }],
  }),
];
const stream = Uint8Array.from(pdus.flatMap((pdu) => Array.from(pdu)));

describe('Framer', () => {
  it('gives the same PDUs however the stream is cut', () => {
    const cuts = fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 30 });
    fc.assert(
      fc.property(cuts, (places) => {
        const framer = new Framer();
        const found: string[] = [];
        let from = 0;
        for (const to of [...places.toSorted((a, b) => a - b), stream.length]) {
          const bytes = stream.subarray(from, to);
          const { pdus: whole, error } = from % 2 === 0 ? framer.push(bytes) : framer.pushHex(hex(bytes));
          expect(error).toBeNull();
          found.push(...whole.map(hex));
          from = to;
        }
        expect(found).toEqual(pdus.map(hex));
      }),
    );
  });

  it('gives PDUs byte by byte', () => {
    const framer = new Framer();
    const found = Array.from(stream).flatMap((byte) => framer.push(Uint8Array.of(byte)).pdus.map(hex));
    expect(found).toEqual(pdus.map(hex));
  });

  it.each([
    ['bad-version', '47455420 2f204854 54502f31 2e310d0a 0d0a0d0a'],
    ['bad-length', '01091000 00000006 0000000e 00000010 00000003'],
    ['too-long', '01091000 00000006 0000000e 00000010 fffffffc'],
  ])('gives up a stream with %s for good, after the PDUs before it', (error, bytes) => {
    const framer = new Framer();
    const first = pdus[0] ?? new Uint8Array();
    const result = framer.push(unhex(hex(first) + bytes));
    expect(result.pdus.map(hex)).toEqual([hex(first)]);
    expect(result.error).toBe(error);
    expect(framer.push(first)).toEqual({ pdus: [], error });
  });
});
