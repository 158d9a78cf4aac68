import { type Result, err, ok } from './result.ts';

export type Family = 'ipv4' | 'ipv6';

/** An IP address in canonical text: dotted quad, or RFC 5952 (lower case, longest run of zeros shortened). Equal addresses are equal strings. */
export type IpAddress = string & { readonly __brand: 'IpAddress' };

/** Six octets, lower case, colon separated. */
export type MacAddress = string & { readonly __brand: 'MacAddress' };

export interface AddressError {
  readonly kind: 'bad-address';
  readonly text: string;
}

export function familyOf(address: IpAddress): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** Any spelling of an IPv4 or IPv6 address, without scope or prefix. */
export function parseIp(text: string): Result<IpAddress, AddressError> {
  // The one spelling of an IPv4 address that is taken is the canonical one.
  if (isIpv4(text)) return ok(text);
  const bytes = text.includes(':') ? ipv6Bytes(text) : undefined;
  return bytes === undefined ? err({ kind: 'bad-address', text }) : ok(formatIp(bytes));
}

/** An address known at writing time; throws on a mistake. */
export function ip(text: string): IpAddress {
  const result = parseIp(text);
  if (!result.ok) throw new TypeError(`not an IP address: ${text}`);
  return result.value;
}

/** 4 or 16 bytes in network order. */
export function ipBytes(address: IpAddress): Uint8Array<ArrayBuffer> {
  const bytes = address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address);
  if (bytes === undefined) throw new TypeError(`not an IP address: ${address}`);
  return bytes;
}

/** The four octets of an IPv4 address as one number, most significant first; throws where it is none. */
export function ipv4Number(address: IpAddress): number {
  const number = ipv4Value(address);
  if (number < 0) throw new TypeError(`not an IPv4 address: ${address}`);
  return number;
}

/** Text of 4 or 16 bytes; any other length is a broken promise of the caller and throws. */
export function formatIp(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as IpAddress;
  if (bytes.length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const run = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  const text =
    run.length < 2 ? hex(groups) : `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
  return text as IpAddress;
}

export function parseMac(text: string): Result<MacAddress, AddressError> {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
    ? ok(text.toLowerCase() as MacAddress)
    : err({ kind: 'bad-address', text });
}

export function macBytes(mac: MacAddress): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(mac.split(':'), (octet) => parseInt(octet, 16));
}

export function formatMac(bytes: Uint8Array): MacAddress {
  if (bytes.length !== 6) throw new RangeError(`a MAC address has 6 bytes, not ${bytes.length}`);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as MacAddress;
}

/** Numeric order of two addresses of one family: negative when `a` is the lower; IPv4 sorts before IPv6. */
export function compareIp(a: IpAddress, b: IpAddress): number {
  const left = ipBytes(a);
  const right = ipBytes(b);
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Four decimal octets without leading zeros. */
export function isIpv4(text: string): text is IpAddress {
  return ipv4Value(text) >= 0;
}

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** The octets as one number, or -1 where the text is no IPv4 address; by characters, for a large configuration has tens of thousands. */
function ipv4Value(text: string): number {
  let value = 0;
  let dots = 0;
  let octet = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else if (code >= ZERO && code <= NINE && octet !== 0) {
      octet = (octet < 0 ? 0 : octet * 10) + code - ZERO;
      if (octet > 255) return -1;
    } else return -1;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

function ipv4Bytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  const value = ipv4Value(text);
  return value < 0 ? undefined : Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function ipv6Bytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [first = '', second] = halves;
  // A dotted quad stands for the last two groups and for no others (RFC 4291 section 2.2).
  const head = second !== undefined && first.includes('.') ? undefined : ipv6Groups(first);
  const tail = second === undefined ? [] : ipv6Groups(second);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function ipv6Groups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && i === parts.length - 1) {
      const quad = ipv4Bytes(part);
      if (quad === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = quad;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
