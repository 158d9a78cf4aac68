import type { Position } from '../diagnostics.ts';
import type { HttpUrl, UrlPattern } from '../model/check.ts';
import { type CheckDraft, connection, tls } from './check-settings.ts';
import { lostEscapes, patternText } from './command-words.ts';
import type { Arguments } from './context.ts';
import { described, syntax } from './form.ts';
import { PATTERN_OPTIONS, compiledPattern } from './pattern.ts';
import { boolean, integer, oneOf, wholeNumber, word } from './readers.ts';
import { type Draft, type Table, assign, deprecated, draft, fixes, own, pending, readBlock, sets } from './rows.ts';

const LONGEST = 0xffff_ffff;
const MANY = 0x7fff_ffff;
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
    const low = wholeNumber(args, { text: first, at: next.at }, MIN_STATUS, MAX_STATUS);
    const high = wholeNumber(args, { text: last, at: next.at }, MIN_STATUS, MAX_STATUS);
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
  regex: string;
  regexNegated: boolean;
  regexOptions: readonly string[];
  regexFrom: number;
  regexBefore: number;
  method: string;
  headers: readonly WrittenHeader[];
  body: string;
}

interface WrittenHeader {
  readonly name: string;
  readonly value: string;
  readonly at: Position;
}

/** What of it depends on the protocol, which may be named after it, with where it is said. */
export interface WrittenUrl extends HttpUrl {
  readonly written: { readonly headers: readonly WrittenHeader[]; readonly methodAt: Position };
}

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const header = syntax('"NAME: VALUE"', '"X-Check: yes"', (args: Arguments) => {
  const found = args.need('a header field');
  if (found === undefined) return undefined;
  const [, name = '', value = ''] = /^([^:]*):[ \t]*(.*)$/.exec(found.text) ?? [];
  return TOKEN.test(name) && /^[\x20-\x7e\t]*$/.test(value)
    ? { name, value, at: args.at }
    : args.bad(found, 'a field such as "X-Check: yes"');
});

const options = syntax(`${PATTERN_OPTIONS.join('|')} …`, 'caseless multiline', (args: Arguments) => {
  const found: string[] = [];
  if (args.peek() === undefined) args.missing('an option');
  for (let next = args.take(); next !== undefined; next = args.take()) {
    if (PATTERN_OPTIONS.includes(next.text)) found.push(next.text);
    else args.bad(next, PATTERN_OPTIONS.join(', '));
  }
  return found.length === 0 ? undefined : found;
});

const regularExpression = described({ kind: 'text', what: 'a regular expression' }, (args: Arguments) => {
  const found = args.need('a regular expression');
  if (found === undefined) return undefined;
  for (const escape of lostEscapes(found.text))
    args.diagnostics.warning(
      'adjusted',
      found.at,
      `${escape} is ${escape === '\\b' ? 'a backspace' : `"${escape.slice(1)}"`} here, as keepalived has it`,
      `write \\${escape} for PCRE's`,
    );
  return patternText(found.text);
});

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
  regex: sets('regex', regularExpression),
  regex_no_match: fixes('regexNegated', true),
  regex_options: sets('regexOptions', options),
  regex_min_offset: sets('regexFrom', integer(0, MANY)),
  regex_max_offset: sets('regexBefore', integer(0, MANY)),
  regex_stack: pending(
    syntax('1..2147483647 1..2147483647', '1 2', (args: Arguments) =>
      integer(1, MANY)(args) === undefined ? undefined : integer(1, MANY)(args),
    ),
  ),
  // Since 2.2.8 it stands in both blocks; the whole checker is told.
  tls_compliant: pending(),
  method: own(
    sets(
      'method',
      syntax('METHOD', 'HEAD', (args: Arguments) => {
        const found = args.need('a method');
        return found === undefined || TOKEN.test(found.text) ? found?.text : args.bad(found, 'a method such as HEAD');
      }),
    ),
  ),
  header: own({
    implemented: true,
    ...(header.form === undefined ? {} : { form: header.form }),
    read(target, args) {
      const found = header(args);
      if (found !== undefined) assign(target, 'headers', [...(target.set.headers ?? []), found], args.at);
    },
  }),
  body: own(sets('body', word('a text'))),
};

export const http: Table<CheckDraft> = {
  ...connection,
  ...tls,
  virtualhost: sets('virtualHost', word('a host name')),
  http_protocol: sets('protocol', oneOf('1.0', '1.0C', '1.1', '2')),
  fast_recovery: sets('fastRecovery', boolean),
  tls_compliant: fixes('tlsCompliant', true),
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

const SUCCESS = [{ first: 200, last: 299 }];

function resolveUrl(settings: Draft<UrlSettings>, args: Arguments): WrittenUrl {
  const { path, digest, statusCodes: codes, virtualHost, method, headers = [], body } = settings.set;
  if (path === undefined) {
    args.diagnostics.warning('missing-setting', args.at, 'the url has no path, "/" is taken', 'write path /');
  }
  const pattern = resolvePattern(settings, args);
  return {
    path: path ?? '/',
    statusCodes: codes ?? SUCCESS,
    ...(digest === undefined ? {} : { digest }),
    ...(virtualHost === undefined ? {} : { virtualHost }),
    ...(pattern === undefined ? {} : { pattern }),
    method: method ?? 'GET',
    headers: headers.map(({ name, value }) => ({ name, value })),
    ...(body === undefined ? {} : { body }),
    at: args.at,
    written: { headers, methodAt: settings.places.method ?? args.at },
  };
}

/** RFC 9113 section 8.2.2, with what Node refuses beside it. */
const OF_HTTP1 = ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'http2-settings'];

/** What cannot be asked over HTTP/2. */
export function http2Mistakes({ method, written }: WrittenUrl): readonly { at: Position; text: string }[] {
  const mistakes = written.headers.flatMap(({ name, value, at }) => {
    const field = name.toLowerCase();
    if (OF_HTTP1.includes(field)) return { at, text: `HTTP/2 has no header field ${name}` };
    return field === 'te' && value !== 'trailers'
      ? { at, text: `HTTP/2 has no other TE than "trailers", this is "${value}"` }
      : [];
  });
  return method === 'CONNECT'
    ? [...mistakes, { at: written.methodAt, text: 'CONNECT asks for a tunnel and not for a page' }]
    : mistakes;
}

function resolvePattern({ set, places, at }: Draft<UrlSettings>, args: Arguments): UrlPattern | undefined {
  const { regex, regexOptions = [], regexNegated = false, regexFrom = 0, regexBefore } = set;
  if (regex === undefined) return undefined;
  const compiled = compiledPattern(regex, regexOptions, regexFrom > 0 || regexBefore !== undefined);
  if ('reason' in compiled) {
    args.diagnostics.error('bad-value', places.regex ?? at, `the regex "${regex}" cannot be used: ${compiled.reason}`);
    return undefined;
  }
  const before = regexBefore === undefined || regexBefore <= regexFrom ? undefined : regexBefore;
  if (regexBefore !== undefined && before === undefined)
    args.diagnostics.warning(
      'ignored',
      places.regexBefore ?? at,
      'regex_max_offset is not above regex_min_offset, and both are left out',
    );
  return {
    written: regex,
    options: regexOptions,
    ...compiled,
    negate: regexNegated,
    from: regexBefore !== undefined && before === undefined ? 0 : regexFrom,
    // keepalived looks at matches that begin at the offset too.
    ...(before === undefined ? {} : { before: before + 1 }),
  };
}
