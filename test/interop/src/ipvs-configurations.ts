import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pairwise } from './pairwise.ts';

const SAMPLES = '/usr/share/doc/keepalived/samples';

export interface Configuration {
  readonly name: string;
  readonly text: string;
  /** What keepalived is given instead, to do the same: docs/differences.md. */
  readonly forKeepalived?: string;
}

/**
 * Debian's samples that have virtual servers. Their checks are put off, so that what is compared is the table that the
 * configuration asks for, and not how soon a check finds out that nobody answers.
 */
export function samples(): Configuration[] {
  return readdirSync(SAMPLES)
    .filter((name) => name.startsWith('keepalived.conf'))
    .sort()
    .flatMap((name) => {
      const text = readFileSync(join(SAMPLES, name), 'utf8');
      if (!/^\s*virtual_server\s/m.test(text)) return [];
      return [{ name, text: putOff(text) }];
    });
}

function putOff(text: string): string {
  return text
    .replace(/^(\s*)delay_loop.*$/gm, '$1delay_loop 3000')
    .replace(/^(\s*virtual_server\s[^{]*\{)/gm, '$1\n    warmup 3000\n');
}

/** A virtual server for each row of a table in which every two options meet with every two values. */
export function generated(): Configuration {
  const rows = pairwise({
    target: ['address', 'address6', 'fwmark', 'fwmark6', 'group', 'any port'],
    protocol: ['TCP', 'UDP', 'SCTP', 'none'],
    scheduler: ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'mh', 'dh', 'fo', 'ovf', 'sed', 'nq', 'default'],
    flags: ['', 'sh-port', 'sh-fallback', 'mh-port', 'mh-fallback', 'flag-1', 'flag-2', 'flag-3', 'flag-1 flag-3'],
    method: [
      'default',
      'NAT',
      'DR',
      'TUN',
      'TUN type ipip',
      'TUN type gue port 6080',
      'TUN type gue port 6080 csum',
      'TUN type gue port 6080 remcsum',
      'TUN type gre',
      'TUN type gre csum',
    ],
    persistence: ['none', 'bare', '50', 'granular', 'sip'],
    ops: [false, true],
    weight: ['default', '0', '70000', '3 and thresholds', 'of the service'],
    quorum: ['default', 'high with hysteresis'],
    sorry: ['none', 'plain', 'inhibited', 'own method'],
    inhibit: [false, true],
    alpha: [false, true],
    check: [false, true],
  });
  const text = rows.map((row, i) => service(row, i)).join('\n');
  return { name: `every two options (${rows.length} virtual servers)`, text: `global_defs {\n}\n${text}` };
}

/** Servers in tunnels may be of the other family, and tell that of a mark where it is not written. */
export function mixed(): Configuration {
  const [four, six] = ['192.168.1.1', 'fd00::1'];
  const group = (name: string, mark: number) => `virtual_server_group ${name} {\n  fwmark ${mark}\n}\n`;
  const one = (target: string, lines: string, ...servers: readonly string[]) =>
    `virtual_server ${target} {\n  delay_loop 3000\n  protocol TCP\n  ${lines}\n${servers.map((server) => `  real_server ${server.replace(' ', ' 80 {\n    ')}\n  }\n`).join('')}}\n`;
  const plain = (address: string) => `${address} weight 1`;
  const direct = (address: string) => `${address} lvs_method DR`;
  const both = [four, six].map((address) => one('group both', 'lvs_method DR', plain(address)));
  const text = (services: readonly string[]) =>
    [
      group('tunnels', 16),
      group('routed', 17),
      group('both', 18),
      one('198.51.100.15 80', `lvs_method TUN\n  sorry_server ${six} 81`, plain(six), plain(four)),
      one('2001:db8::15 80', 'lvs_method TUN', plain(four), plain(six)),
      one('198.51.100.16 80', 'lvs_method TUN type gue port 6080', plain(six)),
      one('198.51.100.17 80', 'lvs_method TUN type gre', plain(six)),
      one('fwmark 1', 'lvs_method TUN', plain(six)),
      one('fwmark 2', 'lvs_method TUN', plain(six), plain(four)),
      one('fwmark 3', 'lvs_method TUN', plain(four), direct(six)),
      one('fwmark 4', 'lvs_method TUN\n  ip_family inet', plain(six)),
      one('group tunnels', 'lvs_method TUN', plain(six)),
      one('group routed', 'lvs_method DR', plain(six)),
      ...services,
    ].join('');
  return { name: 'servers of both families', text: text(both), forKeepalived: text([...both].reverse()) };
}

type Row = ReturnType<typeof pairwise<Readonly<Record<string, readonly (string | boolean)[]>>>>[number];

function service(row: Row, i: number): string {
  const ipv6 = row['target'] === 'address6' || row['target'] === 'fwmark6';
  const port = 1_000 + i;
  const server = (last: number) => (ipv6 ? `fd00::${last}` : `192.168.1.${last}`);
  const targets: Readonly<Record<string, string>> = {
    address: `198.51.100.15 ${port}`,
    address6: `2001:db8::15 ${port}`,
    fwmark: `fwmark ${port}`,
    fwmark6: `fwmark ${port}`,
    group: `group g${i}`,
    'any port': `198.51.${Math.floor(i / 250)}.${(i % 250) + 1} 0`,
  };
  const group = `virtual_server_group g${i} {\n  198.51.100.20-22 ${port}\n  203.0.113.8/30 ${port}\n  fwmark ${port + 10_000}\n}\n`;
  const lines: string[] = ['delay_loop 3000', 'warmup 3000'];
  const add = (...more: string[]) => lines.push(...more);
  const { scheduler, flags, method, persistence, sorry } = row;
  if (scheduler !== 'default') add(`lvs_sched ${String(scheduler)}`);
  // Flags are read as those of the scheduler before them.
  if (flags !== '' && scheduler !== 'default') add(...String(flags).split(' '));
  if (row['protocol'] !== 'none') add(`protocol ${String(row['protocol'])}`);
  if (method !== 'default') add(`lvs_method ${String(method)}`);
  if (ipv6 && row['target'] === 'fwmark6') add('ip_family inet6');
  if (persistence === 'bare') add('persistence_timeout');
  if (persistence === '50') add('persistence_timeout 50');
  if (persistence === 'granular') {
    add('persistence_timeout 300');
    // A group has no family when keepalived reads the granularity, which it then leaves out: docs/differences.md.
    if (row['target'] !== 'group') add(`persistence_granularity ${ipv6 ? '64' : '255.255.255.0'}`);
  }
  if (persistence === 'sip') add('persistence_timeout 300', 'persistence_engine sip');
  if (row['ops'] === true) add('ops');
  if (row['weight'] === 'of the service') add('weight 7');
  if (row['quorum'] !== 'default') add('quorum 3', 'hysteresis 1');
  if (sorry !== 'none') add(`sorry_server ${server(99)} ${port}`);
  if (sorry === 'inhibited') add('sorry_server_inhibit');
  if (sorry === 'own method') add('sorry_server_lvs_method DR');
  if (row['inhibit'] === true) add('inhibit_on_failure');
  if (row['alpha'] === true) add('alpha');
  for (const last of [10, 11]) {
    add(`real_server ${server(last)} ${port} {`);
    if (row['weight'] === '0') add('weight 0');
    if (row['weight'] === '70000') add(`weight ${last * 7_000}`);
    if (row['weight'] === '3 and thresholds') add('weight 3', 'uthreshold 100', 'lthreshold 50');
    if (row['check'] === true) add('TCP_CHECK {', 'connect_timeout 3', '}');
    add('}');
  }
  return `${row['target'] === 'group' ? group : ''}virtual_server ${targets[String(row['target'])] ?? ''} {\n  ${lines.join('\n  ')}\n}\n`;
}
