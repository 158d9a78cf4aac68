import { isLinuxError } from '@keepfleet/linux';
import { errorText } from '../../error-text.ts';
import type { ConnectionListener } from './connection.ts';

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'reset the connection',
  EHOSTUNREACH: 'is unreachable: no host on the way knows it, or it does not answer on its network',
  ENETUNREACH: 'is unreachable: this node has no route to it',
  ETIMEDOUT: 'did not accept a connection',
  EADDRNOTAVAIL: 'cannot be asked from the bindto address: this node does not have it',
  EADDRINUSE: 'cannot be asked from bind_port: it is in use',
  ENODEV: 'cannot be asked through bind_if: this node has no such interface',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  CERT_NOT_YET_VALID: 'has a certificate that is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate that only itself has signed; name its authority with tls_ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate of an authority that is not believed; name it with tls_ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate of an authority that is not believed; name it with tls_ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a certificate of an authority that is not believed; name it with tls_ca',
  CERT_REVOKED: 'has a certificate that was revoked',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS',
};

const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no descriptor left; raise its limit (LimitNOFILE)',
  ENFILE: 'this node has no descriptor left; raise fs.file-max, and see what has so many open',
  ENOBUFS: 'this node has no memory left for sockets',
  ENOMEM: 'this node has no memory left',
};

const NO_PORT =
  'this node has no free port or no address to connect from; widen net.ipv4.ip_local_port_range, and see with `ss -tan` what takes them';

/** Something on this node is not as a check needs it, whatever the server does. */
export class OwnFault extends Error {}

/** What this node is out of or has wrong, where that is why; undefined for every other error. */
function ownFault(error: unknown): string | undefined {
  if (error instanceof OwnFault) return error.message;
  const code = codeOf(error);
  // A bindto address that is not there is refused by bind(2); ip(7) has both for connect(2) out of ports.
  const ofPorts = isLinuxError(error, 'EADDRNOTAVAIL', 'EAGAIN') && error.call === 'connect';
  return ofPorts ? NO_PORT : shortages[code];
}

/** Tells why a server could not be asked. */
export function tellFailure(listener: Pick<ConnectionListener, 'error' | 'unable'>, error: unknown): void {
  const lacking = ownFault(error);
  if (lacking === undefined) listener.error(connectFailure(error));
  else listener.unable(lacking);
}

/** Why a server could not be asked, to follow its name. */
export function connectFailure(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `has a certificate of another name: ${errorText(error)}`;
  return reasons[code] ?? `cannot be asked: ${errorText(error)}`;
}

function codeOf(error: unknown): string {
  return isLinuxError(error) || (error instanceof Error && 'code' in error) ? String(error.code) : '';
}
