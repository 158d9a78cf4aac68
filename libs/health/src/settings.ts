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
  /** Successful runs one after another before the verdict is "up" again; at least 1. */
  readonly rise: number;
  /** The time that answers take as a share of the weight; null leaves the weight alone. */
  readonly latency: LatencySettings | null;
}

/** `latency_weight`: the whole weight up to the target, less in proportion above it, never below the least share. */
export interface LatencySettings {
  readonly target: Duration;
  /** 0 to 1. */
  readonly leastShare: number;
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

/** TLS towards a real server. Without `verify` any certificate will do, as in keepalived. */
export interface TlsSettings {
  /** Name to send in the TLS hello; null sends none. */
  readonly serverName: string | null;
  readonly verify: boolean;
  /** File with the authorities to believe; null: those of the system. */
  readonly authorities: string | null;
  /** Name that the certificate must have; null: serverName, else the address. */
  readonly verifyName: string | null;
  /** Own certificate and key, of the block SSL. */
  readonly certificate: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
  /** An end without the closing alert is a failure. */
  readonly compliant: boolean;
}

interface CheckSettings {
  readonly schedule: ScheduleSettings;
}

export interface TcpCheckSettings extends CheckSettings {
  readonly kind: 'tcp';
  readonly connection: ConnectionSettings;
}

/** Both ends are included. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

/** What a body must contain, or with `negate` must not. */
export interface BodyPattern {
  /** As its author wrote it, for words about it. */
  readonly written?: string | undefined;
  readonly source: string;
  /** Flags of a JavaScript regular expression. */
  readonly flags: string;
  readonly negate: boolean;
  /** A match must begin at this octet or later. */
  readonly from: number;
  /** A match must begin before this octet. */
  readonly before: number | null;
}

export interface HeaderSettings {
  readonly name: string;
  readonly value: string;
}

export interface UrlSettings {
  readonly path: string;
  /** Wins over the checker's. */
  readonly virtualHost: string | null;
  /** Statuses that count as success; empty is 200 to 299. */
  readonly statusCodes: readonly StatusRange[];
  /** MD5 of the body, 32 hexadecimal digits in lower case. */
  readonly digest: string | null;
  readonly pattern: BodyPattern | null;
  readonly method: string;
  readonly headers: readonly HeaderSettings[];
  readonly body: string | null;
}

/** `1.0C` is HTTP/1.0 with `Connection: close`. */
export type HttpProtocol = '1.0' | '1.0C' | '1.1' | '2';

export interface HttpCheckSettings extends CheckSettings {
  readonly kind: 'http';
  readonly connection: ConnectionSettings;
  /** SSL_GET. */
  readonly tls: TlsSettings | null;
  readonly protocol: HttpProtocol;
  readonly virtualHost: string | null;
  /** All of them must pass, in this order; at least one. */
  readonly urls: readonly UrlSettings[];
  /** A server that failed is up again after one good run instead of two. */
  readonly fastRecovery: boolean;
}

/** GRPC_CHECK: the service grpc.health.v1.Health must answer SERVING. */
export interface GrpcCheckSettings extends CheckSettings {
  readonly kind: 'grpc';
  readonly connection: ConnectionSettings;
  readonly tls: TlsSettings | null;
  /** Empty: the server as a whole. */
  readonly service: string;
  readonly authority: string | null;
}

export interface SmtpCheckSettings extends CheckSettings {
  readonly kind: 'smtp';
  readonly connection: ConnectionSettings;
  readonly heloName: string;
}

export interface DnsCheckSettings extends CheckSettings {
  readonly kind: 'dns';
  readonly connection: ConnectionSettings;
  readonly type: number;
  /** Without the final dot; empty is the root. */
  readonly name: string;
  /** Fewest records of the type that an answer must have. */
  readonly leastAnswers: number;
  /** Data of which one record of the answer must be, in the spelling of a zone file. */
  readonly answer: string | null;
}

export interface UdpCheckSettings extends CheckSettings {
  readonly kind: 'udp';
  readonly connection: ConnectionSettings;
  /** Hexadecimal; null sends some octets of no meaning. */
  readonly payload: string | null;
  /** Null: silence is success too. */
  readonly reply: UdpReply | null;
}

export interface UdpReply {
  /** Hexadecimal digits, or X for one that may be anything; empty for any reply. */
  readonly data: string;
  readonly minLength: number;
  readonly maxLength: number;
}

export interface PingCheckSettings extends CheckSettings {
  readonly kind: 'ping';
  readonly connection: ConnectionSettings;
}

/** Who a script runs as; null is who this process is. */
export interface ScriptUser {
  readonly user: string;
  readonly group: string | null;
}

export interface MiscCheckSettings extends CheckSettings {
  readonly kind: 'misc';
  /** The program and its arguments; at least one. */
  readonly argv: readonly string[];
  readonly user: ScriptUser | null;
  readonly timeout: Duration;
  /** Exit codes 2..255 are a weight plus 2. */
  readonly dynamic: boolean;
  /** Refuse a script that others than root can change. */
  readonly secure: boolean;
}

/** FILE_CHECK: the number in a file times a weight is added to the server's weight; with weight 0 any number but 0 is "down". */
export interface FileCheckSettings extends CheckSettings {
  readonly kind: 'file';
  readonly name: string;
  readonly path: string;
  /** Negative for `reverse`. */
  readonly weight: number;
}

/** BFD_CHECK: up while the session is. */
export interface BfdCheckSettings extends CheckSettings {
  readonly kind: 'bfd';
  readonly name: string;
}

/** A check that runs on a schedule and asks something over a connection. */
export type ConnectedCheckSettings =
  | TcpCheckSettings
  | HttpCheckSettings
  | GrpcCheckSettings
  | SmtpCheckSettings
  | DnsCheckSettings
  | UdpCheckSettings
  | PingCheckSettings;

export type ScheduledCheckSettings = ConnectedCheckSettings | MiscCheckSettings;

/** A check without a schedule: what it watches says when it changes. */
export type WatchedCheckSettings = FileCheckSettings | BfdCheckSettings;

/** One checker of a real server. JSON-safe. */
export type CheckerSettings = ScheduledCheckSettings | WatchedCheckSettings;

export function isWatched(settings: CheckerSettings): settings is WatchedCheckSettings {
  return settings.kind === 'file' || settings.kind === 'bfd';
}

/** Equal for checkers that ask the same of the same server, however often and with whatever patience. */
export function questionOf(settings: CheckerSettings): string {
  return JSON.stringify({
    ...settings,
    schedule: null,
    ...('connection' in settings ? { connection: { ...settings.connection, connectTimeout: 0 } } : {}),
    ...('timeout' in settings ? { timeout: 0 } : {}),
  });
}

/** The name of a checker in statuses and events, such as `HTTP_GET http://192.168.1.10:80/`. */
export function describeChecker(settings: CheckerSettings): string {
  switch (settings.kind) {
    case 'tcp':
      return `TCP_CHECK ${endpoint(settings.connection)}`;
    case 'http': {
      const name = settings.tls === null ? 'HTTP_GET http' : 'SSL_GET https';
      return `${name}://${endpoint(settings.connection)}${settings.urls.map((url) => url.path).join(' ')}`;
    }
    case 'grpc':
      return `GRPC_CHECK ${endpoint(settings.connection)}${settings.service === '' ? '' : ` ${settings.service}`}`;
    case 'smtp':
      return `SMTP_CHECK ${endpoint(settings.connection)}`;
    case 'dns':
      return `DNS_CHECK ${endpoint(settings.connection)} ${settings.name}.`;
    case 'udp':
      return `UDP_CHECK ${endpoint(settings.connection)}`;
    case 'ping':
      return `PING_CHECK ${settings.connection.address}`;
    case 'misc':
      return `MISC_CHECK ${settings.argv.join(' ')}`;
    case 'file':
      return `FILE_CHECK ${settings.name} (${settings.path})`;
    case 'bfd':
      return `BFD_CHECK ${settings.name}`;
  }
}

export function endpoint({ address, port }: Pick<ConnectionSettings, 'address' | 'port'>): string {
  return familyOf(address) === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
