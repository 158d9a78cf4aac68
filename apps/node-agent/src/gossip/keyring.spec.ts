import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimOf, claimText } from '@keepfleet/swim';
import { ip } from '@keepfleet/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GossipError } from './errors.ts';
import { claimName, verifyClaim } from './identity.ts';
import { Keyring } from './keyring.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-keyring-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const key = (fill: number, size = 32) => Buffer.alloc(size, fill);
const text = (fill: number, size = 32) => key(fill, size).toString('base64');

describe('a keyring', () => {
  let file = '';
  let keyring: Keyring;
  const onDisk = () => JSON.parse(readFileSync(file, 'utf8')) as string[];
  beforeEach(async () => {
    file = join(directory, 'keyring.json');
    writeFileSync(file, JSON.stringify([text(1)]));
    keyring = await Keyring.read(file);
  });

  it('is changed in the steps of a rotation, each on disk, and opens what any of its keys sealed', async () => {
    const none = new Uint8Array();
    const old = keyring.seal(Buffer.from('old'), none);
    expect(await keyring.install(key(2))).toBeUndefined();
    expect([onDisk(), keyring.keys]).toEqual([
      [text(1), text(2)],
      [text(1), text(2)],
    ]);
    expect(await keyring.use(key(2))).toBeUndefined();
    expect(onDisk()).toEqual([text(2), text(1)]);
    const sealed = keyring.seal(Buffer.from('new'), none);
    for (const each of [old, sealed]) expect(keyring.open(each, none)).toBeDefined();
    expect(await keyring.remove(key(1))).toBeUndefined();
    expect(onDisk()).toEqual([text(2)]);
    expect(keyring.open(old, none)).toBeUndefined();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await Keyring.read(file)).open(sealed, none)).toBeDefined();
  });

  it('says what it does not do, and changes nothing then', async () => {
    expect(await keyring.remove(key(1))).toMatch(/primary key cannot be removed/);
    expect(await keyring.use(key(9))).toMatch(/install it first/);
    expect(await keyring.install(key(1, 5))).toMatch(/16, 24 or 32 bytes, and this one 5/);
    for (let i = 2; i <= 16; i++) expect(await keyring.install(key(i))).toBeUndefined();
    expect(await keyring.install(key(99))).toMatch(/full with 16 keys/);
    expect(await keyring.install(key(3))).toBeUndefined();
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'a file where the directory was');
    expect(await keyring.use(key(2))).toMatch(/could not be written, and nothing was changed/);
    expect(keyring.keys[0]).toBe(text(1));
  });
});

describe('the identity of a node', () => {
  const at = { address: ip('192.0.2.1'), port: 7946 };

  it('is made at the first start, kept, and claims the name later at each start, though the clock is set back', async () => {
    const file = join(directory, 'identity.json');
    const claims = [];
    for (const now of [5_000, 4_000, 9_000]) claims.push(claimOf({ id: await claimName(file, 'L1', at, now) }));
    expect(claims.map((claim) => claim?.since)).toEqual([5_000, 5_001, 9_000]);
    expect(new Set(claims.map((claim) => Buffer.from(claim?.key ?? []).toString('hex'))).size).toBe(1);
    const [claim] = claims;
    if (claim === undefined) throw new Error('no claim');
    const signed = claimText('L1', at.address, at.port, claim.since);
    expect(verifyClaim(claim.key, signed, claim.signature)).toBe(true);
    expect(verifyClaim(claim.key, signed.replace('L1', 'L2'), claim.signature)).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('that is damaged is told, and quotes nothing of the key', async () => {
    const file = join(directory, 'identity.json');
    writeFileSync(file, '{"version":1,"since":1,"key":"secret"}');
    const error: unknown = await claimName(file, 'L1', at, 1).catch((reason: unknown) => reason);
    expect(error instanceof GossipError && error.code).toBe('bad-identity');
    expect(String(error)).not.toContain('secret');
  });
});
