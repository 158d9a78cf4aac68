import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../index.ts';

function parse(text: string) {
  const { config, diagnostics } = parseKeepalivedConfig({ file: 'k.conf', text });
  const [server] = config.virtualServers;
  return {
    config,
    server,
    check: server?.realServers[0]?.checks[0],
    problems: diagnostics.map(({ kind, line }) => `${kind} ${line}`),
    kinds: diagnostics.map(({ kind }) => kind),
  };
}

const service = (inner: string, real = '', head = '192.0.2.1 80', address = '192.0.2.10 80') =>
  `virtual_server ${head} {\n protocol TCP\n ${inner}\n real_server ${address} {\n ${real}\n }\n}\n`;

describe('defaults of a virtual server', () => {
  it('are those of keepalived', () => {
    expect(parse(service('')).server).toMatchObject({
      key: 'tcp/192.0.2.1:80',
      target: { kind: 'address', address: '192.0.2.1', port: 80 },
      family: 'ipv4',
      protocol: 'tcp',
      scheduler: 'wlc',
      forwarding: { method: 'nat' },
      delayLoop: 60_000_000,
      quorum: 1,
      hysteresis: 0,
      alpha: false,
      timing: {},
      realServers: [{ key: '192.0.2.10:80', weight: 1, inhibitOnFailure: false, checks: [] }],
    });
  });

  it.each([
    ['lvs_sched sh\n sh-port\n flag-1', { scheduler: 'sh', schedulerFlags: ['sh-port', 'flag-1'] }, []],
    ['lvs_sched mh\n sh-port\n mh-port', { schedulerFlags: ['mh-port'] }, ['ignored 4']],
    ['sh-fallback\n lvs_sched sh', { schedulerFlags: [] }, ['ignored 3']],
    ['lb_algo nosuch', { scheduler: 'nosuch' }, ['bad-value 3']],
    ['lb_kind DR', { forwarding: { method: 'dr' } }, []],
    ['lb_kind dr', { forwarding: { method: 'nat' } }, ['bad-value 3']],
    [
      'lvs_method TUN type gue port 5555 csum',
      { forwarding: { method: 'tun', tunnel: { type: 'gue', port: 5555, checksum: 'csum' } } },
      [],
    ],
    ['lvs_method TUN type gue', { forwarding: { method: 'tun' } }, ['missing-parameter 3']],
    ['protocol sctp', { protocol: 'sctp', key: 'sctp/192.0.2.1:80' }, []],
    ['persistence_timeout', { persistence: { timeout: 360_000_000 } }, []],
    [
      'persistence_timeout 50\n persistence_granularity 255.255.255.0',
      { persistence: { timeout: 50_000_000, prefixLength: 24 } },
      [],
    ],
    ['persistence_timeout 0', {}, ['out-of-range 3']],
    ['persistence_granularity 255.0.255.0', {}, ['bad-value 3']],
    ['sorry_server 192.0.2.99 8080', { sorryServer: { key: '192.0.2.99:8080', inhibitOnFailure: false } }, []],
    ['sorry_server 2001:db8::1 80', {}, ['ignored 3']],
    ['lb_kind DR\n sorry_server 192.0.2.99', { sorryServer: { port: 80 } }, []],
    ['quorum 0', { quorum: 1 }, ['out-of-range 3']],
    ['quorum 5', { quorum: 1 }, ['adjusted 3']],
    ['hysteresis 1', { hysteresis: 0 }, ['adjusted 3']],
    ['ops', { onePacket: false }, ['ignored 3']],
  ])('%j', (inner, expected, problems) => {
    expect(parse(service(inner))).toMatchObject({ server: expected, problems });
  });
});

describe('what a virtual server is for', () => {
  it('may be a mark, whose family its real servers tell', () => {
    expect(parse(service('', '', 'fwmark 7', '2001:db8::10 80')).server).toMatchObject({
      key: 'fwmark/7/ipv6',
      target: { kind: 'fwmark', mark: 7, family: 'ipv6' },
    });
  });

  // Each as keepalived 2.2.7 makes of it.
  it.each([
    [
      'fwmark 7',
      'TUN',
      [
        ['2001:db8::10', ''],
        ['2001:db8::11', ''],
      ],
      'ipv6',
    ],
    [
      'fwmark 7',
      'TUN',
      [
        ['2001:db8::10', ''],
        ['192.0.2.11', ''],
      ],
      'ipv4',
    ],
    [
      'fwmark 7',
      'TUN',
      [
        ['192.0.2.11', ''],
        ['2001:db8::10', 'lvs_method DR'],
      ],
      'ipv6',
    ],
    ['group g', 'TUN', [['2001:db8::10', '']], 'ipv4'],
    ['group g', 'DR', [['2001:db8::10', '']], 'ipv6'],
  ] as const)('is of a family that its servers tell: %s, %s, %j', (target, method, servers, family) => {
    const real = servers.map(([address, more]) => ` real_server ${address} 80 {\n ${more}\n }\n`).join('');
    const text = `virtual_server_group g {\n fwmark 8\n}\nvirtual_server ${target} {\n lvs_method ${method}\n${real}}\n`;
    expect(parse(text)).toMatchObject({ server: { family, realServers: servers.map(() => ({})) }, kinds: [] });
  });

  it('may be a group, over several protocols', () => {
    const group =
      'virtual_server_group dns {\n 192.0.2.1 53\n 192.0.2.8-11 53\n 192.0.2.16/30 53\n 192.0.2.30-192.0.2.32 53\n fwmark 3\n fwmark 4 inet6\n}\n';
    const udp = service('protocol UDP', '', 'group dns');
    const { config, kinds } = parse(group + service('', '', 'group dns') + udp);
    expect(kinds).toEqual([]);
    expect(config.virtualServers.map(({ key }) => key)).toEqual(['group/dns', 'group/dns/udp']);
    expect(config.virtualServerGroups[0]?.members).toMatchObject([
      { first: '192.0.2.1', last: '192.0.2.1', port: 53 },
      { first: '192.0.2.8', last: '192.0.2.11' },
      { first: '192.0.2.16', last: '192.0.2.19' },
      { first: '192.0.2.30', last: '192.0.2.32' },
      { kind: 'fwmark', mark: 3 },
      { kind: 'fwmark', mark: 4, family: 'ipv6' },
    ]);
  });

  it('is a group once for each protocol', () => {
    const group = 'virtual_server_group g {\n 192.0.2.1 53\n}\n';
    const [tcp, udp] = ['TCP', 'UDP'].map((protocol) => service(`protocol ${protocol}`, '', 'group g'));
    const twice = parse(`${group}${tcp}${udp}${tcp}${udp}`);
    expect(twice.kinds).toEqual(['duplicate', 'duplicate']);
    expect(twice.config.virtualServers.map(({ key }) => key)).toEqual(['group/g', 'group/g/udp']);
  });

  const four = (protocol: string) => service(`protocol ${protocol}`, '', 'group g');
  const six = (protocol: string) => service(`protocol ${protocol}`, '', 'group g', '2001:db8::10 80');
  const named = service('protocol TCP\n ip_family inet6\n lvs_method TUN', '', 'group g');

  it.each([
    ['for IPv6 behind IPv4', four('TCP') + six('TCP'), ['group/g', 'group/g/ipv6']],
    ['for IPv4 behind IPv6', six('TCP') + four('TCP'), ['group/g', 'group/g/ipv4']],
    ['as ip_family tells', four('TCP') + named, ['group/g', 'group/g/ipv6']],
    ['over another protocol', four('TCP') + six('UDP'), ['group/g', 'group/g/udp']],
    [
      'over several protocols',
      four('TCP') + six('UDP') + six('TCP') + four('UDP'),
      ['group/g', 'group/g/udp', 'group/g/ipv6', 'group/g/udp/ipv4'],
    ],
  ])('is a group of marks once for each family, too: %s', (_, servers, keys) => {
    const { config, kinds } = parse(`virtual_server_group g {\n fwmark 7\n}\n${servers}`);
    expect(config.virtualServers.map(({ key }) => key)).toEqual(keys);
    expect(kinds).toEqual([]);
  });

  it('is a group of marks no more than once for each family', () => {
    const { config, kinds } = parse(
      `virtual_server_group g {\n fwmark 7\n}\n${four('TCP')}${six('TCP')}${six('TCP')}${four('TCP')}`,
    );
    expect(config.virtualServers.map(({ key }) => key)).toEqual(['group/g', 'group/g/ipv6']);
    expect(kinds).toEqual(['duplicate', 'duplicate']);
  });

  it('has the family of its group where that has one', () => {
    const { config, kinds } = parse(
      `virtual_server_group g {\n fwmark 7\n 192.0.2.1 80\n}\n${four('TCP')}${service('protocol TCP\n ip_family inet6', '', 'group g')}`,
    );
    expect(config.virtualServers.map(({ key }) => key)).toEqual(['group/g']);
    expect(kinds).toEqual(['ignored', 'duplicate']);
  });

  it('by groups that share members is told of once for each of the others', () => {
    const members = Array.from({ length: 200 }, (_, i) => ` 192.0.2.${i} 80\n`).join('');
    const group = (name: string) =>
      `virtual_server_group ${name} {\n fwmark 7\n${members}}\n${service('', '', `group ${name}`, `192.0.2.99 80${name}`)}`;
    const text = ['1', '2'].map(group).join('');
    const { diagnostics } = parseKeepalivedConfig({ file: 'k.conf', text: text + service('', '', '192.0.2.5 80') });
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'group/2: fwmark 7 and 200 more are those of group/1 already, at k.conf:204:1; what is sent there goes to its servers alone',
      'tcp/192.0.2.5:80: 192.0.2.5 port 80 is that of group/1 already, at k.conf:204:1; what is sent there goes to its servers alone',
    ]);
  });

  it.each([
    ['an address', '', '192.0.2.1 80', '192.0.2.1 80'],
    ['an address in a range', '', '192.0.2.9 80', '192.0.2.8-11 80'],
    ['a range', 'virtual_server_group h {\n 192.0.2.0/28 80\n}\n', 'group h', '192.0.2.8-192.0.2.20 80'],
    ['a mark', '', 'fwmark 7', 'fwmark 7'],
  ])('by a group is told of when another has it: %s', (_, more, target, member) => {
    const text = `${more}virtual_server_group g {\n ${member}\n}\n${service('', '', target)}${service('', '', 'group g', '192.0.2.98 80')}`;
    const { config, kinds } = parse(text);
    expect(kinds).toContain('duplicate');
    expect(config.virtualServers).toHaveLength(2);
  });

  it.each([
    ['another port', '192.0.2.1 81'],
    ['another address', '192.0.2.2-9 80'],
    ['another mark', 'fwmark 7'],
  ])('by a group is its own: %s', (_, member) => {
    const text = `virtual_server_group g {\n ${member}\n}\n${service('')}${service('', '', 'group g')}`;
    expect(parse(text).kinds).toEqual([]);
  });

  it('takes IPv6 ranges by their last 16 bits', () => {
    const { config } = parse('virtual_server_group g {\n 2001:db8::a0-b1 80\n}\n');
    expect(config.virtualServerGroups[0]?.members).toMatchObject([{ first: '2001:db8::a0', last: '2001:db8::b1' }]);
  });

  it.each(['192.0.2.9-8 80', '192.0.2.1-300 80', '192.0.2.1/30 80', '192.0.2.1-2001:db8::1 80', 'here 80'])(
    'refuses the member %j',
    (member) => {
      expect(parse(`virtual_server_group g {\n ${member}\n}\n`).kinds).toEqual(['bad-value']);
    },
  );

  it.each([
    ['group nowhere', ['unresolved-reference']],
    ['here 80', ['bad-value']],
    ['192.0.2.1 65536', ['out-of-range']],
    ['fwmark 0', ['out-of-range']],
  ])('%j is reported and left out', (head, kinds) => {
    expect(parse(service('', '', head))).toMatchObject({ kinds, config: { virtualServers: [] } });
  });

  it('is UDP with a word when the file does not say', () => {
    const text = service('').replace(' protocol TCP\n', '');
    expect(parse(text)).toMatchObject({ server: { key: 'udp/192.0.2.1:80' }, kinds: ['missing-setting'] });
  });

  it('is persistent on all ports', () => {
    expect(parse(service('', '', '192.0.2.1'))).toMatchObject({
      server: { persistence: { timeout: 360_000_000 } },
      kinds: ['adjusted'],
    });
  });

  it('is there once', () => {
    expect(parse(service('') + service(''))).toMatchObject({ kinds: ['duplicate'], config: { virtualServers: [{}] } });
  });

  it('is nothing without a real server', () => {
    expect(parse('virtual_server 192.0.2.1 80 {\n protocol TCP\n}\n')).toMatchObject({
      kinds: ['ignored'],
      config: { virtualServers: [] },
    });
  });
});

describe('a real server', () => {
  it.each([
    ['weight 0', '192.0.2.10 80', { weight: 0 }, []],
    ['weight -1', '192.0.2.10 80', { weight: 1 }, ['out-of-range']],
    ['lvs_method DR', '192.0.2.10 8080', { port: 80, forwarding: { method: 'dr' } }, ['adjusted']],
    ['', '192.0.2.10', { port: 80 }, []],
    ['', '2001:db8::10 80', undefined, ['bad-value', 'ignored']],
    ['lvs_method TUN', '2001:db8::10 80', { key: '[2001:db8::10]:80' }, []],
    [
      'inhibit_on_failure\n uthreshold 9\n lthreshold 3',
      '192.0.2.10 80',
      { inhibitOnFailure: true, upperThreshold: 9, lowerThreshold: 3 },
      [],
    ],
    ['inhibit_on_failure off', '192.0.2.10 80', { inhibitOnFailure: false }, []],
  ])('with %j at %s', (inner, address, expected, kinds) => {
    const result = parse(service('', inner, '192.0.2.1 80', address));
    expect(result.kinds).toEqual(kinds);
    if (expected === undefined) expect(result.server).toBeUndefined();
    else expect(result.server?.realServers[0]).toMatchObject(expected);
  });

  it('is there once', () => {
    const twice = service('real_server 192.0.2.10 80 {\n }');
    expect(parse(twice)).toMatchObject({ kinds: ['duplicate'], server: { realServers: [{}] } });
  });
});

describe('a checker', () => {
  it.each([
    [
      'TCP_CHECK {\n }',
      { kind: 'tcp', retry: 1, delayBeforeRetry: 1_000_000, warmup: 60_000_000, connection: { timeout: 5_000_000 } },
    ],
    [
      'HTTP_GET {\n url {\n path /\n }\n }',
      { kind: 'http', retry: 1, delayBeforeRetry: 3_000_000, protocol: '1.0', fastRecovery: false },
    ],
    ['SSL_GET {\n url {\n path /\n }\n }', { kind: 'http', tls: { verify: false, compliant: false } }],
    [
      'MISC_CHECK {\n misc_path "/bin/x y"\n }',
      { kind: 'misc', retry: 0, delayBeforeRetry: 60_000_000, timeout: 60_000_000 },
    ],
    [
      'DNS_CHECK {\n }',
      { kind: 'dns', retry: 3, delayBeforeRetry: 60_000_000, type: 'SOA', name: '', leastAnswers: 0 },
    ],
    ['DNS_CHECK {\n name .\n }', { name: '' }],
    ['UDP_CHECK {\n }', { kind: 'udp', retry: 1 }],
    ['UDP_CHECK {\n require_reply\n }', { reply: { data: '', minLength: 0, maxLength: 255 } }],
    ['UDP_CHECK {\n payload 48 65\n require_reply 4X 65\n }', { payload: '4865', reply: { data: '4x65' } }],
    ['SSL_GET {\n virtualhost a.example\n enable_sni\n url {\n path /\n }\n }', { tls: { serverName: 'a.example' } }],
    ['SSL_GET {\n sni_name b.example\n url {\n path /\n }\n }', { tls: { serverName: 'b.example' } }],
    [
      'HTTP_GET {\n url {\n path /\n regex "(?i)ok"\n regex_options dotall\n regex_max_offset 9\n }\n }',
      {
        urls: [
          {
            pattern: {
              written: '(?i)ok',
              options: ['dotall'],
              source: '[oO][kK]',
              flags: '',
              from: 0,
              before: 10,
              negate: false,
            },
          },
        ],
      },
    ],
  ])('%j has the defaults of its kind', (text, expected) => {
    expect(parse(service('', text)).check).toMatchObject(expected);
  });

  it('takes its timing from the innermost block that sets it', () => {
    const outer = 'delay_loop 10\n retry 5\n delay_before_retry 2\n connect_timeout 4\n warmup 0';
    const result = parse(
      service(outer, 'retry 6\n delay_loop 7\n TCP_CHECK {\n connect_timeout 1.5\n connect_port 81\n }'),
    );
    expect(result.kinds).toEqual([]);
    expect(result.check).toMatchObject({
      delayLoop: 7_000_000,
      retry: 6,
      delayBeforeRetry: 2_000_000,
      warmup: 0,
      connection: { address: '192.0.2.10', port: 81, timeout: 1_500_000 },
    });
    expect(result.server).toMatchObject({
      timing: { retry: 5 },
      realServers: [{ timing: { retry: 6, delayLoop: 7_000_000 } }],
    });
  });

  it('of HTTP reads its urls', () => {
    const urls =
      'url {\n path /a\n status_code 200-204 301\n virtualhost a.example\n }\n url {\n path /b\n digest 00112233445566778899AABBCCDDEEFF\n }';
    const result = parse(service('virtualhost vs.example', `HTTP_GET {\n ${urls}\n http_protocol 1.1\n }`));
    expect(result.kinds).toEqual([]);
    expect(result.check).toMatchObject({
      protocol: '1.1',
      virtualHost: 'vs.example',
      urls: [
        {
          path: '/a',
          virtualHost: 'a.example',
          statusCodes: [
            { first: 200, last: 204 },
            { first: 301, last: 301 },
          ],
        },
        { path: '/b', digest: '00112233445566778899aabbccddeeff', statusCodes: [{ first: 200, last: 299 }] },
      ],
    });
  });

  it.each([
    ['HTTP_GET {\n }', ['missing-setting']],
    ['HTTP_GET {\n url {\n status_code 200\n }\n }', ['missing-setting']],
    ['HTTP_GET {\n url {\n path /\n status_code 99\n }\n }', ['out-of-range']],
    ['HTTP_GET {\n url {\n path /\n status_code 204-200\n }\n }', ['bad-value']],
    ['HTTP_GET {\n url {\n path /\n digest xyz\n }\n }', ['bad-value']],
    ['HTTP_GET {\n url {\n path /\n }\n nb_get_retry 2\n }', ['deprecated']],
    ['MISC_CHECK {\n }', ['missing-setting']],
    ['BFD_CHECK {\n }', ['missing-setting']],
    ['BFD_CHECK {\n name B\n }', ['unresolved-reference']],
    ['TCP_CHECK', ['missing-block']],
    ['TCP_CHECK {\n bindto 2001:db8::1\n }', ['ignored']],
    ['UDP_CHECK {\n min_reply_length 256\n }', ['adjusted']],
    ['FILE_CHECK {\n track_file nowhere\n }', ['missing-setting']],
    ['HTTP_GET {\n url {\n path /\n regex "("\n }\n }', ['bad-value']],
    ['HTTP_GET {\n url {\n path /\n header "Connection: close"\n }\n http_protocol 2\n }', ['bad-value']],
    ['HTTP_GET {\n url {\n path /\n regex "\\d"\n }\n }', ['adjusted']],
    ['HTTP_GET {\n url {\n path /\n regex "\\\\d\\.\\n"\n }\n }', ['adjusted']],
    ['HTTP_GET {\n http_protocol 2\n url {\n header "TE: trailers"\n path /\n }\n }', []],
    ['HTTP_GET {\n http_protocol 2\n url {\n header "TE: trailers "\n path /\n }\n }', ['bad-value']],
    [
      'HTTP_GET {\n http_protocol 2\n url {\n header "TE: gzip"\n path /\n method CONNECT\n }\n }',
      ['bad-value', 'bad-value'],
    ],
    ['HTTP_GET {\n http_protocol 2\n url {\n header "te: trailers"\n path /\n }\n }', []],
    ['HTTP_GET {\n http_protocol 1.1\n url {\n header "Upgrade: x"\n path /\n }\n }', []],
    ['TCP_CHECK {\n connect_timeout 0\n }', ['out-of-range']],
    ['TCP_CHECK {\n connect_port 99999\n }', ['out-of-range']],
  ])('%j is reported', (text, kinds) => {
    expect(parse(service('', text)).kinds).toEqual(kinds);
  });
});
