import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Endpoint, type Verify, claimText, encodeClaim } from '@keepfleet/swim';
import { z } from 'zod';
import { GossipError, reasonOf } from './errors.ts';
import { replaceFile } from './replace-file.ts';

const identityFile = z.object({ version: z.literal(1), key: z.string(), since: z.int().min(0) });

/** Before the 32 bytes of an Ed25519 public key, to make it one that the host's library reads (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * The claim to our name: made with a key that this host made at its first start and keeps, so that the fleet takes the
 * name from this host alone when its address changes. Every start is a later claim than the one before, also when the
 * clock of the host was set back.
 */
export async function claimName(file: string, name: string, { address, port }: Endpoint, now: number): Promise<string> {
  const before = await readIdentity(file);
  const key = before?.key ?? generateKeyPairSync('ed25519').privateKey;
  const since = Math.max(now, (before?.since ?? 0) + 1);
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  await replaceFile(file, `${JSON.stringify({ version: 1, key: pem, since }, undefined, 2)}\n`);
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
  const signature = sign(undefined, Buffer.from(claimText(name, address, port, since)), key);
  return encodeClaim({ since, key: publicKey, signature });
}

export const verifyClaim: Verify = (key, text, signature) => {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' });
  return verify(undefined, Buffer.from(text), publicKey, signature);
};

async function readIdentity(file: string): Promise<{ readonly key: KeyObject; readonly since: number } | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unusable(file, reasonOf(error));
  }
  try {
    const { key, since } = identityFile.parse(JSON.parse(text));
    return { key: createPrivateKey(key), since };
  } catch {
    // The reason would quote the file, and with it the key.
    throw unusable(file, 'it holds no identity that can be read');
  }
}

function unusable(file: string, why: string): GossipError {
  return new GossipError(
    'bad-identity',
    `gossip: the identity ${file} cannot be used: ${why}; restore it, or remove it and have the fleet forget this ` +
      "node's name (`keepfleet members forget`) if its address has changed too",
  );
}
