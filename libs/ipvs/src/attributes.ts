import { ByteReader, ByteWriter, type Result, err, ok } from '@keepfleet/wire';

/*
 * A netlink attribute (linux/netlink.h): length of header and value, type, value, padding to four bytes. All in the byte
 * order of the machine; the machines Keepfleet runs on are little-endian.
 *
 *   0               2               4
 *   +---------------+---------------+------- - - - -------+- - -+
 *   |    length     |N|O|   type    |        value        | pad |
 *   +---------------+---------------+------- - - - -------+- - -+
 */
const HEADER_SIZE = 4;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

/** More attributes than this in one nest are not the kernel's doing. */
const MAX_ATTRIBUTES = 256;

export type AttributeError =
  | { readonly kind: 'truncated'; readonly what: string }
  | { readonly kind: 'bad-length'; readonly what: string; readonly length: number }
  | { readonly kind: 'missing'; readonly what: string }
  | { readonly kind: 'unknown-value'; readonly what: string; readonly value: number }
  | { readonly kind: 'too-many'; readonly what: string };

/** Appends attributes; the caller knows types and widths. */
export class AttributeWriter {
  readonly #writer = new ByteWriter();

  u8(type: number, value: number): this {
    return this.raw(type, Uint8Array.of(value));
  }

  u16(type: number, value: number): this {
    return this.raw(type, new ByteWriter(2).u16le(value).finish());
  }

  /** A port: in network order, as the kernel keeps it. */
  port(type: number, value: number): this {
    return this.raw(type, new ByteWriter(2).u16(value).finish());
  }

  u32(type: number, value: number): this {
    return this.raw(type, new ByteWriter(4).u32le(value).finish());
  }

  nested(type: number, value: Uint8Array): this {
    return this.raw(type | NESTED, value);
  }

  raw(type: number, value: Uint8Array): this {
    this.#writer
      .u16le(HEADER_SIZE + value.length)
      .u16le(type)
      .bytes(value)
      .zeros(padding(value.length));
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#writer.finish();
  }
}

/** The attributes of one nest by type, the last of equal types. Every byte is accounted for. */
export function readAttributes(
  bytes: Uint8Array,
  what: string,
): Result<ReadonlyMap<number, Uint8Array>, AttributeError> {
  const reader = new ByteReader(bytes);
  const found = new Map<number, Uint8Array>();
  for (let count = 0; reader.left > 0; count++) {
    if (count === MAX_ATTRIBUTES) return err({ kind: 'too-many', what });
    if (reader.left < HEADER_SIZE) return err({ kind: 'truncated', what });
    const length = reader.u16le();
    const type = reader.u16le() & TYPE_MASK;
    if (length < HEADER_SIZE) return err({ kind: 'bad-length', what, length });
    const size = length - HEADER_SIZE;
    if (size > reader.left) return err({ kind: 'truncated', what });
    found.set(type, reader.bytes(size));
    // The padding of the last attribute may be left out.
    reader.skip(Math.min(padding(size), reader.left));
  }
  return ok(found);
}

function padding(length: number): number {
  return -length & 3;
}
