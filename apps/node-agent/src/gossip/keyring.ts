import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Cipher } from '@keepfleet/swim';
import { z } from 'zod';
import { GossipError, reasonOf } from './errors.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const algorithms = new Map([
  [16, 'aes-128-gcm'],
  [24, 'aes-192-gcm'],
  [32, 'aes-256-gcm'],
] as const);
/** More keys than any rotation needs; each is tried on every packet that does not open. */
const MAX_KEYS = 16;

const keyringFile = z.array(z.base64()).min(1).max(MAX_KEYS);

interface Key {
  readonly algorithm: 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm';
  readonly bytes: Buffer;
}

/** Reads a keyring as `serf agent -keyring-file` has it: a JSON array of base64 keys, the first of which seals. */
export async function readKeyring(file: string): Promise<Cipher> {
  const complain = (what: string, cause?: unknown) =>
    new GossipError(
      'bad-keyring',
      `gossip: the keyring ${file} ${what}; it is to be a JSON array of base64 keys of 16, 24 or 32 bytes, ` +
        'such as `serf keygen` makes, the primary key first',
      cause,
    );
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    // The text of a JSON error quotes the file, and with it a key.
    throw complain(error instanceof SyntaxError ? 'is not JSON' : `cannot be read (${reasonOf(error)})`);
  }
  const texts = keyringFile.safeParse(content);
  if (!texts.success) throw complain(`is no array of 1 to ${MAX_KEYS} base64 texts`);
  return cipherOf(
    texts.data.map((text, index) => {
      const bytes = Buffer.from(text, 'base64');
      const algorithm = algorithms.get(bytes.length as 16);
      if (algorithm === undefined) throw complain(`has a key of ${bytes.length} bytes at place ${index + 1}`);
      return { algorithm, bytes };
    }),
  );
}

function cipherOf(keys: readonly Key[]): Cipher {
  const [primary] = keys;
  if (primary === undefined) throw new RangeError('a keyring has at least one key');
  return {
    seal(plain, associated) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(primary.algorithm, primary.bytes, nonce).setAAD(associated);
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, associated) {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
      for (const key of keys) {
        const plain = openWith(key, sealed, associated);
        if (plain !== undefined) return plain;
      }
      return undefined;
    },
  };
}

function openWith(key: Key, sealed: Uint8Array, associated: Uint8Array): Buffer | undefined {
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(key.algorithm, key.bytes, sealed.subarray(0, NONCE_BYTES)).setAAD(associated);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, tagAt));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    // A wrong key and a forged packet look the same; whoever called counts it.
    return undefined;
  }
}
