import { ByteReader, ByteWriter, type IpAddress, familyOf, formatIp, ipBytes } from '@keepfleet/wire';
import { crc32 } from './crc32.ts';
import { Undecodable, decoding } from './decoding.ts';
import type { SwimResult } from './errors.ts';
import { isMemberName } from './packet.ts';
import { MAX_EVENT_BYTES } from './serf.ts';
import { encodeUtf8 } from './utf8.ts';

/**
 * What a node tells the fleet of its virtual routers: user events called `kf-vrrp/NODE/PART`, which coalesce, so that the
 * newest is all that travels. Each holds the whole state of some of the node's routers.
 *
 *   version u8, layout u32, part u8, parts u8, sequence u48, then a router each:
 *   VRID u8, bits u8 (1: IPv6, 2 and 4: role, 8: it hears another as master), priority u8, since u48, address (4 or 16 bytes; all zero for none)
 */
export type OwnershipRole = 'initialize' | 'backup' | 'master' | 'fault';

/** Which virtual router, the same on every node that carries it: its lowest advertised address tells segments apart. */
export interface RouterKey {
  readonly vrid: number;
  readonly family: 'ipv4' | 'ipv6';
  /** Undefined for a router that advertises none. */
  readonly address: IpAddress | undefined;
}

/** One node's word about one virtual router. */
export interface OwnershipEntry extends RouterKey {
  readonly role: OwnershipRole;
  /** It is not master itself and hears another's adverts: there is one, whether gossip knows it or not. */
  readonly hearsMaster: boolean;
  readonly priority: number;
  /** When the node entered the role, milliseconds since 1970 by its own clock. */
  readonly since: number;
}

export interface OwnershipNotice {
  readonly node: string;
  /** Checksum over which routers the node has: with another one, all that it said before is void. */
  readonly layout: number;
  readonly part: number;
  readonly parts: number;
  /** Grows with every notice of the node, over restarts too. */
  readonly sequence: number;
  readonly entries: readonly OwnershipEntry[];
}

const PREFIX = 'kf-vrrp/';
const VERSION = 1;
const HEADER_BYTES = 13;
const ENTRY_BYTES = 9;
const MAX_PARTS = 255;
const ROLES = ['initialize', 'backup', 'master', 'fault'] as const;
const IPV6_BIT = 1;
const ROLE_BITS = 6;
const HEARS_BIT = 8;

export function routerKeyText({ vrid, family, address }: RouterKey): string {
  return `${vrid}/${family}/${address ?? ''}`;
}

export function isOwnershipNotice(eventName: string): boolean {
  return eventName.startsWith(PREFIX);
}

export function noticeName(node: string, part: number): string {
  return `${PREFIX}${node}/${part}`;
}

/** Cuts a node's routers into as few notices as there is room for; beyond {@link MAX_PARTS} of them the rest is left out. */
export function noticeParts(node: string, entries: readonly OwnershipEntry[]): (readonly OwnershipEntry[])[] {
  const room = MAX_EVENT_BYTES - encodeUtf8(noticeName(node, MAX_PARTS)).length - HEADER_BYTES;
  const sorted = [...entries].sort((a, b) => (routerKeyText(a) < routerKeyText(b) ? -1 : 1));
  const parts: OwnershipEntry[][] = [[]];
  let left = room;
  for (const entry of sorted) {
    const size = ENTRY_BYTES + (entry.family === 'ipv6' ? 16 : 4);
    if (size > left) {
      if (parts.length === MAX_PARTS) break;
      parts.push([]);
      left = room;
    }
    parts.at(-1)?.push(entry);
    left -= size;
  }
  return parts;
}

/** The same for the same set of routers, whatever their roles. */
export function layoutOf(entries: readonly RouterKey[]): number {
  return crc32(encodeUtf8(entries.map(routerKeyText).sort().join('\n')));
}

export function encodeNotice(notice: OwnershipNotice): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().u8(VERSION).u32(notice.layout).u8(notice.part).u8(notice.parts);
  writeU48(out, notice.sequence);
  for (const entry of notice.entries) {
    const role = ROLES.indexOf(entry.role);
    out
      .u8(entry.vrid)
      .u8((role << 1) | (entry.family === 'ipv6' ? IPV6_BIT : 0) | (entry.hearsMaster ? HEARS_BIT : 0))
      .u8(entry.priority);
    writeU48(out, entry.since);
    out.bytes(addressField(entry));
  }
  return out.finish();
}

/** Any name and bytes give a notice or an error. */
export function decodeNotice(eventName: string, payload: Uint8Array): SwimResult<OwnershipNotice> {
  return decoding(payload, (reader) => {
    const [, node = '', partText] = /^kf-vrrp\/(.+)\/(\d{1,3})$/su.exec(eventName) ?? [];
    if (!isMemberName(node)) throw new Undecodable('bad-name', 'the name of the event names no node');
    const version = reader.u8();
    if (version !== VERSION) throw new Undecodable('unknown-type', `ownership notices of version ${version}`);
    const layout = reader.u32();
    const part = reader.u8();
    const parts = reader.u8();
    if (part >= parts || Number(partText) !== part)
      throw new Undecodable('malformed', `part ${part} of ${parts} under the name of part ${partText ?? ''}`);
    const sequence = readU48(reader);
    const entries: OwnershipEntry[] = [];
    while (reader.left > 0) entries.push(readEntry(reader));
    return { node, layout, part, parts, sequence, entries };
  });
}

function readEntry(reader: ByteReader): OwnershipEntry {
  const vrid = reader.u8();
  const bits = reader.u8();
  const role = ROLES[(bits & ROLE_BITS) >> 1];
  const hearsMaster = (bits & HEARS_BIT) !== 0;
  const isUnknown = bits > (IPV6_BIT | ROLE_BITS | HEARS_BIT) || (hearsMaster && role === 'master');
  if (vrid === 0 || role === undefined || isUnknown) throw new Undecodable('malformed', `VRID ${vrid}, bits ${bits}`);
  const family = (bits & IPV6_BIT) === 0 ? 'ipv4' : 'ipv6';
  const priority = reader.u8();
  const since = readU48(reader);
  const bytes = reader.bytes(family === 'ipv6' ? 16 : 4);
  const address = bytes.every((byte) => byte === 0) ? undefined : formatIp(bytes);
  return { vrid, family, role, hearsMaster, priority, since, address };
}

function addressField({ address, family }: RouterKey): Uint8Array {
  if (address !== undefined && familyOf(address) === family) return ipBytes(address);
  return new Uint8Array(family === 'ipv6' ? 16 : 4);
}

function writeU48(out: ByteWriter, value: number): void {
  out.u16(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
}

function readU48(reader: ByteReader): number {
  return reader.u16() * 2 ** 32 + reader.u32();
}
