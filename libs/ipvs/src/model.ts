import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import { type Forwarding, type Protocol, endpointText } from './settings.ts';
import type { ConnectionCounts, TrafficSnapshot } from './snapshot.ts';

/** What the kernel tells services apart by. */
export type ServiceId =
  | { readonly kind: 'address'; readonly protocol: Protocol; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: Family };

export interface ServiceOptions {
  readonly scheduler: string;
  readonly persistent: boolean;
  readonly onePacket: boolean;
  readonly flag1: boolean;
  readonly flag2: boolean;
  readonly flag3: boolean;
  /** Persistence in whole seconds; 0 when not persistent. */
  readonly timeout: number;
  /** The mask of IPv4 as a number (0xffffffff is one client alone), or the prefix length of IPv6. */
  readonly netmask: number;
  /** Persistence engine; empty is none. */
  readonly engine: string;
}

export interface Service extends ServiceOptions {
  readonly id: ServiceId;
}

/** `local` and `bypass` exist in the kernel only, `other-tunnel` is of a kind unknown here; Keepfleet never sets them. */
export type KernelForwarding = Forwarding | { readonly kind: 'local' | 'bypass' | 'other-tunnel' };

export interface DestinationId {
  readonly address: IpAddress;
  readonly port: number;
}

export interface Destination extends DestinationId {
  /** What {@link destinationKey} gives, where it was asked for before: by tens of thousands, several times. */
  readonly key?: string;
  readonly forwarding: KernelForwarding;
  readonly weight: number;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
}

export interface DesiredService extends Service {
  /** By their key. */
  readonly destinations: ReadonlyMap<string, Destination>;
}

/** A destination as the kernel shows it; one that was put there since the last reading has no counts yet. */
export interface KernelDestination extends Destination {
  readonly connections?: ConnectionCounts;
  readonly traffic?: TrafficSnapshot;
}

/** A service as the kernel shows it. */
export interface KernelServiceEntry extends Service {
  readonly traffic: TrafficSnapshot;
}

export interface KernelService extends KernelServiceEntry {
  readonly destinations: readonly KernelDestination[];
}

/** The same text as the key of a virtual server that has just this service. */
export function serviceKey(id: ServiceId): string {
  // Asked for at each of its thousands of servers.
  const known = keys.get(id);
  if (known !== undefined) return known;
  const key = textOf(id);
  keys.set(id, key);
  return key;
}

const keys = new WeakMap<ServiceId, string>();

function textOf(id: ServiceId): string {
  if (id.kind === 'address') return `${id.protocol}/${endpointText(id.address, id.port)}`;
  return id.family === 'ipv6' ? `fwmark/${id.fwmark}/ipv6` : `fwmark/${id.fwmark}`;
}

export function destinationKey(id: DestinationId & Pick<Destination, 'key'>): string {
  return id.key ?? endpointText(id.address, id.port);
}

export function serviceFamily(id: ServiceId): Family {
  return id.kind === 'address' ? familyOf(id.address) : id.family;
}

export const noTraffic: TrafficSnapshot = {
  connections: '0',
  inPackets: '0',
  outPackets: '0',
  inBytes: '0',
  outBytes: '0',
  connectionRate: 0,
  inPacketRate: 0,
  outPacketRate: 0,
  inByteRate: 0,
  outByteRate: 0,
};

export const noConnections: ConnectionCounts = { active: 0, inactive: 0, persistent: 0 };

export function addTraffic(a: TrafficSnapshot, b: TrafficSnapshot): TrafficSnapshot {
  const total = (x: string, y: string) => (BigInt(x) + BigInt(y)).toString();
  return {
    connections: total(a.connections, b.connections),
    inPackets: total(a.inPackets, b.inPackets),
    outPackets: total(a.outPackets, b.outPackets),
    inBytes: total(a.inBytes, b.inBytes),
    outBytes: total(a.outBytes, b.outBytes),
    connectionRate: a.connectionRate + b.connectionRate,
    inPacketRate: a.inPacketRate + b.inPacketRate,
    outPacketRate: a.outPacketRate + b.outPacketRate,
    inByteRate: a.inByteRate + b.inByteRate,
    outByteRate: a.outByteRate + b.outByteRate,
  };
}

export function addConnections(a: ConnectionCounts, b: ConnectionCounts): ConnectionCounts {
  return {
    active: a.active + b.active,
    inactive: a.inactive + b.inactive,
    persistent: a.persistent + b.persistent,
  };
}
