import { LinuxError } from '../errors.ts';
import { attempt, checked, closeDescriptor, pinned } from '../libc.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from './options.ts';

/** Longest frame that can be sent. */
const FRAME_LIMIT = 0x10000;
const ETHERNET_HEADER = 14;

/** Sends whole Ethernet frames on any interface. Receives nothing, so other traffic costs it no time. */
export class PacketSocket {
  readonly #fd: number;
  //  struct sockaddr_ll: family (16), protocol (16, network order), interface (32), hardware type (16), packet type,
  //  address length, address (8)
  readonly #address = pinned(20);
  readonly #frame = pinned(FRAME_LIMIT);
  #closed = false;

  constructor() {
    // Protocol 0: the kernel delivers nothing to this socket.
    this.#fd = checked(attempt('socket', AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket AF_PACKET', {
      needs: 'CAP_NET_RAW',
    });
  }

  /** Sends one frame, Ethernet header included. Throws {@link LinuxError}: ENXIO for no such interface, ENETDOWN for one that is down. */
  send(interfaceIndex: number, frame: Uint8Array): void {
    if (frame.length < ETHERNET_HEADER || frame.length > FRAME_LIMIT)
      throw new RangeError(`an Ethernet frame of ${frame.length} bytes`);
    this.#frame.set(frame);
    const view = new DataView(this.#address.buffer);
    view.setUint16(0, AF_PACKET, true);
    this.#address.set(frame.subarray(12, 14), 2);
    view.setInt32(4, interfaceIndex, true);
    this.#address[11] = 6;
    this.#address.set(frame.subarray(0, 6), 12);
    const result = attempt('sendto', this.#fd, this.#frame, frame.length, 0, this.#address, this.#address.length);
    if (result < 0)
      throw new LinuxError({ call: 'sendto', errno: -result, detail: `frame on interface ${interfaceIndex}` });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.#fd);
  }
}
