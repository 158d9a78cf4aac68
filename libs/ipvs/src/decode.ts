import { ByteReader, type IpAddress, type Result, formatIp } from '@keepfleet/wire';
import type { AttributeError } from './attributes.ts';
import { Fields, Malformed, decoding, knownName, nameOf } from './fields.ts';
import {
  type KernelDestination,
  type KernelForwarding,
  type KernelServiceEntry,
  type ServiceId,
  serviceFamily,
} from './model.ts';
import {
  commandAttribute,
  serviceAttribute,
  destinationAttribute,
  statsAttribute,
  infoAttribute,
  AF_INET,
  AF_INET6,
  protocolNumbers,
  serviceFlag,
  FORWARDING_MASK,
  forwardingNumbers,
  tunnelNumbers,
  checksumNumbers,
} from './numbers.ts';
import type { TrafficSnapshot } from './snapshot.ts';

export interface IpvsInfo {
  /** Such as `1.2.1`. */
  readonly version: string;
  readonly connectionTableSize: number;
}

export function decodeInfo(payload: Uint8Array): Result<IpvsInfo, AttributeError> {
  return decoding(() => {
    const fields = Fields.read(payload, 'info');
    const code = fields.u32(infoAttribute.version, 'version');
    return {
      version: `${(code >> 16) & 0xff}.${(code >> 8) & 0xff}.${code & 0xff}`,
      connectionTableSize: fields.u32(infoAttribute.tableSize, 'table size'),
    };
  });
}

export function decodeService(payload: Uint8Array): Result<KernelServiceEntry, AttributeError> {
  return decoding(() => {
    const fields = Fields.read(payload, 'answer').nested(commandAttribute.service, 'service');
    const flagBits = new ByteReader(fields.bytes(serviceAttribute.flags, 'flags', 8)).u32le();
    const id = readServiceId(fields);
    const mask = new ByteReader(fields.bytes(serviceAttribute.netmask, 'netmask', 4));
    const persistent = (flagBits & serviceFlag.persistent) !== 0;
    return {
      id,
      scheduler: fields.text(serviceAttribute.scheduler),
      persistent,
      onePacket: (flagBits & serviceFlag.onePacket) !== 0,
      flag1: (flagBits & serviceFlag.flag1) !== 0,
      flag2: (flagBits & serviceFlag.flag2) !== 0,
      flag3: (flagBits & serviceFlag.flag3) !== 0,
      timeout: fields.u32(serviceAttribute.timeout, 'timeout'),
      netmask: serviceFamily(id) === 'ipv4' ? mask.u32() : mask.u32le(),
      engine: fields.text(serviceAttribute.engine),
      traffic: readTraffic(fields, serviceAttribute.stats64, serviceAttribute.stats),
    };
  });
}

/** `service` gives the family where an old kernel does not say it. */
export function decodeDestination(payload: Uint8Array, service: ServiceId): Result<KernelDestination, AttributeError> {
  return decoding(() => {
    const fields = Fields.read(payload, 'answer').nested(commandAttribute.destination, 'destination');
    const family = fields.has(destinationAttribute.family)
      ? readFamily(fields.u16(destinationAttribute.family, 'family'))
      : serviceFamily(service) === 'ipv4'
        ? AF_INET
        : AF_INET6;
    return {
      address: readAddress(fields.bytes(destinationAttribute.address, 'address', 16), family),
      port: fields.port(destinationAttribute.port, 'port'),
      forwarding: readForwarding(fields),
      weight: fields.u32(destinationAttribute.weight, 'weight'),
      upperThreshold: fields.u32(destinationAttribute.upperThreshold, 'upper threshold'),
      lowerThreshold: fields.u32(destinationAttribute.lowerThreshold, 'lower threshold'),
      connections: {
        active: fields.u32(destinationAttribute.active, 'active connections'),
        inactive: fields.u32(destinationAttribute.inactive, 'inactive connections'),
        persistent: fields.u32(destinationAttribute.persistent, 'persistent connections'),
      },
      traffic: readTraffic(fields, destinationAttribute.stats64, destinationAttribute.stats),
    };
  });
}

function readServiceId(fields: Fields): ServiceId {
  const family = readFamily(fields.u16(serviceAttribute.family, 'family'));
  if (fields.has(serviceAttribute.fwmark)) {
    const fwmark = fields.u32(serviceAttribute.fwmark, 'mark');
    return { kind: 'fwmark', fwmark, family: family === AF_INET ? 'ipv4' : 'ipv6' };
  }
  const number = fields.u16(serviceAttribute.protocol, 'protocol');
  const protocol = nameOf(protocolNumbers, number, 'protocol');
  const address = readAddress(fields.bytes(serviceAttribute.address, 'address', 16), family);
  return { kind: 'address', protocol, address, port: fields.port(serviceAttribute.port, 'port') };
}

function readFamily(number: number): number {
  if (number !== AF_INET && number !== AF_INET6)
    throw new Malformed({ kind: 'unknown-value', what: 'family', value: number });
  return number;
}

function readAddress(bytes: Uint8Array, family: number): IpAddress {
  return formatIp(family === AF_INET ? bytes.subarray(0, 4) : bytes);
}

function readForwarding(fields: Fields): KernelForwarding {
  const number = fields.u32(destinationAttribute.forwarding, 'forwarding') & FORWARDING_MASK;
  const kind = nameOf(forwardingNumbers, number, 'forwarding');
  if (kind !== 'tun') return { kind };
  if (!fields.has(destinationAttribute.tunnelType)) return { kind, tunnel: { type: 'ipip' } };
  // Somebody else's tunnel of a newer kind must not make the whole table unreadable.
  const type = knownName(tunnelNumbers, fields.u8(destinationAttribute.tunnelType, 'tunnel type'));
  if (type === undefined) return { kind: 'other-tunnel' };
  if (type === 'ipip') return { kind, tunnel: { type } };
  const bits = fields.u16(destinationAttribute.tunnelFlags, 'tunnel flags');
  const checksum = knownName(checksumNumbers, bits);
  if (checksum === undefined) return { kind: 'other-tunnel' };
  if (type === 'gre') return { kind, tunnel: { type, checksum } };
  return { kind, tunnel: { type, checksum, port: fields.port(destinationAttribute.tunnelPort, 'tunnel port') } };
}

function readTraffic(fields: Fields, wide: number, narrow: number): TrafficSnapshot {
  // Kernels before 4.1 have the 32-bit form alone.
  const stats = fields.nested(fields.has(wide) ? wide : narrow, 'statistics');
  const total = (type: number) => stats.counter(type, 'counter');
  const rate = (type: number) => Number(stats.counter(type, 'rate'));
  return {
    connections: total(statsAttribute.connections),
    inPackets: total(statsAttribute.inPackets),
    outPackets: total(statsAttribute.outPackets),
    inBytes: total(statsAttribute.inBytes),
    outBytes: total(statsAttribute.outBytes),
    connectionRate: rate(statsAttribute.connectionRate),
    inPacketRate: rate(statsAttribute.inPacketRate),
    outPacketRate: rate(statsAttribute.outPacketRate),
    inByteRate: rate(statsAttribute.inByteRate),
    outByteRate: rate(statsAttribute.outByteRate),
  };
}
