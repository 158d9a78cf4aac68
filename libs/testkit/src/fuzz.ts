import { seededRandom } from './random.ts';

export interface FuzzOptions {
  /** Inputs that the decoder knows; a mutation starts from one of them. */
  readonly vectors: readonly Uint8Array[];
  /** Total over all bytes: it may refuse, but neither throw nor hang. */
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly count: number;
  readonly seed: number;
  /** Told the number of inputs done, about every thousand. */
  readonly progress?: (done: number) => void;
  readonly signal?: { readonly aborted: boolean };
  /** Clock for the slowest input, ms; without one it is not measured. */
  readonly clock?: () => number;
}

export interface FuzzFigures {
  readonly inputs: number;
  /** ms; 0 without a clock. */
  readonly slowest: number;
}

const MOST_MUTATIONS = 6;
const LONGEST_NOISE = 1500;

/** Feeds a decoder mutated vectors and noise; throws with the input in hexadecimal at the first one it throws on. */
export function fuzz({ vectors, decode, count, seed, progress, signal, clock }: FuzzOptions): FuzzFigures {
  const random = seededRandom(seed);
  let slowest = 0;
  let done = 0;
  for (; done < count && signal?.aborted !== true; done++) {
    const input = mutated(vectors, random);
    const began = clock?.() ?? 0;
    try {
      decode(input);
    } catch (cause) {
      throw new Error(`seed ${seed}, input ${done}: the decoder threw on ${hexOf(input)}`, { cause });
    }
    slowest = Math.max(slowest, (clock?.() ?? 0) - began);
    if (done % 1_000 === 999) progress?.(done + 1);
  }
  return { inputs: done, slowest };
}

function mutated(vectors: readonly Uint8Array[], random: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(random() * limit);
  const vector = vectors[below(vectors.length)];
  if (vector === undefined || random() < 0.05)
    return Uint8Array.from({ length: below(LONGEST_NOISE) }, () => below(256));
  let bytes = Uint8Array.from(vector);
  for (let i = below(MOST_MUTATIONS); i >= 0; i--) {
    const at = below(bytes.length + 1);
    switch (below(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = below(256);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      // Lengths and counts are most often wrong at their ends.
      case 2:
        if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)] ?? 0;
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4:
        bytes = joined(
          bytes.subarray(0, at),
          Uint8Array.from({ length: below(16) }, () => below(256)),
          bytes.subarray(at),
        );
        break;
      case 5: {
        const other = vectors[below(vectors.length)] ?? bytes;
        bytes = joined(bytes.subarray(0, at), other.subarray(below(other.length + 1)));
        break;
      }
    }
  }
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
