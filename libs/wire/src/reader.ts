import { type Result, err, ok } from './result.ts';

/** A read went past the end of the bytes: the primitive error of every decoder. */
export class UnexpectedEnd extends Error {
  override readonly name = 'UnexpectedEnd';
  readonly wanted: number;
  readonly left: number;

  constructor(wanted: number, left: number) {
    super(`wanted ${wanted} more bytes, ${left} left`);
    this.wanted = wanted;
    this.left = left;
  }
}

/**
 * A cursor over bytes. A read past the end throws UnexpectedEnd and never returns a short value; decoders run inside
 * {@link tryRead}, which turns that into an error value. Views returned share the input's memory.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  u16le(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32le(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32le(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u64le(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  skip(count: number): void {
    this.#take(count);
  }

  #take(count: number): number {
    if (count < 0 || count > this.left) throw new UnexpectedEnd(count, this.left);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}

/** Runs a decoder over bytes; a read past the end becomes an error value, every other exception is a bug and passes. */
export function tryRead<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): Result<T, UnexpectedEnd> {
  try {
    return ok(read(new ByteReader(bytes)));
  } catch (error) {
    if (error instanceof UnexpectedEnd) return err(error);
    throw error;
  }
}
