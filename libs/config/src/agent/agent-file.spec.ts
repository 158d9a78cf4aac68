import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAgentFileProblem, parseAgentFile } from './agent-file.ts';

const full = `
node: l1
configId: l1
labels:
  site: lab
  rack: 7
controller:
  addresses: [192.0.2.9:7443, "[2001:db8::9]:7443", controller.example:7443]
  tls: { ca: /etc/k/ca.pem, certificate: /etc/k/l1.pem, key: /etc/k/l1.key }
gossip:
  bind: 192.0.2.1
  advertise: 192.0.2.1:7000
  seeds: ["2001:DB8::2", "[2001:db8::3]:7001"]
  keyFile: /etc/k/gossip.key
snmp:
  enabled: false
paths:
  run: /run/k
  state: /var/lib/k
  keepalivedConf: /etc/k/keepalived.conf
`;

function problems(text: string): string[] {
  const result = parseAgentFile('agent.yaml', text);
  return result.ok ? [] : result.problems.map(formatAgentFileProblem);
}

const SNMP_DEFAULTS = {
  enabled: true,
  users: [],
  views: {},
  notifications: { receivers: [], burst: 100, perSecond: 20 },
};

describe('an agent.yaml', () => {
  it('is read into its settings', () => {
    expect(parseAgentFile('agent.yaml', full)).toEqual({
      ok: true,
      value: {
        node: 'l1',
        configId: 'l1',
        labels: { site: 'lab', rack: '7' },
        controller: {
          addresses: ['192.0.2.9:7443', '[2001:db8::9]:7443', 'controller.example:7443'],
          tls: { ca: '/etc/k/ca.pem', certificate: '/etc/k/l1.pem', key: '/etc/k/l1.key' },
          plaintext: false,
        },
        gossip: {
          bind: { address: '192.0.2.1', port: 7946 },
          advertise: { address: '192.0.2.1', port: 7000 },
          seeds: [
            { host: '2001:db8::2', port: 7946 },
            { host: '2001:db8::3', port: 7001 },
          ],
          keyFile: '/etc/k/gossip.key',
          encryption: 'required',
          profile: 'lan',
          label: '',
        },
        snmp: { ...SNMP_DEFAULTS, enabled: false },
        paths: { run: '/run/k', state: '/var/lib/k', keepalivedConf: '/etc/k/keepalived.conf' },
      },
    });
  });

  it.each(['', '# nothing yet\n', '{}'])('%j is all defaults', (text) => {
    expect(parseAgentFile('agent.yaml', text)).toEqual({
      ok: true,
      value: { labels: {}, snmp: SNMP_DEFAULTS, paths: {} },
    });
  });

  it('reads an agent of its own, its users and its receivers', () => {
    const text = `
snmp:
  standalone:
    listen: [192.0.2.1, "[2001:db8::1]:1161"]
    communities:
      - { name: public, from: [192.0.2.0/24] }
      - { name: private, access: read-write, view: lvs }
  users:
    - { name: ops, auth: { password: longenough }, privacy: { protocol: AES-256, password: longenough } }
  views:
    lvs: { include: [.1.3.6.1.4.1.9586.100.5.3] }
  notifications:
    receivers:
      - { address: 192.0.2.9, community: public }
      - { address: "192.0.2.9:1162", user: ops, inform: true }
metrics: {}
`;
    expect(parseAgentFile('agent.yaml', text)).toMatchObject({
      ok: true,
      value: {
        snmp: {
          standalone: {
            listen: [
              { address: '192.0.2.1', port: 161 },
              { address: '2001:db8::1', port: 1161 },
            ],
            communities: [
              { name: 'public', access: 'read-only', from: ['192.0.2.0/24'] },
              { name: 'private', access: 'read-write', from: [], view: 'lvs' },
            ],
          },
          users: [{ auth: { protocol: 'SHA-256' }, privacy: { protocol: 'AES-256' }, access: 'read-only' }],
          views: { lvs: { include: ['1.3.6.1.4.1.9586.100.5.3'], exclude: [] } },
          notifications: {
            receivers: [
              { address: { port: 162 }, inform: false },
              { address: { port: 1162 }, user: 'ops', inform: true, timeout: 1 },
            ],
          },
        },
        metrics: { listen: { address: '127.0.0.1', port: 9650 } },
      },
    });
  });

  it.each([
    ['snmp:\n  users:\n    - { name: a, auth: { password: short } }', 'snmp.users[0].auth.password'],
    ['snmp:\n  users:\n    - { name: a, access: read-write }', 'snmp.users[0].access'],
    ['snmp:\n  users:\n    - { name: a, privacy: { password: longenough } }', 'snmp.users[0].privacy'],
    ['snmp:\n  users: [{ name: a }, { name: a }]', 'snmp.users[1].name'],
    ['snmp:\n  users: [{ name: a, view: none }]', 'snmp.users[0].view'],
    [
      'snmp:\n  standalone:\n    communities: [{ name: a, from: [192.0.2.0/33] }]',
      'snmp.standalone.communities[0].from[0]',
    ],
    ['snmp:\n  notifications:\n    receivers: [{ address: 192.0.2.1 }]', 'snmp.notifications.receivers[0].community'],
    [
      'snmp:\n  notifications:\n    receivers: [{ address: 192.0.2.1, user: a }]',
      'snmp.notifications.receivers[0].user',
    ],
    ['snmp:\n  views: { a: { include: [enterprises] } }', 'snmp.views.a.include[0]'],
  ])('%j is wrong at %s', (text, setting) => {
    const result = parseAgentFile('agent.yaml', text);
    expect(result.ok ? [] : result.problems.map((problem) => problem.setting)).toEqual([setting]);
  });

  it.each([
    ['node: [', 1, 'bad-yaml', ''],
    ['node: a\nnode: b', 2, 'bad-yaml', ''],
    ['just text', 1, 'bad-setting', ''],
    ['nodes: a', 1, 'unknown-setting', 'nodes'],
    ['labels: {}\nnode: a b', 2, 'bad-setting', 'node'],
    ['gossip:\n  seeds:\n    - 192.0.2.1\n    - 192.0.2.256', 4, 'bad-setting', 'gossip.seeds[1]'],
    ['gossip:\n  seeds: ["seed.example:0"]', 2, 'bad-setting', 'gossip.seeds[0]'],
    ['gossip:\n  encryption: maybe', 2, 'bad-setting', 'gossip.encryption'],
    ['gossip:\n  port: 7', 2, 'unknown-setting', 'gossip.port'],
    ['controller:\n  addresses: [a:1]', 1, 'bad-setting', 'controller.tls'],
    ['controller:\n  addresses: [192.0.2.1:1]\n  plaintext: true', 2, 'bad-setting', 'controller.addresses[0]'],
    ['controller:\n  addresses: []\n  plaintext: true', 2, 'bad-setting', 'controller.addresses'],
    ['paths:\n  run: here', 2, 'bad-setting', 'paths.run'],
    [
      'a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]',
      1,
      'bad-yaml',
      '',
    ],
  ])('%j is refused where it is wrong', (text, line, kind, setting) => {
    const result = parseAgentFile('agent.yaml', text);
    expect(result.ok ? [] : result.problems).toContainEqual(expect.objectContaining({ line, kind, setting }));
  });

  it('says what was wrong in one line', () => {
    expect(problems('gossip:\n  bind: here')).toEqual([
      'agent.yaml:2:3: error: gossip.bind: found "here", expected an IP address, with :PORT if need be',
    ]);
  });

  it('accepts plain text for loopback only when asked to', () => {
    expect(problems('controller: { addresses: ["localhost:1", "127.0.0.1:2", "[::1]:3"], plaintext: true }')).toEqual(
      [],
    );
  });

  it('never throws', () => {
    const piece = fc.constantFrom(
      'node',
      'gossip',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&a ',
      '*a',
      '!!int ',
      '"',
      '|',
      'x',
      '1',
      '? ',
      '<<',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        for (const problem of problems(input)) expect(problem).toMatch(/^agent\.yaml:\d+:\d+: error: /);
      }),
      { numRuns: 500 },
    );
  });
});
