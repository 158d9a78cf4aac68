import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import type { CipherName, SnmpCrypto } from '@keepfleet/mib';

const CIPHER: Readonly<Record<CipherName, string>> = {
  aes128: 'aes-128-cfb',
  aes192: 'aes-192-cfb',
  aes256: 'aes-256-cfb',
};

/** The cryptography of SNMP version 3, by Node's. */
export const snmpCrypto: SnmpCrypto = {
  hash: (algorithm, data) => createHash(algorithm).update(data).digest(),
  hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest(),
  encrypt: (cipher, key, iv, data) => createCipheriv(CIPHER[cipher], key, iv).update(data),
  decrypt: (cipher, key, iv, data) => createDecipheriv(CIPHER[cipher], key, iv).update(data),
};
