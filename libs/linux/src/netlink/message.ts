import { type ByteReader, ByteWriter, UnexpectedEnd } from '@keepfleet/wire';
import { Attributes } from './attributes.ts';

//  |                        length                         |   include/uapi/linux/netlink.h, host byte order
//  |          type             |           flags           |
//  |                   sequence number                     |
//  |               port of the sender                      |
export const HEADER_LENGTH = 16;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** Flags of a request. */
export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
} as const;

export const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

const NLMSGERR_ATTR_MSG = 1;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export interface OutgoingMessage extends NetlinkMessage {
  /** The family's own header, before the payload. */
  readonly header?: Uint8Array | undefined;
}

const NO_BYTES = new Uint8Array();

export function encodeMessage(message: NetlinkMessage): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(messageSize(message));
  writeMessage(writer, message);
  return writer.finish();
}

/** What a message takes up among others, with its padding. */
export function messageSize({ header, payload }: Pick<OutgoingMessage, 'header' | 'payload'>): number {
  return (HEADER_LENGTH + (header?.length ?? 0) + payload.length + 3) & ~3;
}

export function writeMessage(writer: ByteWriter, message: OutgoingMessage): void {
  const { header = NO_BYTES, payload } = message;
  const length = HEADER_LENGTH + header.length + payload.length;
  writer
    .u32le(length)
    .u16le(message.type)
    .u16le(message.flags)
    .u32le(message.sequence)
    .u32le(0)
    .bytes(header)
    .bytes(payload)
    .zeros(-length & 3);
}

/** The messages of one datagram. Throws UnexpectedEnd: read inside `tryRead`. */
export function readMessages(reader: ByteReader): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  while (reader.left > 0) {
    const length = reader.u32le();
    const type = reader.u16le();
    const flags = reader.u16le();
    const sequence = reader.u32le();
    reader.skip(4);
    if (length < HEADER_LENGTH) throw new UnexpectedEnd(HEADER_LENGTH, length);
    const payload = reader.bytes(length - HEADER_LENGTH);
    reader.skip(Math.min(-length & 3, reader.left));
    messages.push({ type, flags, sequence, payload });
  }
  return messages;
}

/** The end of a request: errno 0 is success. */
export interface Acknowledgement {
  readonly errno: number;
  /** What the kernel says about it, when it does. */
  readonly detail: string | undefined;
}

/**
 * Payload of NLMSG_ERROR (errno, the request's header and unless capped its body, extended attributes) or NLMSG_DONE
 * (errno, extended attributes).
 */
export function readAcknowledgement(message: NetlinkMessage, reader: ByteReader): Acknowledgement {
  // A DONE of an old kernel may carry nothing at all.
  if (message.type === NLMSG_DONE && reader.left < 4) return { errno: 0, detail: undefined };
  const errno = 0 - reader.i32le();
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno, detail: undefined };
  if (message.type === NLMSG_ERROR) {
    const requestLength = reader.u32le();
    reader.skip(HEADER_LENGTH - 4);
    if ((message.flags & NLM_F_CAPPED) === 0) reader.skip(((requestLength + 3) & ~3) - HEADER_LENGTH);
  }
  return { errno, detail: new Attributes(reader.rest()).text(NLMSGERR_ATTR_MSG) };
}
