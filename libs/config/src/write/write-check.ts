import { patternLine } from '../grammar/command-words.ts';
import type { Check, CheckTls, Connection, HttpUrl, UrlPattern } from '../model/check.ts';
import type { RealServer, VirtualServer } from '../model/virtual-server.ts';
import { type Line, accountText, commandText, onOff, optional, secondsText, when, wordText } from './text.ts';

export function checkLines(check: Check, server: RealServer, service: VirtualServer): Line {
  const alpha = when(check.alpha !== server.alpha, `alpha ${onOff(check.alpha)}`);
  if (check.kind === 'bfd') return ['BFD_CHECK', [...alpha, `name ${wordText(check.name)}`]];
  const usualLoop = server.timing.delayLoop ?? service.delayLoop;
  const common = [
    ...alpha,
    ...when(check.delayLoop !== usualLoop, `delay_loop ${secondsText(check.delayLoop)}`),
    `retry ${check.retry}`,
    `delay_before_retry ${secondsText(check.delayBeforeRetry)}`,
    `warmup ${secondsText(check.warmup)}`,
    `log_all_failures ${onOff(check.logAllFailures)}`,
    ...when(check.rise !== 1, `rise ${check.rise}`),
  ];
  if (check.kind === 'misc') {
    return [
      'MISC_CHECK',
      [
        ...common,
        `misc_path ${commandText(check.command)}`,
        `misc_timeout ${secondsText(check.timeout)}`,
        ...when(check.dynamic, 'misc_dynamic'),
        ...optional('user', check.user, accountText),
      ],
    ];
  }
  if (check.kind === 'file') {
    const weight = `weight ${check.weight}${check.reverse ? ' reverse' : ''}`;
    return ['FILE_CHECK', [...common, `track_file ${wordText(check.name)}`, weight]];
  }
  const { latency } = check;
  const [keyword, own] = ownLines(check, server.virtualHost ?? service.virtualHost);
  return [
    keyword,
    [
      ...common,
      ...connectionLines(check.connection, server),
      ...(latency === undefined
        ? []
        : [`latency_weight ${latency.target / 1_000} least ${Math.round(latency.leastShare * 100)}`]),
      ...own,
    ],
  ];
}

/** The keyword, and what only this kind of checker has. */
function ownLines(
  check: Exclude<Check, { kind: 'misc' | 'file' | 'bfd' }>,
  usualHost: string | undefined,
): readonly [string, readonly Line[]] {
  switch (check.kind) {
    case 'tcp':
      return ['TCP_CHECK', []];
    case 'ping':
      return ['PING_CHECK', []];
    case 'http':
      return [
        check.tls === undefined ? 'HTTP_GET' : 'SSL_GET',
        [
          ...when(check.protocol !== '1.0', `http_protocol ${check.protocol}`),
          ...when(check.fastRecovery, 'fast_recovery'),
          ...tlsLines(check.tls),
          ...when(check.tls?.compliant === true, 'tls_compliant'),
          ...optional('virtualhost', check.virtualHost === usualHost ? undefined : check.virtualHost, wordText),
          ...check.urls.map(urlLines),
        ],
      ];
    case 'grpc':
      return [
        'GRPC_CHECK',
        [
          ...when(check.tls !== undefined, 'tls'),
          ...tlsLines(check.tls),
          ...when(check.service !== '', `service ${wordText(check.service)}`),
          ...optional('authority', check.authority, wordText),
        ],
      ];
    case 'smtp':
      return ['SMTP_CHECK', [...optional('helo_name', check.heloName, wordText)]];
    case 'dns':
      return [
        'DNS_CHECK',
        [
          `type ${check.type}`,
          `name ${check.name === '' ? '.' : wordText(check.name)}`,
          ...optional('answer', check.answer, wordText),
          ...when(check.leastAnswers > 0, `min_answers ${check.leastAnswers}`),
        ],
      ];
    case 'udp':
      return [
        'UDP_CHECK',
        [
          ...optional('payload', check.payload, (octets) => octets),
          ...(check.reply === undefined
            ? []
            : [
                `require_reply ${check.reply.data}`.trim(),
                `min_reply_length ${check.reply.minLength}`,
                `max_reply_length ${check.reply.maxLength}`,
              ]),
        ],
      ];
  }
}

function tlsLines(tls: CheckTls | undefined): readonly Line[] {
  if (tls === undefined) return [];
  return [
    ...optional('sni_name', tls.serverName, wordText),
    ...when(tls.verify, 'tls_verify'),
    ...optional('tls_ca', tls.authorities, wordText),
    ...optional('tls_name', tls.verifyName, wordText),
  ];
}

function connectionLines(connection: Connection, server: RealServer): readonly Line[] {
  return [
    ...when(connection.address !== server.address, `connect_ip ${connection.address}`),
    ...when(connection.port !== server.port, `connect_port ${connection.port}`),
    ...optional('bindto', connection.bindAddress, (address) => address),
    ...optional('bind_port', connection.bindPort, String),
    ...optional('bind_if', connection.bindInterface, wordText),
    `connect_timeout ${secondsText(connection.timeout)}`,
    ...optional('fwmark', connection.mark, String),
  ];
}

function urlLines({ path, statusCodes, digest, virtualHost, pattern, method, headers, body }: HttpUrl): Line {
  const codes = statusCodes.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
  return [
    'url',
    [
      `path ${wordText(path)}`,
      `status_code ${codes.join(' ')}`,
      ...optional('digest', digest, (text) => text),
      ...optional('virtualhost', virtualHost, wordText),
      ...(pattern === undefined ? [] : patternLines(pattern)),
      ...when(method !== 'GET', `method ${wordText(method)}`),
      ...headers.map(({ name, value }) => `header ${wordText(`${name}: ${value}`)}`),
      ...optional('body', body, wordText),
    ],
  ];
}

function patternLines({ written, options, negate, from, before }: UrlPattern): readonly Line[] {
  return [
    `regex "${patternLine(written)}"`,
    ...when(options.length > 0, `regex_options ${options.join(' ')}`),
    ...when(negate, 'regex_no_match'),
    ...when(from > 0, `regex_min_offset ${from}`),
    ...optional('regex_max_offset', before, (offset) => String(offset - 1)),
  ];
}
