import { addressOf, begin } from './packet.ts';
import { Undecodable, decoding } from './decoding.ts';
import { type SwimResult } from './errors.ts';
import { Fields } from './msgpack.ts';
import { type QueryFilter, serfType } from './serf.ts';
import type { Endpoint } from './settings.ts';

/** Names of the queries that serf asks for itself. */
export const CONFLICT_QUERY = '_serf_conflict';
const INTERNAL = '_serf_';

export type KeyOperation = 'install' | 'use' | 'remove' | 'list';

const keyQueries = {
  install: '_serf_install-key',
  use: '_serf_use-key',
  remove: '_serf_remove-key',
  list: '_serf_list-keys',
} as const satisfies Record<KeyOperation, string>;
const keyOperations: ReadonlyMap<string, KeyOperation> = new Map([
  [keyQueries.install, 'install'],
  [keyQueries.use, 'use'],
  [keyQueries.remove, 'remove'],
  [keyQueries.list, 'list'],
]);

/** What a member answers to a query of keys. Keys are base64. */
export interface KeyResponse {
  readonly done: boolean;
  /** Why not. */
  readonly message: string;
  readonly keys: readonly string[];
  readonly primary: string;
}

export function isInternal(name: string): boolean {
  return name.startsWith(INTERNAL);
}

export function keyQueryName(operation: KeyOperation): string {
  return keyQueries[operation];
}

export function keyOperationOf(name: string): KeyOperation | undefined {
  return keyOperations.get(name);
}

/** `07`, {Key}: the raw bytes of the key, none for a list. */
export function encodeKeyRequest(key: Uint8Array): Uint8Array<ArrayBuffer> {
  return begin(serfType.keyRequest).map(1).text('Key').slice(key).finish();
}

export function decodeKeyRequest(bytes: Uint8Array): SwimResult<Uint8Array> {
  return decoding(bytes, (reader) => {
    expectType(reader.u8(), serfType.keyRequest);
    return Fields.read(reader).bytes('Key');
  });
}

/** `08`, {Keys, Message, PrimaryKey, Result}. */
export function encodeKeyResponse(response: KeyResponse): Uint8Array<ArrayBuffer> {
  const out = begin(serfType.keyResponse).map(4).text('Keys');
  if (response.keys.length === 0) out.nil();
  else out.list(response.keys.length);
  for (const key of response.keys) out.text(key);
  return out
    .text('Message')
    .text(response.message)
    .text('PrimaryKey')
    .text(response.primary)
    .text('Result')
    .flag(response.done)
    .finish();
}

export function decodeKeyResponse(bytes: Uint8Array): SwimResult<KeyResponse> {
  return decoding(bytes, (reader) => {
    expectType(reader.u8(), serfType.keyResponse);
    const fields = Fields.read(reader);
    return {
      done: fields.flag('Result'),
      message: fields.text('Message'),
      keys: fields.texts('Keys'),
      primary: fields.text('PrimaryKey'),
    };
  });
}

/** A member as serf describes it in answer to a conflict query; what we do not need of it is zero. */
export function encodeConflictResponse(name: string, address: Uint8Array, port: number): Uint8Array<ArrayBuffer> {
  const out = begin(serfType.conflictResponse).map(11).text('Addr').slice(address);
  for (const field of ['DelegateCur', 'DelegateMax', 'DelegateMin']) out.text(field).unsigned(0);
  out.text('Name').text(name).text('Port').unsigned(port);
  for (const field of ['ProtocolCur', 'ProtocolMax', 'ProtocolMin', 'Status']) out.text(field).unsigned(0);
  return out.text('Tags').nil().finish();
}

/** Where the answering member knows the contested name. */
export function decodeConflictResponse(bytes: Uint8Array): SwimResult<Endpoint> {
  return decoding(bytes, (reader) => {
    expectType(reader.u8(), serfType.conflictResponse);
    const fields = Fields.read(reader);
    const address = fields.bytes('Addr');
    if (address.length !== 4 && address.length !== 16)
      throw new Undecodable('bad-address', `Addr has ${address.length} bytes`);
    return { address: addressOf(address), port: fields.count('Port', 0xffff) };
  });
}

/** `00` and names, or `01` and {Expr, Tag}. */
export function encodeFilter(filter: QueryFilter): Uint8Array<ArrayBuffer> {
  if (filter.by === 'tag')
    return begin(1).map(2).text('Expr').text(filter.expression).text('Tag').text(filter.tag).finish();
  const out = begin(0).list(filter.names.length);
  for (const name of filter.names) out.text(name);
  return out.finish();
}

/** An expression that matches exactly this text. */
export function exactly(text: string): string {
  return `^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;
}

function expectType(found: number, wanted: number): void {
  if (found !== wanted) throw new Undecodable('unknown-type', `message number ${found} where ${wanted} belongs`);
}
