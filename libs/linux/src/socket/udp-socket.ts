import { constants } from 'node:os';
import { type Family, type IpAddress, familyOf, formatIp } from '@keepfleet/wire';
import { LinuxError } from '../errors.ts';
import { type Bytes, attempt, checked, closeDescriptor } from '../libc.ts';
import { monotonicMicros, monotonicOf } from '../process/clock.ts';
import { ReadableWatch } from '../watch.ts';
import { socketAddress, writeSocketAddress } from './address.ts';
import { MessageHeader } from './message-header.ts';
import {
  AF_INET,
  AF_INET6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  setOption,
  setPriority,
  setReceiveBuffer,
} from './options.ts';

export interface UdpSettings {
  readonly family: Family;
  /** Local address; default all of the family, and of no other. */
  readonly address?: IpAddress | undefined;
  /** Local port; 0 lets the kernel choose. */
  readonly port: number;
  /** TTL (hop limit) of what is sent; default the kernel's. */
  readonly hopLimit?: number;
  /** TOS (traffic class) of what is sent, such as 0xc0 for CS6; default 0. */
  readonly trafficClass?: number;
  /** Queueing priority (SO_PRIORITY), 0 to 7; default 0. */
  readonly priority?: number;
}

export interface ReceivedDatagram {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly source: IpAddress;
  readonly sourcePort: number;
  readonly destination: IpAddress;
  /** TTL of IPv4. */
  readonly hopLimit: number;
  readonly interface: number;
  /** When the kernel received it, in microseconds of the monotonic clock. */
  readonly at: number;
}

export interface UdpListener {
  datagram(datagram: ReceivedDatagram): void;
  /** Receiving failed; the socket stays open. */
  error(error: LinuxError): void;
}

const LONGEST = 0x10000;
const RECEIVE_BUFFER = 1 << 20;
/** Datagrams read before other work has its turn. */
const BUDGET = 64;
/** More than a receive buffer holds: nobody keeps the loop for longer. */
const MOST_AT_ONCE = 10_000;

const SO_TIMESTAMPNS = 35;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_PKTINFO = 8;
const IP_RECVTTL = 12;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
const IPV6_TCLASS = 67;

// Scratch memory of one system call; every datagram is copied out of it before the next call.
const incoming = new MessageHeader(LONGEST);
const outgoing = new MessageHeader(LONGEST);

/**
 * A UDP socket that tells the TTL, the destination and the time of arrival of what it receives, which Node's do not.
 * Sending is synchronous and tells at once why it failed. Without a listener it only sends, and what comes to it is
 * left to overflow.
 */
export class UdpSocket {
  readonly #family: Family;
  readonly #fd: number;
  readonly #watch: ReadableWatch | undefined;
  readonly #listener: UdpListener | undefined;
  #closed = false;

  constructor(settings: UdpSettings, listener?: UdpListener) {
    const { family } = settings;
    this.#family = family;
    this.#listener = listener;
    const domain = family === 'ipv4' ? AF_INET : AF_INET6;
    this.#fd = checked(attempt('socket', domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket SOCK_DGRAM');
    try {
      this.#configure(settings);
      if (listener !== undefined) this.#configureReceiving();
      const local = socketAddress(settings.address ?? anyAddress(family), settings.port);
      checked(attempt('bind', this.#fd, local, local.length), 'bind', {
        detail: `to ${settings.address ?? 'any address'} port ${settings.port}`,
        needs: 'CAP_NET_BIND_SERVICE',
      });
      this.#watch = listener === undefined ? undefined : new ReadableWatch(this.#fd, () => this.#drain(listener));
    } catch (error) {
      closeDescriptor(this.#fd);
      throw error;
    }
  }

  /** Sends one datagram now. Throws {@link LinuxError}; EAGAIN or ENOBUFS means that a queue is full. */
  send(payload: Uint8Array, destination: IpAddress, port: number): void {
    if (familyOf(destination) !== this.#family) throw new TypeError(`${destination} is no ${this.#family} address`);
    outgoing.data.set(payload);
    const nameLength = writeSocketAddress(outgoing.name, destination, port, 0);
    const result = attempt('sendmsg', this.#fd, outgoing.prepareSend(nameLength, payload.length), 0);
    if (result < 0) {
      const refused = result === -constants.errno.EPERM ? '; a firewall rule of this host drops it' : '';
      throw new LinuxError({ call: 'sendmsg', errno: -result, detail: `to ${destination} port ${port}${refused}` });
    }
  }

  /**
   * Gives at once what has arrived by then (microseconds of the monotonic clock), instead of a budget in each turn of the
   * event loop: for whoever is about to judge by a silence. Ends with the first datagram that came later, which is given too.
   */
  readUntil(at: number): void {
    if (this.#listener !== undefined) this.#drain(this.#listener, MOST_AT_ONCE, at);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.close();
    closeDescriptor(this.#fd);
  }

  #configure({ family, hopLimit, trafficClass, priority }: UdpSettings): void {
    const set = (option: number, name: string, value: number | undefined) => {
      if (value === undefined) return;
      setOption(this.#fd, { level: family === 'ipv4' ? SOL_IP : SOL_IPV6, option, name }, value);
    };
    if (family === 'ipv4') {
      set(IP_TTL, 'IP_TTL', hopLimit);
      set(IP_TOS, 'IP_TOS', trafficClass);
    } else {
      set(IPV6_V6ONLY, 'IPV6_V6ONLY', 1);
      set(IPV6_UNICAST_HOPS, 'IPV6_UNICAST_HOPS', hopLimit);
      set(IPV6_TCLASS, 'IPV6_TCLASS', trafficClass);
    }
    // After the traffic class, which sets a priority of its own.
    if (priority !== undefined) setPriority(this.#fd, priority);
  }

  #configureReceiving(): void {
    setReceiveBuffer(this.#fd, RECEIVE_BUFFER);
    setOption(this.#fd, { level: SOL_SOCKET, option: SO_TIMESTAMPNS, name: 'SO_TIMESTAMPNS' }, 1);
    if (this.#family === 'ipv4') {
      setOption(this.#fd, { level: SOL_IP, option: IP_PKTINFO, name: 'IP_PKTINFO' }, 1);
      setOption(this.#fd, { level: SOL_IP, option: IP_RECVTTL, name: 'IP_RECVTTL' }, 1);
    } else {
      setOption(this.#fd, { level: SOL_IPV6, option: IPV6_RECVPKTINFO, name: 'IPV6_RECVPKTINFO' }, 1);
      setOption(this.#fd, { level: SOL_IPV6, option: IPV6_RECVHOPLIMIT, name: 'IPV6_RECVHOPLIMIT' }, 1);
    }
  }

  #drain(listener: UdpListener, budget = BUDGET, until = Infinity): void {
    for (let i = 0; i < budget && !this.#closed; i++) {
      const length = attempt('recvmsg', this.#fd, incoming.prepareReceive(), 0);
      if (length === -constants.errno.EAGAIN) return;
      if (length < 0) {
        listener.error(new LinuxError({ call: 'recvmsg', errno: -length }));
        return;
      }
      const datagram = received(this.#family, length);
      if (datagram === undefined) {
        const detail = 'without its destination or TTL';
        listener.error(new LinuxError({ call: 'recvmsg', errno: constants.errno.EBADMSG, detail }));
      } else {
        listener.datagram(datagram);
        if (datagram.at > until) return;
      }
    }
  }
}

function received(family: Family, length: number): ReceivedDatagram | undefined {
  let at = monotonicMicros();
  let hopLimit: number | undefined;
  let destination: IpAddress | undefined;
  let index = 0;
  for (const { level, type, data } of incoming.controlMessages()) {
    const value = view(data);
    if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) at = timestamp(value);
    // `struct in_pktinfo` and `struct in6_pktinfo`.
    if (level === SOL_IP && type === IP_PKTINFO) {
      index = value.getInt32(0, true);
      destination = formatIp(data.subarray(8, 12));
    }
    if (level === SOL_IPV6 && type === IPV6_PKTINFO) {
      destination = formatIp(data.subarray(0, 16));
      index = value.getInt32(16, true);
    }
    if ((level === SOL_IP && type === IP_TTL) || (level === SOL_IPV6 && type === IPV6_HOPLIMIT))
      hopLimit = value.getInt32(0, true);
  }
  if (hopLimit === undefined || destination === undefined) return undefined;
  const { name } = incoming;
  return {
    payload: Uint8Array.from(incoming.data.subarray(0, length)),
    source: formatIp(family === 'ipv4' ? name.subarray(4, 8) : name.subarray(8, 24)),
    sourcePort: view(name).getUint16(2),
    destination,
    hopLimit,
    interface: index,
    at,
  };
}

/** `struct timespec` of the wall clock. */
function timestamp(time: DataView): number {
  return monotonicOf(Number(time.getBigInt64(0, true)) * 1_000_000 + Number(time.getBigInt64(8, true)) / 1_000);
}

function view(data: Bytes): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function anyAddress(family: Family): IpAddress {
  return formatIp(new Uint8Array(family === 'ipv4' ? 4 : 16));
}
