import { type Result, err, ok } from '@keepfleet/wire';
import { BadBer, BerReader, BerWriter, TAG } from './ber.ts';
import { type SnmpPdu, pduKind, readPdu, writePdu } from './snmp-pdu.ts';

/** msgVersion, RFC 3584 section 5.2 and RFC 3412 section 6. */
const VERSION = { v1: 0, v2c: 1, v3: 3 } as const;

export interface CommunityMessage {
  readonly version: 'v1' | 'v2c';
  readonly community: Uint8Array;
  readonly pdu: SnmpPdu;
}

/** msgSecurityParameters of the user-based security model, RFC 3414 section 2.4. */
export interface UsmParameters {
  readonly engineId: Uint8Array;
  readonly engineBoots: number;
  readonly engineTime: number;
  readonly user: Uint8Array;
  readonly authentication: Uint8Array;
  readonly privacy: Uint8Array;
}

/** A message of version 3 before its scoped PDU was looked at, which may be encrypted. */
export interface V3Message {
  readonly version: 'v3';
  readonly messageId: number;
  readonly maxSize: number;
  readonly authenticated: boolean;
  readonly encrypted: boolean;
  readonly reportable: boolean;
  readonly securityModel: number;
  readonly usm: UsmParameters;
  /** Where the authentication parameters stand in the message: they count as zeros in what is signed. */
  readonly authenticationAt: number;
  /** The scoped PDU, encrypted or plain. */
  readonly data: Uint8Array;
}

export interface ScopedPdu {
  readonly engineId: Uint8Array;
  readonly context: Uint8Array;
  readonly pdu: SnmpPdu;
}

export interface MessageError {
  readonly kind: BadBer['kind'] | 'bad-version' | 'unknown-pdu' | 'bad-message';
}

const FLAG = { authenticated: 0x01, encrypted: 0x02, reportable: 0x04 } as const;

/** RFC 3412 section 6: the least that a receiver must bear. */
export const LEAST_MAX_SIZE = 484;

export const USM_MODEL = 3;

/** One datagram. Any bytes give a message or an error. */
export function decodeMessage(bytes: Uint8Array): Result<CommunityMessage | V3Message, MessageError> {
  return total<CommunityMessage | V3Message>(() => {
    const outer = new BerReader(bytes);
    const message = outer.within(TAG.sequence);
    outer.end();
    const version = message.integer();
    if (version === VERSION.v3) return readV3(bytes, message);
    if (version !== VERSION.v1 && version !== VERSION.v2c) return err({ kind: 'bad-version' });
    const community = message.octets();
    const kind = pduKind(message);
    if (kind === undefined) return err({ kind: 'unknown-pdu' });
    const pdu = readPdu(message, kind);
    message.end();
    return ok({ version: version === VERSION.v1 ? 'v1' : 'v2c', community, pdu });
  });
}

/** The scoped PDU of a message of version 3, decrypted. Padding of a cipher may follow it. */
export function decodeScopedPdu(bytes: Uint8Array): Result<ScopedPdu, MessageError> {
  return total(() => {
    const scoped = new BerReader(bytes).within(TAG.sequence);
    const engineId = scoped.octets();
    const context = scoped.octets();
    const kind = pduKind(scoped);
    if (kind === undefined) return err({ kind: 'unknown-pdu' });
    const pdu = readPdu(scoped, kind);
    scoped.end();
    return ok({ engineId, context, pdu });
  });
}

export function encodeCommunityMessage({ version, community, pdu }: CommunityMessage): Uint8Array<ArrayBuffer> {
  return writePdu(new BerWriter(), pdu).octets(community).integer(VERSION[version]).wrap(TAG.sequence, 0).finish();
}

export function encodeScopedPdu({ engineId, context, pdu }: ScopedPdu): Uint8Array<ArrayBuffer> {
  return writePdu(new BerWriter(), pdu).octets(context).octets(engineId).wrap(TAG.sequence, 0).finish();
}

/** The message, and where in it the authentication parameters stand. */
export function encodeV3Message(message: Omit<V3Message, 'version' | 'authenticationAt' | 'securityModel'>): {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly authenticationAt: number;
} {
  const { usm } = message;
  const writer = new BerWriter();
  if (message.encrypted) writer.octets(message.data);
  else writer.raw(message.data);
  const parameters = writer.length;
  writer.octets(usm.privacy).raw(usm.authentication);
  const behind = writer.length - usm.authentication.length;
  writer
    .wrap(TAG.octets, behind)
    .octets(usm.user)
    .integer(usm.engineTime)
    .integer(usm.engineBoots)
    .octets(usm.engineId)
    .wrap(TAG.sequence, parameters)
    .wrap(TAG.octets, parameters);
  const header = writer.length;
  const flags =
    (message.authenticated ? FLAG.authenticated : 0) |
    (message.encrypted ? FLAG.encrypted : 0) |
    (message.reportable ? FLAG.reportable : 0);
  writer
    .integer(USM_MODEL)
    .octets(Uint8Array.of(flags))
    .integer(message.maxSize)
    .integer(message.messageId)
    .wrap(TAG.sequence, header)
    .integer(VERSION.v3)
    .wrap(TAG.sequence, 0);
  const bytes = writer.finish();
  return { bytes, authenticationAt: bytes.length - behind - usm.authentication.length };
}

function readV3(bytes: Uint8Array, message: BerReader): Result<V3Message, MessageError> {
  const header = message.within(TAG.sequence);
  const messageId = header.integer();
  const maxSize = header.integer();
  const flags = header.octets();
  const securityModel = header.integer();
  header.end();
  const [flag = 0] = flags;
  const authenticated = (flag & FLAG.authenticated) !== 0;
  const encrypted = (flag & FLAG.encrypted) !== 0;
  // RFC 3412 section 6.4: privacy without authentication is no message; section 7.2: nor is one of another model.
  if (flags.length !== 1 || (encrypted && !authenticated) || securityModel !== USM_MODEL || messageId < 0) {
    return err({ kind: 'bad-message' });
  }
  if (maxSize < LEAST_MAX_SIZE) return err({ kind: 'bad-message' });
  const parameters = message.within(TAG.octets);
  const usm = parameters.within(TAG.sequence);
  parameters.end();
  const engineId = usm.octets();
  const engineBoots = usm.integer();
  const engineTime = usm.integer();
  const user = usm.octets();
  const authentication = usm.octets();
  const authenticationAt = usm.offset - authentication.length;
  const privacy = usm.octets();
  usm.end();
  const start = message.offset;
  let data: Uint8Array;
  if (encrypted) data = message.octets();
  else {
    message.within(TAG.sequence);
    data = Uint8Array.from(bytes.subarray(start, message.offset));
  }
  message.end();
  return ok({
    version: 'v3',
    messageId,
    maxSize,
    authenticated,
    encrypted,
    reportable: (flag & FLAG.reportable) !== 0,
    securityModel,
    usm: { engineId, engineBoots, engineTime, user, authentication, privacy },
    authenticationAt,
    data,
  });
}

function total<T>(read: () => Result<T, MessageError>): Result<T, MessageError> {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadBer) return err({ kind: error.kind });
    throw error;
  }
}
