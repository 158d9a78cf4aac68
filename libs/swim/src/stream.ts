import { ByteReader, ByteWriter, UnexpectedEnd, ok } from '@keepfleet/wire';
import { Undecodable, decoding } from './decoding.ts';
import {
  ENCRYPTION_OVERHEAD,
  type Envelope,
  decodeCompressed,
  encodeCompressed,
  labelHeader,
  lock,
  openLabel,
  readCompressed,
  unlock,
} from './envelope.ts';
import { type SwimError, type SwimResult, failure } from './errors.ts';
import { Fields } from './msgpack.ts';
import {
  type PacketMessage,
  type Versions,
  address,
  begin,
  encodePacket,
  memberName,
  messageType,
  metadata,
  port,
  readPacket,
  versionBytes,
  versions,
} from './packet.ts';
import { encodeUtf8 } from './utf8.ts';

/** memberlist's state numbers, as they stand in a push/pull. */
const stateNumber = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;
export type NodeStatus = keyof typeof stateNumber;
const statusOfNumber: readonly NodeStatus[] = ['alive', 'suspect', 'dead', 'left'];

/** Most bytes taken from one stream; the state of 10 000 members with full tags is about 7 MiB. memberlist takes 20 MiB. */
export const MAX_STREAM_BYTES = 8 * 1024 * 1024;
/** Most bytes that a compressed stream may expand to; memberlist takes 40 MiB. */
export const MAX_EXPANDED_STREAM = 16 * 1024 * 1024;
/** Most members of one push/pull; memberlist takes 2^20. */
export const MAX_PUSH_PULL_NODES = 65_536;
/** Most application bytes of one push/pull: serf's ring of 512 slots of events. memberlist takes 20 MiB. */
export const MAX_USER_STATE_BYTES = 8 * 1024 * 1024;
/** Most bytes of one user message by stream. */
export const MAX_USER_MESSAGE_BYTES = 1024 * 1024;
const MAX_ERROR_LENGTH = 1024;
/** One member's state is at most its name, its metadata and some 100 bytes. */
const MAX_NODE_STATE_BYTES = 4096;
const MAX_U32 = 0xffffffff;
const FRAME_HEADER = 5;

export interface NodeState {
  readonly name: string;
  readonly status: NodeStatus;
  readonly incarnation: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly versions: Versions;
}

export interface PushPull {
  readonly type: 'push-pull';
  readonly join: boolean;
  readonly states: readonly NodeState[];
  /** Members of the message that were left out, and why; empty in what we send. */
  readonly refused: readonly SwimError[];
  readonly userState: Uint8Array;
}

export type StreamMessage =
  | PushPull
  | Extract<PacketMessage, { type: 'ping' | 'ack' | 'user' }>
  | { readonly type: 'error'; readonly text: string };

export function encodeStreamMessage(message: StreamMessage): Uint8Array<ArrayBuffer> {
  switch (message.type) {
    case 'push-pull': {
      const out = begin(messageType.pushPull).map(3).text('Join').flag(message.join);
      out.text('Nodes').unsigned(message.states.length).text('UserStateLen').unsigned(message.userState.length);
      for (const state of message.states) {
        out.map(7).text('Addr').slice(state.address).text('Incarnation').unsigned(state.incarnation);
        out.text('Meta').slice(state.meta).text('Name').text(state.name).text('Port').unsigned(state.port);
        out.text('State').unsigned(stateNumber[state.status]).text('Vsn').raw(versionBytes(state.versions));
      }
      return out.plain(message.userState).finish();
    }
    case 'user':
      return begin(messageType.user)
        .map(1)
        .text('UserMsgLen')
        .unsigned(message.body.length)
        .plain(message.body)
        .finish();
    case 'error':
      return begin(messageType.error).map(1).text('Error').text(message.text).finish();
    case 'ping':
    case 'ack':
      return encodePacket(message);
  }
}

/** What to write to a stream for one message. Only the side that opened the stream writes the label. */
export function sealStream(
  message: Uint8Array,
  envelope: Envelope,
  options: { readonly compress: boolean; readonly opener: boolean },
): Uint8Array {
  const label = encodeUtf8(envelope.label);
  const plain = options.compress ? encodeCompressed(message) : message;
  const out = new ByteWriter(plain.length + 64);
  if (options.opener) out.bytes(labelHeader(label));
  if (envelope.cipher === undefined || envelope.sendPlain) return out.bytes(plain).finish();
  const header = new ByteWriter()
    .u8(messageType.encrypt)
    .u32(plain.length + ENCRYPTION_OVERHEAD)
    .finish();
  const associated = new ByteWriter().bytes(header).bytes(label).finish();
  return out
    .bytes(header)
    .bytes(lock(plain, associated, envelope.cipher))
    .finish();
}

/**
 * Takes the bytes of one direction of a stream as they come and gives its one message when it is whole. Nothing tells
 * how long a plain push/pull is, so that it is read member by member; what was read is not read again.
 */
export class StreamDecoder {
  readonly #envelope: Envelope;
  #labelled: boolean;
  #buffer = new Uint8Array(4096);
  #length = 0;
  /** No use in trying again before there are this many bytes. */
  #wanted = 1;
  #pushPull: PushPullReader | undefined;

  /** `fromOpener`: whether the bytes come from the side that opened the stream, which writes the label. */
  constructor(envelope: Envelope, fromOpener: boolean) {
    this.#envelope = envelope;
    this.#labelled = fromOpener && envelope.label !== '';
  }

  get buffered(): number {
    return this.#length;
  }

  /** The message, once whole; undefined while more is to come. After a message or an error the decoder is of no more use. */
  push(chunk: Uint8Array): SwimResult<StreamMessage | undefined> {
    if (this.#length + chunk.length > MAX_STREAM_BYTES)
      return failure('too-large', `more than ${MAX_STREAM_BYTES} bytes`);
    this.#append(chunk);
    if (this.#length < this.#wanted) return ok(undefined);
    if (this.#labelled) {
      const header = labelHeader(encodeUtf8(this.#envelope.label)).length;
      if (this.#length < header) return this.#more(header);
      const inner = openLabel(this.#bytes(), this.#envelope);
      if (!inner.ok) return inner;
      this.#length = inner.value.length;
      this.#buffer.copyWithin(0, header, header + this.#length);
      this.#labelled = false;
      if (this.#length === 0) return this.#more(1);
    }
    return this.#attempt();
  }

  #attempt(): SwimResult<StreamMessage | undefined> {
    const bytes = this.#bytes();
    switch (bytes[0]) {
      case messageType.label:
        return failure('label', 'labelled, and we have no label');
      case messageType.encrypt:
        return this.#sealed(bytes);
    }
    if (this.#envelope.cipher !== undefined && !this.#envelope.acceptPlain)
      return failure('encryption', 'a plain stream, and we have a key');
    try {
      const reader = new ByteReader(bytes);
      if (bytes[0] === messageType.compress) {
        readCompressed(reader);
        return reader.left === 0 ? openCompressed(bytes) : trailing(reader);
      }
      if (bytes[0] !== messageType.pushPull) {
        const message = readOther(reader);
        return reader.left === 0 ? ok(message) : trailing(reader);
      }
      this.#pushPull ??= new PushPullReader();
      return this.#pushPull.read(bytes);
    } catch (error) {
      if (error instanceof UnexpectedEnd) return this.#more(this.#length + error.wanted - error.left);
      if (error instanceof Undecodable) return failure(error.kind, error.message);
      throw error;
    }
  }

  #sealed(bytes: Uint8Array): SwimResult<StreamMessage | undefined> {
    if (bytes.length < FRAME_HEADER) return this.#more(FRAME_HEADER);
    const { cipher } = this.#envelope;
    if (cipher === undefined) return failure('encryption', 'encrypted, and we have no key');
    const length = new ByteReader(bytes.subarray(1)).u32();
    if (length > MAX_STREAM_BYTES - FRAME_HEADER) return failure('too-large', `a frame of ${length} bytes`);
    if (bytes.length < FRAME_HEADER + length) return this.#more(FRAME_HEADER + length);
    if (bytes.length > FRAME_HEADER + length) return failure('trailing', 'bytes after the encrypted frame');
    const label = encodeUtf8(this.#envelope.label);
    const associated = new ByteWriter().bytes(bytes.subarray(0, FRAME_HEADER)).bytes(label).finish();
    const strict = { ...this.#envelope, acceptPlain: false };
    const plain = unlock(bytes.subarray(FRAME_HEADER), associated, strict);
    if (!plain.ok) return plain;
    return plain.value[0] === messageType.compress ? openCompressed(plain.value) : decodeStreamMessage(plain.value);
  }

  #more(wanted: number): SwimResult<undefined> {
    this.#wanted = wanted;
    return wanted > MAX_STREAM_BYTES ? failure('too-large', `wants ${wanted} bytes`) : ok(undefined);
  }

  #bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #append(chunk: Uint8Array): void {
    const end = this.#length + chunk.length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#buffer.length));
      larger.set(this.#bytes());
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = end;
  }
}

/** One whole message of a stream, without encryption, compression or label. */
export function decodeStreamMessage(bytes: Uint8Array): SwimResult<StreamMessage> {
  if (bytes[0] !== messageType.pushPull) return decoding(bytes, readOther);
  return decoding(bytes, (reader) => {
    const result = new PushPullReader().read(bytes);
    if (!result.ok) throw new Undecodable(result.error.kind, result.error.detail);
    reader.skip(bytes.length);
    return result.value;
  });
}

function openCompressed(bytes: Uint8Array): SwimResult<StreamMessage> {
  const message = decodeCompressed(bytes, MAX_EXPANDED_STREAM);
  return message.ok ? decodeStreamMessage(message.value) : message;
}

function readOther(reader: ByteReader): StreamMessage {
  const type = reader.u8();
  switch (type) {
    case messageType.user: {
      const length = Fields.read(reader).count('UserMsgLen', MAX_USER_MESSAGE_BYTES);
      return { type: 'user', body: reader.bytes(length) };
    }
    case messageType.error:
      return { type: 'error', text: Fields.read(reader).text('Error').slice(0, MAX_ERROR_LENGTH) };
    case messageType.ping:
    case messageType.ack: {
      const message = readPacket(type, reader);
      if (message.type === 'ping' || message.type === 'ack') return message;
    }
  }
  throw new Undecodable('unknown-type', `no stream message has number ${type}`);
}

function trailing(reader: ByteReader): SwimResult<never> {
  return failure('trailing', `${reader.left} bytes after the message`);
}

/** Reads a push/pull from the start of a growing buffer; throws UnexpectedEnd while it is not whole. */
class PushPullReader {
  #offset = 0;
  #header: { readonly join: boolean; readonly nodes: number; readonly userBytes: number } | undefined;
  readonly #states: NodeState[] = [];
  readonly #refused: SwimError[] = [];

  read(bytes: Uint8Array): SwimResult<PushPull> {
    if (this.#header === undefined) {
      const reader = new ByteReader(bytes);
      reader.skip(1);
      const fields = Fields.read(reader);
      this.#header = {
        join: fields.flag('Join'),
        nodes: fields.count('Nodes', MAX_PUSH_PULL_NODES),
        userBytes: fields.count('UserStateLen', MAX_USER_STATE_BYTES),
      };
      this.#offset = reader.offset;
    }
    const { join, nodes, userBytes } = this.#header;
    while (this.#states.length + this.#refused.length < nodes) {
      const left = bytes.subarray(this.#offset);
      const reader = new ByteReader(left.subarray(0, MAX_NODE_STATE_BYTES));
      const fields = readFields(reader, left.length >= MAX_NODE_STATE_BYTES);
      this.#offset += reader.offset;
      const state = nodeState(fields);
      if (state.ok) this.#states.push(state.value);
      else this.#refused.push(state.error);
    }
    const rest = new ByteReader(bytes.subarray(this.#offset));
    const userState = rest.bytes(userBytes);
    if (rest.left > 0) return trailing(rest);
    return ok({ type: 'push-pull', join, states: this.#states, refused: this.#refused, userState });
  }
}

function readFields(reader: ByteReader, full: boolean): Fields {
  try {
    return Fields.read(reader);
  } catch (error) {
    if (full && error instanceof UnexpectedEnd)
      throw new Undecodable('too-large', `the state of a member has more than ${MAX_NODE_STATE_BYTES} bytes`);
    throw error;
  }
}

/** One member nobody could use must not keep the others from being exchanged, so that it is an error of its own. */
function nodeState(fields: Fields): SwimResult<NodeState> {
  try {
    const status = statusOfNumber[fields.count('State', MAX_U32)];
    if (status === undefined) return failure('malformed', 'an unknown state of a member');
    return ok({
      name: memberName(fields, 'Name'),
      status,
      incarnation: fields.count('Incarnation', MAX_U32),
      address: address(fields, 'Addr'),
      port: port(fields, 'Port'),
      meta: metadata(fields),
      versions: versions(fields),
    });
  } catch (error) {
    if (error instanceof Undecodable) return failure(error.kind, error.message);
    throw error;
  }
}
