import { type IpAddress, type Result, asciiBytes, familyOf, formatIp, ipBytes } from '@keepfleet/wire';
import { AttributeWriter, type AttributeError } from './attributes.ts';
import type { IpvsRequest } from './encode.ts';
import { Fields, decoding, nameOf } from './fields.ts';
import type { OptionOperation, SyncDaemon, Timeouts } from './kernel-options.ts';
import { commandAttribute, daemonAttribute, ipvsCommand, syncStateNumbers } from './numbers.ts';

/** To be sent as a dump; each part of the answer is for {@link decodeDaemon}. */
export function encodeListDaemons(): IpvsRequest {
  return { command: ipvsCommand.getDaemon, payload: new Uint8Array(0) };
}

/** The answer is for {@link decodeTimeouts}. */
export function encodeTimeoutsRequest(): IpvsRequest {
  return { command: ipvsCommand.getConfig, payload: new Uint8Array(0) };
}

export function encodeOption(operation: OptionOperation): IpvsRequest {
  switch (operation.kind) {
    case 'set-timeouts': {
      const { tcp, tcpFin, udp } = operation.timeouts;
      const payload = new AttributeWriter()
        .u32(commandAttribute.timeoutTcp, tcp)
        .u32(commandAttribute.timeoutTcpFin, tcpFin)
        .u32(commandAttribute.timeoutUdp, udp)
        .finish();
      return { command: ipvsCommand.setConfig, payload };
    }
    case 'start-daemon':
      return { command: ipvsCommand.newDaemon, payload: daemonPayload(operation.daemon) };
    case 'stop-daemon':
      return { command: ipvsCommand.deleteDaemon, payload: daemonPayload(operation.daemon) };
  }
}

export function decodeTimeouts(payload: Uint8Array): Result<Timeouts, AttributeError> {
  return decoding(() => {
    const fields = Fields.read(payload, 'timeouts');
    // A kernel without a protocol has no timeout for it.
    const seconds = (type: number) => (fields.has(type) ? fields.u32(type, 'timeout') : 0);
    return {
      tcp: seconds(commandAttribute.timeoutTcp),
      tcpFin: seconds(commandAttribute.timeoutTcpFin),
      udp: seconds(commandAttribute.timeoutUdp),
    };
  });
}

export function decodeDaemon(payload: Uint8Array): Result<SyncDaemon, AttributeError> {
  return decoding(() => {
    const fields = Fields.read(payload, 'answer').nested(commandAttribute.daemon, 'daemon');
    const number = (type: number, read: () => number) => (fields.has(type) ? read() : null);
    return {
      state: nameOf(syncStateNumbers, fields.u32(daemonAttribute.state, 'state'), 'state of a daemon'),
      interface: fields.text(daemonAttribute.interface),
      syncId: fields.u32(daemonAttribute.syncId, 'sync id'),
      maxLength: number(daemonAttribute.maxLength, () => fields.u16(daemonAttribute.maxLength, 'message length')),
      group: readGroup(fields),
      port: number(daemonAttribute.port, () => fields.u16(daemonAttribute.port, 'port')),
      ttl: number(daemonAttribute.ttl, () => fields.u8(daemonAttribute.ttl, 'TTL')),
    };
  });
}

function readGroup(fields: Fields): IpAddress | null {
  if (fields.has(daemonAttribute.group)) return formatIp(fields.bytes(daemonAttribute.group, 'group', 4));
  if (fields.has(daemonAttribute.group6)) return formatIp(fields.bytes(daemonAttribute.group6, 'group', 16));
  return null;
}

function daemonPayload(daemon: Pick<SyncDaemon, 'state' | 'interface' | 'syncId'> & Partial<SyncDaemon>) {
  const { maxLength = null, group = null, port = null, ttl = null } = daemon;
  const write = (writer: AttributeWriter) => {
    writer
      .u32(daemonAttribute.state, syncStateNumbers[daemon.state])
      .raw(daemonAttribute.interface, asciiBytes(`${daemon.interface}\0`))
      .u32(daemonAttribute.syncId, daemon.syncId);
    if (maxLength !== null) writer.u16(daemonAttribute.maxLength, maxLength);
    if (group !== null)
      writer.raw(familyOf(group) === 'ipv4' ? daemonAttribute.group : daemonAttribute.group6, ipBytes(group));
    if (port !== null) writer.u16(daemonAttribute.port, port);
    if (ttl !== null) writer.u8(daemonAttribute.ttl, ttl);
  };
  return new AttributeWriter().nested(commandAttribute.daemon, write).finish();
}
