import { readFileSync, statSync } from 'node:fs';
import { type Socket, isIP } from 'node:net';
import {
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
  checkServerIdentity,
  connect,
  createSecureContext,
} from 'node:tls';
import type { TlsSettings } from '@keepfleet/health';

interface Kept {
  /** Times of the files it was made of. */
  readonly stamp: string;
  readonly context: SecureContext;
}

const contexts = new Map<string, Kept>();
/** Of settings that are no longer in use, too; then all are made anew. */
const MOST_CONTEXTS = 256;

/** TLS over a connection that stands. Throws where a file of the settings cannot be read. */
export function overTls(
  socket: Socket,
  settings: TlsSettings,
  address: string,
  protocols: readonly string[],
): TLSSocket {
  const { serverName, verify, verifyName } = settings;
  const name = verifyName ?? serverName ?? address;
  return connect({
    socket,
    secureContext: contextOf(settings),
    rejectUnauthorized: verify,
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    // RFC 6066 section 3: an address is no server name.
    ...(serverName === null || isIP(serverName) !== 0 ? {} : { servername: serverName }),
  });
}

function contextOf({ authorities, certificate, key, passphrase, verify }: TlsSettings): SecureContext {
  const files = [authorities, certificate, key].filter((file) => file !== null);
  const name = JSON.stringify([authorities, certificate, key, passphrase, verify]);
  const stamp = files.map((file) => statSync(file).mtimeMs).join();
  const known = contexts.get(name);
  if (known?.stamp === stamp) return known.context;
  const context = createSecureContext({
    // Those of the system take long to read, and are of no use where nothing is verified.
    ...(authorities !== null ? { ca: readFileSync(authorities) } : verify ? {} : { ca: [] }),
    ...(certificate === null ? {} : { cert: readFileSync(certificate) }),
    ...(key === null ? {} : { key: readFileSync(key) }),
    ...(passphrase === null ? {} : { passphrase }),
  });
  if (contexts.size >= MOST_CONTEXTS) contexts.clear();
  contexts.set(name, { stamp, context });
  return context;
}
