import type { UsmParameters, V3Message } from './snmp-message.ts';

/** Digest of an authentication protocol; SHA-1 is there for managers of old, MD5 and DES are not. */
export type HashName = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** AES in CFB-128; keys longer than the digest are stretched as Blumenthal's draft has it, which net-snmp does too. */
export type CipherName = 'aes128' | 'aes192' | 'aes256';

/** What the driver brings along: a protocol library has no cryptography of its own. */
export interface SnmpCrypto {
  hash(algorithm: HashName, data: Uint8Array): Uint8Array;
  hmac(algorithm: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
  encrypt(cipher: CipherName, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
  decrypt(cipher: CipherName, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
}

/** Length of the authentication parameters: RFC 3414 section 6, RFC 7860 section 4. */
const MAC_LENGTH: Readonly<Record<HashName, number>> = { sha1: 12, sha224: 16, sha256: 24, sha384: 32, sha512: 48 };

const KEY_LENGTH: Readonly<Record<CipherName, number>> = { aes128: 16, aes192: 24, aes256: 32 };

export const MAX_ENGINE_BOOTS = 2147483647;

/** Seconds that a message may be off, RFC 3414 section 2.2.3. */
export const TIME_WINDOW = 150;

const SALT_LENGTH = 8;

/** A user as configured: by passwords. */
export interface UserSecrets {
  readonly name: string;
  readonly auth: { readonly protocol: HashName; readonly password: Uint8Array } | null;
  readonly privacy: { readonly protocol: CipherName; readonly password: Uint8Array } | null;
}

/** The keys of a user at one engine. */
export interface UserKeys {
  readonly auth: { readonly protocol: HashName; readonly key: Uint8Array } | null;
  readonly privacy: { readonly protocol: CipherName; readonly key: Uint8Array } | null;
}

/** Keys for no engine in particular: costly on purpose (RFC 3414 appendix A.2), so made once. */
export class MasterKeys {
  readonly #auth: { readonly protocol: HashName; readonly key: Uint8Array } | null;
  readonly #privacy: { readonly protocol: CipherName; readonly hash: HashName; readonly key: Uint8Array } | null;
  readonly #crypto: SnmpCrypto;

  constructor(crypto: SnmpCrypto, { auth, privacy }: UserSecrets) {
    this.#crypto = crypto;
    this.#auth = auth === null ? null : { protocol: auth.protocol, key: passwordKey(crypto, auth) };
    this.#privacy =
      auth === null || privacy === null
        ? null
        : {
            protocol: privacy.protocol,
            hash: auth.protocol,
            key: passwordKey(crypto, { protocol: auth.protocol, password: privacy.password }),
          };
  }

  localized(engineId: Uint8Array): UserKeys {
    const localize = (hash: HashName, key: Uint8Array) => this.#crypto.hash(hash, joined(key, engineId, key));
    const auth = this.#auth;
    const privacy = this.#privacy;
    return {
      auth: auth === null ? null : { protocol: auth.protocol, key: localize(auth.protocol, auth.key) },
      privacy:
        privacy === null
          ? null
          : {
              protocol: privacy.protocol,
              key: stretched(
                this.#crypto,
                privacy.hash,
                localize(privacy.hash, privacy.key),
                KEY_LENGTH[privacy.protocol],
              ),
            },
    };
  }
}

/** Empty parameters of the length that the digest will have. */
export function emptyMac(auth: NonNullable<UserKeys['auth']>): Uint8Array {
  return new Uint8Array(MAC_LENGTH[auth.protocol]);
}

/** The digest of a message whose own place for it is all zeros. */
export function macOf(crypto: SnmpCrypto, auth: NonNullable<UserKeys['auth']>, bytes: Uint8Array): Uint8Array {
  return crypto.hmac(auth.protocol, auth.key, bytes).subarray(0, MAC_LENGTH[auth.protocol]);
}

export function isGenuine(
  crypto: SnmpCrypto,
  auth: NonNullable<UserKeys['auth']>,
  message: V3Message,
  bytes: Uint8Array,
): boolean {
  const { authentication } = message.usm;
  const length = MAC_LENGTH[auth.protocol];
  if (authentication.length !== length) return false;
  const blank = Uint8Array.from(bytes);
  blank.fill(0, message.authenticationAt, message.authenticationAt + length);
  const wanted = macOf(crypto, auth, blank);
  // Takes as long for the first octet as for the last: a guess learns nothing from the time.
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= (wanted[i] ?? 0) ^ (authentication[i] ?? 0);
  return difference === 0;
}

/** RFC 3826 section 3.1.2.1: boots, time and salt are the initialization vector. */
export function encrypted(
  crypto: SnmpCrypto,
  privacy: NonNullable<UserKeys['privacy']>,
  at: Pick<UsmParameters, 'engineBoots' | 'engineTime'>,
  salt: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  return crypto.encrypt(privacy.protocol, privacy.key, initialization(at, salt), data);
}

/** Undefined when the salt is none. */
export function decrypted(
  crypto: SnmpCrypto,
  privacy: NonNullable<UserKeys['privacy']>,
  usm: UsmParameters,
  data: Uint8Array,
): Uint8Array | undefined {
  if (usm.privacy.length !== SALT_LENGTH) return undefined;
  return crypto.decrypt(privacy.protocol, privacy.key, initialization(usm, usm.privacy), data);
}

/** Salts that are never the same twice: a counter from a random start. */
export class Salts {
  #next: bigint;

  constructor(start: bigint) {
    this.#next = start;
  }

  next(): Uint8Array {
    const salt = new Uint8Array(SALT_LENGTH);
    new DataView(salt.buffer).setBigUint64(0, this.#next);
    this.#next = BigInt.asUintN(64, this.#next + 1n);
    return salt;
  }
}

function initialization(at: Pick<UsmParameters, 'engineBoots' | 'engineTime'>, salt: Uint8Array): Uint8Array {
  const iv = new Uint8Array(16);
  const view = new DataView(iv.buffer);
  view.setUint32(0, at.engineBoots);
  view.setUint32(4, at.engineTime);
  iv.set(salt, 8);
  return iv;
}

const PASSWORD_STREAM = 1 << 20;

function passwordKey(crypto: SnmpCrypto, { protocol, password }: NonNullable<UserSecrets['auth']>): Uint8Array {
  const stream = new Uint8Array(PASSWORD_STREAM);
  for (let at = 0; at < PASSWORD_STREAM; at += password.length) {
    stream.set(password.subarray(0, Math.min(password.length, PASSWORD_STREAM - at)), at);
  }
  return crypto.hash(protocol, stream);
}

function stretched(crypto: SnmpCrypto, hash: HashName, key: Uint8Array, length: number): Uint8Array {
  let all = key;
  while (all.length < length) all = joined(all, crypto.hash(hash, all));
  return all.slice(0, length);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
