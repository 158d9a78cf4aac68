import { type ByteReader, ByteWriter } from '@keepfleet/wire';
import { Undecodable } from './decoding.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/**
 * msgpack as Go's codec of 2013 writes it and the whole memberlist family still does: text and bytes share the raw
 * family, structures are maps from field name to value in alphabetical order. Raw decodes to bytes, since much of it is
 * no text. The newer forms (str 8, bin) are read, never written.
 */
export type Value = null | boolean | number | Uint8Array | readonly Value[] | ReadonlyMap<string, Value>;

/** Deepest nesting read; serf's deepest message has four levels. */
const MAX_DEPTH = 8;
/** Most values read in one message; serf's largest is a ring of 512 event slots. */
const MAX_VALUES = 65_536;

export function readValue(reader: ByteReader): Value {
  return new ValueReader(reader).value(0);
}

/** The fields of a structure. A missing or nil field is its Go zero value; a field of another type throws Undecodable. */
export class Fields {
  readonly #map: ReadonlyMap<string, Value>;

  constructor(value: Value) {
    if (!(value instanceof Map)) throw new Undecodable('malformed', 'a structure is no map');
    this.#map = value;
  }

  static read(reader: ByteReader): Fields {
    return new Fields(readValue(reader));
  }

  names(): IterableIterator<string> {
    return this.#map.keys();
  }

  bytes(field: string): Uint8Array {
    const value = this.#map.get(field) ?? null;
    if (value === null) return new Uint8Array();
    if (value instanceof Uint8Array) return value;
    if (Array.isArray(value) && value.every(isOctet)) return Uint8Array.from(value);
    throw new Undecodable('malformed', `${field} is not bytes`);
  }

  text(field: string): string {
    const text = decodeUtf8(this.bytes(field));
    if (text === undefined) throw new Undecodable('malformed', `${field} is not UTF-8`);
    return text;
  }

  /** A whole number from 0 to `max`, at most 2^53 − 1. */
  count(field: string, max: number): number {
    const value = this.#map.get(field) ?? 0;
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      throw new Undecodable('malformed', `${field} is not a whole number`);
    if (value < 0 || value > max) throw new Undecodable('too-large', `${field} is ${value}, at most ${max} allowed`);
    return value;
  }

  /** Any number, whole or not. */
  number(field: string): number {
    const value = this.#map.get(field) ?? 0;
    if (typeof value !== 'number') throw new Undecodable('malformed', `${field} is no number`);
    return value;
  }

  numbers(field: string): number[] {
    return this.list(field).map((value) => {
      if (typeof value !== 'number') throw new Undecodable('malformed', `an entry of ${field} is no number`);
      return value;
    });
  }

  flag(field: string): boolean {
    const value = this.#map.get(field) ?? false;
    if (typeof value !== 'boolean') throw new Undecodable('malformed', `${field} is not true or false`);
    return value;
  }

  list(field: string): readonly Value[] {
    const value = this.#map.get(field) ?? [];
    if (!Array.isArray(value)) throw new Undecodable('malformed', `${field} is not a list`);
    return value;
  }

  texts(field: string): string[] {
    return this.list(field).map((value) => {
      const text = value instanceof Uint8Array ? decodeUtf8(value) : undefined;
      if (text === undefined) throw new Undecodable('malformed', `an entry of ${field} is no text`);
      return text;
    });
  }

  fields(field: string): Fields {
    return new Fields(this.#map.get(field) ?? new Map());
  }
}

function isOctet(value: Value): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255;
}

class ValueReader {
  readonly #reader: ByteReader;
  #values = 0;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  value(depth: number): Value {
    if (depth > MAX_DEPTH) throw new Undecodable('malformed', `nested deeper than ${MAX_DEPTH}`);
    if (++this.#values > MAX_VALUES) throw new Undecodable('too-large', `more than ${MAX_VALUES} values`);
    const reader = this.#reader;
    const head = reader.u8();
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#list(head & 0x0f, depth);
    if (head < 0xc0) return reader.bytes(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xd9:
        return reader.bytes(reader.u8());
      case 0xc5:
      case 0xda:
        return reader.bytes(reader.u16());
      case 0xc6:
      case 0xdb:
        return reader.bytes(reader.u32());
      case 0xca:
        return floatOf(reader.bytes(4));
      case 0xcb:
        return floatOf(reader.bytes(8));
      case 0xcc:
        return reader.u8();
      case 0xcd:
        return reader.u16();
      case 0xce:
        return reader.u32();
      case 0xcf:
        return safe(reader.u64());
      case 0xd0:
        return (reader.u8() << 24) >> 24;
      case 0xd1:
        return (reader.u16() << 16) >> 16;
      case 0xd2:
        return reader.u32() | 0;
      case 0xd3:
        return safe(BigInt.asIntN(64, reader.u64()));
      case 0xdc:
        return this.#list(reader.u16(), depth);
      case 0xdd:
        return this.#list(reader.u32(), depth);
      case 0xde:
        return this.#map(reader.u16(), depth);
      case 0xdf:
        return this.#map(reader.u32(), depth);
      default:
        throw new Undecodable('malformed', `no value starts with 0x${head.toString(16)}`);
    }
  }

  #list(count: number, depth: number): readonly Value[] {
    const list: Value[] = [];
    for (let i = 0; i < count; i++) list.push(this.value(depth + 1));
    return list;
  }

  #map(count: number, depth: number): ReadonlyMap<string, Value> {
    const map = new Map<string, Value>();
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1);
      const name = key instanceof Uint8Array ? decodeUtf8(key) : undefined;
      if (name === undefined) throw new Undecodable('malformed', 'a field name is no text');
      map.set(name, this.value(depth + 1));
    }
    return map;
  }
}

function floatOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length === 4 ? view.getFloat32(0) : view.getFloat64(0);
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw new Undecodable('implausible', `${value} is beyond 2^53`);
  return Number(value);
}

/** Appends values to a message. Maps are a header and then name and value by turns, names in alphabetical order. */
export class ValueWriter {
  readonly #writer: ByteWriter;

  constructor(writer: ByteWriter = new ByteWriter()) {
    this.#writer = writer;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#writer.finish();
  }

  /** Bytes as they are, such as the number of the message before its body. */
  plain(bytes: Uint8Array): this {
    this.#writer.bytes(bytes);
    return this;
  }

  map(count: number): this {
    return this.#sized(count, 0x80, 0x0f, 0xde);
  }

  list(count: number): this {
    return this.#sized(count, 0x90, 0x0f, 0xdc);
  }

  nil(): this {
    this.#writer.u8(0xc0);
    return this;
  }

  flag(value: boolean): this {
    this.#writer.u8(value ? 0xc3 : 0xc2);
    return this;
  }

  /** Whole numbers of any of Go's types, none of which is ever negative here: the shortest unsigned form. */
  unsigned(value: number): this {
    const writer = this.#writer;
    if (value < 0x80) writer.u8(value);
    else if (value <= 0xff) writer.u8(0xcc).u8(value);
    else if (value <= 0xffff) writer.u8(0xcd).u16(value);
    else if (value <= 0xffffffff) writer.u8(0xce).u32(value);
    else writer.u8(0xcf).u64(BigInt(value));
    return this;
  }

  double(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    this.#writer.u8(0xcb).bytes(bytes);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const writer = this.#writer;
    if (bytes.length < 0x20) writer.u8(0xa0 | bytes.length);
    else if (bytes.length <= 0xffff) writer.u8(0xda).u16(bytes.length);
    else writer.u8(0xdb).u32(bytes.length);
    writer.bytes(bytes);
    return this;
  }

  /** A byte slice, which Go writes as nil when there is none. */
  slice(bytes: Uint8Array): this {
    return bytes.length === 0 ? this.nil() : this.raw(bytes);
  }

  text(text: string): this {
    return this.raw(encodeUtf8(text));
  }

  #sized(count: number, small: number, smallest: number, large: number): this {
    if (count <= smallest) this.#writer.u8(small | count);
    else if (count <= 0xffff) this.#writer.u8(large).u16(count);
    else this.#writer.u8(large + 1).u32(count);
    return this;
  }
}
