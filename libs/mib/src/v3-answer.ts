import { type V3Message, encodeScopedPdu, encodeV3Message } from './snmp-message.ts';
import type { SnmpPdu } from './snmp-pdu.ts';
import { type SnmpCrypto, type UserKeys, emptyMac, encrypted, macOf } from './usm.ts';
import { utf8Bytes } from './utf8.ts';

const EMPTY = new Uint8Array();
const MAX_USER_NAME = 32;

export interface V3Engine {
  readonly id: Uint8Array;
  readonly boots: number;
  readonly time: number;
}

export interface V3Outgoing {
  readonly messageId: number;
  readonly maxSize: number;
  readonly reportable: boolean;
  readonly userName: Uint8Array;
  readonly keys: UserKeys | undefined;
  readonly authenticate: boolean;
  readonly encrypt: boolean;
  /** The authoritative engine, whose time the message has. */
  readonly engine: V3Engine;
  /** Engine of the scoped PDU. */
  readonly contextEngineId: Uint8Array;
  readonly pdu: SnmpPdu;
  readonly crypto: SnmpCrypto;
  readonly salt: () => Uint8Array;
}

/** A whole message of version 3, encrypted and signed as asked for and as the keys allow. */
export function v3Message(out: V3Outgoing): Uint8Array {
  const { engine, keys, crypto } = out;
  const auth = out.authenticate ? (keys?.auth ?? null) : null;
  const privacy = out.encrypt ? (keys?.privacy ?? null) : null;
  const scoped = encodeScopedPdu({ engineId: out.contextEngineId, context: EMPTY, pdu: out.pdu });
  const salt = privacy === null ? EMPTY : out.salt();
  const at = { engineBoots: engine.boots, engineTime: engine.time };
  const { bytes, authenticationAt } = encodeV3Message({
    messageId: out.messageId,
    maxSize: out.maxSize,
    authenticated: auth !== null,
    encrypted: privacy !== null,
    reportable: out.reportable,
    usm: {
      engineId: engine.id,
      ...at,
      user: out.userName,
      authentication: auth === null ? EMPTY : emptyMac(auth),
      privacy: salt,
    },
    data: privacy === null ? scoped : encrypted(crypto, privacy, at, salt, scoped),
  });
  if (auth !== null) bytes.set(macOf(crypto, auth, bytes), authenticationAt);
  return bytes;
}

/** The answer of an authoritative engine to a message. */
export function v3Answer(answer: {
  readonly message: V3Message;
  readonly user: { readonly name: string; readonly keys: UserKeys } | undefined;
  readonly engine: V3Engine;
  readonly authenticate: boolean;
  readonly encrypt: boolean;
  readonly maxSize: number;
  readonly pdu: SnmpPdu;
  readonly crypto: SnmpCrypto;
  readonly salt: () => Uint8Array;
}): Uint8Array {
  const { message, user, engine, ...rest } = answer;
  return v3Message({
    ...rest,
    messageId: message.messageId,
    reportable: false,
    userName: user === undefined ? message.usm.user : utf8Bytes(user.name, MAX_USER_NAME),
    keys: user?.keys,
    engine,
    contextEngineId: engine.id,
  });
}
