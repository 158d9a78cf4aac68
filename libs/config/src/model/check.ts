import type { IpAddress } from '@keepfleet/wire';
import type { Position } from '../diagnostics.ts';
import type { Account, Command } from '../grammar/readers.ts';
import type { Micros } from './parts.ts';

/** Timing of a checker, resolved. */
export interface CheckBase {
  readonly at: Position;
  /** Default: the virtual server's. */
  readonly delayLoop: Micros;
  /** Failures borne before the server is down; default 1, for MISC_CHECK 0, for DNS_CHECK 3. */
  readonly retry: number;
  /** Default 1 s, for HTTP_GET 3 s, for MISC_CHECK and DNS_CHECK delayLoop. */
  readonly delayBeforeRetry: Micros;
  /** The first check waits a random part of it; default delayLoop. */
  readonly warmup: Micros;
  readonly alpha: boolean;
  readonly logAllFailures: boolean;
  /** Successes before it counts as up again; default 1. */
  readonly rise: number;
  /** Answers slower than the target cost weight in proportion, down to the least share (0 to 1). */
  readonly latency?: { readonly target: Micros; readonly leastShare: number };
}

/** Where a checker connects to, and from where. */
export interface Connection {
  /** Default: the real server's. */
  readonly address: IpAddress;
  readonly port: number;
  readonly bindAddress?: IpAddress;
  readonly bindPort?: number;
  readonly bindInterface?: string;
  /** Default 5 s. */
  readonly timeout: Micros;
  readonly mark?: number;
}

/** How a checker speaks TLS. */
export interface CheckTls {
  /** Name to send; missing: none is sent. */
  readonly serverName?: string;
  /** The certificate must be good; default false, as in keepalived. */
  readonly verify: boolean;
  /** File with the authorities; missing: those of the block SSL, else the system's. */
  readonly authorities?: string;
  /** Name that the certificate must have; missing: the name sent, else the address. */
  readonly verifyName?: string;
  /** An end without TLS's own is a failure. */
  readonly compliant: boolean;
}

/** TCP_CHECK: good when the connection is made. */
export interface TcpCheck extends CheckBase {
  readonly kind: 'tcp';
  readonly connection: Connection;
}

/** What a body must have in it, or must not. */
export interface UrlPattern {
  /** PCRE, with keepalived's names of its options. */
  readonly written: string;
  readonly options: readonly string[];
  /** A regular expression of JavaScript, with its flags. */
  readonly source: string;
  readonly flags: string;
  readonly negate: boolean;
  /** A match begins at this octet or later; default 0. */
  readonly from: number;
  /** A match begins before this octet. */
  readonly before?: number;
}

/** One page that HTTP_GET or SSL_GET asks for. */
export interface HttpUrl {
  readonly path: string;
  /** Status codes that pass, as ranges with both ends; default 200 to 299. */
  readonly statusCodes: readonly { readonly first: number; readonly last: number }[];
  /** MD5 of the body in lower-case hexadecimal. */
  readonly digest?: string;
  readonly virtualHost?: string;
  readonly pattern?: UrlPattern;
  /** Default GET. */
  readonly method: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body?: string;
  readonly at: Position;
}

/** HTTP_GET and SSL_GET: good when every url passes. */
export interface HttpCheck extends CheckBase {
  readonly kind: 'http';
  readonly connection: Connection;
  /** SSL_GET. */
  readonly tls?: CheckTls;
  /** Default 1.0; 1.0C is 1.0 with `Connection: close`. */
  readonly protocol: '1.0' | '1.0C' | '1.1' | '2';
  /** Default: the real server's, then the virtual server's. */
  readonly virtualHost?: string;
  readonly fastRecovery: boolean;
  readonly urls: readonly HttpUrl[];
}

/** GRPC_CHECK: good when the health service says SERVING. */
export interface GrpcCheck extends CheckBase {
  readonly kind: 'grpc';
  readonly connection: Connection;
  readonly tls?: CheckTls;
  /** Default empty: the server as a whole. */
  readonly service: string;
  readonly authority?: string;
}

/** SMTP_CHECK: good when banner and HELO are. */
export interface SmtpCheck extends CheckBase {
  readonly kind: 'smtp';
  readonly connection: Connection;
  /** Default: the host name. */
  readonly heloName?: string;
}

/** DNS_CHECK: good when the answer has no error, and what else is asked of it. */
export interface DnsCheck extends CheckBase {
  readonly kind: 'dns';
  readonly connection: Connection;
  /** Default SOA. */
  readonly type: 'A' | 'NS' | 'CNAME' | 'SOA' | 'MX' | 'TXT' | 'AAAA' | 'RRSIG' | 'DNSKEY';
  /** Default empty, the root. */
  readonly name: string;
  readonly answer?: string;
  /** Default 0. */
  readonly leastAnswers: number;
}

/** UDP_CHECK: good unless refused, or when the reply is the required one. */
export interface UdpCheck extends CheckBase {
  readonly kind: 'udp';
  readonly connection: Connection;
  /** Hexadecimal. */
  readonly payload?: string;
  readonly reply?: { readonly data: string; readonly minLength: number; readonly maxLength: number };
}

/** PING_CHECK: good when an echo comes back. */
export interface PingCheck extends CheckBase {
  readonly kind: 'ping';
  readonly connection: Connection;
}

/** MISC_CHECK: good when the command exits with 0. */
export interface MiscCheck extends CheckBase {
  readonly kind: 'misc';
  readonly command: Command;
  /** Default: script_user. */
  readonly user?: Account;
  /** 0 in the file: delayLoop. */
  readonly timeout: Micros;
  /** Exit codes 2..255 set the weight to the code less 2. */
  readonly dynamic: boolean;
}

/** FILE_CHECK: the number in a file, times the weight, is added to the server's weight. */
export interface FileCheck extends CheckBase {
  readonly kind: 'file';
  /** Name of the track_file. */
  readonly name: string;
  readonly path: string;
  /** 0: any number but 0 is "down". Default: the file's. */
  readonly weight: number;
  readonly reverse: boolean;
}

/** BFD_CHECK: good while the session is up. */
export interface BfdCheck extends CheckBase {
  readonly kind: 'bfd';
  readonly name: string;
}

/** What decides whether a real server is up; all of them must agree. */
export type Check =
  TcpCheck | HttpCheck | GrpcCheck | SmtpCheck | DnsCheck | UdpCheck | PingCheck | MiscCheck | FileCheck | BfdCheck;
