import { type Family, type IpAddress, familyOf, formatIp, ipBytes } from '@keepfleet/wire';
import { type Destination, type ServiceId, type ServiceOptions, serviceFamily, serviceKey } from './model.ts';
import {
  type Forwarding,
  type GroupMember,
  type Protocol,
  type VirtualServerGroupSettings,
  type VirtualServerTarget,
  type VirtualServerTraits,
  endpointText,
} from './settings.ts';

/** Services of one group: the largest range that keepalived.conf can write is the last 16 bits of IPv6. */
export const MAX_GROUP_SERVICES = 65_536;

const ONE_CLIENT_V4 = 0xffffffff;
const ONE_CLIENT_V6 = 128;

/** The kernel services that a virtual server stands for, each once. A group that does not exist stands for none. */
export function expandTarget(
  target: VirtualServerTarget,
  protocol: Protocol,
  groups: readonly VirtualServerGroupSettings[],
): ServiceId[] {
  switch (target.kind) {
    case 'address':
      return [{ kind: 'address', protocol, address: target.address, port: target.port }];
    case 'fwmark':
      return [{ kind: 'fwmark', fwmark: target.fwmark, family: target.family }];
    case 'group': {
      const { members = [], marks } = groups.find((group) => group.name === target.name) ?? {};
      const context = { protocol, mark: marks?.[protocol], family: target.family ?? 'ipv4' };
      const services = new Map<string, ServiceId>();
      for (const member of members) {
        for (const id of expandMember(member, context)) {
          if (services.size < MAX_GROUP_SERVICES) services.set(serviceKey(id), id);
        }
      }
      return [...services.values()];
    }
  }
}

export function serviceOptions(traits: VirtualServerTraits, family: Family): ServiceOptions {
  const { persistence, flags } = traits;
  return {
    scheduler: traits.scheduler,
    persistent: persistence !== null,
    onePacket: traits.onePacket,
    flag1: flags.flag1,
    flag2: flags.flag2,
    flag3: flags.flag3,
    timeout: persistence?.timeout ?? 0,
    netmask: netmask(persistence?.granularity ?? null, family),
    engine: persistence?.engine ?? '',
  };
}

/** A server as a destination of one service, or undefined where the two cannot be joined. */
export function destinationOf(
  server: {
    readonly key: string;
    readonly address: IpAddress;
    readonly port: number;
    readonly forwarding: Forwarding;
    readonly upperThreshold?: number;
    readonly lowerThreshold?: number;
  },
  weight: number,
  service: ServiceId,
): Destination | undefined {
  // Only a tunnel carries one family in the other; in a group of both families each server belongs to the services of its own.
  if (familyOf(server.address) !== serviceFamily(service) && server.forwarding.kind !== 'tun') return undefined;
  // Direct routing and tunnels do not rewrite ports: the server's port is the service's, and 0 where a mark has many.
  const servicePort = service.kind === 'fwmark' ? 0 : service.port;
  const port = server.forwarding.kind === 'nat' ? server.port : servicePort;
  return {
    // The text that the key of a server is, which is at hand.
    key: port === server.port ? server.key : endpointText(server.address, port),
    address: server.address,
    port,
    forwarding: server.forwarding,
    weight,
    upperThreshold: server.upperThreshold ?? 0,
    lowerThreshold: server.lowerThreshold ?? 0,
  };
}

interface MemberContext {
  readonly protocol: Protocol;
  /** What is sent to addresses comes with it. */
  readonly mark: number | undefined;
  /** Of marks that have none of their own. */
  readonly family: Family;
}

function expandMember(member: GroupMember, { protocol, mark, family }: MemberContext): ServiceId[] {
  if (mark !== undefined && member.kind !== 'fwmark') {
    const address = member.kind === 'range' ? member.first : member.address;
    return [{ kind: 'fwmark', fwmark: mark, family: familyOf(address) }];
  }
  switch (member.kind) {
    case 'fwmark':
      return [{ kind: 'fwmark', fwmark: member.fwmark, family: member.family ?? family }];
    case 'address':
      return [{ kind: 'address', protocol, address: member.address, port: member.port }];
    case 'range':
      return addressRange(member.first, member.last).map((address) => ({
        kind: 'address',
        protocol,
        address,
        port: member.port,
      }));
  }
}

function addressRange(first: IpAddress, last: IpAddress): IpAddress[] {
  if (familyOf(first) !== familyOf(last)) return [];
  const start = asNumber(first);
  const end = asNumber(last);
  const length = ipBytes(first).length;
  const addresses: IpAddress[] = [];
  for (let value = start; value <= end && addresses.length < MAX_GROUP_SERVICES; value++) {
    const bytes = new Uint8Array(length);
    for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
    addresses.push(formatIp(bytes));
  }
  return addresses;
}

function asNumber(address: IpAddress): bigint {
  return ipBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function netmask(prefix: number | null, family: Family): number {
  if (family === 'ipv6') return prefix ?? ONE_CLIENT_V6;
  if (prefix === null || prefix >= 32) return ONE_CLIENT_V4;
  return prefix <= 0 ? 0 : (ONE_CLIENT_V4 << (32 - prefix)) >>> 0;
}
