import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tlsCredentials } from './tls.ts';

let directory = '';
const at = (name: string) => join(directory, name);
const files = (change: object = {}) => ({
  ca: at('a.pem'),
  certificate: at('a.pem'),
  key: at('a.key'),
  ...change,
});

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-tls-'));
  for (const name of ['a', 'b']) {
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-days', '2'];
    execFileSync('openssl', [...args, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)], { stdio: 'ignore' });
  }
  writeFileSync(at('torn.pem'), '-----BEGIN CERTIFICATE-----\nMIIB');
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('the TLS files of the uplink', () => {
  it('are taken when they fit', () => {
    expect(() => tlsCredentials(files())).not.toThrow();
  });

  it.each([
    ['missing', { ca: '/nowhere/ca.pem' }, 'tls.ca: /nowhere/ca.pem cannot be read'],
    ['half written', { certificate: 'torn.pem' }, 'holds no PEM certificate'],
    ['of different pairs', { key: 'b.key' }, 'cannot be used together'],
  ])('that are %s are named', (_, change, message) => {
    const here = Object.fromEntries(
      Object.entries(change).map(([setting, name]) => [setting, name.startsWith('/') ? name : at(name)]),
    );
    expect(() => tlsCredentials(files(here))).toThrow(message);
  });

  it('that have expired, or are not valid yet, are named with the day', () => {
    const days = (count: number) => new Date(Date.now() + count * 86_400_000);
    expect(() => tlsCredentials(files(), days(3))).toThrow('has expired on 2');
    expect(() => tlsCredentials(files(), days(-3))).toThrow('is not valid before 2');
  });
});
