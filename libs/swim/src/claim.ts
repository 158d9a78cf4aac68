import type { Member } from './member.ts';
import type { AliveMessage } from './packet.ts';
import { addressOf } from './packet.ts';
import { type Tags } from './settings.ts';

/**
 * A member's tag that proves its name: base64url of the time of its start (6 bytes, milliseconds since 1970), its Ed25519
 * public key (32 bytes), and its signature (64 bytes) of {@link claimText}. A name that moves to another address is
 * believed only from the key that had it. 143 of the 512 bytes of metadata.
 */
export const CLAIM_TAG = 'id';
const KEY_AT = 6;
const SIGNATURE_AT = 38;
const CLAIM_BYTES = 102;

/** Checks signatures for us, which is neither ours to implement nor to be done more often than a name moves. */
export type Verify = (key: Uint8Array, text: string, signature: Uint8Array) => boolean;

export interface Claim {
  /** When the claimant started, milliseconds since 1970; an older claim repeated is no proof. */
  readonly since: number;
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a claim signs. */
export function claimText(name: string, address: string, port: number, since: number): string {
  return `keepfleet name claim 1\n${name}\n${address}\n${port}\n${since}\n`;
}

export function encodeClaim({ since, key, signature }: Claim): string {
  const bytes = new Uint8Array(CLAIM_BYTES);
  for (let i = 0, rest = since; i < KEY_AT; i++, rest = Math.floor(rest / 256)) bytes[KEY_AT - 1 - i] = rest % 256;
  bytes.set(key, KEY_AT);
  bytes.set(signature, SIGNATURE_AT);
  return base64url(bytes);
}

export function claimOf(tags: Tags): Claim | undefined {
  const bytes = fromBase64url(tags[CLAIM_TAG] ?? '');
  if (bytes?.length !== CLAIM_BYTES) return undefined;
  return {
    since: bytes.subarray(0, KEY_AT).reduce((value, byte) => value * 256 + byte, 0),
    key: bytes.subarray(KEY_AT, SIGNATURE_AT),
    signature: bytes.subarray(SIGNATURE_AT),
  };
}

/** Whether two sets of tags name the same key, or both none. */
export function sameKey(a: Tags, b: Tags): boolean {
  const [one, other] = [claimOf(a), claimOf(b)];
  if (one === undefined || other === undefined) return one === other;
  return one.key.every((byte, i) => byte === other.key[i]);
}

/** Whether the message comes from the key that the member is known by, from a later start, and for the address it names. */
export function proves(message: AliveMessage, tags: Tags, known: Member, verify: Verify): boolean {
  const before = claimOf(known.tags);
  const claim = claimOf(tags);
  if (before === undefined || claim === undefined || claim.since <= before.since) return false;
  if (!claim.key.every((byte, i) => byte === before.key[i])) return false;
  const text = claimText(message.node, addressOf(message.address), message.port, claim.since);
  return verify(claim.key, text, claim.signature);
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function base64url(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (const shift of [18, 12, 6, 0]) text += ALPHABET[(group >> shift) & 63] ?? '';
  }
  return text;
}

/** Whole groups of four only: a claim is 136 characters. */
function fromBase64url(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length % 4 !== 0 || !/^[\w-]*$/.test(text)) return undefined;
  const bytes = new Uint8Array((text.length / 4) * 3);
  for (let at = 0, to = 0; at < text.length; at += 4) {
    let group = 0;
    for (let i = 0; i < 4; i++) group = (group << 6) | ALPHABET.indexOf(text[at + i] ?? 'A');
    bytes[to++] = group >> 16;
    bytes[to++] = (group >> 8) & 255;
    bytes[to++] = group & 255;
  }
  return bytes;
}
