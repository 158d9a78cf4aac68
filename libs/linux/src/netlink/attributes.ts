import { ByteReader, ByteWriter, UnexpectedEnd } from '@keepfleet/wire';

//  0                   1                   2                   3
//  |  length (with header, no padding)   |N|O|      type       |   host byte order, include/uapi/linux/netlink.h
//  |  value ... padded to 4 bytes                              |
const HEADER = 4;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

const text = new TextDecoder();
const encoder = new TextEncoder();

/** Builds a run of attributes by appending, in host byte order (little endian on every machine we run on). */
export class AttributeWriter {
  readonly #writer = new ByteWriter();

  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value));
  }

  u16(type: number, value: number): this {
    return this.bytes(type, new ByteWriter(2).u16le(value).finish());
  }

  u32(type: number, value: number): this {
    return this.bytes(type, new ByteWriter(4).u32le(value).finish());
  }

  /** A zero-terminated string. */
  text(type: number, value: string): this {
    return this.bytes(type, encoder.encode(`${value}\0`));
  }

  nested(type: number, build: (inner: AttributeWriter) => void): this {
    const inner = new AttributeWriter();
    build(inner);
    return this.bytes(type | NESTED, inner.finish());
  }

  bytes(type: number, value: Uint8Array): this {
    this.#writer.u16le(HEADER + value.length).u16le(type);
    this.#writer.bytes(value).zeros(padding(value.length));
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#writer.finish();
  }
}

/**
 * A run of attributes, by type; of several with one type the last counts, as in the kernel, and {@link Attributes.all}
 * gives every one. Reading throws UnexpectedEnd when the bytes end too early: read inside `tryRead`.
 */
export class Attributes {
  readonly #values = new Map<number, Uint8Array>();
  readonly #all: [number, Uint8Array][] = [];

  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes);
    // Fewer bytes than a header at the end are padding, never an attribute.
    while (reader.left >= HEADER) {
      const length = reader.u16le();
      const type = reader.u16le() & TYPE_MASK;
      if (length < HEADER) throw new UnexpectedEnd(HEADER, length);
      const value = reader.bytes(length - HEADER);
      reader.skip(Math.min(padding(value.length), reader.left));
      this.#values.set(type, value);
      this.#all.push([type, value]);
    }
  }

  has(type: number): boolean {
    return this.#values.has(type);
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
  }

  u8(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u8());
  }

  u16(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u16le());
  }

  u32(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u32le());
  }

  /** A string with or without its terminating zero. */
  text(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return text.decode(end < 0 ? value : value.subarray(0, end));
  }

  nested(type: number): Attributes | undefined {
    const value = this.#values.get(type);
    return value === undefined ? undefined : new Attributes(value);
  }

  all(type: number): Uint8Array[] {
    return this.#all.filter(([other]) => other === type).map(([, value]) => value);
  }

  types(): number[] {
    return this.#all.map(([type]) => type);
  }

  #read<T>(type: number, read: (reader: ByteReader) => T): T | undefined {
    const value = this.#values.get(type);
    return value === undefined ? undefined : read(new ByteReader(value));
  }
}

function padding(length: number): number {
  return -length & 3;
}
