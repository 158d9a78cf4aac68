import { constants } from 'node:os';
import { type ByteReader, ByteWriter, tryRead } from '@keepfleet/wire';
import { LinuxError } from '../errors.ts';
import { attempt, checked, closeDescriptor, pinned } from '../libc.ts';
import { NLMSG_DONE, encodeMessage, readMessages } from '../netlink/message.ts';
import { netlinkAddress } from '../netlink/netlink-socket.ts';
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, setReceiveBuffer } from '../socket/options.ts';
import { ReadableWatch } from '../watch.ts';

export type ProcessEvent =
  | { readonly kind: 'forked'; readonly parent: number; readonly child: number }
  /** It runs another program, or has another name. */
  | { readonly kind: 'changed'; readonly pid: number }
  | { readonly kind: 'exited'; readonly pid: number }
  /** The kernel dropped events: read /proc again. */
  | { readonly kind: 'lost'; readonly error: LinuxError };

// include/uapi/linux/connector.h and cn_proc.h
const NETLINK_CONNECTOR = 11;
const CN_IDX_PROC = 1;
const CN_VAL_PROC = 1;
const PROC_CN_MCAST_LISTEN = 1;
const CN_HEADER_LENGTH = 20;
const EVENT_FORK = 0x1;
const EVENT_EXEC = 0x2;
const EVENT_COMM = 0x200;
const EVENT_EXIT = 0x8000_0000;

const RECEIVE_BUFFER = 4 << 20;
const BUDGET = 256;

/** Tells of every process that begins, changes its program or ends, by the kernel's process connector. Needs CAP_NET_ADMIN. */
export class ProcessEvents {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #buffer = pinned(8 << 10);
  readonly #listener: (event: ProcessEvent) => void;

  /** Throws {@link LinuxError} where there is no connector: in a network namespace of its own, or without the kernel's CONFIG_PROC_EVENTS. */
  constructor(listener: (event: ProcessEvent) => void, receiveBuffer = RECEIVE_BUFFER) {
    this.#listener = listener;
    const kind = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    this.#fd = checked(attempt('socket', AF_NETLINK, kind, NETLINK_CONNECTOR), 'socket NETLINK_CONNECTOR');
    try {
      const address = netlinkAddress(CN_IDX_PROC);
      checked(attempt('bind', this.#fd, address, address.length), 'bind NETLINK_CONNECTOR', {
        detail: 'process events',
        needs: 'CAP_NET_ADMIN',
      });
      setReceiveBuffer(this.#fd, receiveBuffer);
      const kernel = netlinkAddress(0);
      const request = listenRequest();
      checked(
        attempt('sendto', this.#fd, request, request.length, 0, kernel, kernel.length),
        'send NETLINK_CONNECTOR',
        { detail: 'process events', needs: 'CAP_NET_ADMIN' },
      );
      this.#watch = new ReadableWatch(this.#fd, () => this.#drain());
    } catch (error) {
      closeDescriptor(this.#fd);
      throw error;
    }
  }

  close(): void {
    if (this.#watch.close()) closeDescriptor(this.#fd);
  }

  #drain(): void {
    for (let i = 0; i < BUDGET && !this.#watch.closed; i++) {
      const length = attempt('recv', this.#fd, this.#buffer, this.#buffer.length, 0);
      if (length === -constants.errno.EAGAIN) return;
      if (length < 0) {
        this.#listener({ kind: 'lost', error: new LinuxError({ call: 'process events', errno: -length }) });
        continue;
      }
      const messages = tryRead(this.#buffer.slice(0, length), readMessages);
      for (const { payload } of messages.ok ? messages.value : []) {
        const event = tryRead(payload, readProcessEvent);
        if (event.ok && event.value !== undefined) this.#listener(event.value);
      }
    }
  }
}

//  | index | value | sequence | acknowledgement | length (2), flags (2) |  then the operation or the event
function listenRequest() {
  const payload = new ByteWriter(CN_HEADER_LENGTH + 4)
    .u32le(CN_IDX_PROC)
    .u32le(CN_VAL_PROC)
    .zeros(8)
    .u16le(4)
    .u16le(0)
    .u32le(PROC_CN_MCAST_LISTEN)
    .finish();
  return encodeMessage({ type: NLMSG_DONE, flags: 0, sequence: 0, payload });
}

/** `struct cn_msg` with a `struct proc_event`; undefined for what is of no interest, threads among them. */
export function readProcessEvent(reader: ByteReader): ProcessEvent | undefined {
  if (reader.u32le() !== CN_IDX_PROC || reader.u32le() !== CN_VAL_PROC) return undefined;
  // Sequence, acknowledgement, length, flags.
  reader.skip(CN_HEADER_LENGTH - 8);
  const what = reader.u32le();
  // Processor and time.
  reader.skip(12);
  switch (what) {
    case EVENT_FORK: {
      reader.skip(4);
      const parent = reader.u32le();
      const [thread, child] = [reader.u32le(), reader.u32le()];
      return thread === child ? { kind: 'forked', parent, child } : undefined;
    }
    case EVENT_EXEC:
    case EVENT_COMM:
    case EVENT_EXIT: {
      const [thread, pid] = [reader.u32le(), reader.u32le()];
      if (thread !== pid) return undefined;
      return { kind: what === EVENT_EXIT ? 'exited' : 'changed', pid };
    }
    default:
      return undefined;
  }
}
