import { ByteReader, type Result, err, formatIp, latin1Text, ok } from '@keepfleet/wire';

/** Record types that DNS_CHECK can ask for. */
export const DNS_TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  RRSIG: 46,
  DNSKEY: 48,
} as const;

/** RFC 1035 section 4.1.1, and RFC 6895 section 2.3. */
const RESPONSE_CODES = [
  ...['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET'],
  ...['NXRRSET', 'NOTAUTH', 'NOTZONE'],
];

const CLASS_IN = 1;
const MAX_NAME = 255;
const MAX_LABEL = 63;

export interface DnsHeader {
  readonly id: number;
  readonly isResponse: boolean;
  /** TC: there is more that did not fit in. */
  readonly isTruncated: boolean;
  readonly responseCode: number;
  readonly questions: number;
  readonly answers: number;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  /** In the spelling of a zone file where the type is known, else hexadecimal. */
  readonly data: string;
}

export interface DnsError {
  readonly kind: 'too-short' | 'bad-name' | 'bad-data';
}

/** True for what can stand in a question: labels of 1 to 63 octets, 255 in all; the empty text is the root. */
export function isDnsName(name: string): boolean {
  return encodeName(name) !== undefined;
}

/** A query for one name, recursion desired (RFC 1035 section 4.1). */
export function encodeQuery(id: number, name: string, type: number): Uint8Array {
  const labels = encodeName(name) ?? [0];
  return Uint8Array.from([
    id >> 8,
    id & 0xff,
    1,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    ...labels,
    type >> 8,
    type & 0xff,
    0,
    CLASS_IN,
  ]);
}

/**
 *  0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
 * |                      ID                       |
 * |QR|   opcode  |AA|TC|RD|RA|   Z    |   RCODE   |
 * |                    QDCOUNT                    |
 * |                    ANCOUNT                    |
 * |                    NSCOUNT                    |
 * |                    ARCOUNT                    |
 */
export function decodeHeader(bytes: Uint8Array): Result<DnsHeader, DnsError> {
  if (bytes.length < 12) return err({ kind: 'too-short' });
  const reader = new ByteReader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  const questions = reader.u16();
  return ok({
    id,
    isResponse: flags >= 0x8000,
    isTruncated: (flags & 0x0200) !== 0,
    responseCode: flags & 0xf,
    questions,
    answers: reader.u16(),
  });
}

/** The records of the answer section. */
export function decodeAnswers(bytes: Uint8Array): Result<DnsRecord[], DnsError> {
  const header = decodeHeader(bytes);
  if (!header.ok) return header;
  let at = 12;
  for (let i = 0; i < header.value.questions; i++) {
    const name = readName(bytes, at);
    if (name === undefined) return err({ kind: 'bad-name' });
    at = name.next + 4;
  }
  const records: DnsRecord[] = [];
  for (let i = 0; i < header.value.answers; i++) {
    const name = readName(bytes, at);
    if (name === undefined) return err({ kind: 'bad-name' });
    if (name.next + 10 > bytes.length) return err({ kind: 'too-short' });
    const reader = new ByteReader(bytes.subarray(name.next));
    const type = reader.u16();
    reader.skip(6);
    const length = reader.u16();
    const start = name.next + 10;
    if (start + length > bytes.length) return err({ kind: 'too-short' });
    const data = dataText(bytes, type, start, length);
    if (data === undefined) return err({ kind: 'bad-data' });
    records.push({ name: name.text, type, data });
    at = start + length;
  }
  return ok(records);
}

export function responseCodeText(code: number): string {
  return RESPONSE_CODES[code] ?? `the error ${code}`;
}

function encodeName(name: string): number[] | undefined {
  const octets: number[] = [];
  for (const label of name.replace(/\.$/, '').split('.')) {
    if (label === '' && name.replace(/\.$/, '') === '') break;
    if (label.length < 1 || label.length > MAX_LABEL || !/^[\x21-\x7e]+$/.test(label)) return undefined;
    octets.push(label.length, ...Array.from(label, (character) => character.charCodeAt(0)));
  }
  octets.push(0);
  return octets.length <= MAX_NAME ? octets : undefined;
}

/** A name with compression (RFC 1035 section 4.1.4); pointers may only lead back, so that none leads in a circle. */
function readName(bytes: Uint8Array, start: number): { text: string; next: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let next: number | undefined;
  let lowest = start;
  let size = 0;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text: labels.join('.'), next: next ?? at + 1 };
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= lowest) return undefined;
      next ??= at + 2;
      lowest = target;
      at = target;
      continue;
    }
    size += length + 1;
    if (length > MAX_LABEL || size >= MAX_NAME || at + 1 + length > bytes.length) return undefined;
    labels.push(latin1Text(bytes.subarray(at + 1, at + 1 + length)).toLowerCase());
    at += 1 + length;
  }
}

function dataText(bytes: Uint8Array, type: number, start: number, length: number): string | undefined {
  const data = bytes.subarray(start, start + length);
  switch (type) {
    case DNS_TYPES.A:
      return length === 4 ? formatIp(data) : undefined;
    case DNS_TYPES.AAAA:
      return length === 16 ? formatIp(data) : undefined;
    case DNS_TYPES.NS:
    case DNS_TYPES.CNAME:
      return nameText(bytes, start);
    case DNS_TYPES.MX: {
      const name = length > 2 ? nameText(bytes, start + 2) : undefined;
      return name === undefined ? undefined : `${((data[0] ?? 0) << 8) | (data[1] ?? 0)} ${name}`;
    }
    case DNS_TYPES.TXT:
      return strings(data);
    case DNS_TYPES.SOA: {
      const primary = readName(bytes, start);
      const mailbox = primary && readName(bytes, primary.next);
      if (primary === undefined || mailbox === undefined || mailbox.next + 20 !== start + length) return undefined;
      const reader = new ByteReader(bytes.subarray(mailbox.next, mailbox.next + 20));
      const numbers = Array.from({ length: 5 }, () => reader.u32());
      return `${primary.text}. ${mailbox.text}. ${numbers.join(' ')}`;
    }
    default:
      return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

function nameText(bytes: Uint8Array, start: number): string | undefined {
  const name = readName(bytes, start);
  return name && `${name.text}.`;
}

/** The strings of a TXT record put together. */
function strings(data: Uint8Array): string | undefined {
  let text = '';
  for (let at = 0; at < data.length;) {
    const length = data[at] ?? 0;
    if (at + 1 + length > data.length) return undefined;
    text += latin1Text(data.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return text;
}
