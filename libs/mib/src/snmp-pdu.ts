import { BerReader, BerWriter } from './ber.ts';
import type { VarBind } from './value.ts';

/** RFC 3416 section 3. */
export const PDU_TAG = {
  get: 0xa0,
  'get-next': 0xa1,
  response: 0xa2,
  set: 0xa3,
  'trap-v1': 0xa4,
  'get-bulk': 0xa5,
  inform: 0xa6,
  trap: 0xa7,
  report: 0xa8,
} as const;

export type SnmpPduKind = Exclude<keyof typeof PDU_TAG, 'trap-v1'>;

export interface SnmpPdu {
  readonly kind: SnmpPduKind;
  readonly requestId: number;
  /** non-repeaters of a GetBulk. */
  readonly errorStatus: number;
  /** max-repetitions of a GetBulk. */
  readonly errorIndex: number;
  readonly varBinds: readonly VarBind[];
}

/** Errors of a Response, RFC 3416 section 3; the first six are all that version 1 has. */
export const SNMP_ERROR = {
  'no-error': 0,
  'too-big': 1,
  'no-such-name': 2,
  'bad-value': 3,
  'read-only': 4,
  'gen-err': 5,
  'no-access': 6,
  'wrong-type': 7,
  'wrong-length': 8,
  'wrong-encoding': 9,
  'wrong-value': 10,
  'no-creation': 11,
  'inconsistent-value': 12,
  'resource-unavailable': 13,
  'commit-failed': 14,
  'undo-failed': 15,
  'authorization-error': 16,
  'not-writable': 17,
  'inconsistent-name': 18,
} as const;

export type SnmpErrorName = keyof typeof SNMP_ERROR;

const KIND_OF_TAG = new Map<number, SnmpPduKind>(
  (Object.keys(PDU_TAG) as (keyof typeof PDU_TAG)[]).flatMap((kind) =>
    kind === 'trap-v1' ? [] : [[PDU_TAG[kind], kind] as const],
  ),
);

/** The kind of PDU that starts here, or undefined for none that is known. */
export function pduKind(reader: BerReader): SnmpPduKind | undefined {
  return KIND_OF_TAG.get(reader.peek());
}

export function readPdu(reader: BerReader, kind: SnmpPduKind): SnmpPdu {
  const inner = reader.within(PDU_TAG[kind]);
  const pdu = {
    kind,
    requestId: inner.integer(),
    errorStatus: inner.integer(),
    errorIndex: inner.integer(),
    varBinds: inner.varBinds(),
  };
  inner.end();
  return pdu;
}

export function writePdu(writer: BerWriter, pdu: SnmpPdu): BerWriter {
  const from = writer.length;
  return writer
    .varBinds(pdu.varBinds)
    .integer(pdu.errorIndex)
    .integer(pdu.errorStatus)
    .integer(pdu.requestId)
    .wrap(PDU_TAG[pdu.kind], from);
}
