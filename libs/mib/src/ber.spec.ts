import { hex, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadBer, BerReader, BerWriter } from './ber.ts';
import { type Oid, oid } from './oid.ts';
import { decodeMessage, encodeCommunityMessage } from './snmp-message.ts';
import type { Value, VarBind } from './value.ts';

const subid = fc.integer({ min: 0, max: 0xffffffff });
const name: fc.Arbitrary<Oid> = fc
  .tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 39 }), fc.array(subid, { maxLength: 40 }))
  .map(([first, second, rest]) => [first, second, ...rest]);
const octets = fc.uint8Array({ maxLength: 300 });
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.integer({ min: -0x80000000, max: 0x7fffffff }).map((n): Value => ({ type: 'integer', value: n })),
  octets.map((bytes): Value => ({ type: 'octets', value: bytes })),
  name.map((found): Value => ({ type: 'oid', value: found })),
  fc
    .tuple(fc.constantFrom('counter32', 'gauge32', 'timeticks'), fc.integer({ min: 0, max: 0xffffffff }))
    .map(([type, n]) => ({ type, value: n }) as Value),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((n): Value => ({ type: 'counter64', value: n })),
  fc.constantFrom('null', 'no-such-object', 'no-such-instance', 'end-of-mib-view').map((type) => ({ type }) as Value),
);
const varBind: fc.Arbitrary<VarBind> = fc.record({ name, value });

describe('BER', () => {
  it.each<[string, Value]>([
    ['020100', { type: 'integer', value: 0 }],
    ['02017f', { type: 'integer', value: 127 }],
    ['02020080', { type: 'integer', value: 128 }],
    ['0201ff', { type: 'integer', value: -1 }],
    ['020180', { type: 'integer', value: -128 }],
    ['0202ff7f', { type: 'integer', value: -129 }],
    ['020480000000', { type: 'integer', value: -2147483648 }],
    ['4105 00ffffffff', { type: 'counter32', value: 4294967295 }],
    ['4609 00ffffffffffffffff', { type: 'counter64', value: (1n << 64n) - 1n }],
    ['4605 0100000000', { type: 'counter64', value: 1n << 32n }],
    ['0600', { type: 'oid', value: [] }],
    ['060a 2b06010401ca72640500', { type: 'oid', value: oid('1.3.6.1.4.1.9586.100.5.0') }],
    ['0605 883703 8100', { type: 'oid', value: oid('2.999.3.128') }],
    ['4004 c0000201', { type: 'ip-address', value: unhex('c0000201') }],
    ['8200', { type: 'end-of-mib-view' }],
  ])('%s', (bytes, decoded) => {
    expect(new BerReader(unhex(bytes)).value()).toEqual(decoded);
    expect(hex(new BerWriter().value(decoded).finish())).toBe(hex(unhex(bytes)));
  });

  it.each([
    ['0200', 'bad-integer'],
    ['0205 0100000000', 'bad-integer'],
    ['0280 0100', 'bad-length'],
    ['0285 0000000001 00', 'bad-length'],
    ['0282ffff 00', 'truncated'],
    ['02', 'truncated'],
    ['', 'truncated'],
    ['4003 c00002', 'bad-value'],
    ['0501 00', 'bad-value'],
    ['0602 2b80', 'bad-oid'],
    ['0606 8fffffffff7f', 'bad-oid'],
    ['1f00', 'bad-tag'],
  ])('%s is %s', (bytes, kind) => {
    let found: unknown;
    try {
      new BerReader(unhex(bytes)).value();
    } catch (error) {
      found = error instanceof BadBer ? error.kind : error;
    }
    expect(found).toBe(kind);
  });

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(fc.array(varBind, { maxLength: 20 }), octets, (varBinds, community) => {
        const pdu = { kind: 'response', requestId: -5, errorStatus: 0, errorIndex: 3, varBinds } as const;
        const bytes = encodeCommunityMessage({ version: 'v2c', community, pdu });
        expect(decodeMessage(bytes)).toEqual({ ok: true, value: { version: 'v2c', community, pdu } });
      }),
      { numRuns: 100 },
    );
  });

  it('gives a message or an error for any bytes, also for those that are nearly right', () => {
    const pdu = {
      kind: 'get-bulk',
      requestId: 1,
      errorStatus: 0,
      errorIndex: 10,
      varBinds: [{ name: oid('1.3.6.1.2.1'), value: { type: 'null' } }],
    } as const;
    const good = encodeCommunityMessage({ version: 'v2c', community: unhex('7075626c6963'), pdu });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 60 }), (at, octet, random) => {
        const changed = good.slice();
        changed[at] = octet;
        for (const bytes of [changed, changed.slice(0, at), random])
          expect(decodeMessage(bytes).ok).toBeTypeOf('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});
