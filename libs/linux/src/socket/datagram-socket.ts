import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import { LinuxError } from '../errors.ts';
import { attempt, checked, closeDescriptor, pinned } from '../libc.ts';
import { ReadableWatch } from '../watch.ts';
import { socketAddress } from './address.ts';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './options.ts';
import { type SourceSettings, prepare } from './tcp.ts';

const IPPROTO: Readonly<Record<DatagramSettings['protocol'], Readonly<Record<Family, number>>>> = {
  udp: { ipv4: 17, ipv6: 17 },
  icmp: { ipv4: 1, ipv6: 58 },
};

/** A datagram of any length fits. */
const LONGEST = 65_536;
/** Read in one go; what is left wakes the loop again. */
const BATCH = 16;
const EAGAIN = 11;

export interface DatagramSettings extends SourceSettings {
  /** `icmp` is an echo socket: the kernel gives it its identifier, and only the replies to it. Needs ping_group_range. */
  readonly protocol: 'udp' | 'icmp';
  readonly destination: IpAddress;
  /** Of no meaning for ICMP. */
  readonly port: number;
}

export interface DatagramListener {
  datagram(bytes: Uint8Array): void;
  /** ICMP said that nothing gets there, as {@link LinuxError} such as ECONNREFUSED. */
  error(error: LinuxError): void;
}

// Messages are copied out, and everything happens in one thread.
const buffer = pinned(LONGEST);

/** A datagram socket connected to one destination, with options that `dgram` does not have. */
export class DatagramSocket {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #listener: DatagramListener;

  constructor(settings: DatagramSettings, listener: DatagramListener) {
    const { destination, port, protocol, scope } = settings;
    const family = familyOf(destination);
    const fd = checked(
      attempt(
        'socket',
        family === 'ipv4' ? AF_INET : AF_INET6,
        SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
        IPPROTO[protocol][family],
      ),
      `socket SOCK_DGRAM ${protocol}`,
    );
    try {
      prepare(fd, settings);
      const remote = socketAddress(destination, protocol === 'icmp' ? 0 : port, scope);
      checked(attempt('connect', fd, remote, remote.length), 'connect', { detail: `${destination} port ${port}` });
      this.#watch = new ReadableWatch(fd, () => this.#drain());
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    this.#fd = fd;
    this.#listener = listener;
  }

  /** Throws {@link LinuxError}, also for an error that an earlier datagram met. */
  send(bytes: Uint8Array): void {
    const copy = pinned(bytes.length);
    copy.set(bytes);
    checked(attempt('send', this.#fd, copy, copy.length, 0), 'send');
  }

  close(): void {
    if (this.#watch.close()) closeDescriptor(this.#fd);
  }

  #drain(): void {
    for (let i = 0; i < BATCH && !this.#watch.closed; i++) {
      const length = attempt('recv', this.#fd, buffer, buffer.length, 0);
      if (length === -EAGAIN) return;
      if (length < 0) {
        this.#listener.error(new LinuxError({ call: 'recv', errno: -length }));
        return;
      }
      this.#listener.datagram(buffer.slice(0, length));
    }
  }
}
