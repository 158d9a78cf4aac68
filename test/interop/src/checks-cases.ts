import {
  FAR,
  FWMARK,
  type Case,
  LYING_ECHO,
  NOBODY,
  NOBODY6,
  SERVER,
  SERVER6,
  SLOW_ECHO,
  UNREACHABLE,
  ports,
  sequences,
} from './checks-plan.ts';

const schedule = 'delay_loop 1\n retry 1\n delay_before_retry 1\n warmup 0\n connect_timeout 2';
const misc = 'delay_loop 2\n retry 0\n warmup 0\n misc_timeout 5';
const at = (port: number) => `connect_ip ${SERVER}\n connect_port ${port}\n ${schedule}`;
/** Where one answer too late would be one answer too many. */
const patient = 'connect_timeout 30';
const url = (path: string, more = '') => `url {\n path ${path}\n ${more}\n }`;
const http = (port: number, ...lines: readonly string[]) => `HTTP_GET {\n ${at(port)}\n ${lines.join('\n')}\n }`;
/** The first handshake of a program takes long in a guest on a busy machine. */
const ssl = (port: number, ...lines: readonly string[]) =>
  `SSL_GET {\n ${at(port)}\n connect_timeout 6\n ${lines.join('\n')}\n }`;
const dns = (port: number, more = '') => `DNS_CHECK {\n ${at(port)}\n type A\n name www.example\n ${more}\n }`;
/** MD5 of the page. */
const HELLO = 'b1946ac92492d2347c6235b4d2611184';

export function cases(directory: string): readonly Case[] {
  const authority = `tls_ca ${directory}/certificate`;
  return [
    { name: 'tcp', cell: ['TCP_CHECK', 'healthy'], checker: `TCP_CHECK {\n ${at(ports.http)}\n }`, expected: 5 },
    { name: 'tcp-begins-up', silent: true, checker: `TCP_CHECK {\n ${at(ports.http)}\n }`, expected: 5 },
    {
      name: 'tcp-refused',
      cell: ['TCP_CHECK', 'resetting'],
      checker: `TCP_CHECK {\n ${at(ports.closed)}\n }`,
      expected: 'out',
    },
    {
      name: 'tcp-nobody',
      checker: `TCP_CHECK {\n ${at(80)}\n connect_ip ${NOBODY}\n }`,
      expected: 'out',
    },
    { name: 'http', cell: ['HTTP_GET', 'healthy'], checker: http(ports.http, url('/')), expected: 5 },
    { name: 'http-1.1', checker: http(ports.http, 'http_protocol 1.1', url('/')), expected: 5 },
    { name: 'http-digest', checker: http(ports.http, url('/', `digest ${HELLO}`)), expected: 5 },
    { name: 'http-digest-wrong', checker: http(ports.http, url('/', `digest ${'0'.repeat(32)}`)), expected: 'out' },
    { name: 'http-503', checker: http(ports.http, url('/sick')), expected: 'out' },
    { name: 'http-503-wanted', checker: http(ports.http, url('/sick', 'status_code 500-599')), expected: 5 },
    { name: 'http-302', checker: http(ports.http, url('/moved')), expected: 'out' },
    { name: 'http-regex', checker: http(ports.http, url('/', 'regex "hel+o"')), expected: 5 },
    { name: 'http-regex-missing', checker: http(ports.http, url('/', 'regex "bye"')), expected: 'out' },
    ...['\\x{68}el\\x{6c}o', '[[:lower:]_]+o', '\\Qhello\\E', 'h\\Kello', 'hel\\Nlo|\\p{Ll}o\\R'].map((regex, i) => ({
      name: `http-regex-pcre-${i + 1}`,
      checker: http(ports.http, url('/', `regex "${regex.replaceAll('\\', '\\\\')}"`)),
      expected: 5,
    })),
    { name: 'http-regex-anchored', checker: http(ports.http, url('/', 'regex "^hello$"')), theirs: 'out', expected: 5 },
    { name: 'http-regex-no-match', checker: http(ports.http, url('/', 'regex "bye"\n regex_no_match')), expected: 5 },
    {
      name: 'http-host',
      checker: http(ports.http, 'virtualhost v.example', url('/host', 'regex "v.example"')),
      expected: 5,
    },
    { name: 'http-slow', cell: ['HTTP_GET', 'slow'], checker: http(ports.slow, url('/')), expected: 5 },
    { name: 'http-hung', cell: ['HTTP_GET', 'hung'], checker: http(ports.hung, url('/')), expected: 'out' },
    { name: 'http-half', hostOnly: true, checker: http(ports.half, url('/')), expected: 'out' },
    { name: 'http-short', checker: http(ports.short, url('/')), theirs: 5, expected: 'out' },
    { name: 'http-interim', checker: http(ports.interim, url('/')), expected: 'out' },
    { name: 'http-mute', checker: http(ports.mute, url('/')), expected: 'out' },
    { name: 'http-reset', cell: ['HTTP_GET', 'resetting'], checker: http(ports.reset, url('/')), expected: 'out' },
    { name: 'http-lying', cell: ['HTTP_GET', 'lying'], checker: http(ports.lying, url('/')), expected: 'out' },
    { name: 'http-bodyless', checker: http(ports.bodyless, url('/')), expected: 5 },
    { name: 'ssl', cell: ['SSL_GET', 'healthy'], checker: ssl(ports.https, url('/', `digest ${HELLO}`)), expected: 5 },
    ...['enable_sni', ''].map((line) => ({
      name: `ssl-${line === '' ? 'without' : 'by'}-name`,
      hostOnly: true as const,
      checker: ssl(ports.https, 'virtualhost v.example', line, url('/name', 'regex "v.example"')),
      expected: line === '' ? ('out' as const) : 5,
    })),
    { name: 'ssl-none', checker: ssl(ports.http, url('/')), expected: 'out' },
    { name: 'ssl-half-handshake', hostOnly: true, checker: ssl(ports.halfTls, url('/')), expected: 'out' },
    { name: 'ssl-mute', checker: ssl(ports.mute, url('/')), expected: 'out' },
    {
      name: 'smtp',
      cell: ['SMTP_CHECK', 'healthy'],
      checker: `SMTP_CHECK {\n ${at(ports.smtp)}\n helo_name l1.example\n }`,
      expected: 5,
    },
    { name: 'smtp-busy', checker: `SMTP_CHECK {\n ${at(ports.busySmtp)}\n }`, expected: 'out' },
    { name: 'smtp-half', hostOnly: true, checker: `SMTP_CHECK {\n ${at(ports.halfSmtp)}\n }`, expected: 'out' },
    {
      name: 'smtp-mute-at-quit',
      hostOnly: true,
      checker: `SMTP_CHECK {\n ${at(ports.mutedSmtp)}\n }`,
      expected: 'out',
    },
    {
      name: 'smtp-hung',
      cell: ['SMTP_CHECK', 'hung'],
      checker: `SMTP_CHECK {\n ${at(ports.hungSmtp)}\n }`,
      expected: 'out',
    },
    {
      name: 'dns',
      cell: ['DNS_CHECK', 'healthy'],
      checker: `DNS_CHECK {\n ${at(ports.dns)}\n type A\n name www.example\n }`,
      expected: 5,
    },
    {
      name: 'dns-nowhere',
      checker: `DNS_CHECK {\n ${at(ports.dns)}\n type A\n name nowhere.example\n }`,
      expected: 'out',
    },
    {
      name: 'dns-refused',
      checker: `DNS_CHECK {\n ${at(ports.dns)}\n type A\n name other.example\n }`,
      expected: 'out',
    },
    {
      name: 'dns-silent',
      cell: ['DNS_CHECK', 'hung'],
      checker: `DNS_CHECK {\n ${at(ports.silent)}\n type A\n name www.example\n }`,
      expected: 'out',
    },
    { name: 'dns-cut', checker: dns(ports.cutDns), theirs: 5, expected: 'out' },
    {
      name: 'udp',
      cell: ['UDP_CHECK', 'healthy'],
      checker: `UDP_CHECK {\n ${at(ports.echo)}\n payload 48656c6c6f\n require_reply 4865XX\n }`,
      expected: 5,
    },
    {
      name: 'udp-wrong',
      cell: ['UDP_CHECK', 'lying'],
      checker: `UDP_CHECK {\n ${at(ports.echo)}\n payload 48656c6c6f\n require_reply 4800\n }`,
      expected: 'out',
    },
    { name: 'udp-silent', checker: `UDP_CHECK {\n ${at(ports.silent)}\n }`, expected: 5 },
    {
      name: 'udp-silent-required',
      cell: ['UDP_CHECK', 'hung'],
      checker: `UDP_CHECK {\n ${at(ports.silent)}\n require_reply\n }`,
      expected: 'out',
    },
    {
      name: 'udp-refused',
      cell: ['UDP_CHECK', 'resetting'],
      checker: `UDP_CHECK {\n ${at(ports.closed)}\n }`,
      expected: 'out',
    },
    {
      name: 'ping',
      cell: ['PING_CHECK', 'healthy'],
      checker: `PING_CHECK {\n connect_ip ${SERVER}\n ${schedule}\n }`,
      expected: 5,
    },
    {
      name: 'ping-nobody',
      cell: ['PING_CHECK', 'hung'],
      checker: `PING_CHECK {\n connect_ip ${NOBODY}\n ${schedule}\n }`,
      expected: 'out',
    },
    {
      name: 'ping-slow',
      cell: ['PING_CHECK', 'slow'],
      checker: `PING_CHECK {\n connect_ip ${SLOW_ECHO}\n ${schedule}\n }`,
      expected: 5,
    },
    {
      name: 'ping-unreachable',
      cell: ['PING_CHECK', 'resetting'],
      checker: `PING_CHECK {\n connect_ip ${UNREACHABLE}\n ${schedule}\n }`,
      expected: 'out',
    },
    {
      name: 'ping-lying',
      cell: ['PING_CHECK', 'lying'],
      checker: `PING_CHECK {\n connect_ip ${LYING_ECHO}\n ${schedule}\n }`,
      theirs: 5,
      expected: 'out',
    },
    {
      name: 'misc',
      cell: ['MISC_CHECK', 'healthy'],
      checker: `MISC_CHECK {\n ${misc}\n misc_path /bin/true\n }`,
      expected: 5,
    },
    {
      name: 'misc-fails',
      cell: ['MISC_CHECK', 'lying'],
      checker: `MISC_CHECK {\n ${misc}\n misc_path /bin/false\n }`,
      expected: 'out',
    },
    {
      name: 'misc-dynamic',
      checker: `MISC_CHECK {\n ${misc}\n misc_path "/bin/sh -c 'exit 9'"\n misc_dynamic\n }`,
      expected: 7,
    },
    {
      name: 'misc-endless',
      cell: ['MISC_CHECK', 'hung'],
      checker: `MISC_CHECK {\n delay_loop 2\n retry 0\n warmup 0\n misc_timeout 1\n misc_path "/bin/sleep 99"\n }`,
      expected: 'out',
    },
    {
      name: 'file',
      silent: true,
      checker: 'FILE_CHECK {\n track_file three\n weight 2\n }',
      expected: 11,
    },
    {
      name: 'file-down',
      silent: true,
      later: 'UP',
      checker: 'FILE_CHECK {\n track_file three-unweighted\n }',
      expected: 'out',
    },
    {
      name: 'tcp-dropped',
      cell: ['TCP_CHECK', 'hung'],
      hostOnly: true,
      checker: `TCP_CHECK {\n ${at(ports.dropped)}\n }`,
      expected: 'out',
    },
    {
      name: 'tcp-slow',
      cell: ['TCP_CHECK', 'slow'],
      hostOnly: true,
      checker: `TCP_CHECK {\n ${at(ports.slowTcp)}\n }`,
      expected: 5,
    },
    { name: 'ssl-slow', cell: ['SSL_GET', 'slow'], checker: ssl(ports.slowTls, url('/')), expected: 5 },
    { name: 'ssl-hung', cell: ['SSL_GET', 'hung'], checker: ssl(ports.hungTls, url('/')), expected: 'out' },
    { name: 'ssl-reset', cell: ['SSL_GET', 'resetting'], checker: ssl(ports.resetTls, url('/')), expected: 'out' },
    { name: 'ssl-lying', cell: ['SSL_GET', 'lying'], checker: ssl(ports.lyingTls, url('/')), expected: 'out' },
    { name: 'ssl-any', cell: ['SSL_GET', 'bad certificate'], checker: ssl(ports.expired, url('/')), expected: 5 },
    {
      name: 'smtp-slow',
      cell: ['SMTP_CHECK', 'slow'],
      checker: `SMTP_CHECK {\n ${at(ports.slowSmtp)}\n }`,
      expected: 5,
    },
    {
      name: 'smtp-reset',
      cell: ['SMTP_CHECK', 'resetting'],
      checker: `SMTP_CHECK {\n ${at(ports.resetSmtp)}\n }`,
      expected: 'out',
    },
    {
      name: 'smtp-lying',
      cell: ['SMTP_CHECK', 'lying'],
      checker: `SMTP_CHECK {\n ${at(ports.lyingSmtp)}\n }`,
      expected: 'out',
    },
    { name: 'dns-slow', cell: ['DNS_CHECK', 'slow'], checker: dns(ports.slowDns), expected: 5 },
    { name: 'dns-closed', cell: ['DNS_CHECK', 'resetting'], checker: dns(ports.closed), expected: 'out' },
    // keepalived waits for ever when it is held up beyond its time limit and finds what is no answer; guests are.
    { name: 'dns-lying', hostOnly: true, cell: ['DNS_CHECK', 'lying'], checker: dns(ports.echo), expected: 'out' },
    {
      name: 'udp-slow',
      cell: ['UDP_CHECK', 'slow'],
      checker: `UDP_CHECK {\n ${at(ports.slowEcho)}\n payload 48656c6c6f\n require_reply 4865XX\n }`,
      expected: 5,
    },
    {
      name: 'misc-slow',
      cell: ['MISC_CHECK', 'slow'],
      checker: `MISC_CHECK {\n ${misc}\n misc_path "/bin/sleep 1"\n }`,
      expected: 5,
    },
    {
      name: 'misc-killed',
      cell: ['MISC_CHECK', 'resetting'],
      checker: `MISC_CHECK {\n ${misc}\n misc_path "/bin/sh -c 'kill -9 $$'"\n }`,
      expected: 'out',
    },
    {
      name: 'bfd',
      later: 'DOWN',
      cell: ['BFD_CHECK', 'healthy'],
      checker: 'BFD_CHECK {\n name neighbour\n }',
      expected: 5,
    },
    { name: 'bfd-nobody', cell: ['BFD_CHECK', 'hung'], checker: 'BFD_CHECK {\n name stranger\n }', expected: 'out' },
    // Each answers in an order of its own, so that how often it was asked shows in what is told.
    {
      name: 'retry-forgiven',
      checker: http(sequences.forgiven.port, patient, 'retry 2', url('/')),
      told: ['UP'],
      expected: 5,
    },
    {
      name: 'retry-spent',
      checker: http(sequences.spent.port, patient, 'retry 2', url('/')),
      told: ['UP', 'DOWN', 'UP'],
      expected: 5,
    },
    {
      name: 'ha-suspend',
      suspended: true,
      later: 'UP',
      checker: http(ports.suspended, url('/')),
      expected: 5,
    },
    ...everywhere(),
    ...overIpv6(),
    // What keepalived does not have.
    {
      name: 'grpc',
      cell: ['GRPC_CHECK', 'healthy'],
      own: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n }`,
      expected: 5,
    },
    {
      name: 'grpc-sick',
      cell: ['GRPC_CHECK', 'lying'],
      own: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n service sick\n }`,
      expected: 'out',
    },
    { name: 'grpc-unknown', own: true, checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n service x\n }`, expected: 'out' },
    { name: 'grpc-none', own: true, checker: `GRPC_CHECK {\n ${at(ports.http)}\n }`, expected: 'out' },
    {
      name: 'http2',
      cell: ['HTTP_GET of HTTP/2', 'healthy'],
      own: true,
      checker: http(ports.http2, 'http_protocol 2', url('/', `digest ${HELLO}`)),
      expected: 5,
    },
    {
      name: 'ssl-verified',
      cell: ['SSL_GET with tls_verify', 'healthy'],
      own: true,
      checker: ssl(ports.https, 'tls_verify', authority, 'tls_name www.example', url('/')),
      expected: 5,
    },
    ...verified('slow', ports.slowTls, authority, 5),
    ...verified('hung', ports.hungTls, authority, 'out'),
    ...verified('resetting', ports.resetTls, authority, 'out'),
    ...verified('lying', ports.lyingTls, authority, 'out'),
    {
      name: 'ssl-other-name',
      own: true,
      checker: ssl(ports.https, 'tls_verify', authority, 'tls_name other.example', url('/')),
      expected: 'out',
    },
    { name: 'ssl-unknown', own: true, checker: ssl(ports.https, 'tls_verify', url('/')), expected: 'out' },
    {
      name: 'dns-answer',
      own: true,
      checker: `DNS_CHECK {\n ${at(ports.dns)}\n type A\n name www.example\n answer 192.0.2.7\n }`,
      expected: 5,
    },
    {
      name: 'dns-other-answer',
      own: true,
      checker: `DNS_CHECK {\n ${at(ports.dns)}\n type A\n name www.example\n answer 192.0.2.8\n }`,
      expected: 'out',
    },
    {
      name: 'http-post',
      own: true,
      checker: http(ports.http, url('/post', 'method POST\n header "X-Word: w"\n body hello')),
      expected: 5,
    },
    {
      name: 'http-post-without-body',
      own: true,
      checker: http(ports.http, url('/post', 'method POST\n header "X-Word: w"')),
      expected: 'out',
    },
    {
      name: 'grpc-slow',
      cell: ['GRPC_CHECK', 'slow'],
      own: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n service slow\n }`,
      expected: 5,
    },
    {
      name: 'grpc-hung',
      cell: ['GRPC_CHECK', 'hung'],
      own: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n service hung\n }`,
      expected: 'out',
    },
    {
      name: 'grpc-reset',
      cell: ['GRPC_CHECK', 'resetting'],
      own: true,
      checker: `GRPC_CHECK {\n ${at(ports.reset)}\n }`,
      expected: 'out',
    },
    {
      name: 'grpc-expired',
      cell: ['GRPC_CHECK', 'bad certificate'],
      own: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpcExpired)}\n connect_timeout 6\n tls\n tls_verify\n tls_ca ${directory}/expired\n tls_name www.example\n }`,
      expected: 'out',
    },
    // The same two servers, with another certificate and without looking at it.
    {
      name: 'grpc-verified',
      own: true,
      hostOnly: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpcTls)}\n connect_timeout 6\n tls\n tls_verify\n ${authority}\n tls_name www.example\n }`,
      expected: 5,
    },
    {
      name: 'grpc-any',
      own: true,
      hostOnly: true,
      checker: `GRPC_CHECK {\n ${at(ports.grpcExpired)}\n connect_timeout 6\n tls\n }`,
      expected: 5,
    },
    {
      name: 'http2-verified',
      own: true,
      hostOnly: true,
      checker: ssl(ports.https, 'http_protocol 2', 'tls_verify', authority, 'tls_name www.example', url('/')),
      expected: 5,
    },
    {
      name: 'http2-any',
      own: true,
      hostOnly: true,
      checker: ssl(ports.expired, 'http_protocol 2', url('/')),
      expected: 5,
    },
    {
      name: 'http2-expired',
      cell: ['HTTP_GET of HTTP/2', 'bad certificate'],
      own: true,
      hostOnly: true,
      checker: ssl(
        ports.expired,
        'http_protocol 2',
        'tls_verify',
        `tls_ca ${directory}/expired`,
        'tls_name www.example',
        url('/'),
      ),
      expected: 'out',
    },
    {
      name: 'http2-hung',
      cell: ['HTTP_GET of HTTP/2', 'hung'],
      own: true,
      checker: http(ports.badHttp2, 'http_protocol 2', url('/')),
      expected: 'out',
    },
    {
      name: 'http2-slow',
      cell: ['HTTP_GET of HTTP/2', 'slow'],
      own: true,
      checker: http(ports.badHttp2, 'http_protocol 2', url('/slow')),
      expected: 5,
    },
    {
      name: 'http2-reset',
      cell: ['HTTP_GET of HTTP/2', 'resetting'],
      own: true,
      checker: http(ports.badHttp2, 'http_protocol 2', url('/reset')),
      expected: 'out',
    },
    {
      name: 'http2-cancelled',
      own: true,
      checker: http(ports.cutHttp2, 'http_protocol 2', url('/')),
      expected: 'out',
    },
    {
      name: 'http2-cut',
      own: true,
      checker: http(ports.badHttp2, 'http_protocol 2', url('/cut')),
      expected: 'out',
    },
    {
      name: 'http2-lying',
      cell: ['HTTP_GET of HTTP/2', 'lying'],
      own: true,
      checker: http(ports.lying, 'http_protocol 2', url('/')),
      expected: 'out',
    },
    {
      name: 'ssl-expired',
      cell: ['SSL_GET with tls_verify', 'bad certificate'],
      own: true,
      checker: ssl(ports.expired, 'tls_verify', `tls_ca ${directory}/expired`, 'tls_name www.example', url('/')),
      expected: 'out',
    },
    {
      name: 'rise',
      own: true,
      checker: http(sequences.rising.port, patient, 'retry 0', 'rise 3', url('/')),
      told: ['DOWN', 'UP'],
      expected: 5,
    },
    // Of equal checks one is made: were there two, one of them would get the bad answer.
    ...['shared', 'shared-too'].map((name) => ({
      name,
      own: true as const,
      checker: http(sequences.once.port, patient, 'delay_loop 600', 'retry 0', url('/')),
      told: ['UP' as const],
      expected: 5,
    })),
    { name: 'latency', own: true, checker: http(ports.slow, 'latency_weight 100 least 20', url('/')), expected: 1 },
  ];
}

/** A certificate that is looked at says nothing of what its server does. */
function verified(
  condition: 'slow' | 'hung' | 'resetting' | 'lying',
  port: number,
  authority: string,
  expected: Case['expected'],
): readonly Case[] {
  return [
    {
      name: `ssl-verified-${condition}`,
      cell: ['SSL_GET with tls_verify', condition],
      own: true,
      hostOnly: true,
      checker: ssl(port, 'tls_verify', authority, 'tls_name www.example', url('/')),
      expected,
    },
  ];
}

function overIpv6(): readonly Case[] {
  const checkers: Readonly<Record<string, (port?: number) => string>> = {
    tcp: (port = ports.http) => `TCP_CHECK {\n ${at(port)}\n connect_ip ${SERVER6}\n }`,
    http: (port = ports.http) => http(port, `connect_ip ${SERVER6}`, url('/')),
    ssl: (port = ports.https) => ssl(port, `connect_ip ${SERVER6}`, url('/')),
    smtp: (port = ports.smtp) => `SMTP_CHECK {\n ${at(port)}\n connect_ip ${SERVER6}\n }`,
    dns: (port = ports.dns) => dns(port, `connect_ip ${SERVER6}`),
    udp: (port = ports.echo) =>
      `UDP_CHECK {\n ${at(port)}\n payload 48656c6c6f\n require_reply 4865XX\n connect_ip ${SERVER6}\n }`,
    ping: (port) => `PING_CHECK {\n connect_ip ${port === undefined ? SERVER6 : NOBODY6}\n ${schedule}\n }`,
    grpc: (port = ports.grpc) => `GRPC_CHECK {\n ${at(port)}\n connect_ip ${SERVER6}\n }`,
  };
  return Object.entries(checkers).flatMap(([checker, make]) => {
    const host = { hostOnly: true as const, ...(checker === 'grpc' ? { own: true as const } : {}) };
    return [
      { name: `${checker}-over-ipv6`, checker: make(), ...host, expected: 5 as const },
      { name: `${checker}-over-ipv6-nobody`, checker: make(ports.closed), ...host, expected: 'out' as const },
    ];
  });
}

/** By an address, an interface and a mark to the server that is not found without. */
function everywhere(): readonly Case[] {
  const checkers: Readonly<Record<string, (more: string) => string>> = {
    tcp: (more) => `TCP_CHECK {\n ${at(ports.http)}\n ${more}\n }`,
    http: (more) => http(ports.http, more, url('/')),
    ssl: (more) => ssl(ports.https, more, url('/')),
    smtp: (more) => `SMTP_CHECK {\n ${at(ports.smtp)}\n ${more}\n }`,
    dns: (more) => dns(ports.dns, more),
    udp: (more) => `UDP_CHECK {\n ${at(ports.echo)}\n payload 48656c6c6f\n require_reply 4865XX\n ${more}\n }`,
    ping: (more) => `PING_CHECK {\n ${schedule}\n ${more}\n }`,
    grpc: (more) => `GRPC_CHECK {\n ${at(ports.grpc)}\n ${more}\n }`,
  };
  const ways = { nothing: '', bindto: 'bindto SECOND', bind_if: 'bind_if eth0', fwmark: `fwmark ${FWMARK}` };
  return Object.entries(checkers).flatMap(([checker, make]) =>
    Object.entries(ways).map(([way, line]) => ({
      name: `${checker}-by-${way}`,
      checker: make(`connect_ip ${FAR}\n ${line}`),
      hostOnly: true as const,
      ...(checker === 'ping' || `${checker} ${way}` === 'udp bind_if' ? { theirs: 'out' as const } : {}),
      ...(checker === 'grpc' ? { own: true as const } : {}),
      expected: way === 'nothing' ? ('out' as const) : 5,
    })),
  );
}
