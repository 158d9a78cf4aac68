import { ByteReader, type Result, UnexpectedEnd, ok } from '@keepfleet/wire';
import { type SwimError, type SwimErrorKind, failure } from './errors.ts';

/** Thrown inside decoders only, beside UnexpectedEnd; {@link decoding} turns both into error values. */
export class Undecodable extends Error {
  override readonly name = 'Undecodable';
  readonly kind: SwimErrorKind;

  constructor(kind: SwimErrorKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/** Runs a decoder over all of the bytes; bytes it leaves unread are an error. */
export function decoding<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): Result<T, SwimError> {
  const reader = new ByteReader(bytes);
  try {
    const value = read(reader);
    return reader.left === 0 ? ok(value) : failure('trailing', `${reader.left} bytes after the message`);
  } catch (error) {
    if (error instanceof UnexpectedEnd) return failure('truncated', error.message);
    if (error instanceof Undecodable) return failure(error.kind, error.message);
    throw error;
  }
}
