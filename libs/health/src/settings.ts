import type { Duration } from '@keepfleet/machine';
import { type IpAddress, familyOf } from '@keepfleet/wire';

/** When a checker runs; all values are resolved (checker, then real server, then virtual server, then the type's default). */
export interface ScheduleSettings {
  /** Between two runs; above 0. */
  readonly delayLoop: Duration;
  /** Failed runs that are forgiven before the verdict is "down"; the very first run is not forgiven. */
  readonly retry: number;
  /** Between a failed run and its repetition while retries are left. */
  readonly delayBeforeRetry: Duration;
  /** The first run starts at 1 s plus a random part of this, which spreads the load of many checkers. */
  readonly warmup: Duration;
  /** Start as down and wait for a first success, instead of starting as up. */
  readonly alpha: boolean;
  readonly logAllFailures: boolean;
}

/** Where a checker connects to. */
export interface ConnectionSettings {
  readonly address: IpAddress;
  readonly port: number;
  /** `bindto`. */
  readonly bindAddress: IpAddress | null;
  readonly bindPort: number | null;
  readonly bindInterface: string | null;
  readonly fwmark: number | null;
  /** For the connection and again for each answer; above 0. */
  readonly connectTimeout: Duration;
}

export interface TcpCheckSettings {
  readonly kind: 'tcp';
  readonly schedule: ScheduleSettings;
  readonly connection: ConnectionSettings;
}

/** Both ends are included. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

export interface UrlSettings {
  readonly path: string;
  /** Wins over the checker's. */
  readonly virtualHost: string | null;
  /** Statuses that count as success; empty is 200 to 299. */
  readonly statusCodes: readonly StatusRange[];
  /** MD5 of the body, 32 hexadecimal digits in lower case. */
  readonly digest: string | null;
}

/** `1.0C` is HTTP/1.0 with `Connection: close`. */
export type HttpProtocol = '1.0' | '1.0C' | '1.1';

export interface HttpCheckSettings {
  readonly kind: 'http';
  readonly schedule: ScheduleSettings;
  readonly connection: ConnectionSettings;
  /** SSL_GET. The server's certificate is not verified, as keepalived does not. */
  readonly tls: boolean;
  /** Name to send in the TLS hello; null sends none. */
  readonly serverName: string | null;
  readonly protocol: HttpProtocol;
  readonly virtualHost: string | null;
  /** All of them must pass, in this order; at least one. */
  readonly urls: readonly UrlSettings[];
}

/** One checker of a real server. JSON-safe. */
export type CheckerSettings = TcpCheckSettings | HttpCheckSettings;

/** The name of a checker in statuses and events, such as `HTTP_GET http://192.168.1.10:80/`. */
export function describeChecker(settings: CheckerSettings): string {
  const { address, port } = settings.connection;
  const endpoint = familyOf(address) === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
  switch (settings.kind) {
    case 'tcp':
      return `TCP_CHECK ${endpoint}`;
    case 'http': {
      const name = settings.tls ? 'SSL_GET https' : 'HTTP_GET http';
      return `${name}://${endpoint}${settings.urls.map((url) => url.path).join(' ')}`;
    }
  }
}
