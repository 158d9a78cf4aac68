const INITIAL_SIZE = 64;

/** Builds a message by appending; grows as needed. Integers out of range are a broken promise of the caller and throw. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = INITIAL_SIZE) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1, value, 0xff);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2, value, 0xffff);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4, value, 0xffffffff);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  u16le(value: number): this {
    const at = this.#grow(2, value, 0xffff);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32le(value: number): this {
    const at = this.#grow(4, value, 0xffffffff);
    this.#view.setUint32(at, value, true);
    return this;
  }

  i32le(value: number): this {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
    return this;
  }

  u64le(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  zeros(count: number): this {
    const at = this.#grow(count);
    if (count > 0) this.#bytes.fill(0, at, at + count);
    return this;
  }

  /** Begins anew in the same memory. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** Overwrites two bytes already written, for lengths and checksums known only at the end. */
  patchU16(offset: number, value: number): this {
    this.#view.setUint16(offset, value);
    return this;
  }

  patchU16le(offset: number, value: number): this {
    this.#view.setUint16(offset, value, true);
    return this;
  }

  patchU32(offset: number, value: number): this {
    this.#view.setUint32(offset, value);
    return this;
  }

  patchU32le(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  /** What was written so far, without a copy: good until the next call that writes, or clears. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written so far, as a copy. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(count: number, value = 0, max = 0): number {
    if (value < 0 || value > max || !Number.isInteger(value))
      throw new RangeError(`${value} does not fit in ${count} bytes`);
    const start = this.#length;
    const end = start + count;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = end;
    return start;
  }
}
