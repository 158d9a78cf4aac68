import { hex, ip, formatIp, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advertVectors } from './fixtures/adverts.ts';
import { type Advert, type Path, decodeAdvert, encodeAdvert, passwordData } from './packet.ts';

const path4: Path = { source: ip('192.0.2.1'), destination: ip('224.0.0.18') };
const path6: Path = { source: ip('fe80::1'), destination: ip('ff02::12') };

const byte = fc.integer({ min: 0, max: 255 });
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const addresses = (length: number) => fc.array(octets(length).map(formatIp), { maxLength: 255 });
const advertOf = (family: 'ipv4' | 'ipv6') =>
  fc.record({
    version: fc.constant(3 as const),
    family: fc.constant(family),
    vrid: byte,
    priority: byte,
    centiseconds: fc.integer({ min: 0, max: 4095 }),
    addresses: addresses(family === 'ipv4' ? 4 : 16),
  });
const advertV2 = fc.record({
  version: fc.constant(2 as const),
  family: fc.constant('ipv4' as const),
  vrid: byte,
  priority: byte,
  authType: byte,
  seconds: byte,
  addresses: addresses(4),
  authData: octets(8).map(hex),
});
const anyAdvert: fc.Arbitrary<Advert> = fc.oneof(advertV2, advertOf('ipv4'), advertOf('ipv6'));
const pathOf = (advert: Advert) => (advert.family === 'ipv4' ? path4 : path6);

describe('an advert on the wire', () => {
  it.each(advertVectors)('is read: $name', ({ bytes, path, advert }) => {
    expect(decodeAdvert(unhex(bytes), path)).toEqual({ ok: true, value: advert });
  });

  it.each(advertVectors)('is written: $name', ({ bytes, path, advert }) => {
    expect(hex(encodeAdvert(advert, path))).toBe(bytes);
  });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(anyAdvert, fc.boolean(), (advert, v3ChecksumAsV2) => {
        const path = pathOf(advert);
        const bytes = encodeAdvert(advert, path, { v3ChecksumAsV2 });
        expect(decodeAdvert(bytes, path, { v3ChecksumAsV2 })).toEqual({ ok: true, value: advert });
      }),
    );
  });

  it('of any bytes gives a value or an error, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, six) => {
        expect(typeof decodeAdvert(bytes, six ? path6 : path4).ok).toBe('boolean');
      }),
    );
  });

  it('with one bit flipped is another advert nowhere', () => {
    fc.assert(
      fc.property(anyAdvert, fc.nat(), (advert, where) => {
        const path = pathOf(advert);
        const bytes = encodeAdvert(advert, path);
        const bit = where % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decodeAdvert(bytes, path).ok).toBe(false);
      }),
    );
  });

  it('of version 3 belongs to its addresses, of version 2 does not', () => {
    const other: Path = { source: ip('192.0.2.9'), destination: ip('224.0.0.18') };
    const [two, three] = [advertVectors[0], advertVectors[4]];
    expect(decodeAdvert(unhex(two?.bytes ?? ''), other).ok).toBe(true);
    expect(decodeAdvert(unhex(three?.bytes ?? ''), other)).toMatchObject({ error: { kind: 'checksum' } });
  });

  it('is taken with any checksum where v3ChecksumAsV2 says so, and sent without pseudo-header', () => {
    const vector = advertVectors[4];
    if (vector === undefined) throw new Error('no vector');
    const rule = { v3ChecksumAsV2: true };
    expect(decodeAdvert(unhex(vector.bytes), vector.path, rule)).toEqual({ ok: true, value: vector.advert });
    const bytes = encodeAdvert(vector.advert, vector.path, rule);
    expect(hex(bytes)).not.toBe(vector.bytes);
    expect(encodeAdvert(vector.advert, { ...vector.path, source: ip('192.0.2.9') }, rule)).toEqual(bytes);
  });
});

describe('a broken advert', () => {
  const good = '3103c8020019ec46cb007101cb007102';
  it.each([
    ['no bytes', '', { kind: 'length', length: 0, wanted: 8 }],
    ['a header cut short', good.slice(0, 14), { kind: 'length', length: 7, wanted: 8 }],
    ['an address cut short', good.slice(0, -2), { kind: 'length', length: 15, wanted: 16 }],
    ['a byte too many', `${good}00`, { kind: 'length', length: 17, wanted: 16 }],
    ['version 4', `4${good.slice(1)}`, { kind: 'version', version: 4, wanted: [2, 3] }],
    ['type 2', `32${good.slice(2)}`, { kind: 'type', type: 2 }],
    ['a wrong checksum', good.replace('ec46', 'ec47'), { kind: 'checksum', checksum: 0xec47, wanted: 0xec46 }],
  ])('with %s says so', (_, bytes, error) => {
    expect(decodeAdvert(unhex(bytes), path4)).toEqual({ ok: false, error });
  });

  it('of version 2 has no place in IPv6', () => {
    const error = { kind: 'version', version: 2, wanted: [3] };
    expect(decodeAdvert(unhex('210200010001b4b3c63364140000000000000000'), path6)).toEqual({ ok: false, error });
  });
});

describe('a password', () => {
  it.each([
    ['s3cret', '7333637265740000'],
    ['12345678', '3132333435363738'],
    ['123456789', '3132333435363738'],
  ])('%s is %s', (password, data) => {
    expect(passwordData(password)).toBe(data);
  });
});
