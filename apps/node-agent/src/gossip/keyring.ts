import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Cipher } from '@keepfleet/swim';
import { z } from 'zod';
import { GossipError, reasonOf } from './errors.ts';
import { replaceFile } from './replace-file.ts';

type Algorithm = 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const algorithms = new Map<number, Algorithm>([
  [16, 'aes-128-gcm'],
  [24, 'aes-192-gcm'],
  [32, 'aes-256-gcm'],
]);
/** More keys than any rotation needs; each is tried on every packet that does not open. */
const MAX_KEYS = 16;

const keyringFile = z.array(z.base64()).min(1).max(MAX_KEYS);

interface Key {
  readonly algorithm: Algorithm;
  readonly bytes: Buffer;
}

/** The fleet's keys: the first seals, every one opens. Changes are on disk before they are in force. */
export class Keyring implements Cipher {
  readonly #file: string;
  #keys: readonly Key[];
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(file: string, keys: readonly Key[]) {
    this.#file = file;
    this.#keys = keys;
  }

  /** Reads a keyring as `serf agent -keyring-file` has it: a JSON array of base64 keys, the first of which seals. */
  static async read(file: string): Promise<Keyring> {
    const complain = (what: string, cause?: unknown) =>
      new GossipError(
        'bad-keyring',
        `gossip: the keyring ${file} ${what}; it is to be a JSON array of base64 keys of 16, 24 or 32 bytes, ` +
          'such as `keepfleet keys generate` and `serf keygen` make, the primary key first',
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
    const keys = texts.data.map((text, index) => {
      const key = keyOf(Buffer.from(text, 'base64'));
      if (key === undefined)
        throw complain(`has a key of ${Buffer.from(text, 'base64').length} bytes at place ${index + 1}`);
      return key;
    });
    return new Keyring(file, keys);
  }

  /** Base64, the primary key first. */
  get keys(): readonly string[] {
    return this.#keys.map(textOf);
  }

  /** Each gives why it was not done, or undefined. Changes wait for each other. */
  install(bytes: Uint8Array): Promise<string | undefined> {
    return this.#change((keys) => {
      const key = keyOf(Buffer.from(bytes));
      if (key === undefined) return `a key has 16, 24 or 32 bytes, and this one ${bytes.length}`;
      if (keys.some((one) => one.bytes.equals(key.bytes))) return keys;
      return keys.length < MAX_KEYS ? [...keys, key] : `the keyring is full with ${MAX_KEYS} keys; remove old ones`;
    });
  }

  use(bytes: Uint8Array): Promise<string | undefined> {
    return this.#change((keys) => {
      const key = keys.find((one) => one.bytes.equals(bytes));
      if (key === undefined) return 'the key is not in the keyring; install it first';
      return [key, ...keys.filter((one) => one !== key)];
    });
  }

  remove(bytes: Uint8Array): Promise<string | undefined> {
    return this.#change((keys) => {
      if (keys[0]?.bytes.equals(bytes) === true) return 'the primary key cannot be removed; use another one first';
      return keys.filter((one) => !one.bytes.equals(bytes));
    });
  }

  seal(plain: Uint8Array, associated: Uint8Array): Uint8Array {
    const [primary] = this.#keys;
    if (primary === undefined) throw new RangeError('a keyring has at least one key');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(primary.algorithm, primary.bytes, nonce).setAAD(associated);
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  open(sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    for (const key of this.#keys) {
      const plain = openWith(key, sealed, associated);
      if (plain !== undefined) return plain;
    }
    return undefined;
  }

  #change(next: (keys: readonly Key[]) => readonly Key[] | string): Promise<string | undefined> {
    const change = this.#changing.then(async () => {
      const keys = next(this.#keys);
      if (typeof keys === 'string') return keys;
      try {
        await replaceFile(this.#file, `${JSON.stringify(keys.map(textOf), undefined, 2)}\n`);
      } catch (error) {
        return `the keyring ${this.#file} could not be written, and nothing was changed (${reasonOf(error)})`;
      }
      this.#keys = keys;
      return undefined;
    });
    this.#changing = change;
    return change;
  }
}

function keyOf(bytes: Buffer): Key | undefined {
  const algorithm = algorithms.get(bytes.length);
  return algorithm === undefined ? undefined : { algorithm, bytes };
}

function textOf(key: Key): string {
  return key.bytes.toString('base64');
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
