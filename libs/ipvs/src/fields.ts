import { ByteReader, type Result, err, latin1Text, ok } from '@keepfleet/wire';
import { type AttributeError, readAttributes } from './attributes.ts';

export function nameOf<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
  number: number,
  what: string,
): Name {
  for (const name in numbers) if (numbers[name] === number) return name;
  throw new Malformed({ kind: 'unknown-value', what, value: number });
}

/** Carries an error out of the nested readers; never leaves a decoder. */
export class Malformed extends Error {
  readonly error: AttributeError;

  constructor(error: AttributeError) {
    super(error.kind);
    this.error = error;
  }
}

export function decoding<T>(read: () => T): Result<T, AttributeError> {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof Malformed) return err(error.error);
    throw error;
  }
}

/** The attributes of one nest, each read with its exact width. */
export class Fields {
  readonly #attributes: ReadonlyMap<number, Uint8Array>;

  private constructor(attributes: ReadonlyMap<number, Uint8Array>) {
    this.#attributes = attributes;
  }

  static read(bytes: Uint8Array, what: string): Fields {
    const attributes = readAttributes(bytes, what);
    if (!attributes.ok) throw new Malformed(attributes.error);
    return new Fields(attributes.value);
  }

  has(type: number): boolean {
    return this.#attributes.has(type);
  }

  nested(type: number, what: string): Fields {
    return Fields.read(this.#value(type, what), what);
  }

  bytes(type: number, what: string, length: number): Uint8Array {
    const value = this.#value(type, what);
    if (value.length !== length) throw new Malformed({ kind: 'bad-length', what, length: value.length });
    return value;
  }

  u8(type: number, what: string): number {
    return new ByteReader(this.bytes(type, what, 1)).u8();
  }

  u16(type: number, what: string): number {
    return new ByteReader(this.bytes(type, what, 2)).u16le();
  }

  port(type: number, what: string): number {
    return new ByteReader(this.bytes(type, what, 2)).u16();
  }

  u32(type: number, what: string): number {
    return new ByteReader(this.bytes(type, what, 4)).u32le();
  }

  /** 32 or 64 bits wide, as the kernel has it. */
  counter(type: number, what: string): bigint {
    const value = this.#value(type, what);
    if (value.length === 8) return new ByteReader(value).u64le();
    return BigInt(this.u32(type, what));
  }

  /** Text up to its terminator; empty when absent. */
  text(type: number): string {
    const text = latin1Text(this.#attributes.get(type) ?? new Uint8Array(0));
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  #value(type: number, what: string): Uint8Array {
    const value = this.#attributes.get(type);
    if (value === undefined) throw new Malformed({ kind: 'missing', what });
    return value;
  }
}
