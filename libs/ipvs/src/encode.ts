import { ByteWriter, asciiBytes, familyOf, ipv4Number } from '@keepfleet/wire';
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
  const writer = new ByteWriter();
  new OperationWriter(writer).write(operation);
  return { command: commandOf(operation), payload: writer.finish() };
}

/*
 * Of the attributes of a destination of IPv4 without a tunnel, where the values are that differ from one to the next. Each
 * stands after four octets of its header:
 *
 *   nest 4 | address 4+16 | port 4+2+2 | family 4+2+2 | forwarding 4+4 | weight 4+4 | upper 4+4 | lower 4+4
 */
const AT_ADDRESS = 8;
const AT_PORT = 28;
const AT_WEIGHT = 52;
const AT_UPPER = 60;
const AT_LOWER = 68;
const PLAIN_SIZE = 72;

/** Appends the attributes of one operation after another. */
export class OperationWriter {
  readonly #bytes: ByteWriter;
  readonly #writer: AttributeWriter;
  #service: ServiceId | undefined;
  #serviceAttributes = new Uint8Array(0);
  /** Service and plain destination as written last: servers come in thousands that differ in an address. */
  #last: { readonly service: ServiceId; readonly kind: string; readonly attributes: Uint8Array } | undefined;

  constructor(bytes: ByteWriter) {
    this.#bytes = bytes;
    this.#writer = new AttributeWriter(bytes);
  }

  write(operation: Operation): void {
    const writer = this.#writer;
    let start: number;
    switch (operation.kind) {
      case 'create-service':
      case 'set-service':
        start = writer.begin(commandAttribute.service);
        writeService(writer, operation.service);
        break;
      case 'delete-service':
        start = writer.begin(commandAttribute.service);
        writeServiceId(writer, operation.id);
        break;
      case 'create-destination':
      case 'set-destination':
        return this.#destination(operation.service, operation.destination);
      case 'delete-destination':
        writer.attributes(this.#attributesOf(operation.service));
        start = writer.begin(commandAttribute.destination);
        writeDestinationId(writer, operation.destination);
        break;
    }
    writer.end(start);
  }

  #destination(service: ServiceId, destination: Destination): void {
    const { kind } = destination.forwarding;
    const isPlain = kind !== 'tun' && familyOf(destination.address) === 'ipv4';
    const last = this.#last;
    if (isPlain && last?.service === service && last.kind === kind) {
      const start = this.#bytes.bytes(last.attributes).length - PLAIN_SIZE;
      this.#bytes
        .patchU32(start + AT_ADDRESS, ipv4Number(destination.address))
        .patchU16(start + AT_PORT, destination.port)
        .patchU32le(start + AT_WEIGHT, destination.weight)
        .patchU32le(start + AT_UPPER, destination.upperThreshold)
        .patchU32le(start + AT_LOWER, destination.lowerThreshold);
      return;
    }
    const from = this.#bytes.length;
    this.#writer.attributes(this.#attributesOf(service));
    const start = this.#writer.begin(commandAttribute.destination);
    writeDestination(this.#writer, destination);
    this.#writer.end(start);
    if (isPlain) this.#last = { service, kind, attributes: this.#bytes.written().slice(from) };
  }

  #attributesOf(service: ServiceId): Uint8Array {
    if (service !== this.#service) {
      this.#service = service;
      this.#serviceAttributes = servicePayload(service);
    }
    return this.#serviceAttributes;
  }
}

/** The command of the family that an operation is. */
export function commandOf(operation: Operation): number {
  switch (operation.kind) {
    case 'create-service':
      return ipvsCommand.newService;
    case 'set-service':
      return ipvsCommand.setService;
    case 'delete-service':
      return ipvsCommand.deleteService;
    case 'create-destination':
      return ipvsCommand.newDestination;
    case 'set-destination':
      return ipvsCommand.setDestination;
    case 'delete-destination':
      return ipvsCommand.deleteDestination;
  }
}

/** To be sent as a dump; each part of the answer is for {@link decodeService}. */
export function encodeListServices(): IpvsRequest {
  return { command: ipvsCommand.getService, payload: new Uint8Array(0) };
}

/** To be sent as a dump; each part of the answer is for {@link decodeDestination}. A missing service answers with nothing. */
export function encodeListDestinations(service: ServiceId): IpvsRequest {
  return { command: ipvsCommand.getDestination, payload: servicePayload(service) };
}

export function encodeInfoRequest(): IpvsRequest {
  return { command: ipvsCommand.getInfo, payload: new Uint8Array(0) };
}

/** Sets the counters of a service and its destinations to 0; without a service those of the whole table. */
export function encodeZero(service: ServiceId | undefined): IpvsRequest {
  const payload = service === undefined ? new Uint8Array(0) : servicePayload(service);
  return { command: ipvsCommand.zero, payload };
}

/** Removes every service of the network namespace. */
export function encodeFlush(): IpvsRequest {
  return { command: ipvsCommand.flush, payload: new Uint8Array(0) };
}

function servicePayload(id: ServiceId): Uint8Array<ArrayBuffer> {
  return new AttributeWriter().nested(commandAttribute.service, (writer) => writeServiceId(writer, id)).finish();
}

function writeServiceId(writer: AttributeWriter, id: ServiceId): void {
  writer.u16(serviceAttribute.family, serviceFamily(id) === 'ipv4' ? AF_INET : AF_INET6);
  if (id.kind === 'fwmark') writer.u32(serviceAttribute.fwmark, id.fwmark);
  else
    writer
      .u16(serviceAttribute.protocol, protocolNumbers[id.protocol])
      .address(serviceAttribute.address, id.address)
      .port(serviceAttribute.port, id.port);
}

function writeService(writer: AttributeWriter, service: Service): void {
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
  writeServiceId(writer, service.id);
  writer
    .raw(serviceAttribute.scheduler, terminated(service.scheduler))
    .raw(serviceAttribute.flags, flagBytes)
    .u32(serviceAttribute.timeout, service.timeout)
    .raw(serviceAttribute.netmask, maskBytes);
  if (service.engine !== '') writer.raw(serviceAttribute.engine, terminated(service.engine));
}

function writeDestinationId(writer: AttributeWriter, { address, port }: DestinationId): void {
  writer
    .address(destinationAttribute.address, address)
    .port(destinationAttribute.port, port)
    .u16(destinationAttribute.family, familyOf(address) === 'ipv4' ? AF_INET : AF_INET6);
}

function writeDestination(writer: AttributeWriter, destination: Destination): void {
  const { forwarding } = destination;
  writeDestinationId(writer, destination);
  writer
    .u32(destinationAttribute.forwarding, forwardingNumbers[forwarding.kind])
    .u32(destinationAttribute.weight, destination.weight)
    .u32(destinationAttribute.upperThreshold, destination.upperThreshold)
    .u32(destinationAttribute.lowerThreshold, destination.lowerThreshold);
  if (forwarding.kind !== 'tun') return;
  const { tunnel } = forwarding;
  // A kernel older than 5.3 knows IP-in-IP only and refuses none of these attributes, so they are sent for the others alone.
  if (tunnel.type !== 'ipip') writer.u8(destinationAttribute.tunnelType, tunnelNumbers[tunnel.type]);
  if (tunnel.type === 'gue') writer.port(destinationAttribute.tunnelPort, tunnel.port);
  if (tunnel.type !== 'ipip') writer.u16(destinationAttribute.tunnelFlags, checksumNumbers[tunnel.checksum]);
}

function terminated(text: string): Uint8Array {
  return asciiBytes(`${text}\0`);
}
