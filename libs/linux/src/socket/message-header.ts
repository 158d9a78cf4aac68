import { type Bytes, addressOf, pinned } from '../libc.ts';

//  struct msghdr on 64-bit Linux:
//   0 name *          8 name length (32)   16 iovec *   24 number of iovecs (64)
//  32 control *      40 control length (64)             48 flags (32)
const LENGTH = 56;
const CONTROL_HEADER = 16;
const MSG_TRUNC = 0x20;

export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Bytes;
}

/**
 * The memory of one sendmsg() or recvmsg() call: data, peer address and control messages, and the structures that point
 * at them. Built once and used for every packet; nothing in it outlives the call.
 */
export class MessageHeader {
  readonly header = pinned(LENGTH);
  readonly name = pinned(28);
  readonly data: Bytes;
  readonly #control = pinned(512);
  readonly #iovec = pinned(16);
  readonly #view = new DataView(this.header.buffer);
  readonly #controlView = new DataView(this.#control.buffer);
  readonly #iovecView = new DataView(this.#iovec.buffer);

  constructor(capacity: number) {
    this.data = pinned(capacity);
    this.#iovecView.setBigUint64(0, addressOf(this.data), true);
    this.#view.setBigUint64(0, addressOf(this.name), true);
    this.#view.setBigUint64(16, addressOf(this.#iovec), true);
    this.#view.setBigUint64(24, 1n, true);
    this.#view.setBigUint64(32, addressOf(this.#control), true);
  }

  /** Ready for recvmsg(). */
  prepareReceive(): Bytes {
    return this.#prepare(this.name.length, this.data.length, this.#control.length);
  }

  /** Ready for sendmsg() of the first `length` bytes of `data` to the address in `name`. */
  prepareSend(nameLength: number, length: number, control?: ControlMessage): Bytes {
    if (control === undefined) return this.#prepare(nameLength, length, 0);
    const view = this.#controlView;
    setSize(view, 0, CONTROL_HEADER + control.data.length);
    view.setInt32(8, control.level, true);
    view.setInt32(12, control.type, true);
    this.#control.set(control.data, CONTROL_HEADER);
    return this.#prepare(nameLength, length, CONTROL_HEADER + aligned(control.data.length));
  }

  /** The packet received was longer than the memory for it. */
  get truncated(): boolean {
    return (this.#view.getInt32(48, true) & MSG_TRUNC) !== 0;
  }

  /** What came along with the packet received; the views are valid until the next call. */
  *controlMessages(): Generator<ControlMessage> {
    const view = this.#controlView;
    const end = Math.min(Number(this.#view.getBigUint64(40, true)), this.#control.length);
    let at = 0;
    while (at + CONTROL_HEADER <= end) {
      const length = Number(view.getBigUint64(at, true));
      if (length < CONTROL_HEADER || at + length > end) return;
      yield {
        level: view.getInt32(at + 8, true),
        type: view.getInt32(at + 12, true),
        data: this.#control.subarray(at + CONTROL_HEADER, at + length),
      };
      at += aligned(length);
    }
  }

  #prepare(nameLength: number, length: number, controlLength: number): Bytes {
    this.#view.setUint32(8, nameLength, true);
    setSize(this.#iovecView, 8, length);
    setSize(this.#view, 40, controlLength);
    this.#view.setInt32(48, 0, true);
    return this.header;
  }
}

/** A `size_t` below 2^32, without an object for it: hundreds of adverts go out at a time. */
function setSize(view: DataView, offset: number, size: number): void {
  view.setUint32(offset, size, true);
  view.setUint32(offset + 4, 0, true);
}

function aligned(length: number): number {
  return (length + 7) & ~7;
}
