import { readFileSync, statSync } from 'node:fs';
import { type Socket, isIP } from 'node:net';
import {
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
  checkServerIdentity,
  connect,
  createSecureContext,
} from 'node:tls';
import type { TlsSettings } from '@keepfleet/health';
import { errorText } from '../../error-text.ts';
import { OwnFault } from './failure.ts';

interface Kept {
  /** Times of the files it was made of. */
  readonly stamp: string;
  readonly context: SecureContext;
}

const contexts = new Map<string, Kept>();
/** Of settings that are no longer in use, too; then all are made anew. */
const MOST_CONTEXTS = 256;

/** TLS over a connection that stands. Throws {@link OwnFault} where a file of the settings is of no use. */
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
  const stamp = files.map(stampOf).join();
  const known = contexts.get(name);
  if (known?.stamp === stamp) return known.context;
  const context = makeContext({
    // Those of the system take long to read, and are of no use where nothing is verified.
    ...(authorities !== null ? { ca: readAuthorities(authorities) } : verify ? {} : { ca: [] }),
    ...(certificate === null ? {} : { cert: readOwn(certificate) }),
    ...(key === null ? {} : { key: readOwn(key) }),
    ...(passphrase === null ? {} : { passphrase }),
  });
  if (contexts.size >= MOST_CONTEXTS) contexts.clear();
  contexts.set(name, { stamp, context });
  return context;
}

function stampOf(file: string): string {
  const { mtimeMs, size, ino } = ofThisNode(`the file ${file} cannot be read`, () => statSync(file));
  return `${mtimeMs}/${size}/${ino}`;
}

function readOwn(file: string): Buffer {
  return ofThisNode(`the file ${file} cannot be read`, () => readFileSync(file));
}

/** Node takes a file that holds no certificate, or half of one, for one of no authorities. */
function readAuthorities(file: string): Buffer {
  const bytes = readOwn(file);
  const begun = bytes
    .toString('latin1')
    .split(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/)
    .slice(1);
  if (begun.length > 0 && begun.every((rest) => rest.includes('-----END '))) return bytes;
  throw new OwnFault(`the file ${file} of tls_ca holds no certificate, or not the whole of one; it has to be PEM`);
}

function makeContext(options: SecureContextOptions): SecureContext {
  // As while a key and its certificate are replaced one after the other.
  return ofThisNode('its own TLS files do not fit or cannot be understood', () => createSecureContext(options));
}

function ofThisNode<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new OwnFault(`${what}: ${errorText(error)}`, { cause: error });
  }
}
