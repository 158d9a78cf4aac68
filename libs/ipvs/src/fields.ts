import { type Result, err, latin1Text, ok } from '@keepfleet/wire';
import { type AttributeError, Nest } from './attributes.ts';

export function nameOf<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
  number: number,
  what: string,
): Name {
  const name = knownName(numbers, number);
  if (name !== undefined) return name;
  throw new Malformed({ kind: 'unknown-value', what, value: number });
}

/** The first name of a number, where others than ours are nothing wrong. */
export function knownName<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
  number: number,
): Name | undefined {
  for (const name in numbers) if (numbers[name] === number) return name;
  return undefined;
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
  readonly #nest: Nest;

  private constructor(nest: Result<Nest, AttributeError>) {
    if (!nest.ok) throw new Malformed(nest.error);
    this.#nest = nest.value;
  }

  static read(bytes: Uint8Array, what: string): Fields {
    return new Fields(Nest.read(bytes, what));
  }

  has(type: number): boolean {
    return this.#nest.start(type) !== undefined;
  }

  nested(type: number, what: string): Fields {
    return new Fields(this.#nest.inner(type, what));
  }

  bytes(type: number, what: string, length: number): Uint8Array {
    const start = this.#start(type, what, length);
    return this.#nest.bytes.subarray(start, start + length);
  }

  u8(type: number, what: string): number {
    return this.#nest.view.getUint8(this.#start(type, what, 1));
  }

  u16(type: number, what: string): number {
    return this.#nest.view.getUint16(this.#start(type, what, 2), true);
  }

  port(type: number, what: string): number {
    return this.#nest.view.getUint16(this.#start(type, what, 2));
  }

  u32(type: number, what: string): number {
    return this.#nest.view.getUint32(this.#start(type, what, 4), true);
  }

  /** 32 or 64 bits wide, as the kernel has it, in decimal. */
  counter(type: number, what: string): string {
    if (this.#nest.length(type) !== 8) return String(this.u32(type, what));
    const start = this.#start(type, what, 8);
    const high = this.#nest.view.getUint32(start + 4, true);
    if (high > MAX_SAFE_HIGH) return String(this.#nest.view.getBigUint64(start, true));
    return String(high * 2 ** 32 + this.#nest.view.getUint32(start, true));
  }

  /** Text up to its terminator; empty when absent. */
  text(type: number): string {
    const start = this.#nest.start(type) ?? 0;
    const text = latin1Text(this.#nest.bytes.subarray(start, start + this.#nest.length(type)));
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  #start(type: number, what: string, length: number): number {
    const start = this.#nest.start(type);
    if (start === undefined) throw new Malformed({ kind: 'missing', what });
    const found = this.#nest.length(type);
    if (found !== length) throw new Malformed({ kind: 'bad-length', what, length: found });
    return start;
  }
}

/** Upper half of the largest whole number that a number holds. */
const MAX_SAFE_HIGH = 2 ** 21 - 1;
