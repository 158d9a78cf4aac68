import { constants } from 'node:os';
import { ByteWriter, tryRead } from '@keepfleet/wire';
import { type Capability, LinuxError } from '../errors.ts';
import { type Bytes, attempt, checked, closeDescriptor, int32, pinned } from '../libc.ts';
import {
  AF_NETLINK,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  setReceiveBuffer,
  setReceiveTimeout,
} from '../socket/options.ts';
import {
  type Acknowledgement,
  type NetlinkMessage,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLM_F,
  NLM_F_DUMP_INTR,
  messageSize,
  readAcknowledgement,
  readMessages,
  writeMessage,
} from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;

const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

/** Room for the answers to one batch; the kernel takes a request only while its answer fits. */
const RECEIVE_BUFFER = 4 << 20;
/** A request is carried out inside send(), its answer is there when send() returns: a longer wait means a lost answer. */
const ANSWER_TIMEOUT_MS = 2_000;
/** The kernel fills a dump's datagrams up to 32 KiB; one object that is larger comes alone. */
const DATAGRAM_LIMIT = 256 << 10;
/** One system call and one answer for so many changes; more of them gain little, and keep the caller's other work. */
const BATCH_MESSAGES = 100;
const BATCH_BYTES = 64 << 10;
const USUAL_BYTES = 256;
/** How often a dump is read again when the kernel says that it changed meanwhile. */
const DUMP_ATTEMPTS = 8;
const MSG_TRUNC = 0x20;
const NEEDS: Capability = 'CAP_NET_ADMIN';

export interface NetlinkRequest {
  readonly type: number;
  /** Added to REQUEST and ACK. */
  readonly flags?: number;
  /** The family's own header, before the payload. */
  readonly header?: Uint8Array;
  readonly payload: Uint8Array;
  /** What the request does, for the message of its error: `add address 192.0.2.1/24 to eth0`. */
  readonly about?: string;
}

/** Changes that are written one after another into the memory that they are sent from: of tens of thousands none is an object. */
export interface NetlinkChanges {
  readonly type: number;
  readonly count: number;
  /** Appends the family's header and the payload of one. */
  write(writer: ByteWriter, index: number): unknown;
  /** What one does, for the message of its error. */
  about(index: number): string;
}

export interface NetlinkReply {
  readonly type: number;
  readonly payload: Uint8Array;
}

/**
 * A synchronous netlink socket for requests. The kernel carries a request out inside send(), so a call here blocks for
 * as long as the change itself takes and no longer. Notifications need a socket of their own, see RtnetlinkMonitor.
 */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #buffer = pinned(DATAGRAM_LIMIT);
  #sequence = 0;
  #closed = false;

  constructor(protocol: number, receiveBuffer = RECEIVE_BUFFER) {
    this.#fd = checked(attempt('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), 'socket AF_NETLINK', {
      detail: `netlink protocol ${protocol}`,
    });
    try {
      const kernel = netlinkAddress(0);
      checked(attempt('bind', this.#fd, kernel, kernel.length), 'bind AF_NETLINK');
      // A connected socket takes messages from its peer only: nobody but the kernel can answer.
      checked(attempt('connect', this.#fd, kernel, kernel.length), 'connect AF_NETLINK');
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
        // Unknown to old kernels, and only a comfort: shorter errors, their text, filters on dumps.
        attempt('setsockopt', this.#fd, SOL_NETLINK, option, int32(1), 4);
      }
      setReceiveBuffer(this.#fd, receiveBuffer);
      setReceiveTimeout(this.#fd, ANSWER_TIMEOUT_MS);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Carries out one request and gives the objects it answers with, none for a change. Throws {@link LinuxError}. */
  request(request: NetlinkRequest): NetlinkReply[] {
    const replies: NetlinkReply[] = [];
    const [error] = this.#exchange([request], replies);
    if (error !== undefined) throw error;
    return replies;
  }

  /**
   * Carries out many changes, each on its own: the outcome of each is `undefined` or why it failed. `messages` are sent by
   * one system call; with fewer of them a small receive buffer holds the refusals.
   */
  batch(requests: readonly NetlinkRequest[], messages = BATCH_MESSAGES): (LinuxError | undefined)[] {
    const outcomes: (LinuxError | undefined)[] = [];
    let part: NetlinkRequest[] = [];
    let size = 0;
    for (const request of requests) {
      const more = messageSize(request);
      if (part.length === messages || size + more > BATCH_BYTES) {
        outcomes.push(...this.#exchange(part, []));
        part = [];
        size = 0;
      }
      part.push(request);
      size += more;
    }
    if (part.length > 0) outcomes.push(...this.#exchange(part, []));
    return outcomes;
  }

  /**
   * Carries out many changes in their order, each on its own, and gives those that failed with their index. `messages` are
   * sent by one system call.
   */
  carryOut(changes: NetlinkChanges, messages = BATCH_MESSAGES): Map<number, LinuxError> {
    const failures = new Map<number, LinuxError>();
    const writer = new ByteWriter(Math.min(changes.count * USUAL_BYTES, BATCH_BYTES + USUAL_BYTES));
    for (let next = 0; next < changes.count;) {
      const from = next;
      const first = (this.#sequence + 1) >>> 0;
      writer.clear();
      let start = 0;
      while (next < changes.count && next - from < messages && writer.length < BATCH_BYTES) {
        start = writer.length;
        this.#sequence = (this.#sequence + 1) >>> 0;
        writer.u32le(0).u16le(changes.type).u16le(NLM_F.REQUEST).u32le(this.#sequence).u32le(0);
        changes.write(writer, next);
        writer.patchU32le(start, writer.length - start).zeros(-writer.length & 3);
        next++;
      }
      writer.patchU16le(start + 6, NLM_F.REQUEST | NLM_F.ACK);
      const about = next - from === 1 ? changes.about(from) : `${next - from} requests`;
      this.#send(writer.written(), about);
      this.#answers(first, next - from, about, (index, message) => {
        const end = endOf(message, about);
        if (end !== undefined && end.errno !== 0) failures.set(from + index, refusal(end, changes.about(from + index)));
      });
    }
    return failures;
  }

  /** Lists objects. A list that changed while it was read is read again, so that no object is missed or doubled. */
  dump(request: NetlinkRequest): NetlinkReply[] {
    for (let attemptNumber = 1; ; attemptNumber++) {
      const replies: NetlinkReply[] = [];
      const state = { interrupted: false };
      const [error] = this.#exchange([{ ...request, flags: (request.flags ?? 0) | NLM_F.DUMP }], replies, state);
      if (error !== undefined) throw error;
      // A list that never holds still is still better than none: the owner re-reads on the next event.
      if (!state.interrupted || attemptNumber === DUMP_ATTEMPTS) return replies;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.#fd);
  }

  /**
   * Only the last request asks for an acknowledgement: the kernel carries them out in their order and answers a refusal
   * unasked, so that every refusal has come when the last one is answered.
   */
  #exchange(
    requests: readonly NetlinkRequest[],
    replies: NetlinkReply[],
    state = { interrupted: false },
  ): (LinuxError | undefined)[] {
    const first = (this.#sequence + 1) >>> 0;
    const last = requests.length - 1;
    const writer = new ByteWriter(requests.reduce((sum, request) => sum + messageSize(request), 0));
    for (const [i, { type, flags = 0, header, payload }] of requests.entries()) {
      this.#sequence = (this.#sequence + 1) >>> 0;
      const all = flags | NLM_F.REQUEST | (i === last ? NLM_F.ACK : 0);
      writeMessage(writer, { type, flags: all, sequence: this.#sequence, header, payload });
    }
    const about = requests.length === 1 ? requests[0]?.about : `${requests.length} requests`;
    this.#send(writer.written(), about);
    const outcomes = new Array<LinuxError | undefined>(requests.length).fill(undefined);
    this.#answers(first, requests.length, about, (index, message) => {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) state.interrupted = true;
      const end = endOf(message, about);
      if (end === undefined) replies.push({ type: message.type, payload: message.payload });
      else if (end.errno !== 0) outcomes[index] = refusal(end, requests[index]?.about);
    });
    return outcomes;
  }

  #send(data: Bytes, about: string | undefined): void {
    checked(attempt('send', this.#fd, data, data.length, 0), 'netlink send', { detail: about, needs: NEEDS });
  }

  /** Gives each message to `take` that answers one of `count` requests, until the last of them has ended. */
  #answers(
    first: number,
    count: number,
    about: string | undefined,
    take: (index: number, message: NetlinkMessage) => void,
  ): void {
    const ended = new Set<number>();
    while (!ended.has(count - 1)) {
      for (const message of this.#receive(about)) {
        const index = (message.sequence - first) >>> 0;
        // Late answers to an earlier request that timed out are not ours.
        if (index >= count || ended.has(index)) continue;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) ended.add(index);
        take(index, message);
      }
    }
  }

  #receive(about: string | undefined): NetlinkMessage[] {
    const length = attempt('recv', this.#fd, this.#buffer, this.#buffer.length, MSG_TRUNC);
    if (length === -constants.errno.EAGAIN) {
      const detail = `no answer from the kernel within ${ANSWER_TIMEOUT_MS} ms${about === undefined ? '' : ` to ${about}`}`;
      throw new LinuxError({ call: 'netlink receive', errno: constants.errno.ETIMEDOUT, detail });
    }
    if (length === -constants.errno.ENOBUFS) {
      const detail = `the receive buffer is too small for the answers${about === undefined ? '' : ` to ${about}`}, some are lost`;
      throw new LinuxError({ call: 'netlink receive', errno: constants.errno.ENOBUFS, detail });
    }
    checked(length, 'netlink receive', { detail: about });
    if (length > this.#buffer.length) {
      const detail = `a message of ${length} bytes, ${DATAGRAM_LIMIT} are the limit`;
      throw new LinuxError({ call: 'netlink receive', errno: constants.errno.EMSGSIZE, detail });
    }
    // One copy for all of its messages: the buffer is used again.
    const messages = tryRead(this.#buffer.slice(0, length), readMessages);
    if (!messages.ok) throw malformed(messages.error, about);
    return messages.value;
  }
}

/** `struct sockaddr_nl`: family, padding, port, group mask. */
export function netlinkAddress(groups: number): Bytes {
  const address = pinned(12);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups, true);
  return address;
}

/** Bytes from the kernel that do not add up: a bug here or there, never to be guessed at. */
export function malformed(cause: Error, about: string | undefined): LinuxError {
  const detail = `a malformed answer${about === undefined ? '' : ` to ${about}`}: ${cause.message}`;
  return new LinuxError({ call: 'netlink receive', errno: constants.errno.EBADMSG, detail, cause });
}

/** Undefined where the message is one of many. */
function endOf(message: NetlinkMessage, about: string | undefined): Acknowledgement | undefined {
  if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) return undefined;
  const end = tryRead(message.payload, (reader) => readAcknowledgement(message, reader));
  if (!end.ok) throw malformed(end.error, about);
  return end.value;
}

function refusal(end: Acknowledgement, about: string | undefined): LinuxError {
  const detail = [about, end.detail].filter((part) => part !== undefined && part !== '').join(': ');
  return new LinuxError({
    call: 'netlink',
    errno: end.errno,
    detail: detail === '' ? undefined : detail,
    needs: NEEDS,
  });
}
