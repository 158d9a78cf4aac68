import { type CheckDraft, common, connection, tls } from './check-settings.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { http } from './http-check.ts';
import { account, boolean, command, integer, oneOf, seconds, word, words } from './readers.ts';
import { type Table, fixes, own, readBlock, sets, setsOnce } from './rows.ts';

export type { CheckDraft, CheckSettings, TimingSettings } from './check-settings.ts';
export { timingRows } from './check-settings.ts';

const MANY = 0x7fff_ffff;

export const misc: Table<CheckDraft> = {
  ...common,
  misc_path: sets('command', command),
  misc_timeout: sets('timeout', seconds(0)),
  misc_dynamic: fixes('dynamic', true),
  user: sets('user', account),
};

const smtp: Table<CheckDraft> = {
  ...connection,
  helo_name: sets('heloName', word('a name')),
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

const MAX_DNS_NAME = 253;

const dns: Table<CheckDraft> = {
  ...connection,
  type: sets('recordType', oneOf('A', 'NS', 'CNAME', 'SOA', 'MX', 'TXT', 'AAAA', 'RRSIG', 'DNSKEY')),
  name: setsOnce(
    'recordName',
    syntax('DOMAIN', 'www.example.org', (args: Arguments) => {
      const found = args.need('a domain name');
      if (found === undefined) return undefined;
      const name = found.text.replace(/\.$/, '');
      const fits =
        name === '' ||
        (name.length <= MAX_DNS_NAME && /^[\x21-\x2d\x2f-\x7e]{1,63}(\.[\x21-\x2d\x2f-\x7e]{1,63})*$/.test(name));
      return fits ? name : args.bad(found, 'a domain name');
    }),
  ),
  answer: own(sets('answer', word('data'))),
  min_answers: own(sets('leastAnswers', integer(1, 65_535))),
};

/** Hexadecimal octets, with or without blanks between them; with `wildcards` a digit may be X. */
function octets(wildcards: boolean) {
  return (args: Arguments): string | undefined => {
    const first = args.peek();
    const text = words(args).join('').replace(/^0x/i, '');
    const fits = wildcards ? /^(?:[0-9a-fx]{2})*$/i : /^(?:[0-9a-f]{2})+$/i;
    if (first === undefined) return wildcards ? '' : (args.missing('hexadecimal octets'), undefined);
    return fits.test(text) ? text.toLowerCase() : args.bad(first, 'pairs of hexadecimal digits');
  };
}

const udp: Table<CheckDraft> = {
  ...connection,
  payload: sets('payload', syntax('HEX …', '48 65 6c 6c 6f', octets(false))),
  require_reply: sets('reply', syntax('[HEX …]', '48 6X', octets(true))),
  min_reply_length: sets('leastReply', integer(0, 65_535)),
  max_reply_length: sets('greatestReply', integer(0, 65_535)),
};

const grpc: Table<CheckDraft> = {
  ...connection,
  ...tls,
  service: sets('service', word('a name')),
  authority: sets('authority', word('a host name')),
  tls: sets('tls', boolean),
};

const file: Table<CheckDraft> = {
  ...common,
  track_file: sets('trackFile', word('a name')),
  weight: sets(
    'weight',
    syntax('-2147483647..2147483647 [reverse|noreverse]', '10 reverse', (args: Arguments) => {
      const weight = integer(-MANY, MANY)(args);
      const reverse = args.takeIf('reverse');
      if (!reverse) args.takeIf('noreverse');
      return weight === undefined ? undefined : { weight, reverse };
    }),
  ),
};

const bfd: Table<CheckDraft> = { name: sets('name', word('a name')), alpha: sets('alpha', boolean) };

/** What a checker's keyword stands for. */
export interface CheckerKind {
  readonly kind: 'tcp' | 'http' | 'grpc' | 'misc' | 'smtp' | 'dns' | 'udp' | 'ping' | 'file' | 'bfd';
  readonly table: Table<CheckDraft>;
  readonly tls: boolean;
  /** No keyword of keepalived. */
  readonly own?: true;
  /** Default of retry. */
  readonly retry: number;
  /** Default of delay_before_retry in seconds; undefined: delay_loop. */
  readonly delayBeforeRetry?: number;
}

/** The defaults are those that keepalived gives each kind of checker. */
export const CHECKERS: Readonly<Record<string, CheckerKind>> = {
  TCP_CHECK: { kind: 'tcp', table: connection, tls: false, retry: 1, delayBeforeRetry: 1 },
  HTTP_GET: { kind: 'http', table: http, tls: false, retry: 1, delayBeforeRetry: 3 },
  SSL_GET: { kind: 'http', table: http, tls: true, retry: 1, delayBeforeRetry: 3 },
  GRPC_CHECK: { kind: 'grpc', table: grpc, tls: false, own: true, retry: 1, delayBeforeRetry: 1 },
  MISC_CHECK: { kind: 'misc', table: misc, tls: false, retry: 0 },
  SMTP_CHECK: { kind: 'smtp', table: smtp, tls: false, retry: 1, delayBeforeRetry: 1 },
  DNS_CHECK: { kind: 'dns', table: dns, tls: false, retry: 3 },
  UDP_CHECK: { kind: 'udp', table: udp, tls: false, retry: 1, delayBeforeRetry: 1 },
  PING_CHECK: { kind: 'ping', table: connection, tls: false, retry: 1, delayBeforeRetry: 1 },
  FILE_CHECK: { kind: 'file', table: file, tls: false, retry: 0 },
  BFD_CHECK: { kind: 'bfd', table: bfd, tls: false, retry: 0 },
};
