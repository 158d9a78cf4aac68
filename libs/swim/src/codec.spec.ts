import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hex, latin1Text, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Cipher,
  type Envelope,
  decodeCompressed,
  encodeCompound,
  encodeCompressed,
  openDatagram,
  sealDatagram,
} from './envelope.ts';
import { compress, decompress } from './lzw.ts';
import { type PacketMessage, decodePacket, encodePacket } from './packet.ts';
import { type SerfMessage, decodeFilter, decodeSerf, decodeTags, encodeSerf, encodeTags } from './serf.ts';
import { StreamDecoder, type StreamMessage, decodeStreamMessage, encodeStreamMessage, sealStream } from './stream.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

interface Vectors {
  readonly key: string;
  readonly datagrams: readonly { readonly encrypted: boolean; readonly wire: string; readonly plain?: string }[];
  readonly streams: readonly { readonly encrypted: boolean; readonly wire: string; readonly plain: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/serf-0.9.4.json', import.meta.url), 'utf8')) as Vectors;
const key = unhex(vectors.key);

const aes: Cipher = {
  seal(plain, associated) {
    const nonce = randomBytes(12);
    return sealWith(nonce, plain, associated);
  },
  open(sealed, associated) {
    const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(associated);
    cipher.setAuthTag(sealed.subarray(sealed.length - 16));
    try {
      return new Uint8Array(Buffer.concat([cipher.update(sealed.subarray(12, sealed.length - 16)), cipher.final()]));
    } catch {
      return undefined;
    }
  },
};

function sealWith(nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const open: Envelope = { label: '', cipher: undefined, acceptPlain: false, sendPlain: false };
const locked: Envelope = { label: '', cipher: aes, acceptPlain: false, sendPlain: false };
const labelled: Envelope = { label: 'lab', cipher: aes, acceptPlain: false, sendPlain: false };

function value<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function messages(wire: Uint8Array, envelope: Envelope): Uint8Array[] {
  return value(openDatagram(wire, envelope)).map((part) => value(part));
}

/** Re-encodes every layer above the wrappings. */
function again(message: Uint8Array): Uint8Array {
  const packet = value(decodePacket(message));
  if (packet.type !== 'user') return encodePacket(packet);
  return encodePacket({ type: 'user', body: encodeSerf(value(decodeSerf(packet.body))) });
}

describe('what serf 0.9.4 sends', () => {
  it.each(vectors.datagrams)('datagram $wire decodes, and encodes to the same bytes', ({ encrypted, wire, plain }) => {
    const bytes = unhex(wire);
    const parts = messages(bytes, encrypted ? locked : open);
    const encoded = parts.map(again);
    expect(encoded.map(hex)).toEqual(parts.map(hex));

    const inner = plain === undefined ? bytes : unhex(plain);
    const [only = new Uint8Array()] = encoded;
    const message = encoded.length === 1 ? only : encodeCompound(encoded);
    const body = inner[0] === 12 ? inner.subarray(5) : inner;
    const rebuilt = sealDatagram(message, open, { crc: inner[0] === 12, compress: body[0] === 9 });
    expect(hex(rebuilt)).toBe(hex(inner));
    if (encrypted) expect(hex(bytes)).toBe(`01${hex(sealWith(bytes.subarray(1, 13), rebuilt, new Uint8Array()))}`);
  });

  it.each(vectors.streams)('push/pull $wire decodes, and encodes to the same bytes', ({ encrypted, wire, plain }) => {
    const bytes = unhex(wire);
    const decoder = new StreamDecoder(encrypted ? locked : open, false);
    const message = value(decoder.push(bytes));
    if (message?.type !== 'push-pull') throw new Error('no push/pull');
    const userState = encodeSerf(value(decodeSerf(message.userState)));
    const encoded = encodeStreamMessage({ ...message, userState });
    expect(hex(encoded)).toBe(plain);
    if (!encrypted) expect(hex(sealStream(encoded, open, { compress: true, opener: false }))).toBe(wire);
  });

  it('a stream gives the same message however it is cut', () => {
    for (const { encrypted, wire } of vectors.streams) {
      const bytes = unhex(wire);
      for (const size of [1, 2, 7, 100]) {
        const decoder = new StreamDecoder(encrypted ? locked : open, false);
        for (let at = 0; at < bytes.length; at += size) {
          const message = value(decoder.push(bytes.subarray(at, at + size)));
          expect(message !== undefined).toBe(at + size >= bytes.length);
        }
      }
    }
  });

  it('a plain uncompressed push/pull is recognised at its last byte', () => {
    const bytes = unhex(vectors.streams[0]?.plain ?? '');
    const decoder = new StreamDecoder(open, false);
    for (let at = 0; at < bytes.length - 1; at++)
      expect(value(decoder.push(bytes.subarray(at, at + 1)))).toBeUndefined();
    expect(value(decoder.push(bytes.subarray(-1)))?.type).toBe('push-pull');
  });
});

const u32 = fc.nat({ max: 0xffffffff });
const lamport = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => encodeUtf8(text).length <= 128);
const address = fc
  .constantFrom(4, 16)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  .filter((bytes) => bytes.some((byte) => byte !== 0));
const port = fc.integer({ min: 1, max: 65535 });
const payload = fc.uint8Array({ maxLength: 300 });
const versions = fc.constant({
  protocolMin: 1,
  protocolMax: 5,
  protocol: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegate: 5,
});
const source = fc.record({ address, port, node: name });

const digest = fc.integer({ min: 1, max: 0xffffffff });
const packets: fc.Arbitrary<PacketMessage> = fc.oneof(
  fc.record(
    { type: fc.constant('ping' as const), seq: u32, node: name, source, digest },
    { requiredKeys: ['type', 'seq', 'node'] },
  ),
  fc.record({
    type: fc.constant('indirect-ping' as const),
    seq: u32,
    node: name,
    target: address,
    port,
    nack: fc.boolean(),
    source,
  }),
  fc.record(
    { type: fc.constant('ack' as const), seq: u32, payload, digest },
    { requiredKeys: ['type', 'seq', 'payload'] },
  ),
  fc.record({ type: fc.constant('nack' as const), seq: u32 }),
  fc.record({ type: fc.constantFrom('suspect' as const, 'dead' as const), incarnation: u32, node: name, from: name }),
  fc.record({
    type: fc.constant('alive' as const),
    incarnation: u32,
    node: name,
    address,
    port,
    meta: payload,
    versions,
  }),
  fc.record({ type: fc.constant('user' as const), body: payload }),
);

const states = fc.record({
  name,
  status: fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const, 'left' as const),
  incarnation: u32,
  address,
  port,
  meta: payload,
  versions,
});

const streams: fc.Arbitrary<StreamMessage> = fc.oneof(
  fc.record({
    type: fc.constant('push-pull' as const),
    join: fc.boolean(),
    states: fc.array(states, { maxLength: 40 }),
    refused: fc.constant([]),
    userState: payload,
  }),
  fc.record({ type: fc.constant('user' as const), body: payload }),
  fc.record({ type: fc.constant('error' as const), text: name }),
  fc.record({ type: fc.constant('ping' as const), seq: u32, node: name }),
  fc.record({ type: fc.constant('ack' as const), seq: u32, payload }),
);

const serfs: fc.Arbitrary<SerfMessage> = fc.oneof(
  fc.record({ type: fc.constant('leave' as const), time: lamport, node: name, prune: fc.boolean() }),
  fc.record({ type: fc.constant('join' as const), time: lamport, node: name }),
  fc.record({ type: fc.constant('user-event' as const), time: lamport, coalesce: fc.boolean(), name, payload }),
  fc.record({
    type: fc.constant('query' as const),
    time: lamport,
    id: u32,
    address,
    port,
    source: name,
    filters: fc.array(payload, { maxLength: 5 }),
    flags: u32,
    relayFactor: fc.nat({ max: 255 }),
    timeout: lamport,
    name,
    payload,
  }),
  fc.record({ type: fc.constant('query-response' as const), time: lamport, id: u32, from: name, flags: u32, payload }),
  fc.record({ type: fc.constant('relay' as const), address, port, zone: name, node: name, message: payload }),
  fc.record({
    type: fc.constant('push-pull' as const),
    time: lamport,
    eventTime: lamport,
    queryTime: lamport,
    statusTimes: fc
      .uniqueArray(fc.tuple(name, lamport), { selector: ([member]) => member, maxLength: 20 })
      .map((times) => times.sort(([a], [b]) => (a < b ? -1 : 1))),
    left: fc.array(name, { maxLength: 5 }),
    events: fc.array(
      fc.option(fc.record({ time: lamport, events: fc.array(fc.record({ name, payload }), { maxLength: 3 }) }), {
        nil: undefined,
      }),
      { maxLength: 40 },
    ),
  }),
);

describe('decoding what was encoded', () => {
  it('gives the same datagram message', () => {
    fc.assert(
      fc.property(packets, (message) => void expect(value(decodePacket(encodePacket(message)))).toEqual(message)),
    );
  });

  it('gives the same stream message', () => {
    fc.assert(
      fc.property(
        streams,
        (message) => void expect(value(decodeStreamMessage(encodeStreamMessage(message)))).toEqual(message),
      ),
    );
  });

  it('gives the same serf message', () => {
    fc.assert(fc.property(serfs, (message) => void expect(value(decodeSerf(encodeSerf(message)))).toEqual(message)));
  });

  it('gives the same tags', () => {
    const tags = fc.dictionary(name, name, { maxKeys: 8 });
    fc.assert(fc.property(tags, (map) => void expect(decodeTags(encodeTags(map))).toEqual({ ...map })));
  });

  it('gives the same bytes after compression, over every width and table clear', () => {
    const skewed = fc.array(fc.nat({ max: 3 }), { maxLength: 3000 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 20_000 }), skewed),
        (bytes) => void expect(hex(value(decompress(compress(bytes), 20_000)))).toBe(hex(bytes)),
      ),
      { numRuns: 60 },
    );
  });

  it.each([open, locked, labelled])('gives the same parts through every wrapping', (envelope) => {
    fc.assert(
      fc.property(
        fc.array(packets, { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        fc.boolean(),
        (list, crc, small) => {
          const parts = list.map(encodePacket);
          const wire = sealDatagram(encodeCompound(parts), envelope, { crc, compress: small });
          expect(messages(wire, envelope).map(hex)).toEqual(parts.map(hex));
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([open, locked, labelled])('gives the same stream through every wrapping, however it is cut', (envelope) => {
    fc.assert(
      fc.property(streams, fc.boolean(), fc.integer({ min: 1, max: 500 }), (message, small, size) => {
        const wire = sealStream(encodeStreamMessage(message), envelope, { compress: small, opener: true });
        const decoder = new StreamDecoder(envelope, true);
        let decoded: StreamMessage | undefined;
        for (let at = 0; at < wire.length; at += size) decoded = value(decoder.push(wire.subarray(at, at + size)));
        expect(decoded).toEqual(message);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps any text, and refuses UTF-8 that is not well formed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void expect(decodeUtf8(encodeUtf8(text))).toBe(text)),
    );
    for (const bad of ['c080', 'e08080', 'eda080', 'f4908080', 'f8888080', '80', 'c3', 'e282'])
      expect(decodeUtf8(unhex(bad)), bad).toBeUndefined();
  });
});

describe('no decoder throws', () => {
  const wires = [...vectors.datagrams, ...vectors.streams].flatMap(({ wire, ...rest }) =>
    [wire, 'plain' in rest ? rest.plain : undefined].filter((text) => text !== undefined).map((text) => unhex(text)),
  );
  const mutated = fc
    .tuple(fc.constantFrom(...wires), fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }))
    .map(([wire, cut, changes]) => {
      const bytes = wire.slice(0, cut % 3 === 0 ? wire.length : cut % wire.length);
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    });

  it('on any bytes, or on truncated and mutated captures', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), mutated), (bytes) => {
        for (const envelope of [open, locked, labelled, { ...locked, acceptPlain: true }]) {
          const parts = openDatagram(bytes, envelope);
          if (parts.ok)
            for (const part of parts.value) {
              if (!part.ok) continue;
              const packet = decodePacket(part.value);
              if (packet.ok && packet.value.type === 'user') decodeSerf(packet.value.body);
            }
          new StreamDecoder(envelope, true).push(bytes);
        }
        decodePacket(bytes);
        decodeStreamMessage(bytes);
        decodeSerf(bytes);
        decodeFilter(bytes);
        decodeTags(bytes);
        decompress(bytes, 100_000);
      }),
      { numRuns: 3000 },
    );
  });
});

const kindOf = (result: { ok: true } | { ok: false; error: { kind: string } }) =>
  result.ok ? 'none' : result.error.kind;
const alive = (version: string, more = '') =>
  unhex(
    `0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e6f6465a161a4506f72740aa356736e${version}${more}`,
  );

describe('what is refused, and why', () => {
  it.each<[string, string, string]>([
    ['a version list of three bytes, which crashes old peers', hex(alive('a3010502')), 'bad-version'],
    ['an impossible range of versions', hex(alive('a6050102020505')), 'bad-version'],
    ['a byte after the message', hex(alive('a6010502020505', '00')), 'trailing'],
    ['half a message', '0486a44164', 'truncated'],
    ['an unknown number', '63', 'unknown-type'],
    ['a message that is no map', '0001', 'malformed'],
    ['a member without a name', '0383a446726f6da0ab496e6361726e6174696f6e01a44e6f6465a0', 'bad-name'],
    ['a name that is no text', '0383a446726f6da0ab496e6361726e6174696f6e01a44e6f6465a1ff', 'bad-name'],
    [
      'an incarnation beyond 32 bits',
      '0383a446726f6da0ab496e6361726e6174696f6ecf0000000100000000a44e6f6465a161',
      'too-large',
    ],
    ['a number beyond 2^53', '0b81a55365714e6fcfffffffffffffffff', 'implausible'],
    [
      'an address of five bytes',
      '0486a441646472a50102030405ab496e6361726e6174696f6e01a44e6f6465a161a4506f72740aa356736ea6010502020505a14200',
      'bad-address',
    ],
    ['nesting without end', `00${'91'.repeat(40)}00`, 'malformed'],
    ['a list of four thousand million', '00ddffffffff', 'truncated'],
  ])('%s', (_what, wire, kind) => {
    expect(kindOf(decodePacket(unhex(wire)))).toBe(kind);
  });

  it('a wrong checksum, label, key and compression', () => {
    const nack = encodePacket({ type: 'nack', seq: 1 });
    const crc = sealDatagram(nack, open, { crc: true, compress: false });
    crc[crc.length - 1] = (crc.at(-1) ?? 0) ^ 1;
    expect(kindOf(openDatagram(crc, open))).toBe('checksum');
    const lab = sealDatagram(nack, labelled, { crc: false, compress: false });
    expect(kindOf(openDatagram(lab, locked))).toBe('label');
    expect(kindOf(openDatagram(nack, { ...open, label: 'x' }))).toBe('label');
    lab[lab.length - 1] = (lab.at(-1) ?? 0) ^ 1;
    expect(kindOf(openDatagram(lab, labelled))).toBe('encryption');
    expect(kindOf(openDatagram(nack, locked))).toBe('encryption');
    expect(messages(nack, { ...locked, acceptPlain: true }).map(hex)).toEqual([hex(nack)]);
    expect(kindOf(decompress(unhex('ffff'), 10))).toBe('compression');
    expect(kindOf(decodeCompressed(encodeCompressed(new Uint8Array(100_000)), 65_536))).toBe('too-large');
  });

  it('a compound cut off keeps its whole parts', () => {
    const parts = [1, 2, 3].map((seq) => encodePacket({ type: 'nack', seq }));
    const wire = encodeCompound(parts);
    const opened = value(openDatagram(wire.subarray(0, wire.length - 2), open));
    expect(opened.map(kindOf)).toEqual(['none', 'none', 'truncated']);
  });

  it('one useless member of a push/pull leaves the others', () => {
    const state = { status: 'alive', incarnation: 1, address: unhex('0a000001'), port: 7946, meta: unhex('') } as const;
    const good = { protocolMin: 1, protocolMax: 5, protocol: 2, delegateMin: 2, delegateMax: 5, delegate: 5 };
    const decoded = value(
      decodeStreamMessage(
        encodeStreamMessage({
          type: 'push-pull',
          join: false,
          states: [
            { ...state, name: 'a', versions: { ...good, protocolMin: 0 } },
            { ...state, name: 'b', versions: good },
          ],
          refused: [],
          userState: unhex(''),
        }),
      ),
    );
    if (decoded.type !== 'push-pull') throw new Error('no push/pull');
    expect(decoded.states.map((node) => node.name)).toEqual(['b']);
    expect(decoded.refused.map((error) => error.kind)).toEqual(['bad-version']);
  });

  it('tags of a peer without tags are its role', () => {
    expect(decodeTags(unhex('726566'))).toEqual({ role: 'ref' });
    expect(decodeTags(unhex('ff81a4726f6c65a3726566'))).toEqual({ role: 'ref' });
    expect(decodeTags(unhex('ff93'))).toEqual({});
    expect(latin1Text(encodeTags({ b: '1', a: '2' }))).toBe('\xff\x82\xa1a\xa12\xa1b\xa11');
  });
});
