import { type IpAddress, asciiBytes, familyOf, ipBytes } from '@keepfleet/wire';
import { AttributeWriter } from './attributes.ts';
import { type Destination, type DestinationId, type Service, type ServiceId, serviceFamily } from './model.ts';
import {
  ipvsCommand,
  commandAttribute,
  serviceAttribute,
  destinationAttribute,
  AF_INET,
  AF_INET6,
  protocolNumbers,
  serviceFlag,
  ALL_FLAGS,
  forwardingNumbers,
  tunnelNumbers,
  checksumNumbers,
} from './numbers.ts';
import type { Operation } from './plan.ts';

/** A command of the family and its attributes: what goes after the generic netlink header. */
export interface IpvsRequest {
  readonly command: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

export function encodeOperation(operation: Operation): IpvsRequest {
  switch (operation.kind) {
    case 'create-service':
      return { command: ipvsCommand.newService, payload: servicePayload(serviceBytes(operation.service)) };
    case 'set-service':
      return { command: ipvsCommand.setService, payload: servicePayload(serviceBytes(operation.service)) };
    case 'delete-service':
      return { command: ipvsCommand.deleteService, payload: servicePayload(serviceIdBytes(operation.id)) };
    case 'create-destination':
      return destinationRequest(ipvsCommand.newDestination, operation.service, fullDestination(operation.destination));
    case 'set-destination':
      return destinationRequest(ipvsCommand.setDestination, operation.service, fullDestination(operation.destination));
    case 'delete-destination':
      return destinationRequest(
        ipvsCommand.deleteDestination,
        operation.service,
        destinationIdBytes(operation.destination).finish(),
      );
  }
}

/** To be sent as a dump; each part of the answer is for {@link decodeService}. */
export function encodeListServices(): IpvsRequest {
  return { command: ipvsCommand.getService, payload: new Uint8Array(0) };
}

/** To be sent as a dump; each part of the answer is for {@link decodeDestination}. A missing service answers with nothing. */
export function encodeListDestinations(service: ServiceId): IpvsRequest {
  return { command: ipvsCommand.getDestination, payload: servicePayload(serviceIdBytes(service)) };
}

export function encodeInfoRequest(): IpvsRequest {
  return { command: ipvsCommand.getInfo, payload: new Uint8Array(0) };
}

/** Sets the counters of a service and its destinations to 0; without a service those of the whole table. */
export function encodeZero(service: ServiceId | undefined): IpvsRequest {
  const payload = service === undefined ? new Uint8Array(0) : servicePayload(serviceIdBytes(service));
  return { command: ipvsCommand.zero, payload };
}

/** Removes every service of the network namespace. */
export function encodeFlush(): IpvsRequest {
  return { command: ipvsCommand.flush, payload: new Uint8Array(0) };
}

function servicePayload(service: AttributeWriter): Uint8Array<ArrayBuffer> {
  return new AttributeWriter().nested(commandAttribute.service, service.finish()).finish();
}

function destinationRequest(command: number, service: ServiceId, destination: Uint8Array): IpvsRequest {
  const payload = new AttributeWriter()
    .nested(commandAttribute.service, serviceIdBytes(service).finish())
    .nested(commandAttribute.destination, destination)
    .finish();
  return { command, payload };
}

function serviceIdBytes(id: ServiceId): AttributeWriter {
  const writer = new AttributeWriter();
  writer.u16(serviceAttribute.family, serviceFamily(id) === 'ipv4' ? AF_INET : AF_INET6);
  if (id.kind === 'fwmark') return writer.u32(serviceAttribute.fwmark, id.fwmark);
  return writer
    .u16(serviceAttribute.protocol, protocolNumbers[id.protocol])
    .raw(serviceAttribute.address, unionAddress(id.address))
    .port(serviceAttribute.port, id.port);
}

function serviceBytes(service: Service): AttributeWriter {
  const flags =
    (service.persistent ? serviceFlag.persistent : 0) |
    (service.onePacket ? serviceFlag.onePacket : 0) |
    (service.flag1 ? serviceFlag.flag1 : 0) |
    (service.flag2 ? serviceFlag.flag2 : 0) |
    (service.flag3 ? serviceFlag.flag3 : 0);
  // struct ip_vs_flags: the bits, and which of them are meant.
  const flagBytes = new Uint8Array(8);
  new DataView(flagBytes.buffer).setUint32(0, flags, true);
  new DataView(flagBytes.buffer).setUint32(4, ALL_FLAGS, true);
  const maskBytes = new Uint8Array(4);
  new DataView(maskBytes.buffer).setUint32(0, service.netmask, serviceFamily(service.id) === 'ipv6');
  const writer = serviceIdBytes(service.id)
    .raw(serviceAttribute.scheduler, terminated(service.scheduler))
    .raw(serviceAttribute.flags, flagBytes)
    .u32(serviceAttribute.timeout, service.timeout)
    .raw(serviceAttribute.netmask, maskBytes);
  if (service.engine !== '') writer.raw(serviceAttribute.engine, terminated(service.engine));
  return writer;
}

function destinationIdBytes(id: DestinationId): AttributeWriter {
  return new AttributeWriter()
    .raw(destinationAttribute.address, unionAddress(id.address))
    .port(destinationAttribute.port, id.port)
    .u16(destinationAttribute.family, familyOf(id.address) === 'ipv4' ? AF_INET : AF_INET6);
}

function fullDestination(destination: Destination): Uint8Array {
  const { forwarding } = destination;
  const writer = destinationIdBytes(destination)
    .u32(destinationAttribute.forwarding, forwardingNumbers[forwarding.kind])
    .u32(destinationAttribute.weight, destination.weight)
    .u32(destinationAttribute.upperThreshold, destination.upperThreshold)
    .u32(destinationAttribute.lowerThreshold, destination.lowerThreshold);
  if (forwarding.kind === 'tun') {
    const { tunnel } = forwarding;
    // A kernel older than 5.3 knows IP-in-IP only and refuses none of these attributes, so they are sent for the others alone.
    if (tunnel.type !== 'ipip') writer.u8(destinationAttribute.tunnelType, tunnelNumbers[tunnel.type]);
    if (tunnel.type === 'gue') writer.port(destinationAttribute.tunnelPort, tunnel.port);
    if (tunnel.type !== 'ipip') writer.u16(destinationAttribute.tunnelFlags, checksumNumbers[tunnel.checksum]);
  }
  return writer.finish();
}

/** union nf_inet_addr: 16 bytes, of which IPv4 uses the first four. */
function unionAddress(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(ipBytes(address));
  return bytes;
}

function terminated(text: string): Uint8Array {
  return asciiBytes(`${text}\0`);
}
