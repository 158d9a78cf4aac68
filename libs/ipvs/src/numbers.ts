import type { KernelForwarding } from './model.ts';
import type { SyncState } from './kernel-options.ts';
import type { Protocol, Tunnel, TunnelChecksum } from './settings.ts';

/** The generic netlink family, and its version in the header. */
export const IPVS_FAMILY = 'IPVS';
export const IPVS_VERSION = 1;

/** Commands of the family (linux/ip_vs.h). */
export const ipvsCommand = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  deleteDestination: 7,
  getDestination: 8,
  newDaemon: 9,
  deleteDaemon: 10,
  getDaemon: 11,
  setConfig: 12,
  getConfig: 13,
  setInfo: 14,
  getInfo: 15,
  zero: 16,
  flush: 17,
} as const;

export const commandAttribute = {
  service: 1,
  destination: 2,
  daemon: 3,
  timeoutTcp: 4,
  timeoutTcpFin: 5,
  timeoutUdp: 6,
} as const;
export const serviceAttribute = {
  family: 1,
  protocol: 2,
  address: 3,
  port: 4,
  fwmark: 5,
  scheduler: 6,
  flags: 7,
  timeout: 8,
  netmask: 9,
  stats: 10,
  engine: 11,
  stats64: 12,
} as const;
export const destinationAttribute = {
  address: 1,
  port: 2,
  forwarding: 3,
  weight: 4,
  upperThreshold: 5,
  lowerThreshold: 6,
  active: 7,
  inactive: 8,
  persistent: 9,
  stats: 10,
  family: 11,
  stats64: 12,
  tunnelType: 13,
  tunnelPort: 14,
  tunnelFlags: 15,
} as const;
export const statsAttribute = {
  connections: 1,
  inPackets: 2,
  outPackets: 3,
  inBytes: 4,
  outBytes: 5,
  connectionRate: 6,
  inPacketRate: 7,
  outPacketRate: 8,
  inByteRate: 9,
  outByteRate: 10,
} as const;
export const daemonAttribute = {
  state: 1,
  interface: 2,
  syncId: 3,
  maxLength: 4,
  group: 5,
  group6: 6,
  port: 7,
  ttl: 8,
} as const;
export const infoAttribute = { version: 1, tableSize: 2 } as const;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };
export const serviceFlag = { persistent: 0x1, onePacket: 0x4, flag1: 0x8, flag2: 0x10, flag3: 0x20 } as const;
export const ALL_FLAGS = 0xffffffff;
export const FORWARDING_MASK = 0x7;
export const forwardingNumbers: Readonly<Record<KernelForwarding['kind'], number>> = {
  nat: 0,
  local: 1,
  tun: 2,
  dr: 3,
  bypass: 4,
  // To the kernel a tunnel like any other; read, 2 is `tun`.
  'other-tunnel': 2,
};
export const tunnelNumbers: Readonly<Record<Tunnel['type'], number>> = { ipip: 0, gue: 1, gre: 2 };
/** IP_VS_STATE_MASTER and IP_VS_STATE_BACKUP. */
export const syncStateNumbers: Readonly<Record<SyncState, number>> = { master: 1, backup: 2 };
export const checksumNumbers: Readonly<Record<TunnelChecksum, number>> = { nocsum: 0, csum: 1, remcsum: 2 };
