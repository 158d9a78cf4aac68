import { unhex } from '@keepfleet/wire';
import { mibModules, allTables } from './mibs.ts';
import { oid } from './oid.ts';
import { rows } from './rows.fixture.ts';
import { type Access, SnmpAgent } from './snmp-agent.ts';
import { newSnmpCounters } from './snmp-counters.ts';
import { encodeCommunityMessage } from './snmp-message.ts';
import type { SnmpPdu } from './snmp-pdu.ts';
import { SYSTEM_ROOTS, systemGroup } from './system-group.ts';
import { MasterKeys, Salts, type SnmpCrypto, type UserKeys } from './usm.ts';
import { type V3Engine, v3Message } from './v3-answer.ts';
import { JoinedVariables } from './variables.ts';
import { MibView } from './view.ts';

const CIPHER = { aes128: 'aes-128-cfb', aes192: 'aes-192-cfb', aes256: 'aes-256-cfb' } as const;

interface Sum {
  update(data: Uint8Array): { digest(): Uint8Array };
}

interface Cipher {
  update(data: Uint8Array): Uint8Array;
}

/** As much of node:crypto as the specs hand in. */
export interface NodeCrypto {
  createHash(algorithm: string): Sum;
  createHmac(algorithm: string, key: Uint8Array): Sum;
  createCipheriv(cipher: string, key: Uint8Array, iv: Uint8Array): Cipher;
  createDecipheriv(cipher: string, key: Uint8Array, iv: Uint8Array): Cipher;
}

export function cryptoOf(node: NodeCrypto): SnmpCrypto {
  return {
    hash: (algorithm, data) => Uint8Array.from(node.createHash(algorithm).update(data).digest()),
    hmac: (algorithm, key, data) => Uint8Array.from(node.createHmac(algorithm, key).update(data).digest()),
    encrypt: (cipher, key, iv, data) => Uint8Array.from(node.createCipheriv(CIPHER[cipher], key, iv).update(data)),
    decrypt: (cipher, key, iv, data) => Uint8Array.from(node.createDecipheriv(CIPHER[cipher], key, iv).update(data)),
  };
}

export const ENGINE = unhex('80002572050102030405');
export const BOOTS = 3;

/** The keys of the user `ops`. */
export function keysOf(crypto: SnmpCrypto): MasterKeys {
  const password = Uint8Array.from('longenough', (character) => character.charCodeAt(0));
  return new MasterKeys(crypto, {
    name: 'ops',
    auth: { protocol: 'sha256', password },
    privacy: { protocol: 'aes256', password },
  });
}

const ALL: Access = { write: true, view: { include: [], exclude: [] } };

export const salts = new Salts(1n);
export const salt = () => salts.next();

export function agentOf(crypto: SnmpCrypto, keys: UserKeys): SnmpAgent {
  const view = new MibView(allTables);
  view.update(rows());
  const counters = newSnmpCounters();
  const system = systemGroup(
    { description: 'spec', contact: '', name: 'L1', location: '' },
    { engineId: ENGINE, engineBoots: BOOTS, maxMessage: 65507, counters, time: () => 10, upTime: () => 1000 },
  );
  return new SnmpAgent(
    {
      communities: [{ name: 'public', access: ALL, allows: () => true }],
      users: [{ name: 'ops', keys, access: ALL }],
      engineId: ENGINE,
      engineBoots: BOOTS,
    },
    new JoinedVariables([
      { roots: SYSTEM_ROOTS, variables: system },
      { roots: mibModules.map(({ root }) => root), variables: view },
    ]),
    crypto,
    salt,
    counters,
  );
}

export function pdu(kind: SnmpPdu['kind'], names: readonly string[], more: Partial<SnmpPdu> = {}): SnmpPdu {
  const varBinds = names.map((name) => ({ name: oid(name), value: { type: 'null' } as const }));
  return { kind, requestId: 77, errorStatus: 0, errorIndex: 0, varBinds, ...more };
}

export function community(message: SnmpPdu, version: 'v1' | 'v2c' = 'v2c'): Uint8Array<ArrayBuffer> {
  return encodeCommunityMessage({ version, community: unhex('7075626c6963'), pdu: message });
}

export function secured(
  crypto: SnmpCrypto,
  keys: UserKeys,
  message: SnmpPdu,
  engine: V3Engine = { id: ENGINE, boots: BOOTS, time: 10 },
): Uint8Array {
  return v3Message({
    messageId: 5,
    maxSize: 65507,
    reportable: true,
    userName: unhex('6f7073'),
    keys,
    authenticate: true,
    encrypt: true,
    engine,
    contextEngineId: engine.id,
    pdu: message,
    crypto,
    salt,
  });
}
