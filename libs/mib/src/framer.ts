import { HEADER_LENGTH, type HeaderErrorKind, pduLength } from './packet.ts';

const INITIAL_CAPACITY = 4096;

export interface Frames {
  /** Whole PDUs, each in memory of its own. */
  readonly pdus: readonly Uint8Array[];
  /** The stream cannot be read any further: where the next PDU starts is lost. */
  readonly error: HeaderErrorKind | null;
}

/**
 * Cuts a byte stream into PDUs, however it was split or put together on its way. Memory is bounded by the largest payload
 * accepted. After an error every push gives the same error.
 */
export class Framer {
  #buffer = new Uint8Array(INITIAL_CAPACITY);
  #length = 0;
  #error: HeaderErrorKind | null = null;

  push(bytes: Uint8Array): Frames {
    if (this.#error !== null) return { pdus: [], error: this.#error };
    this.#append(bytes);
    const pdus: Uint8Array[] = [];
    let start = 0;
    while (this.#length - start >= HEADER_LENGTH) {
      const length = pduLength(this.#buffer.subarray(start, start + HEADER_LENGTH));
      if (!length.ok) {
        this.#error = length.error;
        break;
      }
      if (this.#length - start < length.value) break;
      pdus.push(this.#buffer.slice(start, start + length.value));
      start += length.value;
    }
    this.#buffer.copyWithin(0, start, this.#length);
    this.#length -= start;
    return { pdus, error: this.#error };
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = needed;
  }
}
