import type { Socket } from 'node:net';
import type { ConnectionSettings, TlsSettings } from '@keepfleet/health';
import { beginTcp, tcpStream } from '@keepfleet/linux';
import type { Connection, ConnectionListener } from './connection.ts';
import { connectFailure, tellFailure } from './failure.ts';
import { endsOf } from './source.ts';
import { overTls } from './tls.ts';

/** OpenSSL's word for a stream that ended without TLS's own end. */
const UNEXPECTED_END = 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING';

/** Opens a stream and hands it over, with TLS if that is wanted. */
export function openSocket(
  settings: ConnectionSettings,
  tls: TlsSettings | null,
  protocols: readonly string[],
  done: (outcome: { readonly socket: Socket } | { readonly error: unknown }) => void,
): { close(): void } {
  let socket: Socket | undefined;
  const tried = beginTcp(endsOf(settings), (outcome) => {
    if ('error' in outcome) return done(outcome);
    const plain = tcpStream(outcome.fd);
    socket = plain;
    if (tls === null) return done({ socket: plain });
    // It outlives the TLS socket's own listeners.
    plain.on('error', () => plain.destroy());
    try {
      const secure = overTls(plain, tls, settings.address, protocols);
      socket = secure;
      secure.once('error', (error) => done({ error }));
      secure.once('secureConnect', () => {
        secure.removeAllListeners('error');
        done({ socket: secure });
      });
    } catch (error) {
      done({ error });
    }
  });
  return {
    close() {
      tried.cancel();
      socket?.removeAllListeners();
      // An error of a socket that nobody asks any more is no news.
      socket?.on('error', () => undefined);
      socket?.destroy();
    },
  };
}

/** A stream of bytes over TCP or TLS. */
export function openStream(
  settings: ConnectionSettings,
  tls: TlsSettings | null,
  listener: ConnectionListener,
): Connection {
  let stream: Socket | undefined;
  const opening = openSocket(settings, tls, [], (outcome) => {
    if ('error' in outcome) return tellFailure(listener, outcome.error);
    const { socket } = outcome;
    stream = socket;
    socket.on('data', (bytes: Buffer) => listener.data(bytes));
    socket.on('end', () => listener.closed());
    socket.on('close', () => listener.closed());
    socket.on('error', (error) => {
      // keepalived takes such an end for one, unless told to be strict.
      if (tls?.compliant === false && 'code' in error && error.code === UNEXPECTED_END) return listener.closed();
      listener.error(connectFailure(error));
    });
    listener.connected();
  });
  return {
    send: (bytes) => void stream?.write(bytes),
    request: () => undefined,
    close: () => opening.close(),
  };
}
