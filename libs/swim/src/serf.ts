import { type ByteReader, latin1Text } from '@keepfleet/wire';
import { Undecodable, decoding } from './decoding.ts';
import type { SwimResult } from './errors.ts';
import { Fields, type Value, readValue } from './msgpack.ts';
import { address, begin, memberName, port, shortName } from './packet.ts';
import type { Tags } from './settings.ts';
import { decodeUtf8 } from './utf8.ts';

/** serf's message numbers: the first byte of memberlist's user messages and of the user bytes of a push/pull. */
export const serfType = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const;

/** Flags of a query: the receivers answer that they got it; they do not pass it on. */
export const QUERY_ACK = 1;
export const QUERY_NO_BROADCAST = 2;
/** Flag of a response: it says only that the query was received. */
export const RESPONSE_ACK = 1;

/** First byte of metadata that holds a map of tags. */
const TAG_MAGIC = 0xff;
/** Largest user event, name and payload, bytes: serf's default is 512 to send and 9 KiB to take. */
export const MAX_EVENT_BYTES = 512;
const MAX_EVENT_BYTES_TAKEN = 9 * 1024;
/** Largest query or response, bytes. */
export const MAX_QUERY_BYTES = 1024;
const MAX_EVENT_SLOTS = 4096;
const MAX_FILTERS = 64;
const MAX_U32 = 0xffffffff;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

export interface UserEvent {
  readonly name: string;
  readonly payload: Uint8Array;
}

/** All user events that share a Lamport time. */
export interface EventSlot {
  readonly time: number;
  readonly events: readonly UserEvent[];
}

export type QueryFilter =
  | { readonly by: 'name'; readonly names: readonly string[] }
  | { readonly by: 'tag'; readonly tag: string; readonly expression: string };

export interface Query {
  readonly type: 'query';
  readonly time: number;
  readonly id: number;
  /** Where answers go. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly source: string;
  /** All must match; as bytes, so that a query is passed on as it came. */
  readonly filters: readonly Uint8Array[];
  readonly flags: number;
  readonly relayFactor: number;
  /** Nanoseconds. */
  readonly timeout: number;
  readonly name: string;
  readonly payload: Uint8Array;
}

export interface SerfState {
  readonly type: 'push-pull';
  readonly time: number;
  readonly eventTime: number;
  readonly queryTime: number;
  /** The Lamport time of each member's latest intent, sorted by name. */
  readonly statusTimes: readonly (readonly [name: string, time: number])[];
  readonly left: readonly string[];
  readonly events: readonly (EventSlot | undefined)[];
}

export type SerfMessage =
  | { readonly type: 'leave'; readonly time: number; readonly node: string; readonly prune: boolean }
  | { readonly type: 'join'; readonly time: number; readonly node: string }
  | SerfState
  | ({ readonly type: 'user-event'; readonly time: number; readonly coalesce: boolean } & UserEvent)
  | Query
  | {
      readonly type: 'query-response';
      readonly time: number;
      readonly id: number;
      readonly from: string;
      readonly flags: number;
      readonly payload: Uint8Array;
    }
  | {
      readonly type: 'relay';
      readonly address: Uint8Array;
      readonly port: number;
      readonly zone: string;
      readonly node: string;
      readonly message: Uint8Array;
    };

export function encodeSerf(message: SerfMessage): Uint8Array<ArrayBuffer> {
  switch (message.type) {
    case 'leave': {
      const out = begin(serfType.leave).map(3).text('LTime').unsigned(message.time);
      return out.text('Node').text(message.node).text('Prune').flag(message.prune).finish();
    }
    case 'join':
      return begin(serfType.join).map(2).text('LTime').unsigned(message.time).text('Node').text(message.node).finish();
    case 'push-pull':
      return encodeState(message);
    case 'user-event': {
      const out = begin(serfType.userEvent).map(4).text('CC').flag(message.coalesce);
      out.text('LTime').unsigned(message.time).text('Name').text(message.name);
      return out.text('Payload').slice(message.payload).finish();
    }
    case 'query':
      return encodeQuery(message);
    case 'query-response': {
      const out = begin(serfType.queryResponse).map(5).text('Flags').unsigned(message.flags);
      out.text('From').text(message.from).text('ID').unsigned(message.id).text('LTime').unsigned(message.time);
      return out.text('Payload').slice(message.payload).finish();
    }
    case 'relay': {
      const out = begin(serfType.relay).map(2).text('DestAddr').map(3);
      out.text('IP').slice(message.address).text('Port').unsigned(message.port).text('Zone').text(message.zone);
      return out.text('DestName').text(message.node).plain(message.message).finish();
    }
  }
}

/** The messages we have a use for; those of a conflict vote and of key rotation are `unknown-type`. */
export function decodeSerf(bytes: Uint8Array): SwimResult<SerfMessage> {
  return decoding(bytes, readSerf);
}

/** Metadata as serf writes it: `ff` and a map from tag to value, sorted. */
export function encodeTags(tags: Tags): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  const out = begin(TAG_MAGIC).map(entries.length);
  for (const [tag, value] of entries) out.text(tag).text(value);
  return out.finish();
}

/** Any metadata gives some tags: what is no map is the value of the tag `role`, as in serf before it had tags. */
export function decodeTags(meta: Uint8Array): Tags {
  if (meta.length === 0) return {};
  if (meta[0] !== TAG_MAGIC) return { role: readable(meta) };
  const map = decoding(meta.subarray(1), readValue);
  if (!map.ok || !(map.value instanceof Map)) return {};
  const tags: [string, string][] = [];
  for (const [tag, value] of map.value) if (value instanceof Uint8Array) tags.push([tag, readable(value)]);
  return Object.fromEntries(tags);
}

export function decodeFilter(bytes: Uint8Array): SwimResult<QueryFilter> {
  return decoding(bytes, (reader) => {
    const kind = reader.u8();
    if (kind === 0) {
      const names = new Fields(new Map([['names', readValue(reader)]])).list('names');
      return { by: 'name', names: names.map((name) => textOf(name)) };
    }
    if (kind !== 1) throw new Undecodable('unknown-type', `no query filter has number ${kind}`);
    const fields = Fields.read(reader);
    return { by: 'tag', tag: fields.text('Tag'), expression: fields.text('Expr') };
  });
}

function readable(bytes: Uint8Array): string {
  return decodeUtf8(bytes) ?? latin1Text(bytes);
}

function readSerf(reader: ByteReader): SerfMessage {
  const type = reader.u8();
  switch (type) {
    case serfType.leave: {
      const fields = Fields.read(reader);
      return { type: 'leave', time: time(fields), node: memberName(fields, 'Node'), prune: fields.flag('Prune') };
    }
    case serfType.join: {
      const fields = Fields.read(reader);
      return { type: 'join', time: time(fields), node: memberName(fields, 'Node') };
    }
    case serfType.pushPull:
      return readState(Fields.read(reader));
    case serfType.userEvent: {
      const fields = Fields.read(reader);
      return { type: 'user-event', time: time(fields), coalesce: fields.flag('CC'), ...userEvent(fields) };
    }
    case serfType.query:
      return readQuery(Fields.read(reader));
    case serfType.queryResponse: {
      const fields = Fields.read(reader);
      return {
        type: 'query-response',
        time: time(fields),
        id: fields.count('ID', MAX_U32),
        from: shortName(fields, 'From'),
        flags: fields.count('Flags', MAX_U32),
        payload: fields.bytes('Payload'),
      };
    }
    case serfType.relay: {
      const fields = Fields.read(reader);
      const to = fields.fields('DestAddr');
      return {
        type: 'relay',
        address: address(to, 'IP'),
        port: port(to, 'Port'),
        zone: to.text('Zone'),
        node: shortName(fields, 'DestName'),
        message: reader.rest(),
      };
    }
    default:
      throw new Undecodable('unknown-type', `no serf message that we take has number ${type}`);
  }
}

function readQuery(fields: Fields): Query {
  const filters = fields.list('Filters');
  if (filters.length > MAX_FILTERS) throw new Undecodable('too-large', `${filters.length} filters`);
  const payload = fields.bytes('Payload');
  if (payload.length > MAX_QUERY_BYTES) throw new Undecodable('too-large', `a query of ${payload.length} bytes`);
  return {
    type: 'query',
    time: time(fields),
    id: fields.count('ID', MAX_U32),
    address: address(fields, 'Addr'),
    port: port(fields, 'Port'),
    source: shortName(fields, 'SourceNode'),
    filters: filters.map(bytesOf),
    flags: fields.count('Flags', MAX_U32),
    relayFactor: fields.count('RelayFactor', 255),
    timeout: fields.count('Timeout', MAX_SAFE),
    name: shortName(fields, 'Name'),
    payload,
  };
}

function encodeQuery(query: Query): Uint8Array<ArrayBuffer> {
  const out = begin(serfType.query).map(11).text('Addr').slice(query.address).text('Filters');
  if (query.filters.length === 0) out.nil();
  else out.list(query.filters.length);
  for (const filter of query.filters) out.raw(filter);
  out.text('Flags').unsigned(query.flags).text('ID').unsigned(query.id).text('LTime').unsigned(query.time);
  out.text('Name').text(query.name).text('Payload').slice(query.payload).text('Port').unsigned(query.port);
  out.text('RelayFactor').unsigned(query.relayFactor).text('SourceNode').text(query.source);
  return out.text('Timeout').unsigned(query.timeout).finish();
}

function readState(fields: Fields): SerfState {
  const slots = fields.list('Events');
  if (slots.length > MAX_EVENT_SLOTS) throw new Undecodable('too-large', `${slots.length} event slots`);
  const times = fields.fields('StatusLTimes');
  return {
    type: 'push-pull',
    time: time(fields),
    eventTime: fields.count('EventLTime', MAX_SAFE),
    queryTime: fields.count('QueryLTime', MAX_SAFE),
    statusTimes: Array.from(times.names(), (name): [string, number] => [name, times.count(name, MAX_SAFE)]).sort(
      ([a], [b]) => (a < b ? -1 : 1),
    ),
    left: fields.list('LeftMembers').map(textOf),
    events: slots.map((slot) => (slot === null ? undefined : eventSlot(new Fields(slot)))),
  };
}

function encodeState(state: SerfState): Uint8Array<ArrayBuffer> {
  const out = begin(serfType.pushPull).map(6).text('EventLTime').unsigned(state.eventTime);
  out.text('Events').list(state.events.length);
  for (const slot of state.events) {
    if (slot === undefined) {
      out.nil();
      continue;
    }
    out.map(2).text('Events').list(slot.events.length);
    for (const event of slot.events) out.map(2).text('Name').text(event.name).text('Payload').slice(event.payload);
    out.text('LTime').unsigned(slot.time);
  }
  out.text('LTime').unsigned(state.time).text('LeftMembers').list(state.left.length);
  for (const name of state.left) out.text(name);
  out.text('QueryLTime').unsigned(state.queryTime).text('StatusLTimes').map(state.statusTimes.length);
  for (const [name, at] of state.statusTimes) out.text(name).unsigned(at);
  return out.finish();
}

function eventSlot(fields: Fields): EventSlot {
  return { time: time(fields), events: fields.list('Events').map((event) => userEvent(new Fields(event))) };
}

function userEvent(fields: Fields): UserEvent {
  const name = fields.text('Name');
  const payload = fields.bytes('Payload');
  if (name.length + payload.length > MAX_EVENT_BYTES_TAKEN)
    throw new Undecodable('too-large', `a user event of ${name.length + payload.length} bytes`);
  return { name, payload };
}

function time(fields: Fields): number {
  return fields.count('LTime', MAX_SAFE);
}

function bytesOf(value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new Undecodable('malformed', 'an entry of a list is not bytes');
}

function textOf(value: Value): string {
  const text = decodeUtf8(bytesOf(value));
  if (text === undefined) throw new Undecodable('malformed', 'an entry of a list is not UTF-8');
  return text;
}
