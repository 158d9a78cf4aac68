import type { ConnectionSettings } from '@keepfleet/health';
import { beginTcp, closeTcp } from '@keepfleet/linux';
import type { Connection, ConnectionListener } from './connection.ts';
import { tellFailure } from './failure.ts';
import { endsOf } from './source.ts';

/** A TCP connection of which nothing is wanted but that it stands: no stream is made of it. */
export function openPlain(settings: ConnectionSettings, listener: ConnectionListener): Connection {
  let open: number | undefined;
  const tried = beginTcp(endsOf(settings), (outcome) => {
    if ('error' in outcome) return tellFailure(listener, outcome.error);
    open = outcome.fd;
    listener.connected();
  });
  return {
    send: () => undefined,
    request: () => undefined,
    close() {
      tried.cancel();
      if (open !== undefined) closeTcp(open);
      open = undefined;
    },
  };
}
