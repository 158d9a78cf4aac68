import type { IpAddress } from '@keepfleet/wire';
import type { HttpUrl } from '../model/virtual-server.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import {
  type Command,
  account,
  address,
  boolean,
  command,
  integer,
  interfaceName,
  oneOf,
  seconds,
  wholeNumber,
  word,
  words,
} from './readers.ts';
import { type Draft, type Table, assign, deprecated, draft, fixes, pending, readBlock, sets } from './rows.ts';

/** Timing that checkers, real servers and virtual servers may all set; the innermost counts. */
export interface TimingSettings {
  retry: number;
  delayBeforeRetry: number;
  warmup: number;
  delayLoop: number;
  connectTimeout: number;
}

/** The settings of any checker as written. */
export interface CheckSettings extends TimingSettings {
  alpha: boolean;
  logAllFailures: boolean;
  connectAddress: IpAddress;
  connectPort: number;
  bindAddress: IpAddress;
  bindPort: number;
  bindInterface: string;
  mark: number;
  virtualHost: string;
  protocol: '1.0' | '1.0C' | '1.1';
  serverNameIndication: boolean;
  urls: readonly HttpUrl[];
  command: Command;
  timeout: number;
  dynamic: boolean;
}

export type CheckDraft = Draft<CheckSettings>;

const LONGEST = 0xffff_ffff;
const MANY = 0x7fff_ffff;
const SHORTEST = 0.000001;

export function timingRows<T extends TimingSettings>(): Table<Draft<T>> {
  return {
    retry: sets<T, 'retry'>('retry', integer(0, LONGEST)),
    delay_before_retry: sets<T, 'delayBeforeRetry'>('delayBeforeRetry', seconds(SHORTEST)),
    warmup: sets<T, 'warmup'>('warmup', seconds(0)),
    delay_loop: sets<T, 'delayLoop'>('delayLoop', seconds(SHORTEST)),
    connect_timeout: sets<T, 'connectTimeout'>('connectTimeout', seconds(SHORTEST)),
  };
}

const { connect_timeout: connectTimeout, ...timing } = timingRows<CheckSettings>();

const common: Table<CheckDraft> = {
  ...timing,
  alpha: sets('alpha', boolean),
  log_all_failures: sets('logAllFailures', boolean),
};

const connection: Table<CheckDraft> = {
  ...common,
  ...(connectTimeout === undefined ? {} : { connect_timeout: connectTimeout }),
  connect_ip: sets('connectAddress', address),
  connect_port: sets('connectPort', integer(1, 65_535)),
  bindto: sets('bindAddress', address),
  bind_port: sets('bindPort', integer(1, 65_535)),
  bind_if: sets('bindInterface', interfaceName),
  fwmark: sets('mark', integer(0, LONGEST)),
};

const MIN_STATUS = 100;
const MAX_STATUS = 599;

/** `200`, `200-299`, or several of them. */
const statusCodes = syntax('100..599[-100..599] …', '200-299 304', (args: Arguments) => {
  if (args.peek() === undefined) args.missing('a status code');
  const found: { first: number; last: number }[] = [];
  for (let next = args.take(); next !== undefined; next = args.take()) {
    const [first = '', last = first, ...more] = next.text.split('-');
    if (more.length > 0 || !/^\d+$/.test(first) || !/^\d+$/.test(last)) {
      args.bad(next, `status codes of ${MIN_STATUS} to ${MAX_STATUS}`);
      continue;
    }
    const low = wholeNumber(args, { ...next, text: first }, MIN_STATUS, MAX_STATUS);
    const high = wholeNumber(args, { ...next, text: last }, MIN_STATUS, MAX_STATUS);
    if (low === undefined || high === undefined) continue;
    if (low <= high) found.push({ first: low, last: high });
    else args.bad(next, 'a range that begins with its lower end');
  }
  return found.length === 0 ? undefined : found;
});

interface UrlSettings {
  path: string;
  digest: string;
  statusCodes: readonly { first: number; last: number }[];
  virtualHost: string;
}

const offset = pending<Draft<UrlSettings>>(integer(0, MANY));

export const url: Table<Draft<UrlSettings>> = {
  path: sets('path', word('a path')),
  digest: sets(
    'digest',
    syntax('MD5', '0'.repeat(32), (args: Arguments) => {
      const found = args.need('an MD5 digest');
      if (found === undefined) return undefined;
      return /^[0-9a-f]{32}$/i.test(found.text) ? found.text.toLowerCase() : args.bad(found, '32 hexadecimal digits');
    }),
  ),
  status_code: sets('statusCodes', statusCodes),
  virtualhost: sets('virtualHost', word('a host name')),
  regex: pending(word('a regular expression')),
  regex_no_match: pending(),
  regex_options: pending(words),
  regex_min_offset: offset,
  regex_max_offset: offset,
  regex_stack: pending(
    syntax('1..2147483647 1..2147483647', '1 2', (args: Arguments) =>
      integer(1, MANY)(args) === undefined ? undefined : integer(1, MANY)(args),
    ),
  ),
  tls_compliant: pending(),
};

export const http: Table<CheckDraft> = {
  ...connection,
  virtualhost: sets('virtualHost', word('a host name')),
  http_protocol: sets('protocol', oneOf('1.0', '1.0C', '1.1')),
  enable_sni: sets('serverNameIndication', boolean),
  sni_name: pending(words),
  fast_recovery: pending(boolean),
  tls_compliant: pending(),
  nb_get_retry: deprecated(sets('retry', integer(0, LONGEST)), 'retry'),
  url: {
    block: 'required',
    implemented: true,
    contents: url,
    read(target, args, block) {
      const settings = draft<UrlSettings>(args.at);
      if (block !== undefined) readBlock(url, settings, block, args.diagnostics);
      assign(target, 'urls', [...(target.set.urls ?? []), resolveUrl(settings, args)], args.at);
    },
  },
};

export const misc: Table<CheckDraft> = {
  ...common,
  misc_path: sets('command', command),
  misc_timeout: sets('timeout', seconds(0)),
  misc_dynamic: fixes('dynamic', true),
  user: pending(account),
};

const smtp: Table<CheckDraft> = {
  ...connection,
  helo_name: pending(word('a name')),
  host: {
    block: 'optional',
    implemented: true,
    contents: connection,
    deprecated: 'its settings in SMTP_CHECK itself',
    read(target, args, block) {
      args.diagnostics.warning(
        'deprecated',
        args.at,
        '"host" is deprecated',
        'write its settings in SMTP_CHECK itself',
      );
      if (block !== undefined) readBlock(connection, target, block, args.diagnostics);
    },
  },
};

const dns: Table<CheckDraft> = {
  ...connection,
  type: pending(word('a record type')),
  name: pending(word('a domain name')),
};

const udp: Table<CheckDraft> = {
  ...connection,
  payload: pending(words),
  require_reply: pending(words),
  min_reply_length: pending(integer(0, 65_535)),
  max_reply_length: pending(integer(0, 65_535)),
};

const file: Table<CheckDraft> = {
  ...common,
  track_file: pending(word('a name')),
  weight: pending(
    syntax('-2147483647..2147483647 [reverse|noreverse]', '10 reverse', (args: Arguments) => {
      const value = integer(-MANY, MANY)(args);
      if (!args.takeIf('reverse')) args.takeIf('noreverse');
      return value;
    }),
  ),
};

const bfd: Table<CheckDraft> = { name: pending(word('a name')), alpha: sets('alpha', boolean) };

/** What a checker's keyword stands for. */
export interface CheckerKind {
  readonly kind: 'tcp' | 'http' | 'misc' | 'smtp' | 'dns' | 'udp' | 'ping' | 'file' | 'bfd';
  readonly table: Table<CheckDraft>;
  readonly tls: boolean;
  readonly implemented: boolean;
  /** Default of retry. */
  readonly retry: number;
  /** Default of delay_before_retry in seconds; undefined: delay_loop. */
  readonly delayBeforeRetry?: number;
}

/** The defaults are those that keepalived gives each kind of checker. */
export const CHECKERS: Readonly<Record<string, CheckerKind>> = {
  TCP_CHECK: { kind: 'tcp', table: connection, tls: false, implemented: true, retry: 1, delayBeforeRetry: 1 },
  HTTP_GET: { kind: 'http', table: http, tls: false, implemented: true, retry: 1, delayBeforeRetry: 3 },
  SSL_GET: { kind: 'http', table: http, tls: true, implemented: true, retry: 1, delayBeforeRetry: 3 },
  MISC_CHECK: { kind: 'misc', table: misc, tls: false, implemented: false, retry: 0 },
  SMTP_CHECK: { kind: 'smtp', table: smtp, tls: false, implemented: false, retry: 1, delayBeforeRetry: 1 },
  DNS_CHECK: { kind: 'dns', table: dns, tls: false, implemented: false, retry: 3 },
  UDP_CHECK: { kind: 'udp', table: udp, tls: false, implemented: false, retry: 1, delayBeforeRetry: 1 },
  PING_CHECK: { kind: 'ping', table: connection, tls: false, implemented: false, retry: 1, delayBeforeRetry: 1 },
  FILE_CHECK: { kind: 'file', table: file, tls: false, implemented: false, retry: 0 },
  BFD_CHECK: { kind: 'bfd', table: bfd, tls: false, implemented: false, retry: 0 },
};

const SUCCESS = [{ first: 200, last: 299 }];

function resolveUrl(settings: Draft<UrlSettings>, args: Arguments): HttpUrl {
  const { path, digest, statusCodes: codes, virtualHost } = settings.set;
  if (path === undefined) {
    args.diagnostics.warning('missing-setting', args.at, 'the url has no path, "/" is taken', 'write path /');
  }
  return {
    path: path ?? '/',
    statusCodes: codes ?? SUCCESS,
    ...(digest === undefined ? {} : { digest }),
    ...(virtualHost === undefined ? {} : { virtualHost }),
    at: args.at,
  };
}
