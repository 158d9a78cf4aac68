import { ByteReader, ByteWriter, type Result, UnexpectedEnd, err, ok } from '@keepfleet/wire';
import { FieldReader, FieldWriter, MalformedField } from './fields.ts';
import { hexOf } from './hex.ts';
import type { Oid } from './oid.ts';
import type { SearchRange, VarBind } from './value.ts';

/*
 * RFC 2741 section 6.1
 *
 * +---------------+---------------+---------------+---------------+
 * |   h.version   |    h.type     |    h.flags    |  <reserved>   |
 * +---------------+---------------+---------------+---------------+
 * |                          h.sessionID                          |
 * +---------------------------------------------------------------+
 * |                        h.transactionID                        |
 * +---------------------------------------------------------------+
 * |                          h.packetID                           |
 * +---------------------------------------------------------------+
 * |                        h.payload_length                       |
 * +---------------------------------------------------------------+
 */
export interface PduHeader {
  readonly sessionId: number;
  readonly transactionId: number;
  readonly packetId: number;
  /** Big-endian; each PDU says its own order. */
  readonly networkOrder: boolean;
}

export interface RegisterBody {
  readonly context: Uint8Array | null;
  /** Seconds; 0 for the session's. */
  readonly timeout: number;
  /** 1..255, the lower wins. */
  readonly priority: number;
  readonly subtree: Oid;
  /** Position (from 1) and last value of the sub-identifier that makes the subtree a range. */
  readonly range: { readonly subid: number; readonly upperBound: number } | null;
  /** The subtree is one whole instance name. */
  readonly instance: boolean;
}

export interface IndexBody {
  readonly context: Uint8Array | null;
  /** Any index that was never given out, rather than the ones in `varBinds`. */
  readonly newIndex: boolean;
  /** Any index that is free. */
  readonly anyIndex: boolean;
  /** Names of index objects and the values that are wanted. */
  readonly varBinds: readonly VarBind[];
}

/** What a PDU carries, RFC 2741 section 6.2. A context is null when it is the default one. */
export type PduBody =
  | {
      readonly kind: 'open';
      /** Seconds; 0 for the master's. */
      readonly timeout: number;
      readonly id: Oid;
      readonly description: Uint8Array;
    }
  | { readonly kind: 'close'; readonly reason: number }
  | ({ readonly kind: 'register' } & RegisterBody)
  | ({ readonly kind: 'unregister' } & Omit<RegisterBody, 'timeout' | 'instance'>)
  | { readonly kind: 'get'; readonly context: Uint8Array | null; readonly ranges: readonly SearchRange[] }
  | { readonly kind: 'get-next'; readonly context: Uint8Array | null; readonly ranges: readonly SearchRange[] }
  | {
      readonly kind: 'get-bulk';
      readonly context: Uint8Array | null;
      readonly nonRepeaters: number;
      readonly maxRepetitions: number;
      readonly ranges: readonly SearchRange[];
    }
  | { readonly kind: 'test-set'; readonly context: Uint8Array | null; readonly varBinds: readonly VarBind[] }
  | { readonly kind: 'commit-set' }
  | { readonly kind: 'undo-set' }
  | { readonly kind: 'cleanup-set' }
  | { readonly kind: 'notify'; readonly context: Uint8Array | null; readonly varBinds: readonly VarBind[] }
  | { readonly kind: 'ping'; readonly context: Uint8Array | null }
  | ({ readonly kind: 'index-allocate' | 'index-deallocate' } & IndexBody)
  | {
      readonly kind: 'add-agent-caps';
      readonly context: Uint8Array | null;
      readonly id: Oid;
      readonly description: Uint8Array;
    }
  | { readonly kind: 'remove-agent-caps'; readonly context: Uint8Array | null; readonly id: Oid }
  | {
      readonly kind: 'response';
      /** Hundredths of a second of the master; a sub-agent sends 0. */
      readonly sysUpTime: number;
      readonly error: number;
      /** Position of the variable binding at fault, from 1; 0 for none. */
      readonly index: number;
      readonly varBinds: readonly VarBind[];
    };

export type Pdu = PduHeader & PduBody;

/** Reasons of a Close, RFC 2741 section 6.2.2. */
export const CLOSE_REASON = {
  other: 1,
  parseError: 2,
  protocolError: 3,
  timeouts: 4,
  shutdown: 5,
  byManager: 6,
} as const;

export const HEADER_LENGTH = 20;
const PAYLOAD_LENGTH_AT = 16;

/** Largest payload accepted: a full SNMP message (64 KiB) whose names are written out at their longest stays below. */
export const MAX_PAYLOAD = 1 << 20;

const VERSION = 1;

const FLAG_INSTANCE_REGISTRATION = 0x01;
const FLAG_NEW_INDEX = 0x02;
const FLAG_ANY_INDEX = 0x04;
const FLAG_NON_DEFAULT_CONTEXT = 0x08;
const FLAG_NETWORK_BYTE_ORDER = 0x10;

/** RFC 2741 section 6.1, h.type. */
const PDU_TYPE = {
  open: 1,
  close: 2,
  register: 3,
  unregister: 4,
  get: 5,
  'get-next': 6,
  'get-bulk': 7,
  'test-set': 8,
  'commit-set': 9,
  'undo-set': 10,
  'cleanup-set': 11,
  notify: 12,
  ping: 13,
  'index-allocate': 14,
  'index-deallocate': 15,
  'add-agent-caps': 16,
  'remove-agent-caps': 17,
  response: 18,
} as const satisfies Record<PduBody['kind'], number>;

/** Whether the header is of an answer, which itself is never answered. */
export function isResponse(header: Uint8Array): boolean {
  return header[1] === PDU_TYPE.response;
}

const KIND_OF_NUMBER = new Map(
  (Object.keys(PDU_TYPE) as PduBody['kind'][]).map((kind) => [PDU_TYPE[kind] as number, kind]),
);

export type HeaderErrorKind = 'bad-version' | 'bad-length' | 'too-long';

export type PduErrorKind =
  | HeaderErrorKind
  /** The bytes end before the PDU does. */
  | 'truncated'
  | 'unknown-type'
  | 'bad-oid'
  | 'bad-value'
  /** Bytes are left after the last field. */
  | 'trailing-bytes';

export interface PduError {
  readonly kind: PduErrorKind;
  /** To answer with; null when not even the header could be read. */
  readonly header: PduHeader | null;
}

/** Length of the whole PDU that the first {@link HEADER_LENGTH} bytes announce. */
export function pduLength(header: Uint8Array): Result<number, HeaderErrorKind> {
  if (header[0] !== VERSION) return err('bad-version');
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const payload = view.getUint32(PAYLOAD_LENGTH_AT, ((header[2] ?? 0) & FLAG_NETWORK_BYTE_ORDER) === 0);
  if (payload > MAX_PAYLOAD) return err('too-long');
  return payload % 4 === 0 ? ok(HEADER_LENGTH + payload) : err('bad-length');
}

/** One whole PDU, as {@link Framer} cuts it out of the stream. Any bytes give a PDU or an error. */
export function decodePdu(bytes: Uint8Array): Result<Pdu, PduError> {
  if (bytes.length < HEADER_LENGTH) return err({ kind: 'truncated', header: null });
  const length = pduLength(bytes);
  if (!length.ok) return err({ kind: length.error, header: null });
  const type = bytes[1] ?? 0;
  const flags = bytes[2] ?? 0;
  const networkOrder = (flags & FLAG_NETWORK_BYTE_ORDER) !== 0;
  const reader = new FieldReader(new ByteReader(bytes), networkOrder);
  reader.skip(4);
  const header: PduHeader = {
    sessionId: reader.u32(),
    transactionId: reader.u32(),
    packetId: reader.u32(),
    networkOrder,
  };
  if (length.value !== bytes.length) {
    return err({ kind: bytes.length < length.value ? 'truncated' : 'trailing-bytes', header });
  }
  const kind = KIND_OF_NUMBER.get(type);
  if (kind === undefined) return err({ kind: 'unknown-type', header });
  reader.skip(4);
  try {
    const body = readBody(kind, flags, reader);
    return reader.left === 0 ? ok({ ...header, ...body }) : err({ kind: 'trailing-bytes', header });
  } catch (error) {
    if (error instanceof UnexpectedEnd) return err({ kind: 'truncated', header });
    if (error instanceof MalformedField) return err({ kind: error.kind, header });
    throw error;
  }
}

export function encodePdu(pdu: Pdu): Uint8Array<ArrayBuffer> {
  return writePdu(pdu).slice();
}

/** {@link encodePdu} as hexadecimal text. */
export function encodePduHex(pdu: Pdu): string {
  return hexOf(writePdu(pdu));
}

/** One for all: memory of its own for each PDU is half of what an answer costs. */
const scratch = new ByteWriter(256);

/** Good until the next call. */
function writePdu(pdu: Pdu): Uint8Array<ArrayBuffer> {
  const writer = new FieldWriter(scratch.clear(), pdu.networkOrder)
    .u8(VERSION)
    .u8(PDU_TYPE[pdu.kind])
    .u8(flagsOf(pdu))
    .u8(0)
    .u32(pdu.sessionId)
    .u32(pdu.transactionId)
    .u32(pdu.packetId)
    .u32(0);
  writeBody(pdu, writer);
  const payload = scratch.length - HEADER_LENGTH;
  if (pdu.networkOrder) scratch.patchU32(PAYLOAD_LENGTH_AT, payload);
  else scratch.patchU32le(PAYLOAD_LENGTH_AT, payload);
  return scratch.written();
}

function readBody(kind: PduBody['kind'], flags: number, reader: FieldReader): PduBody {
  const context = () => ((flags & FLAG_NON_DEFAULT_CONTEXT) === 0 ? null : reader.octets());
  switch (kind) {
    case 'open': {
      const timeout = reader.u8();
      reader.skip(3);
      return { kind, timeout, id: reader.oid().oid, description: reader.octets() };
    }
    case 'close': {
      const reason = reader.u8();
      reader.skip(3);
      return { kind, reason };
    }
    case 'register':
    case 'unregister': {
      const named = context();
      const timeout = reader.u8();
      const priority = reader.u8();
      const subid = reader.u8();
      reader.skip(1);
      const subtree = reader.oid().oid;
      const range = subid === 0 ? null : { subid, upperBound: reader.u32() };
      return kind === 'unregister'
        ? { kind, context: named, priority, subtree, range }
        : {
            kind,
            context: named,
            timeout,
            priority,
            subtree,
            range,
            instance: (flags & FLAG_INSTANCE_REGISTRATION) !== 0,
          };
    }
    case 'get':
    case 'get-next':
      return { kind, context: context(), ranges: reader.ranges() };
    case 'get-bulk': {
      const named = context();
      const nonRepeaters = reader.u16();
      const maxRepetitions = reader.u16();
      return { kind, context: named, nonRepeaters, maxRepetitions, ranges: reader.ranges() };
    }
    case 'test-set':
    case 'notify':
      return { kind, context: context(), varBinds: reader.varBinds() };
    case 'commit-set':
    case 'undo-set':
    case 'cleanup-set':
      return { kind };
    case 'ping':
      return { kind, context: context() };
    case 'index-allocate':
    case 'index-deallocate':
      return {
        kind,
        context: context(),
        newIndex: (flags & FLAG_NEW_INDEX) !== 0,
        anyIndex: (flags & FLAG_ANY_INDEX) !== 0,
        varBinds: reader.varBinds(),
      };
    case 'add-agent-caps': {
      const named = context();
      return { kind, context: named, id: reader.oid().oid, description: reader.octets() };
    }
    case 'remove-agent-caps':
      return { kind, context: context(), id: reader.oid().oid };
    case 'response': {
      const sysUpTime = reader.u32();
      const error = reader.u16();
      const index = reader.u16();
      return { kind, sysUpTime, error, index, varBinds: reader.varBinds() };
    }
  }
}

function writeBody(pdu: Pdu, writer: FieldWriter): void {
  if ('context' in pdu && pdu.context !== null) writer.octets(pdu.context);
  switch (pdu.kind) {
    case 'open':
      writer.u8(pdu.timeout).zeros(3).oid(pdu.id).octets(pdu.description);
      break;
    case 'close':
      writer.u8(pdu.reason).zeros(3);
      break;
    case 'register':
    case 'unregister':
      writer
        .u8(pdu.kind === 'register' ? pdu.timeout : 0)
        .u8(pdu.priority)
        .u8(pdu.range?.subid ?? 0)
        .u8(0)
        .oid(pdu.subtree);
      if (pdu.range !== null) writer.u32(pdu.range.upperBound);
      break;
    case 'get':
    case 'get-next':
      writer.ranges(pdu.ranges);
      break;
    case 'get-bulk':
      writer.u16(pdu.nonRepeaters).u16(pdu.maxRepetitions).ranges(pdu.ranges);
      break;
    case 'test-set':
    case 'notify':
    case 'index-allocate':
    case 'index-deallocate':
      writer.varBinds(pdu.varBinds);
      break;
    case 'commit-set':
    case 'undo-set':
    case 'cleanup-set':
    case 'ping':
      break;
    case 'add-agent-caps':
      writer.oid(pdu.id).octets(pdu.description);
      break;
    case 'remove-agent-caps':
      writer.oid(pdu.id);
      break;
    case 'response':
      writer.u32(pdu.sysUpTime).u16(pdu.error).u16(pdu.index).varBinds(pdu.varBinds);
      break;
  }
}

function flagsOf(pdu: Pdu): number {
  return (
    (pdu.networkOrder ? FLAG_NETWORK_BYTE_ORDER : 0) |
    ('context' in pdu && pdu.context !== null ? FLAG_NON_DEFAULT_CONTEXT : 0) |
    ('newIndex' in pdu && pdu.newIndex ? FLAG_NEW_INDEX : 0) |
    ('anyIndex' in pdu && pdu.anyIndex ? FLAG_ANY_INDEX : 0) |
    (pdu.kind === 'register' && pdu.instance ? FLAG_INSTANCE_REGISTRATION : 0)
  );
}
