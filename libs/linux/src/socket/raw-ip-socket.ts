import { constants } from 'node:os';
import { type Family, type IpAddress, UnexpectedEnd, familyOf, formatIp, ipBytes, tryRead } from '@keepfleet/wire';
import { LinuxError } from '../errors.ts';
import { type Bytes, attempt, checked, closeDescriptor, int32, pinned } from '../libc.ts';
import { monotonicMicros, monotonicOf } from '../process/clock.ts';
import { ReadableWatch } from '../watch.ts';
import { socketAddress } from './address.ts';
import { type ControlMessage, MessageHeader } from './message-header.ts';
import {
  AF_INET,
  AF_INET6,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  bindToDevice,
  setOption,
  setPriority,
  setReceiveBuffer,
} from './options.ts';
import { type FilterInstruction, attachFilter } from './packet-filter.ts';

export interface RawIpSettings {
  readonly family: Family;
  /** IP protocol number, 112 for VRRP. */
  readonly protocol: number;
  /** The one interface that is sent through and received from. */
  readonly interface: { readonly index: number; readonly name: string };
  /** TTL (hop limit) of every packet sent. */
  readonly hopLimit: number;
  /** TOS (traffic class) of every packet sent, such as 0xc0 for CS6. */
  readonly trafficClass: number;
  /** Multicast groups to join on the interface. Default none. */
  readonly groups?: readonly IpAddress[];
  /** Source address of what is sent, where a call of send() names none. Default: the kernel picks one. */
  readonly source?: IpAddress | undefined;
  /** Queueing priority (SO_PRIORITY), 0 to 7. Default 7, TC_PRIO_CONTROL: ahead of all other traffic of this host. */
  readonly priority?: number;
  /** Bytes queued while the process is busy. Default 1 MiB, about 1,300 small packets. */
  readonly receiveBuffer?: number;
  /** Packets for which it returns 0 never reach the process. Default: all pass. */
  readonly filter?: readonly FilterInstruction[];
  /** IPv4: what is sent begins with an IP header of the caller's. */
  readonly headerIncluded?: boolean;
}

/** A packet as received. IP options are skipped, `payload` begins with the header of the protocol. */
export interface ReceivedPacket {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** TTL of IPv4. */
  readonly hopLimit: number;
  readonly interface: number;
  /** When the kernel received it, in microseconds of the monotonic clock ({@link monotonicMicros}). */
  readonly at: number;
  /** The packet was longer than {@link PACKET_LIMIT}; `payload` is its beginning. */
  readonly truncated: boolean;
  /** IPv4: the IP header as it arrived. */
  readonly header?: Uint8Array<ArrayBuffer>;
}

export interface RawIpListener {
  packet(packet: ReceivedPacket): void;
  /** Receiving failed; the socket stays open. */
  error(error: LinuxError): void;
}

/** Longest packet given whole: jumbo frames fit. */
export const PACKET_LIMIT = 10_240;

const DEFAULT_PRIORITY = 7;
const DEFAULT_RECEIVE_BUFFER = 1 << 20;
/** Pairs of destination and source of one socket. */
const WAYS_KEPT = 1_024;
/** Packets read before other work has its turn. */
const BUDGET = 64;
/** More than a receive buffer holds: nobody keeps the loop for longer. */
const MOST_AT_ONCE = 10_000;

const SO_TIMESTAMPNS = 35;
const IP_TOS = 1;
const IP_HDRINCL = 3;
const IP_TTL = 2;
const IP_PKTINFO = 8;
const IP_MULTICAST_IF = 32;
const IP_MULTICAST_TTL = 33;
const IP_MULTICAST_LOOP = 34;
const IP_ADD_MEMBERSHIP = 35;
const IP_MULTICAST_ALL = 49;
const IPV6_UNICAST_HOPS = 16;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
const IPV6_ADD_MEMBERSHIP = 20;
const IPV6_MULTICAST_ALL = 29;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
const IPV6_TCLASS = 67;

interface Way {
  readonly name: Bytes;
  readonly control: ControlMessage | undefined;
}

// Scratch memory of one system call; every packet is copied out of it before the next call.
const incoming = new MessageHeader(PACKET_LIMIT);
const outgoing = new MessageHeader(0x10000);

/**
 * A raw IP socket on one interface. Sending is synchronous and tells at once why it failed. What is received comes on
 * the event loop, at most {@link BUDGET} packets at a time. Our own multicasts are not looped back. IPv6 checksums are
 * neither filled nor checked here (IPV6_CHECKSUM stays off): that is the protocol's work.
 *
 * A removed interface makes send() throw ENXIO or ENODEV; receiving just ends, and the RtnetlinkMonitor says why. An interface
 * made anew under the same name needs a new socket.
 */
export class RawIpSocket {
  readonly #settings: RawIpSettings;
  readonly #listener: RawIpListener;
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #ways = new Map<string, Way>();

  constructor(settings: RawIpSettings, listener: RawIpListener) {
    this.#settings = settings;
    this.#listener = listener;
    const { family, protocol, interface: device } = settings;
    const domain = family === 'ipv4' ? AF_INET : AF_INET6;
    this.#fd = checked(
      attempt('socket', domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol),
      'socket SOCK_RAW',
      {
        detail: `IP protocol ${protocol}`,
        needs: 'CAP_NET_RAW',
      },
    );
    try {
      bindToDevice(this.#fd, device.name);
      if (settings.filter !== undefined) attachFilter(this.#fd, settings.filter);
      setReceiveBuffer(this.#fd, settings.receiveBuffer ?? DEFAULT_RECEIVE_BUFFER);
      setOption(this.#fd, { level: SOL_SOCKET, option: SO_TIMESTAMPNS, name: 'SO_TIMESTAMPNS' }, 1);
      if (family === 'ipv4') this.#configure4();
      else this.#configure6();
      // After the traffic class, which sets a priority of its own.
      setPriority(this.#fd, settings.priority ?? DEFAULT_PRIORITY);
      this.#discardQueued();
      for (const group of settings.groups ?? []) this.#join(group);
      this.#watch = new ReadableWatch(this.#fd, () => this.#drain());
    } catch (error) {
      closeDescriptor(this.#fd);
      throw error;
    }
  }

  /** Sends one packet now. Throws {@link LinuxError}; EAGAIN or ENOBUFS means that the interface's queue is full. */
  send(payload: Uint8Array, destination: IpAddress, source = this.#settings.source): void {
    const { family, interface: device } = this.#settings;
    if (familyOf(destination) !== family) throw new TypeError(`${destination} is no ${family} address`);
    if (payload.length > outgoing.data.length) throw new RangeError(`a packet of ${payload.length} bytes`);
    outgoing.data.set(payload);
    const { name, control } = this.#way(destination, source);
    outgoing.name.set(name);
    const header = outgoing.prepareSend(name.length, payload.length, control);
    const result = attempt('sendmsg', this.#fd, header, 0);
    if (result < 0) {
      const refused = result === -constants.errno.EPERM ? '; a firewall rule of this host drops it' : '';
      const detail = `to ${destination} through ${device.name}${refused}`;
      throw new LinuxError({ call: 'sendmsg', errno: -result, detail });
    }
  }

  /**
   * Gives at once what has arrived by then (microseconds of the monotonic clock), instead of a budget in each turn of the
   * event loop: for whoever is about to judge by a silence. Ends with the first packet that came later, which is given too.
   */
  readUntil(at: number): void {
    this.#drain(MOST_AT_ONCE, at);
  }

  close(): void {
    if (this.#watch.close()) closeDescriptor(this.#fd);
  }

  /** Written once: adverts go the same way for years, and what is made anew for each costs them in garbage collection. */
  #way(destination: IpAddress, source: IpAddress | undefined): Way {
    const key = `${destination} ${source ?? ''}`;
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const { index } = this.#settings.interface;
    const name = socketAddress(destination, 0, index);
    const way = { name, control: source === undefined ? undefined : sourceControl(source, index) };
    if (this.#ways.size >= WAYS_KEPT) this.#ways.clear();
    this.#ways.set(key, way);
    return way;
  }

  #configure4(): void {
    const { hopLimit, trafficClass, interface: device } = this.#settings;
    const interfaceRequest = pinned(12);
    new DataView(interfaceRequest.buffer).setInt32(8, device.index, true);
    const at = (option: number, name: string) => ({ level: SOL_IP, option, name, detail: device.name });
    setOption(this.#fd, at(IP_TOS, 'IP_TOS'), trafficClass);
    setOption(this.#fd, at(IP_TTL, 'IP_TTL'), hopLimit);
    setOption(this.#fd, at(IP_MULTICAST_TTL, 'IP_MULTICAST_TTL'), hopLimit);
    setOption(this.#fd, at(IP_MULTICAST_LOOP, 'IP_MULTICAST_LOOP'), 0);
    setOption(this.#fd, at(IP_MULTICAST_ALL, 'IP_MULTICAST_ALL'), 0);
    setOption(this.#fd, at(IP_MULTICAST_IF, 'IP_MULTICAST_IF'), interfaceRequest);
    setOption(this.#fd, at(IP_PKTINFO, 'IP_PKTINFO'), 1);
    if (this.#settings.headerIncluded === true) setOption(this.#fd, at(IP_HDRINCL, 'IP_HDRINCL'), 1);
  }

  #configure6(): void {
    const { hopLimit, trafficClass, interface: device } = this.#settings;
    const at = (option: number, name: string) => ({ level: SOL_IPV6, option, name, detail: device.name });
    setOption(this.#fd, at(IPV6_TCLASS, 'IPV6_TCLASS'), trafficClass);
    setOption(this.#fd, at(IPV6_UNICAST_HOPS, 'IPV6_UNICAST_HOPS'), hopLimit);
    setOption(this.#fd, at(IPV6_MULTICAST_HOPS, 'IPV6_MULTICAST_HOPS'), hopLimit);
    setOption(this.#fd, at(IPV6_MULTICAST_LOOP, 'IPV6_MULTICAST_LOOP'), 0);
    setOption(this.#fd, at(IPV6_MULTICAST_ALL, 'IPV6_MULTICAST_ALL'), 0);
    setOption(this.#fd, at(IPV6_MULTICAST_IF, 'IPV6_MULTICAST_IF'), device.index);
    setOption(this.#fd, at(IPV6_RECVPKTINFO, 'IPV6_RECVPKTINFO'), 1);
    setOption(this.#fd, at(IPV6_RECVHOPLIMIT, 'IPV6_RECVHOPLIMIT'), 1);
  }

  #join(group: IpAddress): void {
    const device = this.#settings.interface;
    const detail = `${group} on ${device.name}`;
    const index = int32(device.index);
    if (familyOf(group) === 'ipv4') {
      const option = { level: SOL_IP, option: IP_ADD_MEMBERSHIP, name: 'IP_ADD_MEMBERSHIP', detail };
      setOption(this.#fd, option, Uint8Array.of(...ipBytes(group), 0, 0, 0, 0, ...index));
    } else {
      const option = { level: SOL_IPV6, option: IPV6_ADD_MEMBERSHIP, name: 'IPV6_ADD_MEMBERSHIP', detail };
      setOption(this.#fd, option, Uint8Array.of(...ipBytes(group), ...index));
    }
  }

  /** Between socket() and SO_BINDTODEVICE packets of other interfaces may have come in. */
  #discardQueued(): void {
    for (let i = 0; i < 10_000; i++) if (attempt('recv', this.#fd, incoming.data, 1, 0) < 0) return;
  }

  #drain(budget = BUDGET, until = Infinity): void {
    for (let i = 0; i < budget && !this.#watch.closed; i++) {
      const length = attempt('recvmsg', this.#fd, incoming.prepareReceive(), 0);
      if (length === -constants.errno.EAGAIN) return;
      const detail = this.#settings.interface.name;
      if (length < 0) {
        this.#listener.error(new LinuxError({ call: 'recvmsg', errno: -length, detail }));
        return;
      }
      const packet = this.#settings.family === 'ipv4' ? received4(length) : received6(length);
      if (packet.ok) {
        this.#listener.packet(packet.value);
        if (packet.value.at > until) return;
      } else {
        const errno = constants.errno.EBADMSG;
        this.#listener.error(new LinuxError({ call: 'recvmsg', errno, detail, cause: packet.error }));
      }
    }
  }
}

/** Names the source address of one packet: `struct in_pktinfo` or `struct in6_pktinfo`. */
function sourceControl(source: IpAddress, index: number) {
  return familyOf(source) === 'ipv4'
    ? { level: SOL_IP, type: IP_PKTINFO, data: Uint8Array.of(...int32(index), ...ipBytes(source), 0, 0, 0, 0) }
    : { level: SOL_IPV6, type: IPV6_PKTINFO, data: Uint8Array.of(...ipBytes(source), ...int32(index)) };
}

/** IPv4 raw sockets give the IP header too. */
function received4(length: number) {
  return tryRead(incoming.data.subarray(0, length), (reader): ReceivedPacket => {
    const headerLength = (reader.u8() & 0x0f) * 4;
    reader.skip(7);
    const hopLimit = reader.u8();
    reader.skip(3);
    const source = formatIp(reader.bytes(4));
    const destination = formatIp(reader.bytes(4));
    reader.skip(headerLength - reader.offset);
    const header = copy(incoming.data.subarray(0, headerLength));
    let index = 0;
    let at = monotonicMicros();
    for (const { level, type, data } of incoming.controlMessages()) {
      if (level === SOL_IP && type === IP_PKTINFO) index = view(data).getInt32(0, true);
      if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) at = timestamp(data);
    }
    const payload = copy(reader.rest());
    return { payload, source, destination, hopLimit, interface: index, at, truncated: incoming.truncated, header };
  });
}

function received6(length: number) {
  return tryRead(incoming.data.subarray(0, length), (reader): ReceivedPacket => {
    let index = 0;
    let at = monotonicMicros();
    let hopLimit: number | undefined;
    let destination: IpAddress | undefined;
    for (const { level, type, data } of incoming.controlMessages()) {
      if (level === SOL_IPV6 && type === IPV6_PKTINFO) {
        destination = formatIp(data.subarray(0, 16));
        index = view(data).getInt32(16, true);
      }
      if (level === SOL_IPV6 && type === IPV6_HOPLIMIT) hopLimit = view(data).getInt32(0, true);
      if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) at = timestamp(data);
    }
    if (destination === undefined || hopLimit === undefined) throw new UnexpectedEnd(1, 0);
    const source = formatIp(incoming.name.subarray(8, 24));
    const payload = copy(reader.rest());
    return { payload, source, destination, hopLimit, interface: index, at, truncated: incoming.truncated };
  });
}

/** `struct timespec` of the wall clock. */
function timestamp(data: Bytes): number {
  const time = view(data);
  return monotonicOf(Number(time.getBigInt64(0, true)) * 1_000_000 + Number(time.getBigInt64(8, true)) / 1_000);
}

function view(data: Bytes): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
