import type { ConnectedCheckSettings } from '@keepfleet/health';
import type { Connection, ConnectionListener } from './connection.ts';
import { openDatagrams } from './datagram.ts';
import { openHttp2 } from './http2.ts';
import { openPlain } from './plain.ts';
import { openStream } from './stream.ts';

export type { Connection, ConnectionListener } from './connection.ts';

/** Opens what a checker asks over. */
export function openConnection(settings: ConnectedCheckSettings, listener: ConnectionListener): Connection {
  const { connection } = settings;
  switch (settings.kind) {
    case 'tcp':
      return openPlain(connection, listener);
    case 'http':
      return settings.protocol === '2'
        ? openHttp2(connection, settings.tls, listener)
        : openStream(connection, settings.tls, listener);
    case 'grpc':
      return openHttp2(connection, settings.tls, listener);
    case 'smtp':
      return openStream(connection, null, listener);
    case 'dns':
    case 'udp':
      return openDatagrams(connection, 'udp', listener);
    case 'ping':
      return openDatagrams(connection, 'icmp', listener);
  }
}
