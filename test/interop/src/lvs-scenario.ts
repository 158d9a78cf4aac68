import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { waitFor } from '@keepfleet/testkit';
import type { LvsAgent } from './lvs-agent.ts';
import { type ServerOptions, httpGet, realServer, sorryServer, tcpCheck, virtualServer } from './lvs-settings.ts';
import { type LvsStand, ipvsadm, kernelTable } from './lvs-stand.ts';

export interface Step {
  readonly name: string;
  run(stand: LvsStand, agent: LvsAgent): Promise<void>;
}

const V4 = 'tcp/198.51.100.15:80';
const V6 = 'tcp/[2001:db8::15]:80';
const A = '192.168.1.10:80';
const B = '192.168.1.11:80';
const vip = (port: number) => ({ kind: 'address', address: '198.51.100.15', port });
const digest = (text: string) => createHash('md5').update(text).digest('hex');

/** The lab's two services; `first` changes W10 of the IPv4 one. */
function web(first: ServerOptions = {}): { groups: object[]; virtualServers: object[] } {
  const a = '192.168.1.10';
  const b = '192.168.1.11';
  return {
    groups: [],
    virtualServers: [
      virtualServer(vip(80), {
        sorryServer: sorryServer('192.168.1.99'),
        realServers: [
          realServer(a, { checkers: [httpGet(a, { digest: digest('w10\n') })], ...first }),
          realServer(b, { checkers: [httpGet(b), tcpCheck(b)] }),
        ],
      }),
      virtualServer(
        { kind: 'address', address: '2001:db8::15', port: 80 },
        { realServers: ['fd00::10', 'fd00::11'].map((one) => realServer(one, { checkers: [httpGet(one)] })) },
      ),
    ],
  };
}

const webTable = [
  '-A -t 198.51.100.15:80 -s rr',
  '-A -t [2001:db8::15]:80 -s rr',
  '-a -t 198.51.100.15:80 -r 192.168.1.10:80 -m -w 1',
  '-a -t 198.51.100.15:80 -r 192.168.1.11:80 -m -w 1',
  '-a -t [2001:db8::15]:80 -r [fd00::10]:80 -m -w 1',
  '-a -t [2001:db8::15]:80 -r [fd00::11]:80 -m -w 1',
].sort();

/** Every server of both services has been checked and is up. */
function allUp(agent: LvsAgent): Promise<unknown> {
  return agent.seen('all servers checked and up', ({ virtualServers }) =>
    virtualServers.every(({ realServers }) =>
      realServers.every(({ state, kernel, checkers }) => state === 'up' && kernel && checkers.every(({ ran }) => ran)),
    ),
  );
}

function poolHas(server: string): boolean {
  return kernelTable().some((line) => line.includes(`-r ${server} `));
}

async function until(what: string, condition: () => boolean): Promise<void> {
  await waitFor(condition, { deadline: 90_000, what, every: 100 });
}

/** A client connection through the VIP, opened and kept with half a request sent. */
async function longConnection(stand: LvsStand) {
  const [program = '', ...args] = [...stand.client, 'socat', '-t', '60', '-', 'TCP:198.51.100.15:80'];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let answer = '';
  child.stdout.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  child.stdin.write('GET / HTTP/1.0\r\n');
  await until('a connection', () => /ESTABLISHED/.test(ipvsadm('-Lnc')));
  return {
    finish: async () => {
      child.stdin.end('Host: x\r\n\r\n');
      await once(child, 'close');
      return answer;
    },
  };
}

export const steps: readonly Step[] = [
  {
    name: 'creates what is configured, as ipvsadm -Sn shows it, in every kind of service and forwarding',
    run: async (_, agent) => {
      const w = (forwarding: object, options: ServerOptions = {}) =>
        realServer('192.168.1.10', { forwarding, ...options });
      const answer = await agent.configure({
        groups: [
          {
            name: 'many',
            members: [
              { kind: 'range', first: '198.51.100.20', last: '198.51.100.21', port: 53 },
              { kind: 'fwmark', fwmark: 9, family: 'ipv4' },
            ],
          },
        ],
        virtualServers: [
          virtualServer(vip(80), { realServers: [w({ kind: 'nat' }, { upperThreshold: 100, lowerThreshold: 50 })] }),
          virtualServer(vip(81), {
            scheduler: 'wlc',
            persistence: { timeout: 300, granularity: 24, engine: null },
            realServers: [w({ kind: 'dr' }, { weight: 70_000 })],
          }),
          virtualServer(vip(82), {
            scheduler: 'sh',
            flags: { flag1: true, flag2: true, flag3: false },
            realServers: [w({ kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'nocsum' } })],
          }),
          virtualServer(
            { kind: 'fwmark', fwmark: 7, family: 'ipv6' },
            {
              realServers: [realServer('fd00::10', { weight: 0 })],
            },
          ),
          virtualServer(
            { kind: 'group', name: 'many' },
            { protocol: 'udp', realServers: [realServer('192.168.1.11', {}, 53)] },
          ),
        ],
      });
      assert.equal(answer.type, 'applied', JSON.stringify(answer));
      assert.deepEqual(
        kernelTable(),
        [
          '-A -t 198.51.100.15:80 -s rr',
          '-a -t 198.51.100.15:80 -r 192.168.1.10:80 -m -w 1',
          '-A -t 198.51.100.15:81 -s wlc -p 300 -M 255.255.255.0',
          '-a -t 198.51.100.15:81 -r 192.168.1.10:81 -g -w 70000',
          '-A -t 198.51.100.15:82 -s sh -b sh-fallback,sh-port',
          '-a -t 198.51.100.15:82 -r 192.168.1.10:82 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum',
          '-A -f 7 -6 -s rr',
          '-a -f 7 -6 -r [fd00::10]:80 -m -w 0',
          ...['-u 198.51.100.20:53', '-u 198.51.100.21:53', '-f 9'].flatMap((service) => [
            `-A ${service} -s rr`,
            `-a ${service} -r 192.168.1.11:53 -m -w 1`,
          ]),
        ].sort(),
      );
      // The form above has no thresholds.
      assert.match(ipvsadm('-Ln', '--thresholds'), /192\.168\.1\.10:80 +100 +50 /);
      await agent.seen(
        'no drift',
        ({ repairs, virtualServers }) => repairs === 0 && virtualServers.every(({ alive }) => alive),
      );
    },
  },
  {
    name: 'serves a client through NAT over both families from every server in turn',
    run: async (stand, agent) => {
      await agent.configure(web());
      assert.deepEqual(kernelTable(), webTable);
      await allUp(agent);
      for (const url of ['http://198.51.100.15/', 'http://[2001:db8::15]/']) {
        const answers = [1, 2, 3, 4].map(() => stand.fetch(url));
        assert.deepEqual([...answers].sort(), ['w10', 'w10', 'w11', 'w11'], url);
        assert.notEqual(answers[0], answers[1], url);
      }
    },
  },
  {
    name: 'counts what the kernel counts',
    run: async (_, agent) => {
      await agent.seen('the statistics of ipvsadm', () => {
        const lines = ipvsadm('-Ln', '--stats', '--exact')
          .split('\n')
          .map((line) => line.trim().split(/\s+/));
        const shown = (endpoint: string) =>
          lines
            .find((words) => words.includes(endpoint))
            ?.slice(2)
            .join(' ');
        const known = ({ traffic }: { traffic: Readonly<Record<string, string | number>> | null | undefined }) =>
          ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'].map((name) => traffic?.[name]).join(' ');
        const server = agent.server(V4, A)?.kernel;
        return (
          agent.service(V4)?.traffic?.['connections'] === '4' &&
          known({ traffic: agent.service(V4)?.traffic }) === shown('198.51.100.15:80') &&
          known({ traffic: agent.service(V6)?.traffic }) === shown('[2001:db8::15]:80') &&
          known({ traffic: server?.traffic }) === shown(A)
        );
      });
    },
  },
  {
    name: 'takes a server out that answers 503, says why, and takes it back',
    run: async (stand, agent) => {
      stand.makeSick(10, true);
      const down = await agent.eventSeen(
        'w10 down',
        (event) => event.kind === 'real-server-down' && event['server'] === A,
      );
      assert.equal(down['reason'], 'HTTP_GET http://192.168.1.10:80/ answered 503, want 200');
      assert.equal(poolHas(A), false);
      assert.deepEqual(
        ['w11', 'w11'],
        [1, 2].map(() => stand.fetch('http://198.51.100.15/')),
      );
      stand.makeSick(10, false);
      await agent.eventSeen('w10 up', (event) => event.kind === 'real-server-up' && event['server'] === A);
      assert.equal(poolHas(A), true);
      await allUp(agent);
    },
  },
  {
    name: 'lets the sorry server answer when the last server has stopped, and no longer when one is back',
    run: async (stand, agent) => {
      agent.events.length = 0;
      await stand.stopWeb(10);
      await stand.stopWeb(11);
      await agent.eventSeen('sorry server in', (event) => event.kind === 'sorry-server-in');
      assert.deepEqual(
        kernelTable().filter((line) => line.startsWith('-a -t 198.51.100.15:80 ')),
        ['-a -t 198.51.100.15:80 -r 192.168.1.99:80 -m -w 1'],
      );
      assert.equal(stand.fetch('http://198.51.100.15/'), 'w99');
      const downs = agent.events.filter((event) => event.kind === 'real-server-down' && event['service'] === V4);
      assert.match(String(downs[0]?.['reason']), /refused the connection|closed the connection/);
      stand.startWeb(10);
      await agent.eventSeen('sorry server out', (event) => event.kind === 'sorry-server-out');
      assert.equal(stand.fetch('http://198.51.100.15/'), 'w10');
      const kinds = agent.events.filter((event) => event['service'] === V4).map(({ kind }) => kind);
      assert.deepEqual(kinds.slice(1, 4), ['real-server-down', 'quorum-lost', 'sorry-server-in']);
      assert.deepEqual(kinds.slice(4, 7), ['real-server-up', 'quorum-gained', 'sorry-server-out']);
    },
  },
  {
    name: 'killed and started again goes on from the kernel: a connection survives, a dead server stays out',
    run: async (stand, agent) => {
      await agent.seen(
        'w11 down',
        () => agent.server(V4, B)?.state === 'down' && agent.server(V6, '[fd00::10]:80')?.state === 'up',
      );
      const connection = await longConnection(stand);
      const before = kernelTable();
      await agent.kill('SIGKILL');
      assert.deepEqual(kernelTable(), before);
      await agent.start();
      assert.equal((await agent.configure(web())).type, 'applied');
      assert.deepEqual(kernelTable(), before);
      assert.match(await connection.finish(), /^HTTP\/1\.1 200 OK[^]*w10\n$/);
      await agent.seen('w11 still down', () => agent.server(V4, B)?.state === 'down');
      stand.startWeb(11);
      await allUp(agent);
      assert.deepEqual(kernelTable(), webTable);
      assert.equal(agent.snapshot?.repairs, 0);
    },
  },
  {
    name: 'drains by weight 0 and counts the connections that are left',
    run: async (stand, agent) => {
      await stand.stopWeb(11);
      await agent.seen('w11 down', () => agent.server(V4, B)?.state === 'down');
      const connection = await longConnection(stand);
      stand.startWeb(11);
      await allUp(agent);
      await agent.configure(web({ weight: 0 }));
      assert.ok(kernelTable().includes('-a -t 198.51.100.15:80 -r 192.168.1.10:80 -m -w 0'));
      await agent.eventSeen('weight changed', (event) => event.kind === 'weight-changed' && event['to'] === 0);
      assert.deepEqual(
        [1, 2].map(() => stand.fetch('http://198.51.100.15/')),
        ['w11', 'w11'],
      );
      const count = async () => {
        const outcome = await agent.command({ kind: 'connections', address: '192.168.1.10' });
        return (
          outcome as {
            value: { total: { active: number; inactive: number }; services: { service: string; weight: number }[] };
          }
        ).value;
      };
      const busy = await count();
      assert.equal(busy.total.active, 1);
      assert.deepEqual(
        busy.services.map(({ service, weight }) => [service, weight]),
        [[V4, 0]],
      );
      assert.match(await connection.finish(), /200 OK/);
      await waitFor(async () => (await count()).total.active === 0, {
        deadline: 90_000,
        what: 'no connection that is open',
        every: 200,
      });
      // For the two minutes of TIME_WAIT, which a drain waits for, too.
      assert.ok((await count()).total.inactive > 0);
      await agent.configure(web());
      assert.deepEqual(kernelTable(), webTable);
    },
  },
  {
    name: 'repairs what others change in its services, and leaves the services of others alone',
    run: async (_, agent) => {
      ipvsadm('-A', '-t', '203.0.113.1:25', '-s', 'wlc');
      ipvsadm('-a', '-t', '203.0.113.1:25', '-r', '192.168.1.50:25', '-g');
      ipvsadm('-D', '-t', '198.51.100.15:80');
      ipvsadm('-e', '-t', '[2001:db8::15]:80', '-r', '[fd00::10]:80', '-m', '-w', '9');
      const foreign = ['-A -t 203.0.113.1:25 -s wlc', '-a -t 203.0.113.1:25 -r 192.168.1.50:25 -g -w 1'];
      await until('the table repaired', () => kernelTable().join() === [...webTable, ...foreign].sort().join());
      await agent.seen('four repairs', ({ repairs }) => repairs === 4);
      const told = agent.events.filter(({ kind }) => kind === 'drift-repaired').map(({ what }) => what);
      assert.ok(told.includes(`add service ${V4} (rr)`), JSON.stringify(told));
      assert.ok(told.includes(`set server [fd00::10]:80 weight 1 in ${V6}`), JSON.stringify(told));
      assert.deepEqual(agent.snapshot?.foreignServices, ['tcp/203.0.113.1:25']);
    },
  },
  {
    name: 'says what the kernel refuses, and does everything else',
    run: async (_, agent) => {
      const { groups, virtualServers } = web();
      const odd = virtualServer(vip(8080), { scheduler: 'nosuch', realServers: [realServer('192.168.1.10')] });
      await agent.configure({ groups, virtualServers: [odd, ...virtualServers] });
      const event = await agent.eventSeen('a refusal', ({ kind }) => kind === 'operation-refused');
      assert.match(String(event['reason']), /no scheduler nosuch \(module ip_vs_nosuch\)/);
      await agent.seen('the problem', () => agent.service('tcp/198.51.100.15:8080')?.problems.length === 1);
      assert.ok(webTable.every((line) => kernelTable().includes(line)));
      const answer = await agent.configure({ groups, virtualServers: [{ ...odd, scheduler: 7 }] });
      assert.equal(answer.type, 'refused');
      assert.match(String(answer['reason']), /scheduler/);
      assert.ok(webTable.every((line) => kernelTable().includes(line)));
      await agent.configure(web());
    },
  },
  {
    name: 'leaves everything at stop "leave", and removes at the next start what nobody wants any more',
    run: async (stand, agent) => {
      const before = kernelTable();
      await agent.stop('leave');
      assert.deepEqual(kernelTable(), before);
      assert.ok(stand.fetch('http://198.51.100.15/'));
      await agent.start();
      await agent.configure({ groups: [], virtualServers: [] });
      assert.ok(!kernelTable().some((line) => line.includes('198.51.100.15')));
      assert.ok(kernelTable().includes('-A -t 203.0.113.1:25 -s wlc'));
    },
  },
  {
    name: 'removes its services at SIGTERM, and only those',
    run: async (_, agent) => {
      await agent.configure(web());
      assert.ok(webTable.every((line) => kernelTable().includes(line)));
      await agent.kill('SIGTERM');
      assert.deepEqual(kernelTable(), [
        '-A -t 203.0.113.1:25 -s wlc',
        '-a -t 203.0.113.1:25 -r 192.168.1.50:25 -g -w 1',
      ]);
    },
  },
];
