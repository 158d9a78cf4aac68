import { type ByteReader, type IpAddress, formatIp, ipBytes, ok } from '@keepfleet/wire';
import { Undecodable, decoding } from './decoding.ts';
import type { SwimResult } from './errors.ts';
import { Fields, ValueWriter } from './msgpack.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** memberlist's message numbers: the first byte of every plain message, on datagrams and streams alike. */
export const messageType = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nack: 11,
  crc: 12,
  error: 13,
  label: 244,
} as const;

/** Longest member name, bytes of UTF-8: what serf allows, and memberlist does not check. */
export const MAX_NAME_BYTES = 128;
/** Largest metadata of a member, bytes; memberlist's MetaMaxSize. */
export const MAX_META_BYTES = 512;
const MAX_U32 = 0xffffffff;

/** Where and as whom the sender of a ping wants to be answered; absent in pings of very old peers. */
export interface PingSource {
  readonly address: Uint8Array;
  readonly port: number;
  readonly node: string;
}

/** Protocol versions a member understands and speaks: of memberlist, then of its delegate. */
export interface Versions {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocol: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegate: number;
}

export interface AliveMessage {
  readonly type: 'alive';
  readonly incarnation: number;
  readonly node: string;
  /** 4 or 16 bytes. Peers compare them as they are, so that another member's must be repeated unchanged. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly versions: Versions;
}

export interface AccusationMessage {
  readonly type: 'suspect' | 'dead';
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

export type PacketMessage =
  | {
      readonly type: 'ping';
      readonly seq: number;
      readonly node: string;
      readonly source?: PingSource;
      /** The sender's view of who is alive, in one number (ours alone; others pass over it). */
      readonly digest?: number;
      /** Bytes to make the ping longer, under a name that nobody reads. */
      readonly padding?: number;
    }
  | {
      readonly type: 'indirect-ping';
      readonly seq: number;
      readonly node: string;
      readonly target: Uint8Array;
      readonly port: number;
      readonly nack: boolean;
      readonly source?: PingSource;
    }
  | { readonly type: 'ack'; readonly seq: number; readonly payload: Uint8Array; readonly digest?: number }
  | { readonly type: 'nack'; readonly seq: number }
  | AccusationMessage
  | AliveMessage
  | { readonly type: 'user'; readonly body: Uint8Array };

export function encodePacket(message: PacketMessage): Uint8Array<ArrayBuffer> {
  switch (message.type) {
    case 'ping': {
      const { source, padding = 0, digest = 0 } = message;
      const more = Number(padding > 0) + Number(digest > 0);
      const out = begin(messageType.ping).map(2 + more + sourceFields(source));
      if (digest > 0) out.text('Digest').unsigned(digest);
      out.text('Node').text(message.node);
      if (padding > 0) out.text('Pad').raw(new Uint8Array(padding));
      out.text('SeqNo').unsigned(message.seq);
      return writeSource(out, source).finish();
    }
    case 'indirect-ping': {
      const { source } = message;
      const out = begin(messageType.indirectPing).map(5 + sourceFields(source));
      out.text('Nack').flag(message.nack).text('Node').text(message.node).text('Port').unsigned(message.port);
      out.text('SeqNo').unsigned(message.seq);
      return writeSource(out, source).text('Target').slice(message.target).finish();
    }
    case 'ack': {
      const { digest = 0 } = message;
      const out = begin(messageType.ack).map(digest > 0 ? 3 : 2);
      if (digest > 0) out.text('Digest').unsigned(digest);
      return out.text('Payload').slice(message.payload).text('SeqNo').unsigned(message.seq).finish();
    }
    case 'nack':
      return begin(messageType.nack).map(1).text('SeqNo').unsigned(message.seq).finish();
    case 'suspect':
    case 'dead':
      return begin(messageType[message.type])
        .map(3)
        .text('From')
        .text(message.from)
        .text('Incarnation')
        .unsigned(message.incarnation)
        .text('Node')
        .text(message.node)
        .finish();
    case 'alive':
      return begin(messageType.alive)
        .map(6)
        .text('Addr')
        .slice(message.address)
        .text('Incarnation')
        .unsigned(message.incarnation)
        .text('Meta')
        .slice(message.meta)
        .text('Node')
        .text(message.node)
        .text('Port')
        .unsigned(message.port)
        .text('Vsn')
        .raw(versionBytes(message.versions))
        .finish();
    case 'user':
      return prefixed(messageType.user, message.body);
  }
}

/** One plain message of a datagram; compounds and wrappings are opened before (envelope.ts). */
export function decodePacket(bytes: Uint8Array): SwimResult<PacketMessage> {
  if (bytes[0] === messageType.user) return ok({ type: 'user', body: bytes.subarray(1) });
  return decoding(bytes, (reader) => readPacket(reader.u8(), reader));
}

/** The message of a type whose number was read already. */
export function readPacket(type: number, reader: ByteReader): PacketMessage {
  switch (type) {
    case messageType.ping: {
      const fields = Fields.read(reader);
      return {
        type: 'ping',
        seq: fields.count('SeqNo', MAX_U32),
        node: shortName(fields, 'Node'),
        ...digest(fields),
        ...source(fields),
      };
    }
    case messageType.indirectPing: {
      const fields = Fields.read(reader);
      return {
        type: 'indirect-ping',
        seq: fields.count('SeqNo', MAX_U32),
        node: shortName(fields, 'Node'),
        target: address(fields, 'Target'),
        port: port(fields, 'Port'),
        nack: fields.flag('Nack'),
        ...source(fields),
      };
    }
    case messageType.ack: {
      const fields = Fields.read(reader);
      const seq = fields.count('SeqNo', MAX_U32);
      return { type: 'ack', seq, payload: fields.bytes('Payload'), ...digest(fields) };
    }
    case messageType.nack:
      return { type: 'nack', seq: Fields.read(reader).count('SeqNo', MAX_U32) };
    case messageType.suspect:
    case messageType.dead: {
      const fields = Fields.read(reader);
      return {
        type: type === messageType.suspect ? 'suspect' : 'dead',
        incarnation: fields.count('Incarnation', MAX_U32),
        node: memberName(fields, 'Node'),
        from: shortName(fields, 'From'),
      };
    }
    case messageType.alive: {
      const fields = Fields.read(reader);
      return {
        type: 'alive',
        incarnation: fields.count('Incarnation', MAX_U32),
        node: memberName(fields, 'Node'),
        address: address(fields, 'Addr'),
        port: port(fields, 'Port'),
        meta: metadata(fields),
        versions: versions(fields),
      };
    }
    default:
      throw new Undecodable('unknown-type', `no datagram message has number ${type}`);
  }
}

/** A type byte and the body that it announces. */
export function prefixed(type: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = type;
  bytes.set(body, 1);
  return bytes;
}

export function begin(type: number): ValueWriter {
  return new ValueWriter().plain(Uint8Array.of(type));
}

/** The one spelling of an address in either of its wire forms: an IPv4 address mapped into IPv6 is the IPv4 address. */
export function addressOf(bytes: Uint8Array): IpAddress {
  const mapped = bytes.length === 16 && bytes.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff));
  return formatIp(mapped ? bytes.subarray(12) : bytes);
}

export function addressBytes(address: IpAddress): Uint8Array<ArrayBuffer> {
  return ipBytes(address);
}

export function versionBytes(v: Versions): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(v.protocolMin, v.protocolMax, v.protocol, v.delegateMin, v.delegateMax, v.delegate);
}

/** Exactly six bytes: serf 0.9 crashes on fewer, so that a shorter list must neither be kept nor passed on. */
export function versions(fields: Fields): Versions {
  const bytes = fields.bytes('Vsn');
  const [protocolMin, protocolMax, protocol, delegateMin, delegateMax, delegate] = bytes;
  if (
    bytes.length !== 6 ||
    protocolMin === undefined ||
    protocolMax === undefined ||
    protocol === undefined ||
    delegateMin === undefined ||
    delegateMax === undefined ||
    delegate === undefined
  )
    throw new Undecodable('bad-version', `${bytes.length} version bytes, not 6`);
  if (protocolMin === 0 || protocolMax === 0 || protocolMin > protocolMax)
    throw new Undecodable('bad-version', `protocols ${protocolMin} to ${protocolMax}`);
  return { protocolMin, protocolMax, protocol, delegateMin, delegateMax, delegate };
}

/** A name that may be empty: a ping to whoever listens, an accuser unnamed. */
export function shortName(fields: Fields, field: string): string {
  const bytes = fields.bytes(field);
  if (bytes.length > MAX_NAME_BYTES) throw new Undecodable('bad-name', `${field} has ${bytes.length} bytes`);
  const name = decodeUtf8(bytes);
  if (name === undefined) throw new Undecodable('bad-name', `${field} is not UTF-8`);
  return name;
}

export function memberName(fields: Fields, field: string): string {
  const name = shortName(fields, field);
  if (name === '') throw new Undecodable('bad-name', `${field} is empty`);
  return name;
}

export function isMemberName(name: string): boolean {
  const bytes = encodeUtf8(name);
  return bytes.length > 0 && bytes.length <= MAX_NAME_BYTES;
}

export function address(fields: Fields, field: string): Uint8Array {
  const bytes = fields.bytes(field);
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new Undecodable('bad-address', `${field} has ${bytes.length} bytes`);
  if (bytes.every((byte) => byte === 0)) throw new Undecodable('bad-address', `${field} is unspecified`);
  return bytes;
}

export function port(fields: Fields, field: string): number {
  const value = fields.count(field, 0xffff);
  if (value === 0) throw new Undecodable('bad-address', `${field} is 0`);
  return value;
}

export function metadata(fields: Fields): Uint8Array {
  const meta = fields.bytes('Meta');
  if (meta.length > MAX_META_BYTES) throw new Undecodable('too-large', `${meta.length} bytes of metadata`);
  return meta;
}

function digest(fields: Fields): { digest?: number } {
  const value = fields.count('Digest', MAX_U32);
  return value === 0 ? {} : { digest: value };
}

function source(fields: Fields): { source?: PingSource } {
  const bytes = fields.bytes('SourceAddr');
  const sourcePort = fields.count('SourcePort', 0xffff);
  if (bytes.length === 0 || sourcePort === 0) return {};
  return {
    source: { address: address(fields, 'SourceAddr'), port: sourcePort, node: shortName(fields, 'SourceNode') },
  };
}

function sourceFields(source: PingSource | undefined): number {
  if (source === undefined) return 0;
  return source.node === '' ? 2 : 3;
}

function writeSource(out: ValueWriter, source: PingSource | undefined): ValueWriter {
  if (source === undefined) return out;
  out.text('SourceAddr').raw(source.address);
  if (source.node !== '') out.text('SourceNode').text(source.node);
  return out.text('SourcePort').unsigned(source.port);
}
