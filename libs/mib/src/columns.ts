import { type Duration, toSeconds } from '@keepfleet/machine';
import { type IpAddress, familyOf, ipBytes } from '@keepfleet/wire';
import type { Access, Column, Status, Writer } from './table.ts';
import { utf8Bytes } from './utf8.ts';
import type { Value } from './value.ts';

const MAX_U32 = 0xffffffff;
const MAX_I32 = 0x7fffffff;
const MAX_U64 = (1n << 64n) - 1n;

/** DisplayString, RFC 2579 section 2. */
const MAX_DISPLAY_STRING = 255;

/** InetAddressType, RFC 4001 section 3. */
export const INET_ADDRESS_TYPE = { ipv4: 1, ipv6: 2 } as const;

/** TruthValue, RFC 2579 section 2. */
export const TRUTH = { true: 1, false: 2 } as const;
export const TRUE_FALSE = { true: ['true', TRUTH.true], false: ['false', TRUTH.false] } as const;
export const ENABLED = { true: ['enabled', 1], false: ['disabled', 2] } as const;

type Read<Row, T> = (row: Row) => T | null;

/** The two names and numbers of an enumeration that stands for yes and no. */
type YesNo = { readonly true: readonly [string, number]; readonly false: readonly [string, number] };

export interface More<Row> {
  /** Sub-range of the MIB file. */
  readonly range?: readonly [number, number];
  readonly write?: Writer<Row>;
  /** MAX-ACCESS; default read-write with a writer, read-only without. */
  readonly access?: Access;
  readonly status?: Status;
  /** Textual convention or type in place of the maker's own name. */
  readonly syntax?: string;
}

/**
 * Makers of columns, one per syntax of the MIB. A reader that gives null leaves the instance out. Numbers that do not fit
 * are held at the end of their range, as RFC 2578 section 7.1.7 has it for a gauge; counters wrap.
 */
export function columnsOf<Row>() {
  const column = <T>(
    syntax: string,
    number: number,
    name: string,
    read: Read<Row, T>,
    value: (found: T) => Value | undefined,
    { range, write, access, status = 'current', syntax: convention = syntax }: More<Row> = {},
  ): Column<Row> => ({
    number,
    name,
    syntax: range === undefined ? convention : `${convention}(${range[0]}..${range[1]})`,
    access: access ?? (write === undefined ? 'read-only' : 'read-write'),
    status,
    read: (row) => {
      const found = read(row);
      return found === null ? undefined : value(found);
    },
    ...(write === undefined ? {} : { write }),
  });
  return {
    text: (number: number, name: string, read: Read<Row, string>, more?: More<Row>) =>
      column('DisplayString', number, name, read, displayString, more),
    integer: (number: number, name: string, read: Read<Row, number>, more?: More<Row>) =>
      column('Integer32', number, name, read, integer32, more),
    interfaceIndex: (number: number, name: string, read: Read<Row, number>) =>
      column('InterfaceIndex', number, name, read, integer32),
    unsigned: (number: number, name: string, read: Read<Row, number>, more?: More<Row>) =>
      column('Unsigned32', number, name, read, gauge32, more),
    gauge32: (number: number, name: string, read: Read<Row, number | string>) =>
      column('Gauge32', number, name, read, gauge32),
    counter32: (number: number, name: string, read: Read<Row, number | string>) =>
      column('Counter32', number, name, read, counter32),
    counter64: (number: number, name: string, read: Read<Row, number | string>) =>
      column('Counter64', number, name, read, counter64),
    /** The lower half of a 64-bit number that the MIB shows in two columns. */
    low32: (number: number, name: string, read: Read<Row, number | string>) =>
      column('Unsigned32', number, name, read, (found) => half(found, (all) => all & 0xffffffffn)),
    high32: (number: number, name: string, read: Read<Row, number | string>) =>
      column('Unsigned32', number, name, read, (found) => half(found, (all) => all >> 32n)),
    /** Whole seconds, cut off. */
    seconds: (number: number, name: string, read: Read<Row, Duration>) =>
      column('Unsigned32', number, name, read, (found) => gauge32(Math.floor(toSeconds(found)))),
    microseconds: (number: number, name: string, read: Read<Row, Duration>) =>
      column('Unsigned32', number, name, read, gauge32),
    /** Hundredths of a second; they wrap as sysUpTime does. */
    ticks: (number: number, name: string, read: Read<Row, number>, more?: More<Row>) =>
      column('TimeTicks', number, name, read, (found) => timeticks(found), more),
    truth: (number: number, name: string, read: Read<Row, boolean>, more?: More<Row>) =>
      column('TruthValue', number, name, read, (found) => integer32(found ? TRUTH.true : TRUTH.false), more),
    yesNo: (number: number, name: string, names: YesNo, read: Read<Row, boolean>, more?: More<Row>) =>
      column(
        syntaxOf([names.true, names.false]),
        number,
        name,
        read,
        (found) => integer32((found ? names.true : names.false)[1]),
        more,
      ),
    enumerated: <Name extends string>(
      number: number,
      name: string,
      numbers: Readonly<Record<Name, number>>,
      read: Read<Row, Name>,
      more?: More<Row>,
    ) =>
      column(syntaxOf(Object.entries<number>(numbers)), number, name, read, (found) => integer32(numbers[found]), more),
    addressType: (number: number, name: string, read: Read<Row, IpAddress>) =>
      column('InetAddressType', number, name, read, (found) => integer32(INET_ADDRESS_TYPE[familyOf(found)])),
    address: (number: number, name: string, read: Read<Row, IpAddress>, more?: More<Row>) =>
      column('InetAddress', number, name, read, (found) => ({ type: 'octets', value: ipBytes(found) }), more),
    /** The old type of four octets (RFC 2578 section 7.1.5). */
    ipAddress: (number: number, name: string, read: Read<Row, IpAddress>, more?: More<Row>) =>
      column('IpAddress', number, name, read, (found) => ({ type: 'ip-address', value: ipBytes(found) }), more),
    prefixLength: (number: number, name: string, read: Read<Row, number>) =>
      column('InetAddressPrefixLength', number, name, read, gauge32),
    port: (number: number, name: string, read: Read<Row, number>) =>
      column('InetPortNumber', number, name, read, gauge32),
    octets: (number: number, name: string, syntax: string, read: Read<Row, Uint8Array>, more?: More<Row>) =>
      column(syntax, number, name, read, (found) => ({ type: 'octets', value: found }), more),
  };
}

function syntaxOf(entries: readonly (readonly [string, number])[]): string {
  return `INTEGER {${entries.map(([name, number]) => `${name}(${number})`).join(', ')}}`;
}

/** Longer text is cut between two characters. */
function displayString(text: string): Value {
  return { type: 'octets', value: utf8Bytes(text, MAX_DISPLAY_STRING) };
}

function integer32(value: number): Value {
  return { type: 'integer', value: Math.trunc(Math.min(Math.max(value, -MAX_I32 - 1), MAX_I32)) };
}

function gauge32(value: number | string): Value | undefined {
  const count = Number(value);
  return count >= 0 ? { type: 'gauge32', value: Math.min(Math.trunc(count), MAX_U32) } : undefined;
}

function timeticks(value: number): Value | undefined {
  return value >= 0 ? { type: 'timeticks', value: Math.trunc(value) % (MAX_U32 + 1) } : undefined;
}

function counter32(value: number | string): Value | undefined {
  const count = wide(value);
  return count === undefined ? undefined : { type: 'counter32', value: Number(count & 0xffffffffn) };
}

function counter64(value: number | string): Value | undefined {
  const count = wide(value);
  return count === undefined ? undefined : { type: 'counter64', value: count };
}

function half(value: number | string, part: (all: bigint) => bigint): Value | undefined {
  const count = wide(value);
  return count === undefined ? undefined : { type: 'gauge32', value: Number(part(count)) };
}

/** Undefined for what is no count at all, which then is an absent instance and never an exception. */
function wide(value: number | string): bigint | undefined {
  const text = typeof value === 'number' ? String(Math.trunc(value)) : value;
  return /^\d{1,20}$/.test(text) ? BigInt(text) & MAX_U64 : undefined;
}
