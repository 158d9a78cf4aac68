/**
 * What Node itself does not offer of Linux, by system calls through koffi and without a compiler: raw IP and packet
 * sockets, netlink (interfaces, addresses, generic netlink), network namespaces, scheduling and memory locking. It
 * translates and decides nothing; protocols live elsewhere. Everything but receiving is synchronous, failures are thrown
 * as {@link LinuxError}. Whoever opens something closes it.
 */
export { type Capability, LinuxError, isLinuxError } from './errors.ts';
export { AttributeWriter, Attributes } from './netlink/attributes.ts';
export { GenericNetlink, type GenericReply, type GenericRequest } from './netlink/generic-netlink.ts';
export type { AddressScope, AddressSettings, InterfaceAddress } from './netlink/interface-address.ts';
export type { Encapsulation } from './netlink/encapsulation.ts';
export type { Link, OperationalState } from './netlink/link.ts';
export type { NewLink } from './netlink/link-request.ts';
export { NLM_F } from './netlink/message.ts';
export { RtnetlinkMonitor, type RtnetlinkEvent } from './netlink/monitor.ts';
export { NETLINK_GENERIC, NETLINK_ROUTE, NetlinkSocket } from './netlink/netlink-socket.ts';
export { countNftRules } from './netlink/nftables.ts';
export type { NetlinkReply, NetlinkRequest } from './netlink/netlink-socket.ts';
export type { RouteHop, RouteIdentity, RouteMetric, RouteRequest } from './netlink/route.ts';
export type { RuleIdentity, RuleRequest } from './netlink/rule.ts';
export { Rtnetlink, type AddressChange, type AddressOutcome, type RoutingChange } from './netlink/rtnetlink.ts';
export { boottimeMicros, monotonicMicros } from './process/clock.ts';
export { DeadlineTimer } from './process/deadline-timer.ts';
export { type LockOutcome, lockPidFile } from './process/lock-file.ts';
export { makeFifo } from './process/fifo.ts';
export { inNetworkNamespace } from './process/namespace.ts';
export {
  lockProgramMemory,
  missingCapabilities,
  nameProcess,
  raiseRealTime,
  runOnCpus,
  runRealTime,
  setNice,
  setTimeSlice,
  setTimerSlack,
} from './process/privileges.ts';
export { SIGRTMIN, onRealTimeSignal } from './process/real-time-signal.ts';
export { ProcessEvents, type ProcessEvent } from './process/process-events.ts';
export { WRITABLE_BYTES, isWritable } from './process/writable.ts';
export { readSysctl, writeSysctl } from './process/sysctl.ts';
export { type DatagramListener, type DatagramSettings, DatagramSocket } from './socket/datagram-socket.ts';
export { type TcpAttempt, type TcpSettings, beginTcp, closeTcp, connectTcp, tcpStream } from './socket/tcp.ts';
export { PacketSocket } from './socket/packet-socket.ts';
export type { FilterInstruction } from './socket/packet-filter.ts';
export {
  PACKET_LIMIT,
  RawIpSocket,
  type RawIpListener,
  type RawIpSettings,
  type ReceivedPacket,
} from './socket/raw-ip-socket.ts';
export { type ReceivedDatagram, UdpSocket, type UdpListener, type UdpSettings } from './socket/udp-socket.ts';
