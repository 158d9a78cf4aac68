import { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, connect } from 'node:http2';
import type { ConnectionSettings, HeaderFields, TlsSettings } from '@keepfleet/health';
import type { Connection, ConnectionListener } from './connection.ts';
import { connectFailure, tellFailure } from './failure.ts';
import { openSocket } from './stream.ts';

/** Octets of header fields that an answer may have. */
const MAX_HEADER_LIST = 16_384;

/** One request over an HTTP/2 connection of its own; without TLS with prior knowledge (RFC 9113 section 3.3). */
export function openHttp2(
  settings: ConnectionSettings,
  tls: TlsSettings | null,
  listener: ConnectionListener,
): Connection {
  let session: ClientHttp2Session | undefined;
  let stream: ClientHttp2Stream | undefined;
  let closed = false;
  const tell = (what: () => void) => {
    if (!closed) what();
  };
  const opening = openSocket(settings, tls, ['h2'], (outcome) => {
    if ('error' in outcome) return tellFailure(listener, outcome.error);
    const { socket } = outcome;
    if ('alpnProtocol' in socket && socket.alpnProtocol !== 'h2')
      return listener.error('does not speak HTTP/2: it did not choose it in the TLS handshake');
    session = connect('http://server', {
      createConnection: () => socket,
      settings: { enablePush: false, maxHeaderListSize: MAX_HEADER_LIST },
    });
    session.on('error', (error) => tell(() => listener.error(connectFailure(error))));
    session.once('close', () => tell(() => listener.closed()));
    // Its own preface must come (RFC 9113 section 3.4), else the server does not speak HTTP/2.
    session.once('remoteSettings', () => tell(() => listener.connected()));
  });
  return {
    send: () => undefined,
    request(fields, body) {
      if (session === undefined) return;
      // It was ended by the server before it could be asked.
      if (session.closed || session.destroyed) return void setImmediate(() => tell(() => listener.closed()));
      // Throws for fields that HTTP/2 does not have.
      stream = session.request({ ...fields }, { endStream: body.length === 0 });
      stream.on('response', (headers) => tell(() => listener.head(Number(headers[':status']), plainFields(headers))));
      stream.on('trailers', (headers: IncomingHttpHeaders) => tell(() => listener.trailers(plainFields(headers))));
      stream.on('data', (bytes: Buffer) => tell(() => listener.data(bytes)));
      const complete = watchEnd(stream);
      stream.on('end', () => tell(() => (complete() ? listener.ended() : listener.closed())));
      stream.on('error', (error) => tell(() => listener.error(connectFailure(error))));
      if (body.length > 0) stream.end(body);
    },
    close() {
      closed = true;
      stream?.destroy();
      session?.destroy();
      opening.close();
    },
  };
}

/**
 * Whether the stream ended by END_STREAM. Node ends what is read of it by RST_STREAM too, and by the end of the connection,
 * and tells nobody which it was: but then only, the stream is closed before it ends.
 */
function watchEnd(stream: ClientHttp2Stream): () => boolean {
  let complete = false;
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null && !stream.closed) complete = true;
    return push(chunk, encoding);
  };
  return () => complete;
}

function plainFields(headers: object): HeaderFields {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    if (typeof value === 'string' || typeof value === 'number') fields[name] = String(value);
    else if (Array.isArray(value)) fields[name] = value.join(', ');
  }
  return fields;
}
