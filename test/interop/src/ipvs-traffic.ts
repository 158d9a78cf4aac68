import assert from 'node:assert/strict';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import type { OurNode } from './ipvs-node.ts';
import { IpvsStand } from './ipvs-stand.ts';

const VIP = '198.51.100.15';
const VIP6 = '2001:db8::15';
/** For servers that answer themselves: they have these too. */
const DIRECT = ['198.51.100.16', '2001:db8::16'];
const sources = (count: number) => Array.from({ length: count }, (_, i) => `198.51.100.${101 + i}`);
const same = (count: number) => Array.from({ length: count }, () => null);

interface Spread {
  readonly scheduler: string;
  readonly weights: readonly [number, number];
  readonly connections: readonly (string | null)[];
  /** Says of the servers in the order of the connections, all still open, whether it is as the kernel documents. */
  readonly right: (names: readonly string[], first: number, second: number) => boolean;
}

const sticky = (names: readonly string[]) => {
  const half = names.length / 2;
  return names.slice(0, half).join() === names.slice(half).join();
};
const twice = [...sources(24), ...sources(24)];

/** linux/Documentation/networking/ipvs-sysctl and the kernel's help texts: what each scheduler is for. */
const spreads: readonly Spread[] = [
  {
    scheduler: 'rr',
    weights: [3, 1],
    connections: same(8),
    right: (names, a, b) => a === 4 && b === 4 && names[0] !== names[1],
  },
  { scheduler: 'wrr', weights: [3, 1], connections: same(8), right: (_, a, b) => a === 6 && b === 2 },
  { scheduler: 'lc', weights: [3, 1], connections: same(8), right: (_, a, b) => a === 4 && b === 4 },
  { scheduler: 'wlc', weights: [3, 1], connections: same(8), right: (_, a, b) => a === 6 && b === 2 },
  {
    scheduler: 'sed',
    weights: [3, 1],
    connections: same(8),
    right: (names, a, b) => a === 6 && b === 2 && names[0] === 's1' && names[1] === 's1',
  },
  {
    scheduler: 'nq',
    weights: [3, 1],
    connections: same(8),
    right: (names, a, b) => a === 6 && b === 2 && names[0] !== names[1],
  },
  { scheduler: 'fo', weights: [3, 1], connections: same(6), right: (_, a, b) => a === 6 && b === 0 },
  // Over the weight, not at it.
  {
    scheduler: 'ovf',
    weights: [3, 2],
    connections: same(6),
    right: (names, a, b) => names.slice(0, 4).every((name) => name === 's1') && a === 4 && b === 2,
  },
  { scheduler: 'sh', weights: [1, 1], connections: twice, right: (names, a, b) => sticky(names) && a > 0 && b > 0 },
  { scheduler: 'mh', weights: [1, 1], connections: twice, right: (names, a, b) => sticky(names) && a > 0 && b > 0 },
  { scheduler: 'dh', weights: [1, 1], connections: sources(8), right: (_, a, b) => a === 0 || b === 0 },
  { scheduler: 'lblc', weights: [8, 8], connections: sources(6), right: (_, a, b) => a === 0 || b === 0 },
  { scheduler: 'lblcr', weights: [8, 8], connections: sources(6), right: (_, a, b) => a === 0 || b === 0 },
];

const servers = (port: number, weights: readonly number[], extra = '') =>
  weights
    .map((weight, i) => `  real_server 192.168.1.${i + 1} ${port} {\n    weight ${weight}\n${extra}  }`)
    .join('\n');
const direct = (family: 4 | 6) =>
  [3, 4].map((last) => `  real_server ${family === 4 ? '192.168.1.' : 'fd00::'}${last} 80 {\n  }`).join('\n');
const service = (target: string, lines: string, pool: string) =>
  `virtual_server ${target} {\n  delay_loop 1\n  protocol TCP\n  ${lines}\n${pool}\n}\n`;

const SCHEDULERS_FROM = 8_001;
const configuration = [
  ...spreads.map(({ scheduler, weights }, i) =>
    service(`${VIP} ${SCHEDULERS_FROM + i}`, `lvs_sched ${scheduler}\n  lvs_method NAT`, servers(80, weights)),
  ),
  service(`${VIP} 80`, 'lvs_sched rr\n  lvs_method NAT', servers(80, [1, 1])),
  service(
    `${VIP6} 80`,
    'lvs_sched rr\n  lvs_method NAT',
    [1, 2].map((last) => `  real_server fd00::${last} 80 {\n  }`).join('\n'),
  ),
  service(`${DIRECT[0] ?? ''} 80`, 'lvs_sched rr\n  lvs_method DR', direct(4)),
  service(`${DIRECT[1] ?? ''} 80`, 'lvs_sched rr\n  lvs_method DR', direct(6)),
  service(`${VIP} 8100`, 'lvs_sched rr\n  lvs_method NAT\n  persistence_timeout 300', servers(80, [1, 1])),
  service(
    `${VIP} 8101`,
    'lvs_sched rr\n  lvs_method NAT\n  persistence_timeout 300\n  persistence_granularity 255.255.255.0',
    servers(80, [1, 1]),
  ),
  ...[
    ['UDP', VIP, 'NAT', servers(53, [1, 1])],
    ['UDP', DIRECT[0], 'DR\n  ops', direct(4)],
    ['SCTP', VIP, 'NAT', servers(53, [1, 1])],
  ].map(
    ([protocol, address, method, pool]) =>
      `virtual_server ${address} 53 {\n  protocol ${protocol}\n  lvs_sched rr\n  lvs_method ${method}\n${pool}\n}\n`,
  ),
  service('fwmark 7', 'lvs_sched rr\n  lvs_method NAT\n  persistence_timeout 300', servers(80, [1, 1])),
  service(
    `${VIP} 8102`,
    'lvs_sched rr\n  lvs_method NAT\n  sorry_server 192.168.1.3 80\n  quorum 2\n  hysteresis 1',
    servers(
      80,
      [2, 2],
      '    HTTP_GET {\n      url {\n        path /health\n      }\n      warmup 0\n      retry 0\n      delay_before_retry 1\n    }\n',
    ),
  ),
].join('\n');

interface Tunnel {
  /** As configured, and as ipvsadm has it. */
  readonly method: string;
  readonly shown: string;
  readonly across?: true;
}

/** Tunnels of each kind, to the addresses that direct routing had; `across`: each family in packets of the other one. */
const tunnels: readonly Tunnel[] = [
  ...[
    { method: 'TUN', shown: '--tun-type ipip' },
    { method: 'TUN type gre', shown: '--tun-type gre --tun-nocsum' },
    { method: 'TUN type gue port 6080', shown: '--tun-type gue --tun-port 6080 --tun-nocsum' },
  ].flatMap((tunnel) => [tunnel, { ...tunnel, across: true as const }]),
  { method: 'TUN type gre csum', shown: '--tun-type gre --tun-csum' },
  ...['csum', 'remcsum'].map((kind) => ({
    method: `TUN type gue port 6080 ${kind}`,
    shown: `--tun-type gue --tun-port 6080 --tun-${kind}`,
  })),
];

async function director(stand: IpvsStand): Promise<OurNode> {
  const node = stand.director(1);
  for (const address of [`${VIP}/32`, `${DIRECT[0] ?? ''}/32`]) node.ip('address', 'add', address, 'dev', 'eth0');
  for (const address of [VIP6, DIRECT[1] ?? '']) node.ip('address', 'add', `${address}/128`, 'dev', 'eth0', 'nodad');
  node.ip('address', 'add', '192.168.1.254/24', 'dev', 'eth1');
  node.ip('address', 'add', 'fd00::fe/64', 'dev', 'eth1', 'nodad');
  await Promise.resolve();
  return node;
}

/** The stand is shared: starting a client, four servers and an agent takes longer than what is seen with them. */
async function withDirector(run: (stand: IpvsStand, node: OurNode) => Promise<void>): Promise<void> {
  let stand: IpvsStand | undefined;
  try {
    stand = new IpvsStand(DIRECT);
    const node = await director(stand);
    await node.start(configuration);
    await waitFor(() => node.table().some((line) => line.includes('-f 7 -r 192.168.1.2:80')), {
      deadline: 240_000,
      what: 'the table of the director',
      every: 300,
    });
    await run(stand, node);
  } finally {
    await stand?.down();
  }
}

async function schedulersSpread(stand: IpvsStand): Promise<void> {
  const wrong: string[] = [];
  for (const [i, { scheduler, connections, right }] of spreads.entries()) {
    const names = await stand.open(VIP, SCHEDULERS_FROM + i, connections);
    const count = (name: string) => names.filter((each) => each === name).length;
    const all = count('s1') + count('s2') === connections.length;
    if (!all || !right(names, count('s1'), count('s2'))) wrong.push(`${scheduler}: ${names.join(' ')}`);
    await stand.close();
  }
  assert.deepEqual(wrong, []);
}

async function answersOfBoth(stand: IpvsStand, host: string, wanted: readonly string[]): Promise<void> {
  const names = await stand.open(host, 80, same(4));
  assert.deepEqual([...names].sort(), [...wanted, ...wanted].sort(), host);
  await stand.close();
}

async function persistence(stand: IpvsStand): Promise<void> {
  const one = await stand.open(VIP, 8_100, same(6));
  assert.equal(new Set(one).size, 1, `one client: ${one.join(' ')}`);
  const many = await stand.open(VIP, 8_100, sources(6));
  assert.equal(new Set(many).size, 2, `several clients: ${many.join(' ')}`);
  const network = await stand.open(VIP, 8_101, sources(6));
  assert.equal(new Set(network).size, 1, `one network: ${network.join(' ')}`);
  await stand.close();
}

async function otherProtocols(stand: IpvsStand): Promise<void> {
  for (const number of [1, 2, 3, 4]) {
    // Direct routing: the answer comes from the address that was asked.
    const bind = number > 2 ? `,bind=${DIRECT[0]}` : '';
    stand.serve(number, 'socat', `UDP4-RECVFROM:53,fork${bind}`, `SYSTEM:echo s${number}`);
    if (number <= 2) stand.serve(number, 'socat', 'SCTP4-LISTEN:53,fork', `SYSTEM:echo s${number}`);
  }
  const datagrams = async (host: string, count: number) =>
    (await stand.tell({ kind: 'datagrams', host, port: 53, count })) as string[];
  const serving = async (host: string, names: readonly string[]) => {
    const found = new Set<string>();
    await waitFor(
      async () => {
        for (const name of await datagrams(host, 1)) found.add(name);
        return names.every((name) => found.has(name));
      },
      { deadline: 120_000, what: `datagrams answered by ${names.join(' and ')}`, every: 100 },
    );
  };
  await serving(VIP, ['s1', 's2']);
  const one = await datagrams(VIP, 6);
  assert.equal(new Set(one).size, 1, `one UDP connection: ${one.join(' ')}`);
  await serving(DIRECT[0] ?? '', ['s3', 's4']);
  const each = await datagrams(DIRECT[0] ?? '', 6);
  assert.equal(each.filter((name) => name === 's3').length, 3, `each packet by itself: ${each.join(' ')}`);
  assert.equal(each.filter((name) => name === 's4').length, 3, `each packet by itself: ${each.join(' ')}`);
  const associations = [1, 2].map(() => stand.ask('socat', '-u', '-T', '10', `SCTP4:${VIP}:53`, 'STDOUT'));
  assert.deepEqual(associations.sort(), ['s1', 's2'], 'SCTP');
}

/** `keepfleet zero` for one service, then for all: the counters that ipvsadm shows. */
async function countersToZero(node: OurNode): Promise<void> {
  const connections = (address: string) => {
    const [, count = '0'] =
      new RegExp(`^TCP +${address}:80 +(\\d+)`, 'm').exec(node.run('ipvsadm', '-Ln', '--stats', '--exact')) ?? [];
    return Number(count);
  };
  const other = DIRECT[0] ?? '';
  // The kernel renews what it shows every two seconds.
  await waitFor(() => connections(VIP) > 0 && connections(other) > 0, {
    deadline: 60_000,
    what: 'counters',
    every: 300,
  });
  assert.match(node.keepfleet('zero', `tcp/${VIP}:80`), /counters of tcp\/198\.51\.100\.15:80 are 0/);
  assert.equal(connections(VIP), 0);
  assert.ok(connections(other) > 0);
  assert.match(node.keepfleet('zero'), /counters of IPVS are 0/);
  assert.equal(connections(other), 0);
  assert.match(node.keepfleet('zero', 'tcp/192.0.2.1:80'), /no virtual server tcp\/192\.0\.2\.1:80/);
}

async function marked(stand: IpvsStand, node: OurNode): Promise<void> {
  // A persistent service of a mark has the port that the client asked for, whatever the configuration says of its servers.
  // The guest's nf_tables has no family ip, and Debian's iptables is not there: the mark is set where packets come in.
  node.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'ingress');
  const twoPorts = ['match', 'ip', 'dport', '8200', '0xfffe'];
  const setMark = ['action', 'skbedit', 'mark', '7'];
  node.run('tc', ...'filter add dev eth0 parent ffff: protocol ip u32'.split(' '), ...twoPorts, ...setMark);
  const names = [...(await stand.open(VIP, 8_200, same(2))), ...(await stand.open(VIP, 8_201, same(2)))];
  assert.equal(new Set(names).size, 1, `one persistent service of two ports: ${names.join(' ')}`);
  assert.match(names[0] ?? '', /^s[12]$/);
  const others = await stand.open(VIP, 8_201, sources(4));
  assert.equal(new Set(others).size, 2, `both servers: ${others.join(' ')}`);
  await stand.close();
}

async function sorryServer(stand: IpvsStand, node: OurNode): Promise<void> {
  const pool = () =>
    node
      .table()
      .flatMap((line) => /^-a -t 198\.51\.100\.15:8102 -r (\S+) .* -w (\d+)$/.exec(line)?.slice(1).join(' ') ?? []);
  const poolIs = (...wanted: readonly string[]) =>
    waitFor(() => pool().join() === wanted.join(), {
      deadline: 240_000,
      what: `the pool ${wanted.join()}`,
      every: 300,
    });
  await poolIs('192.168.1.1:80 2', '192.168.1.2:80 2');
  stand.makeSick(1, true);
  // Weight 2 of 2 wanted: within the hysteresis the quorum stays.
  await poolIs('192.168.1.2:80 2');
  stand.makeSick(2, true);
  await poolIs('192.168.1.3:80 1');
  // s3 does not have the way back of NAT; that it is asked is what the kernel counts.
  stand.makeSick(1, false);
  await waitFor(() => node.log.includes('192.168.1.1:80') && pool().join() === '192.168.1.3:80 1', {
    deadline: 240_000,
    what: 'the sorry server in use below quorum and hysteresis',
    every: 300,
  });
  stand.makeSick(2, false);
  await poolIs('192.168.1.1:80 2', '192.168.1.2:80 2');
  const names = await stand.open(VIP, 8_102, same(2));
  assert.deepEqual([...names].sort(), ['s1', 's2']);
  await stand.close();
}

async function throughTunnels(stand: IpvsStand, node: OurNode): Promise<void> {
  const families = [4, 6] as const;
  for (const { method, shown, across = false } of tunnels) {
    // A device of GRE takes either packets with a checksum or those without one.
    stand.takeGreChecksums(method.includes('gre csum'));
    const text = families.map((family) =>
      service(
        `${DIRECT[family === 4 ? 0 : 1] ?? ''} 80`,
        `lvs_sched rr\n  lvs_method ${method}`,
        direct((family === 4) === across ? 6 : 4),
      ),
    );
    node.reload(text.join('\n'));
    const isAcross = (line: string) => line.includes('-t [') !== line.includes('-r [');
    const isWanted = (line: string) => line.endsWith(` -i -w 1 ${shown}`) && isAcross(line) === across;
    await waitFor(() => node.table().length === 6 && node.table().filter(isWanted).length === 4, {
      deadline: 240_000,
      what: `the table of ${method}${across ? ' to the other family' : ''}`,
      every: 300,
    });
    for (const family of families) await answersOfBoth(stand, DIRECT[family === 4 ? 0 : 1] ?? '', ['s3', 's4']);
  }
}

export const trafficSteps: readonly GuestStep[] = [
  {
    name: 'traffic: schedulers spread, TCP, UDP, SCTP and packet by packet, NAT, DR and tunnels reach their servers in both families, marks and persistence hold, the sorry server comes and goes',
    run: () =>
      withDirector(async (stand, node) => {
        await answersOfBoth(stand, VIP, ['s1', 's2']);
        await answersOfBoth(stand, VIP6, ['s1', 's2']);
        for (const address of DIRECT) await answersOfBoth(stand, address, ['s3', 's4']);
        await countersToZero(node);
        await schedulersSpread(stand);
        await otherProtocols(stand);
        await persistence(stand);
        await marked(stand, node);
        await sorryServer(stand, node);
        await throughTunnels(stand, node);
      }),
  },
];
