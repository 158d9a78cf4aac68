import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareIp, formatIp, ip, ipBytes, parseIp } from './index.ts';

describe('IP addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:15', '2001:db8::15'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::', 'fe80::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('spells %s as %s', (text, canonical) => {
    expect(parseIp(text)).toEqual({ ok: true, value: canonical });
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '::1:2:3:4:5:6:7:8',
    'g::1',
    '1.2.3.4/24',
    '1.2.3.4::',
    '1:1.2.3.4::2',
    '1.2.3.4:1:2:3:4:5:6',
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toEqual({ ok: false, error: { kind: 'bad-address', text } });
  });

  it('takes what the system takes, and nothing else', () => {
    const part = fc.constantFrom('::', ':', '.', '1', 'ffff', 'a0', '12345', 'g', '1.2.3.4', '256', '01.2.3.4', '%');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        // Without a zone, which is no part of an address here.
        expect(parseIp(text).ok).toBe(isIP(text) !== 0 && !text.includes('%'));
      }),
      { numRuns: 5_000 },
    );
  });

  it('gives back the bytes it was made of', () => {
    for (const length of [4, 16]) {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (bytes) => {
          expect(ipBytes(formatIp(bytes))).toEqual(bytes);
        }),
      );
    }
  });

  it('orders by number, not by text', () => {
    expect(compareIp(ip('10.0.0.9'), ip('10.0.0.10'))).toBeLessThan(0);
    expect(compareIp(ip('fe80::2'), ip('fe80::10'))).toBeLessThan(0);
    expect(compareIp(ip('10.0.0.9'), ip('10.0.0.9'))).toBe(0);
  });
});
