import { readFileSync, writeFileSync } from 'node:fs';
import type { ConnectionSettings } from '@keepfleet/health';
import { DatagramSocket, isLinuxError } from '@keepfleet/linux';
import { errorText } from '../../error-text.ts';
import type { Connection, ConnectionListener } from './connection.ts';
import { OwnFault, tellFailure } from './failure.ts';
import { endsOf } from './source.ts';

const PING_RANGE = '/proc/sys/net/ipv4/ping_group_range';

/** Datagrams to one address, and what comes back. */
export function openDatagrams(
  settings: ConnectionSettings,
  protocol: 'udp' | 'icmp',
  listener: ConnectionListener,
): Connection {
  let socket: DatagramSocket | undefined;
  let closed = false;
  const fail = (error: unknown) => tellFailure(listener, error);
  // In a task of its own, as other connections are told too.
  setImmediate(() => {
    if (closed) return;
    try {
      socket = open(settings, protocol, { datagram: (bytes) => listener.data(bytes), error: fail });
    } catch (error) {
      return fail(error);
    }
    listener.connected();
  });
  return {
    send(bytes) {
      try {
        socket?.send(bytes);
      } catch (error) {
        setImmediate(() => {
          if (!closed) fail(error);
        });
      }
    },
    request: () => undefined,
    close() {
      closed = true;
      socket?.close();
    },
  };
}

function open(
  settings: ConnectionSettings,
  protocol: 'udp' | 'icmp',
  listener: ConstructorParameters<typeof DatagramSocket>[1],
): DatagramSocket {
  const wanted = { ...endsOf(settings), protocol };
  try {
    return new DatagramSocket(wanted, listener);
  } catch (error) {
    if (protocol !== 'icmp' || !isLinuxError(error, 'EACCES')) throw error;
    allowPings();
    return new DatagramSocket(wanted, listener);
  }
}

/** The kernel gives echo sockets to the groups of a range only, and to none by default; keepalived widens it too. */
function allowPings(): void {
  const group = process.getgid?.() ?? 0;
  try {
    const [low = 1, high = 0] = readFileSync(PING_RANGE, 'utf8').trim().split(/\s+/).map(Number);
    const range = low > high ? [group, group] : [Math.min(low, group), Math.max(high, group)];
    writeFileSync(PING_RANGE, range.join(' '));
  } catch (error) {
    throw new OwnFault(
      `this process may not send echo requests, and cannot allow itself to; put its group, ${group}, into net.ipv4.ping_group_range: ${errorText(error)}`,
      { cause: error },
    );
  }
}
