import { hex, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oid } from './oid.ts';
import { type Pdu, type PduErrorKind, decodePdu, encodePdu } from './packet.ts';
import type { SearchRange, Value, VarBind } from './value.ts';

interface Vector {
  readonly source: string;
  readonly bytes: string;
  readonly pdu: Pdu;
}

const WEIGHT = '1.3.6.1.4.1.9586.100.5.3.4.1.7';

const SNMPD = 'snmpd 5.9.3 (Debian 12) on its AgentX socket, captured';

function header(sessionId: number, transactionId: number, packetId: number, networkOrder = true) {
  return { sessionId, transactionId, packetId, networkOrder };
}

function range(start: string, end = '', include = false): SearchRange {
  return { start: oid(start), include, end: end === '' ? [] : oid(end) };
}

const vectors: readonly Vector[] = [
  {
    source: `${SNMPD}: get of two variables`,
    bytes: `01051000 00000006 00000002 00000003 0000005c
      0a040000 00000001 00002572 00000064 00000005 00000003 00000004 00000001 00000004 00000001 00000001 00000000
      09040000 00000001 00002572 00000064 00000005 00000003 00000003 00000001 0000001e 00000001 00000000`,
    pdu: {
      ...header(6, 2, 3),
      kind: 'get',
      context: null,
      ranges: [range('1.3.6.1.4.1.9586.100.5.3.4.1.4.1.1'), range('1.3.6.1.4.1.9586.100.5.3.3.1.30.1')],
    },
  },
  {
    source: `${SNMPD}: getnext of realServerWeight`,
    bytes: `01061000 00000006 00000004 00000005 00000038
      08040000 00000001 00002572 00000064 00000005 00000003 00000004 00000001 00000007
      04040000 00000001 00002572 00000064 00000006`,
    pdu: {
      ...header(6, 4, 5),
      kind: 'get-next',
      context: null,
      ranges: [range(WEIGHT, '1.3.6.1.4.1.9586.100.6')],
    },
  },
  {
    source: `${SNMPD}: set of realServerWeight.1.1 = 4, test`,
    bytes: `01081000 00000006 0000000e 0000000f 00000034
      00020000 0a040000 00000001 00002572 00000064 00000005 00000003 00000004 00000001 00000007 00000001 00000001
      00000004`,
    pdu: {
      ...header(6, 14, 15),
      kind: 'test-set',
      context: null,
      varBinds: [{ name: oid(`${WEIGHT}.1.1`), value: { type: 'integer', value: 4 } }],
    },
  },
  {
    source: `${SNMPD}: commit`,
    bytes: '01091000 00000006 0000000e 00000010 00000000',
    pdu: { ...header(6, 14, 16), kind: 'commit-set' },
  },
  {
    source: `${SNMPD}: cleanup`,
    bytes: '010b1000 00000006 0000000e 00000011 00000000',
    pdu: { ...header(6, 14, 17), kind: 'cleanup-set' },
  },
  {
    source: `${SNMPD}: answer to Register, which says the subtree again`,
    bytes: `01121000 00000006 00000000 00000002 00000020
      000000e7 00000000 00050000 04040000 00000001 00002572 00000064 00000005`,
    pdu: {
      ...header(6, 0, 2),
      kind: 'response',
      sysUpTime: 231,
      error: 0,
      index: 0,
      varBinds: [{ name: oid('1.3.6.1.4.1.9586.100.5'), value: { type: 'null' } }],
    },
  },
  {
    source: 'RFC 2741 sections 6.2.1 and 5.3: Open of an ASCII description, padded',
    bytes: '01010000 00000000 00000000 01000000 14000000 05000000 00000000 05000000 61676e74 31000000',
    pdu: { ...header(0, 0, 1, false), kind: 'open', timeout: 5, id: [], description: unhex('61676e7431') },
  },
  {
    source: 'RFC 2741 section 6.2.2',
    bytes: '01021000 00000007 00000000 00000002 00000004 05000000',
    pdu: { ...header(7, 0, 2), kind: 'close', reason: 5 },
  },
  {
    source: 'RFC 2741 section 6.2.3: a range of rows of ifEntry, in a context, as one instance',
    bytes: `01031900 00000007 00000000 00000002 00000030 00000003 63747800 007f0b00
      07020000 00000001 00000002 00000002 00000001 00000001 00000001 00000007 00000016`,
    pdu: {
      ...header(7, 0, 2),
      kind: 'register',
      context: unhex('637478'),
      timeout: 0,
      priority: 127,
      subtree: oid('1.3.6.1.2.1.2.2.1.1.1.7'),
      range: { subid: 11, upperBound: 22 },
      instance: true,
    },
  },
  {
    source: 'RFC 2741 section 6.2.4',
    bytes: '01041000 00000007 00000000 00000003 00000010 007f0000 02040000 00000001 00002572',
    pdu: {
      ...header(7, 0, 3),
      kind: 'unregister',
      context: null,
      priority: 127,
      subtree: oid('1.3.6.1.4.1.9586'),
      range: null,
    },
  },
  {
    source: 'RFC 2741 section 6.2.7',
    bytes: '01070000 07000000 01000000 02000000 14000000 01000a00 02020100 01000000 01000000 00000000',
    pdu: {
      ...header(7, 1, 2, false),
      kind: 'get-bulk',
      context: null,
      nonRepeaters: 1,
      maxRepetitions: 10,
      ranges: [range('1.3.6.1.2.1.1', '', true)],
    },
  },
  {
    source: 'RFC 2741 section 6.2.13',
    bytes: '010d1800 00000007 00000000 00000004 00000008 00000003 63747800',
    pdu: { ...header(7, 0, 4), kind: 'ping', context: unhex('637478') },
  },
];

describe('decodePdu and encodePdu', () => {
  it.each(vectors)('agree on: $source', ({ bytes, pdu }) => {
    expect(decodePdu(unhex(bytes))).toEqual({ ok: true, value: pdu });
    expect(hex(encodePdu(pdu))).toBe(hex(unhex(bytes)));
  });

  const broken: readonly (readonly [PduErrorKind, string, string])[] = [
    ['truncated', 'shorter than a header', '0105'],
    ['bad-version', 'version 2', '02091000 00000006 0000000e 00000010 00000000'],
    ['bad-length', 'payload of 2 bytes', '01091000 00000006 0000000e 00000010 00000002 0000'],
    ['too-long', 'payload of 2 MiB', '01091000 00000006 0000000e 00000010 00200000'],
    ['unknown-type', 'type 19', '01131000 00000006 0000000e 00000010 00000000'],
    ['truncated', 'payload not all there', '01051000 00000006 00000002 00000003 00000008 00000000'],
    ['trailing-bytes', 'more than one PDU', '01091000 00000006 0000000e 00000010 00000000 00000000'],
    ['trailing-bytes', 'payload of a PDU that has none', '01091000 00000006 0000000e 00000010 00000004 00000000'],
    ['truncated', 'a name of 3 numbers with 1', '01051000 00000006 00000002 00000003 00000008 03000000 00000001'],
    [
      'bad-oid',
      'a name of 129 numbers',
      `01051000 00000006 00000002 00000003 00000208 81000000 ${'00000001'.repeat(129)}`,
    ],
    ['bad-value', 'type 3', '01081000 00000006 00000002 00000003 00000008 00030000 00000000'],
    ['bad-value', 'IpAddress of 3', '01081000 00000006 00000002 00000003 00000010 00400000 00000000 00000003 01020300'],
    ['truncated', 'text that ends early', '01081000 00000006 00000002 00000003 0000000c 00040000 00000000 00000009'],
  ];

  it.each(broken)('calls it %s: %s', (kind, _, bytes) => {
    const result = decodePdu(unhex(bytes));
    expect(result).toMatchObject({ ok: false, error: { kind } });
  });

  it('keeps the header of what it cannot read, to answer with', () => {
    expect(decodePdu(unhex('01131000 00000006 0000000e 00000010 00000000'))).toEqual({
      ok: false,
      error: { kind: 'unknown-type', header: header(6, 14, 16) },
    });
  });

  it('reads back what it wrote, in both byte orders', () => {
    fc.assert(
      fc.property(pdus, (pdu) => {
        expect(decodePdu(encodePdu(pdu))).toEqual({ ok: true, value: pdu });
      }),
    );
  });

  it('gives a PDU or an error for any bytes', () => {
    const anything = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(
        fc.constantFrom(0x00, 0x08, 0x10, 0x18),
        fc.integer({ min: 0, max: 20 }),
        anything,
        (flags, type, rest) => {
          const whole = Uint8Array.from([1, type, flags, 0, ...new Uint8Array(12), ...new Uint8Array(4), ...rest]);
          const length = rest.length - (rest.length % 4);
          new DataView(whole.buffer).setUint32(16, length, (flags & 0x10) === 0);
          expect(typeof decodePdu(whole.subarray(0, 20 + length)).ok).toBe('boolean');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('survives any one changed byte of a real request', () => {
    const bytes = unhex(vectors[2]?.bytes ?? '');
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        expect(typeof decodePdu(changed).ok).toBe('boolean');
      }
    }
  });
});

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const names = fc.oneof(
  fc.array(u32, { maxLength: 20 }),
  fc.array(u32, { maxLength: 20 }).map((rest) => [1, 3, 6, 1, ...rest]),
  fc.array(u32, { maxLength: 20 }).map((rest) => [1, 3, 6, 1, 4, ...rest]),
);
const octets = fc.uint8Array({ maxLength: 40 });
const values: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ type: fc.constant('integer' as const), value: fc.integer({ min: -0x80000000, max: 0x7fffffff }) }),
  fc.record({ type: fc.constantFrom('octets' as const, 'opaque' as const), value: octets }),
  fc.record({ type: fc.constantFrom('counter32' as const, 'gauge32' as const, 'timeticks' as const), value: u32 }),
  fc.record({ type: fc.constant('counter64' as const), value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }),
  fc.record({ type: fc.constant('ip-address' as const), value: fc.uint8Array({ minLength: 4, maxLength: 4 }) }),
  fc.record({ type: fc.constant('oid' as const), value: names }),
  fc.record({
    type: fc.constantFrom(
      'null' as const,
      'no-such-object' as const,
      'no-such-instance' as const,
      'end-of-mib-view' as const,
    ),
  }),
);
const varBinds: fc.Arbitrary<VarBind[]> = fc.array(fc.record({ name: names, value: values }), { maxLength: 5 });
const ranges: fc.Arbitrary<SearchRange[]> = fc.array(fc.record({ start: names, include: fc.boolean(), end: names }), {
  maxLength: 5,
});
const context = fc.option(octets, { nil: null });
const headers = fc.record({ sessionId: u32, transactionId: u32, packetId: u32, networkOrder: fc.boolean() });
const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 65535 });
const subtreeRange = fc.option(fc.record({ subid: fc.integer({ min: 1, max: 255 }), upperBound: u32 }), { nil: null });

const pdus: fc.Arbitrary<Pdu> = fc
  .tuple(
    headers,
    fc.oneof(
      fc.record({ kind: fc.constant('open' as const), timeout: u8, id: names, description: octets }),
      fc.record({ kind: fc.constant('close' as const), reason: u8 }),
      fc.record({
        kind: fc.constant('register' as const),
        context,
        timeout: u8,
        priority: u8,
        subtree: names,
        range: subtreeRange,
        instance: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('unregister' as const),
        context,
        priority: u8,
        subtree: names,
        range: subtreeRange,
      }),
      fc.record({ kind: fc.constantFrom('get' as const, 'get-next' as const), context, ranges }),
      fc.record({
        kind: fc.constant('get-bulk' as const),
        context,
        nonRepeaters: u16,
        maxRepetitions: u16,
        ranges,
      }),
      fc.record({ kind: fc.constantFrom('test-set' as const, 'notify' as const), context, varBinds }),
      fc.record({ kind: fc.constantFrom('commit-set' as const, 'undo-set' as const, 'cleanup-set' as const) }),
      fc.record({ kind: fc.constant('ping' as const), context }),
      fc.record({ kind: fc.constant('response' as const), sysUpTime: u32, error: u16, index: u16, varBinds }),
    ),
  )
  .map(([first, body]) => ({ ...first, ...body }));
