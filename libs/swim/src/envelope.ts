import { ByteReader, ByteWriter, ok } from '@keepfleet/wire';
import { crc32 } from './crc32.ts';
import { Undecodable, decoding } from './decoding.ts';
import { type SwimResult, failure } from './errors.ts';
import { compress, decompress } from './lzw.ts';
import { Fields } from './msgpack.ts';
import { begin, messageType, prefixed } from './packet.ts';
import { encodeUtf8 } from './utf8.ts';

/**
 * AES-GCM with the fleet's keys, provided by the driver, since it is neither ours to implement nor free of randomness.
 * `seal` gives nonce (12 bytes), ciphertext and tag (16 bytes) under the primary key; `open` tries every key.
 */
export interface Cipher {
  seal(plain: Uint8Array, associated: Uint8Array): Uint8Array;
  open(sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined;
}

/** What wraps the messages of a fleet. */
export interface Envelope {
  readonly label: string;
  readonly cipher: Cipher | undefined;
  /** Take what is not encrypted although there is a cipher. */
  readonly acceptPlain: boolean;
  /** Send what is not encrypted although there is a cipher. */
  readonly sendPlain: boolean;
}

/** Whether what we send is sealed. */
export function seals(envelope: Envelope): boolean {
  return envelope.cipher !== undefined && !envelope.sendPlain;
}

/** Most bytes that one compressed part of a datagram may expand to; a datagram has at most 64 KiB before compression. */
export const MAX_EXPANDED_DATAGRAM = 65_536;
/** Wrappings within wrappings: a compressed compound of compressed parts is the deepest that memberlist sends. */
const MAX_NESTING = 4;
/** Parts in all of one datagram, over every nested compound. */
const MAX_PARTS = 512;
export const MAX_COMPOUND_PARTS = 255;
/**
 * The states of members who differ in little but their names get some fifteen times smaller; what gets more than so many
 * times larger when it is unpacked was made to keep us busy. Small messages are free to be anything.
 */
const MAX_RATIO = 64;
const RATIO_FROM = 65_536;
/** Bytes that a compound costs once, and for each part. */
export const COMPOUND_OVERHEAD = 2;
export const COMPOUND_PART_OVERHEAD = 2;
const CRC_OVERHEAD = 5;
/** Version 1: a version byte, the nonce and the tag, no padding. */
const ENCRYPTION_VERSION = 1;
const PADDED_ENCRYPTION_VERSION = 0;
export const ENCRYPTION_OVERHEAD = 29;
const MAX_LABEL_BYTES = 255;

/** Bytes that wrapping adds to a datagram at most, beside the compound. */
export function datagramOverhead(envelope: Envelope): number {
  const label = encodeUtf8(envelope.label).length;
  return CRC_OVERHEAD + (label === 0 ? 0 : label + 2) + (seals(envelope) ? ENCRYPTION_OVERHEAD : 0);
}

/**
 *   count u8, count × length u16, then the parts; each part starts with its own type byte
 */
export function encodeCompound(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().u8(messageType.compound).u8(parts.length);
  for (const part of parts) out.u16(part.length);
  for (const part of parts) out.bytes(part);
  return out.finish();
}

/** {Algo: 0, Buf}: LZW is the only algorithm there is. */
export function encodeCompressed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return begin(messageType.compress).map(2).text('Algo').unsigned(0).text('Buf').raw(compress(bytes)).finish();
}

/** The message inside a compress message, which starts at its type byte; of `limit` bytes at most, and {@link MAX_RATIO}. */
export function decodeCompressed(bytes: Uint8Array, limit: number): SwimResult<Uint8Array<ArrayBuffer>> {
  const buffer = decoding(bytes, readCompressed);
  if (!buffer.ok) return buffer;
  return decompress(buffer.value, Math.min(limit, Math.max(RATIO_FROM, MAX_RATIO * buffer.value.length)));
}

export function readCompressed(reader: ByteReader): Uint8Array {
  if (reader.u8() !== messageType.compress) throw new Undecodable('unknown-type', 'not a compress message');
  const fields = Fields.read(reader);
  if (fields.count('Algo', 255) !== 0) throw new Undecodable('compression', 'an unknown algorithm');
  return fields.bytes('Buf');
}

export interface DatagramWrapping {
  /** Add a checksum; only peers of protocol 5 read it. */
  readonly crc: boolean;
  readonly compress: boolean;
}

export function sealDatagram(message: Uint8Array, envelope: Envelope, wrapping: DatagramWrapping): Uint8Array {
  let bytes = message;
  if (wrapping.compress) {
    const smaller = encodeCompressed(bytes);
    if (smaller.length < bytes.length) bytes = smaller;
  }
  if (wrapping.crc) bytes = new ByteWriter().u8(messageType.crc).u32(crc32(bytes)).bytes(bytes).finish();
  const label = encodeUtf8(envelope.label);
  if (envelope.cipher !== undefined && !envelope.sendPlain) bytes = lock(bytes, label, envelope.cipher);
  return label.length === 0 ? bytes : new ByteWriter().bytes(labelHeader(label)).bytes(bytes).finish();
}

/**
 * The plain messages of a datagram. Parts that do not open are given as errors among the others: a part cut off at the
 * end does not spoil the whole ones before it.
 */
export function openDatagram(bytes: Uint8Array, envelope: Envelope): SwimResult<readonly SwimResult<Uint8Array>[]> {
  const unlabelled = openLabel(bytes, envelope);
  if (!unlabelled.ok) return unlabelled;
  const plain = unlock(unlabelled.value, encodeUtf8(envelope.label), envelope);
  if (!plain.ok) return plain;
  let message = plain.value;
  if (message[0] === messageType.crc) {
    const checked = openCrc(message);
    if (!checked.ok) return checked;
    message = checked.value;
  }
  const parts: SwimResult<Uint8Array>[] = [];
  unwrap(message, 0, parts);
  return ok(parts);
}

/** Seals bytes by encryption version 1; the result is {@link ENCRYPTION_OVERHEAD} longer. */
export function lock(plain: Uint8Array, associated: Uint8Array, cipher: Cipher): Uint8Array {
  const sealed = prefixed(ENCRYPTION_VERSION, cipher.seal(plain, associated));
  if (sealed.length !== plain.length + ENCRYPTION_OVERHEAD)
    throw new RangeError(`a cipher made ${sealed.length} bytes of ${plain.length}`);
  return sealed;
}

/** Opens sealed bytes of either encryption version; plain bytes pass where there is no cipher, or where it is allowed. */
export function unlock(bytes: Uint8Array, associated: Uint8Array, envelope: Envelope): SwimResult<Uint8Array> {
  if (envelope.cipher === undefined) return ok(bytes);
  const version = bytes[0];
  if (version === ENCRYPTION_VERSION || version === PADDED_ENCRYPTION_VERSION) {
    if (bytes.length >= ENCRYPTION_OVERHEAD) {
      const opened = envelope.cipher.open(bytes.subarray(1), associated);
      if (opened !== undefined) return version === ENCRYPTION_VERSION ? ok(opened) : unpad(opened);
    }
  }
  return envelope.acceptPlain ? ok(bytes) : failure('encryption', 'no key of ours opens it');
}

/** Removes a label header, or the absence of one; anything but our own label is an error. */
export function openLabel(bytes: Uint8Array, envelope: Envelope): SwimResult<Uint8Array> {
  const expected = encodeUtf8(envelope.label);
  if (expected.length === 0)
    return bytes[0] === messageType.label ? failure('label', 'labelled, and we have no label') : ok(bytes);
  const header = labelHeader(expected);
  if (bytes.length < header.length || !header.every((byte, i) => byte === bytes[i]))
    return failure('label', 'not our label');
  return ok(bytes.subarray(header.length));
}

/** `f4`, the length in one byte, the label. */
export function labelHeader(label: Uint8Array): Uint8Array {
  if (label.length > MAX_LABEL_BYTES) throw new RangeError(`a label has at most ${MAX_LABEL_BYTES} bytes`);
  return label.length === 0 ? label : Uint8Array.of(messageType.label, label.length, ...label);
}

function openCrc(bytes: Uint8Array): SwimResult<Uint8Array> {
  if (bytes.length < CRC_OVERHEAD) return failure('truncated', 'a checksum without its message');
  const reader = new ByteReader(bytes);
  reader.skip(1);
  const expected = reader.u32();
  const body = reader.rest();
  return crc32(body) === expected ? ok(body) : failure('checksum', 'the checksum does not match');
}

/** PKCS#7, which version 0 adds before it seals. */
function unpad(bytes: Uint8Array): SwimResult<Uint8Array> {
  const count = bytes.at(-1) ?? 0;
  if (count === 0 || count > 16 || count > bytes.length) return failure('encryption', 'its padding is wrong');
  return ok(bytes.subarray(0, bytes.length - count));
}

function unwrap(bytes: Uint8Array, depth: number, parts: SwimResult<Uint8Array>[]): void {
  if (depth > MAX_NESTING || parts.length >= MAX_PARTS) {
    parts.push(failure('too-large', `nested deeper than ${MAX_NESTING}, or more than ${MAX_PARTS} parts`));
    return;
  }
  if (bytes[0] === messageType.compress) {
    const inner = decodeCompressed(bytes, MAX_EXPANDED_DATAGRAM);
    if (inner.ok) unwrap(inner.value, depth + 1, parts);
    else parts.push(inner);
  } else if (bytes[0] === messageType.compound) openCompound(bytes, depth, parts);
  else if (bytes.length === 0) parts.push(failure('truncated', 'an empty message'));
  else parts.push(ok(bytes));
}

function openCompound(bytes: Uint8Array, depth: number, parts: SwimResult<Uint8Array>[]): void {
  const count = bytes[1] ?? 0;
  let start = 2 + 2 * count;
  if (bytes.length < start) {
    parts.push(failure('truncated', 'a compound without its lengths'));
    return;
  }
  for (let i = 0; i < count; i++) {
    const end = start + (((bytes[2 + 2 * i] ?? 0) << 8) | (bytes[3 + 2 * i] ?? 0));
    if (end > bytes.length) {
      parts.push(failure('truncated', `a compound ends in part ${i + 1} of ${count}`));
      return;
    }
    unwrap(bytes.subarray(start, end), depth + 1, parts);
    start = end;
  }
  if (start < bytes.length) parts.push(failure('trailing', `${bytes.length - start} bytes after a compound`));
}
