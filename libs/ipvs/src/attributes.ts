import { ByteWriter, type IpAddress, type Result, err, familyOf, ipBytes, ipv4Number, ok } from '@keepfleet/wire';

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
const UNION_ADDRESS = 16;

/** More attributes than this in one nest are not the kernel's doing. */
const MAX_ATTRIBUTES = 256;
const MAX_TYPE = 63;

export type AttributeError =
  | { readonly kind: 'truncated'; readonly what: string }
  | { readonly kind: 'bad-length'; readonly what: string; readonly length: number }
  | { readonly kind: 'missing'; readonly what: string }
  | { readonly kind: 'unknown-value'; readonly what: string; readonly value: number }
  | { readonly kind: 'too-many'; readonly what: string };

/** Appends attributes; the caller knows types and widths. */
export class AttributeWriter {
  readonly #writer: ByteWriter;

  constructor(writer = new ByteWriter()) {
    this.#writer = writer;
  }

  u8(type: number, value: number): this {
    this.#header(type, 1).u8(value).zeros(padding(1));
    return this;
  }

  u16(type: number, value: number): this {
    this.#header(type, 2).u32le(value);
    return this;
  }

  /** A port: in network order, as the kernel keeps it. */
  port(type: number, value: number): this {
    this.#header(type, 2).u32le(((value & 0xff) << 8) | (value >>> 8));
    return this;
  }

  u32(type: number, value: number): this {
    this.#header(type, 4).u32le(value);
    return this;
  }

  /** Begins a nest; what it gives is for {@link end}. */
  begin(type: number): number {
    const start = this.#writer.length;
    this.#header(type | NESTED, 0);
    return start;
  }

  end(start: number): this {
    this.#writer.patchU16le(start, this.#writer.length - start);
    return this;
  }

  /** `write` appends what is in the nest. */
  nested(type: number, write: (inner: this) => void): this {
    const start = this.begin(type);
    write(this);
    return this.end(start);
  }

  /** `union nf_inet_addr`: 16 octets, of which IPv4 uses the first four. */
  address(type: number, address: IpAddress): this {
    this.#header(type, UNION_ADDRESS);
    if (familyOf(address) === 'ipv4') this.#writer.u32(ipv4Number(address)).u32(0).u32(0).u32(0);
    else this.#writer.bytes(ipBytes(address));
    return this;
  }

  /** Attributes that were written before. */
  attributes(bytes: Uint8Array): this {
    this.#writer.bytes(bytes);
    return this;
  }

  /** `size` octets, of which those after the value are 0. */
  raw(type: number, value: Uint8Array, size = value.length): this {
    this.#header(type, size)
      .bytes(value)
      .zeros(size - value.length + padding(size));
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#writer.finish();
  }

  #header(type: number, size: number): ByteWriter {
    return this.#writer.u32le(((type << 16) | (HEADER_SIZE + size)) >>> 0);
  }
}

/**
 * The attributes of one nest, of equal types the last, without a copy and without an object for each: a table of tens of
 * thousands of servers has millions of them. Every octet is accounted for.
 */
export class Nest {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** By type: where the value is, and how long. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];

  private constructor(bytes: Uint8Array, view: DataView) {
    this.bytes = bytes;
    this.view = view;
  }

  static read(bytes: Uint8Array, what: string): Result<Nest, AttributeError> {
    const nest = new Nest(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return nest.#read(0, bytes.length, what);
  }

  /** The nest that is the value of an attribute. */
  inner(type: number, what: string): Result<Nest, AttributeError> {
    const start = this.start(type);
    if (start === undefined) return err({ kind: 'missing', what });
    return new Nest(this.bytes, this.view).#read(start, start + this.length(type), what);
  }

  /** Where the value is in `bytes`; undefined when there is none. */
  start(type: number): number | undefined {
    return this.#starts[type];
  }

  /** Of the value; 0 when there is none. */
  length(type: number): number {
    return this.#lengths[type] ?? 0;
  }

  #read(from: number, to: number, what: string): Result<Nest, AttributeError> {
    let at = from;
    for (let count = 0; at < to; count++) {
      if (count === MAX_ATTRIBUTES) return err({ kind: 'too-many', what });
      if (to - at < HEADER_SIZE) return err({ kind: 'truncated', what });
      const length = this.view.getUint16(at, true);
      const type = this.view.getUint16(at + 2, true) & TYPE_MASK;
      if (length < HEADER_SIZE) return err({ kind: 'bad-length', what, length });
      if (at + length > to) return err({ kind: 'truncated', what });
      // Types that are not known are passed over; those that are, are small numbers.
      if (type <= MAX_TYPE) {
        this.#starts[type] = at + HEADER_SIZE;
        this.#lengths[type] = length - HEADER_SIZE;
      }
      // The padding of the last attribute may be left out.
      at += length + padding(length);
    }
    return ok(this);
  }
}

function padding(length: number): number {
  return -length & 3;
}
