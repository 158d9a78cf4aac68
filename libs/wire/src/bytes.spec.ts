import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, UnexpectedEnd, internetChecksum, tryRead, unhex } from './index.ts';

describe('byte cursors', () => {
  it('read what was written, in both byte orders', () => {
    const bytes = new ByteWriter(1)
      .u8(1)
      .u16(0x0203)
      .u16le(0x0203)
      .u32(0xfffffffe)
      .u32le(7)
      .i32le(-5)
      .u64(9n)
      .u64le(9n)
      .zeros(2)
      .finish();
    const reader = new ByteReader(bytes);
    expect([
      reader.u8(),
      reader.u16(),
      reader.u16le(),
      reader.u32(),
      reader.u32le(),
      reader.i32le(),
      reader.u64(),
      reader.u64le(),
    ]).toEqual([1, 0x0203, 0x0203, 0xfffffffe, 7, -5, 9n, 9n]);
    expect(reader.rest()).toEqual(new Uint8Array(2));
    expect(reader.left).toBe(0);
  });

  it('report a read past the end and never read short', () => {
    const result = tryRead(new Uint8Array(3), (reader) => reader.u32());
    expect(result).toEqual({ ok: false, error: new UnexpectedEnd(4, 3) });
  });

  it('write anew in the same memory, of which nothing is seen again', () => {
    const writer = new ByteWriter().u32(0xffffffff);
    expect(writer.clear().u8(1).zeros(3).finish()).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(writer.patchU32(0, 0x01020304).written()).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  it('refuse a number that does not fit', () => {
    expect(() => new ByteWriter().u8(256)).toThrow(RangeError);
    expect(() => new ByteWriter().u16(-1)).toThrow(RangeError);
  });
});

describe('the Internet checksum', () => {
  it('matches the worked example of RFC 1071 section 3', () => {
    expect(internetChecksum(unhex('0001f203f4f5f6f7'))).toBe(0x220d);
  });

  it('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), (bytes, at) => {
        const cut = bytes.length === 0 ? 0 : at % bytes.length;
        expect(internetChecksum(bytes.subarray(0, cut), bytes.subarray(cut))).toBe(internetChecksum(bytes));
      }),
    );
  });
});
