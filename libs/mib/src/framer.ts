import { writeHex } from './hex.ts';
import { HEADER_LENGTH, type HeaderErrorKind, pduLength } from './packet.ts';

const INITIAL_CAPACITY = 4096;

export interface Frames {
  /** Whole PDUs, good until the next push: they are not copied. */
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
  /** What is not given out yet. */
  #start = 0;
  #end = 0;
  #error: HeaderErrorKind | null = null;

  push(bytes: Uint8Array): Frames {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
    return this.#cut();
  }

  /** Bytes as hexadecimal text. */
  pushHex(text: string): Frames {
    const at = this.#room(text.length / 2);
    writeHex(text, this.#buffer, at);
    return this.#cut();
  }

  /** Where so many bytes more begin; what was given out before is overwritten. */
  #room(count: number): number {
    if (this.#error !== null) this.#start = this.#end;
    const left = this.#end - this.#start;
    if (left + count > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(left + count, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = larger;
    } else this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#start = 0;
    this.#end = left + count;
    return left;
  }

  #cut(): Frames {
    const pdus: Uint8Array[] = [];
    while (this.#error === null && this.#end - this.#start >= HEADER_LENGTH) {
      const length = pduLength(this.#buffer.subarray(this.#start, this.#start + HEADER_LENGTH));
      if (!length.ok) {
        this.#error = length.error;
        break;
      }
      const end = this.#start + length.value;
      if (end > this.#end) break;
      pdus.push(this.#buffer.subarray(this.#start, end));
      this.#start = end;
    }
    return { pdus, error: this.#error };
  }
}
