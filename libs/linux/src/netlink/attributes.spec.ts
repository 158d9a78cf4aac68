import { UnexpectedEnd, hex, tryRead, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter, Attributes } from './attributes.ts';

describe('netlink attributes', () => {
  it('are written with header, padding and the nested flag', () => {
    const bytes = new AttributeWriter()
      .u8(1, 0xff)
      .u16(2, 0x0102)
      .nested(3, (inner) => inner.text(4, 'rr'))
      .finish();
    expect(hex(bytes)).toBe('05000100ff000000' + '0600020002010000' + '0c000380' + '0700040072720000');
  });

  it('read back what was written', () => {
    const bytes = new AttributeWriter()
      .u32(1, 0xfffffffe)
      .text(2, 'eth0')
      .nested(3, (inner) => inner.u16(1, 7))
      .finish();
    const read = new Attributes(bytes);
    expect([read.u32(1), read.text(2), read.nested(3)?.u16(1), read.u8(9)]).toEqual([0xfffffffe, 'eth0', 7, undefined]);
    expect(read.types()).toEqual([1, 2, 3]);
  });

  it('give the last of several with one type, and all of them on request', () => {
    const read = new Attributes(new AttributeWriter().u8(1, 5).u8(1, 6).finish());
    expect(read.u8(1)).toBe(6);
    expect(read.all(1).map(hex)).toEqual(['05', '06']);
  });

  it.each([
    ['a length that goes past the end', '0900010000000000'],
    ['a length below the header', '0300010000000000'],
  ])('refuse %s', (_, bytes) => {
    const result = tryRead(unhex(bytes), (reader) => new Attributes(reader.rest()));
    expect(result.ok ? undefined : result.error).toBeInstanceOf(UnexpectedEnd);
  });

  it('refuse a number shorter than its type', () => {
    const read = new Attributes(new AttributeWriter().u8(1, 5).finish());
    expect(() => read.u32(1)).toThrow(UnexpectedEnd);
  });

  it('never fail otherwise than by UnexpectedEnd, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = tryRead(bytes, (reader) => new Attributes(reader.rest()));
        expect(result.ok || result.error instanceof UnexpectedEnd).toBe(true);
      }),
    );
  });
});
