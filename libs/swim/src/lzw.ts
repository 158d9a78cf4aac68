import { ByteWriter, ok } from '@keepfleet/wire';
import { type SwimResult, failure } from './errors.ts';

/**
 * LZW as GIF has it: codes packed from the lowest bit, 9 bits wide at first and 12 at most; 256 clears the table, 257
 * ends. Writers put a clear code first; readers must not rely on it, since older peers do not.
 */
const CLEAR = 256;
const END = 257;
const FIRST_WIDTH = 9;
const MAX_WIDTH = 12;
/** The last code is never given out: the writer clears the table instead. */
const LAST_CODE = (1 << MAX_WIDTH) - 1;

export function compress(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new BitWriter();
  let table = new Map<number, number>();
  let width = FIRST_WIDTH;
  let newest = END;
  let current: number | undefined;
  const emit = (code: number): boolean => {
    out.write(code, width);
    newest++;
    if (newest === 1 << width) width++;
    if (newest < LAST_CODE) return true;
    out.write(CLEAR, width);
    table = new Map();
    width = FIRST_WIDTH;
    newest = END;
    return false;
  };
  out.write(CLEAR, width);
  for (const byte of bytes) {
    if (current === undefined) {
      current = byte;
      continue;
    }
    const key = (current << 8) | byte;
    const known = table.get(key);
    if (known !== undefined) {
      current = known;
      continue;
    }
    if (emit(current)) table.set(key, newest);
    current = byte;
  }
  if (current !== undefined) emit(current);
  out.write(END, width);
  return out.finish();
}

/** The original of compressed bytes, if it has at most `limit` bytes. Bytes after the end code are an error. */
export function decompress(bytes: Uint8Array, limit: number): SwimResult<Uint8Array<ArrayBuffer>> {
  const input = new BitReader(bytes);
  const out = new Output(limit);
  const prefix = new Uint16Array(LAST_CODE + 1);
  const suffix = new Uint8Array(LAST_CODE + 1);
  const string = new Uint8Array(LAST_CODE + 1);
  let width = FIRST_WIDTH;
  // Each code defines entry `next` as the string before it plus its own first byte. There is none before the first code
  // after a clear, nor once the table is full.
  let next = END;
  let last: number | undefined;
  let lastFirst = 0;
  for (let code = input.read(width); code !== END; code = input.read(width)) {
    if (code === undefined) return failure('compression', 'ends without an end code');
    if (code === CLEAR) {
      width = FIRST_WIDTH;
      next = END;
      last = undefined;
      continue;
    }
    if (code > next) return failure('compression', `code ${code} is not defined`);
    let at = string.length;
    let walk = code;
    if (code === next && last !== undefined) {
      string[--at] = lastFirst;
      walk = last;
    }
    for (; walk > END; walk = prefix[walk] ?? 0) string[--at] = suffix[walk] ?? 0;
    string[--at] = walk;
    lastFirst = walk;
    if (!out.append(string.subarray(at))) return failure('too-large', `decompresses to more than ${limit} bytes`);
    if (last !== undefined) {
      prefix[next] = last;
      suffix[next] = walk;
    }
    last = code;
    next++;
    if (next < 1 << width) continue;
    if (width < MAX_WIDTH) width++;
    else {
      next--;
      last = undefined;
    }
  }
  return input.unreadBytes === 0 ? ok(out.finish()) : failure('trailing', 'bytes after the end code');
}

class BitReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #bits = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get unreadBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  read(width: number): number | undefined {
    while (this.#count < width) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined) return undefined;
      this.#offset++;
      this.#bits |= byte << this.#count;
      this.#count += 8;
    }
    const code = this.#bits & ((1 << width) - 1);
    this.#bits >>>= width;
    this.#count -= width;
    return code;
  }
}

class BitWriter {
  readonly #out = new ByteWriter();
  #bits = 0;
  #count = 0;

  write(code: number, width: number): void {
    this.#bits |= code << this.#count;
    this.#count += width;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#out.u8(this.#bits & 0xff);
      this.#bits >>>= 8;
    }
  }

  finish(): Uint8Array<ArrayBuffer> {
    if (this.#count > 0) this.#out.u8(this.#bits & 0xff);
    return this.#out.finish();
  }
}

class Output {
  readonly #out = new ByteWriter(1024);
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when the limit would be passed. */
  append(bytes: Uint8Array): boolean {
    if (this.#out.length + bytes.length > this.#limit) return false;
    this.#out.bytes(bytes);
    return true;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#out.finish();
  }
}
