import { hex, unhex } from '@keepfleet/wire';
import { fuzz } from '@keepfleet/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokenPackets, packetVectors } from './fixtures/packets.ts';
import { type ControlPacket, STATES, decodePacket, encodePacket } from './packet.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const packet: fc.Arbitrary<ControlPacket> = fc
  .record({
    diagnostic: fc.integer({ min: 0, max: 31 }),
    state: fc.constantFrom(...STATES),
    poll: fc.boolean(),
    final: fc.boolean(),
    controlPlaneIndependent: fc.boolean(),
    authenticated: fc.constant(false),
    demand: fc.boolean(),
    detectMult: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.integer({ min: 1, max: 0xffff_ffff }),
    yourDiscriminator: u32,
    desiredMinTx: u32,
    requiredMinRx: u32,
    requiredMinEchoRx: u32,
  })
  .filter(({ poll, final }) => !(poll && final))
  .filter(({ yourDiscriminator, state }) => yourDiscriminator !== 0 || state === 'down' || state === 'admin-down');

describe('a packet on the wire', () => {
  it.each(packetVectors)('is read: $name', ({ bytes, packet }) => {
    expect(decodePacket(unhex(bytes))).toEqual({ ok: true, value: packet });
  });

  it.each(packetVectors)('is written: $name', ({ bytes, packet }) => {
    expect(hex(encodePacket(packet))).toBe(bytes);
  });

  it.each(brokenPackets)('is refused: $name', ({ bytes, kind }) => {
    expect(decodePacket(unhex(bytes))).toMatchObject({ ok: false, error: { kind } });
  });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(packet, (one) => {
        expect(decodePacket(encodePacket(one))).toEqual({ ok: true, value: one });
      }),
    );
  });

  it('may be followed by bytes that are not its own, such as an authentication section', () => {
    const bytes = unhex('2044041ca2b5f8d100000000000f42400000c3500000000001040161ffff');
    expect(decodePacket(bytes)).toMatchObject({ ok: true, value: { authenticated: true } });
  });

  it('of any bytes gives a value or an error, never an exception', () => {
    const vectors = [...packetVectors, ...brokenPackets].map(({ bytes }) => unhex(bytes));
    expect(fuzz({ vectors, decode: decodePacket, count: 20_000, seed: 5880 }).inputs).toBe(20_000);
  });
});
