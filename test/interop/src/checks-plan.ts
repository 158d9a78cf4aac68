/** Where the servers listen that are checked; all on one address, in a namespace of their own. */
export const ports = {
  http: 8080,
  https: 8443,
  http2: 8082,
  slow: 8101,
  hung: 8102,
  mute: 8103,
  reset: 8104,
  lying: 8105,
  bodyless: 8106,
  closed: 8199,
  smtp: 2525,
  busySmtp: 2526,
  hungSmtp: 2527,
  dns: 5353,
  silent: 7001,
  echo: 7007,
  grpc: 50051,
} as const;

export const SERVER = '192.168.77.10';
/** Nobody has it. */
export const NOBODY = '192.168.77.99';
export const VIP = '198.51.100.15';

/** One virtual server with one real server and one checker. */
export interface Case {
  readonly name: string;
  readonly checker: string;
  /** In the pool at the end, with this weight, or not. */
  readonly expected: number | 'out';
  /** keepalived does not know it. */
  readonly own?: true;
  /** Lines of the real server. */
  readonly more?: string;
}

const schedule = 'delay_loop 1\n retry 1\n delay_before_retry 1\n warmup 0\n connect_timeout 2';
const misc = 'delay_loop 2\n retry 0\n warmup 0\n misc_timeout 5';
const at = (port: number) => `connect_ip ${SERVER}\n connect_port ${port}\n ${schedule}`;
const url = (path: string, more = '') => `url {\n path ${path}\n ${more}\n }`;
const http = (port: number, ...lines: readonly string[]) => `HTTP_GET {\n ${at(port)}\n ${lines.join('\n')}\n }`;
/** The first handshake of a program takes long in a guest on a busy machine. */
const ssl = (port: number, ...lines: readonly string[]) =>
  `SSL_GET {\n ${at(port)}\n connect_timeout 6\n ${lines.join('\n')}\n }`;
/** MD5 of the page. */
const HELLO = 'b1946ac92492d2347c6235b4d2611184';

export function cases(directory: string): readonly Case[] {
  const authority = `tls_ca ${directory}/certificate`;
  return [
    { name: 'tcp', checker: `TCP_CHECK {\n ${at(ports.http)}\n }`, expected: 5 },
    { name: 'tcp-refused', checker: `TCP_CHECK {\n ${at(ports.closed)}\n }`, expected: 'out' },
    {
      name: 'tcp-nobody',
      checker: `TCP_CHECK {\n ${at(80)}\n connect_ip ${NOBODY}\n }`,
      expected: 'out',
    },
    { name: 'http', checker: http(ports.http, url('/')), expected: 5 },
    { name: 'http-1.1', checker: http(ports.http, 'http_protocol 1.1', url('/')), expected: 5 },
    { name: 'http-digest', checker: http(ports.http, url('/', `digest ${HELLO}`)), expected: 5 },
    { name: 'http-digest-wrong', checker: http(ports.http, url('/', `digest ${'0'.repeat(32)}`)), expected: 'out' },
    { name: 'http-503', checker: http(ports.http, url('/sick')), expected: 'out' },
    { name: 'http-503-wanted', checker: http(ports.http, url('/sick', 'status_code 500-599')), expected: 5 },
    { name: 'http-302', checker: http(ports.http, url('/moved')), expected: 'out' },
    { name: 'http-regex', checker: http(ports.http, url('/', 'regex "hel+o"')), expected: 5 },
    { name: 'http-regex-missing', checker: http(ports.http, url('/', 'regex "bye"')), expected: 'out' },
    { name: 'http-regex-no-match', checker: http(ports.http, url('/', 'regex "bye"\n regex_no_match')), expected: 5 },
    {
      name: 'http-host',
      checker: http(ports.http, 'virtualhost v.example', url('/host', 'regex "v.example"')),
      expected: 5,
    },
    { name: 'http-slow', checker: http(ports.slow, url('/')), expected: 5 },
    { name: 'http-hung', checker: http(ports.hung, url('/')), expected: 'out' },
    { name: 'http-mute', checker: http(ports.mute, url('/')), expected: 'out' },
    { name: 'http-reset', checker: http(ports.reset, url('/')), expected: 'out' },
    { name: 'http-lying', checker: http(ports.lying, url('/')), expected: 'out' },
    { name: 'http-bodyless', checker: http(ports.bodyless, url('/')), expected: 5 },
    { name: 'ssl', checker: ssl(ports.https, url('/', `digest ${HELLO}`)), expected: 5 },
    { name: 'ssl-none', checker: ssl(ports.http, url('/')), expected: 'out' },
    { name: 'ssl-mute', checker: ssl(ports.mute, url('/')), expected: 'out' },
    { name: 'smtp', checker: `SMTP_CHECK {\n ${at(ports.smtp)}\n helo_name l1.example\n }`, expected: 5 },
    { name: 'smtp-busy', checker: `SMTP_CHECK {\n ${at(ports.busySmtp)}\n }`, expected: 'out' },
    { name: 'smtp-hung', checker: `SMTP_CHECK {\n ${at(ports.hungSmtp)}\n }`, expected: 'out' },
    { name: 'dns', checker: `DNS_CHECK {\n ${at(ports.dns)}\n type A\n name www.example\n }`, expected: 5 },
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
      checker: `DNS_CHECK {\n ${at(ports.silent)}\n type A\n name www.example\n }`,
      expected: 'out',
    },
    {
      name: 'udp',
      checker: `UDP_CHECK {\n ${at(ports.echo)}\n payload 48656c6c6f\n require_reply 4865XX\n }`,
      expected: 5,
    },
    {
      name: 'udp-wrong',
      checker: `UDP_CHECK {\n ${at(ports.echo)}\n payload 48656c6c6f\n require_reply 4800\n }`,
      expected: 'out',
    },
    { name: 'udp-silent', checker: `UDP_CHECK {\n ${at(ports.silent)}\n }`, expected: 5 },
    { name: 'udp-silent-required', checker: `UDP_CHECK {\n ${at(ports.silent)}\n require_reply\n }`, expected: 'out' },
    { name: 'udp-refused', checker: `UDP_CHECK {\n ${at(ports.closed)}\n }`, expected: 'out' },
    { name: 'ping', checker: `PING_CHECK {\n connect_ip ${SERVER}\n ${schedule}\n }`, expected: 5 },
    { name: 'ping-nobody', checker: `PING_CHECK {\n connect_ip ${NOBODY}\n ${schedule}\n }`, expected: 'out' },
    { name: 'misc', checker: `MISC_CHECK {\n ${misc}\n misc_path /bin/true\n }`, expected: 5 },
    { name: 'misc-fails', checker: `MISC_CHECK {\n ${misc}\n misc_path /bin/false\n }`, expected: 'out' },
    {
      name: 'misc-dynamic',
      checker: `MISC_CHECK {\n ${misc}\n misc_path "/bin/sh -c 'exit 9'"\n misc_dynamic\n }`,
      expected: 7,
    },
    {
      name: 'misc-endless',
      checker: `MISC_CHECK {\n delay_loop 2\n retry 0\n warmup 0\n misc_timeout 1\n misc_path "/bin/sleep 99"\n }`,
      expected: 'out',
    },
    { name: 'file', checker: 'FILE_CHECK {\n track_file three\n weight 2\n }', expected: 11 },
    { name: 'file-down', checker: 'FILE_CHECK {\n track_file three-unweighted\n }', expected: 'out' },
    // What keepalived does not have.
    { name: 'grpc', own: true, checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n }`, expected: 5 },
    { name: 'grpc-sick', own: true, checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n service sick\n }`, expected: 'out' },
    { name: 'grpc-unknown', own: true, checker: `GRPC_CHECK {\n ${at(ports.grpc)}\n service x\n }`, expected: 'out' },
    { name: 'grpc-none', own: true, checker: `GRPC_CHECK {\n ${at(ports.http)}\n }`, expected: 'out' },
    {
      name: 'http2',
      own: true,
      checker: http(ports.http2, 'http_protocol 2', url('/', `digest ${HELLO}`)),
      expected: 5,
    },
    {
      name: 'ssl-verified',
      own: true,
      checker: ssl(ports.https, 'tls_verify', authority, 'tls_name www.example', url('/')),
      expected: 5,
    },
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
  ];
}

const FIRST_PORT = 20_001;

/** The port of the virtual server that stands for a case. */
export function portOf(index: number): number {
  return FIRST_PORT + index;
}

export function configuration(all: readonly Case[], directory: string, own: boolean): string {
  return [
    `global_defs {\n router_id L1\n lvs_notify_fifo ${directory}/fifo\n script_user root\n}`,
    `track_file three {\n file ${directory}/three\n}`,
    `track_file three-unweighted {\n file ${directory}/three\n weight 0\n}`,
    ...all.flatMap((one, i) =>
      one.own === true && !own
        ? []
        : [
            `virtual_server ${VIP} ${portOf(i)} {\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n real_server ${SERVER} ${portOf(i)} {\n weight 5\n ${one.more ?? ''}\n ${one.checker}\n }\n}`,
          ],
    ),
  ].join('\n\n');
}
