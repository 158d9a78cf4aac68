import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readExposition } from './exposition.ts';
import { trapdListens } from './snmp-receiver.ts';
import { SnmpdStand } from './snmpd.ts';

// The whole agent with snmpd, snmptrapd and a keepalived beside it that sends what it must refuse.

const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const MIB = '1.3.6.1.4.1.9586.100.5';
const SECOND_SOCKET = 'second';
/** Of VrrpState. */
const UNKNOWN = '4';
const DEADLINE = 90_000;

const stand = new SnmpdStand();
const peer = `${stand.namespace}-peer`;
const path = (name: string) => join(stand.directory, name);
const children: ChildProcess[] = [];
let agent: ChildProcess;

const VI_1 = `vrrp_instance VI_1 {
  interface lan0
  virtual_router_id 51
  priority 150
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass right
  }
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`;
const VI_2 = `vrrp_instance VI_2 {
  interface lan0
  virtual_router_id 52
  version 3
  priority 150
  advert_int 1
  virtual_ipaddress {
    192.0.2.101/24
  }
}
`;

/** Where the agent looks for snmpd, and whether VI_2 comes first. */
const configuration = (socket: string, turned = false) => `
global_defs {
  router_id L1
  enable_snmp_vrrp
  enable_snmp_rfc
  enable_traps
  snmp_socket unix:${socket}
}
vrrp_sync_group G {
  group {
    VI_1
  }
}
${(turned ? [VI_2, VI_1] : [VI_1, VI_2]).join('')}`;

const start = (namespace: string, log: string, ...command: string[]): ChildProcess => {
  const child = spawn('sh', ['-c', 'exec ip netns exec "$0" "$@" >>"$LOG" 2>&1', namespace, ...command], {
    stdio: 'ignore',
    env: { ...process.env, LOG: path(log), MIBS: '', SNMP_PERSISTENT_DIR: path('trapd') },
  });
  children.push(child);
  return child;
};

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

const logged = (name: string) => (existsSync(path(name)) ? readFileSync(path(name), 'utf8') : '');
const ip = (...words: string[]) => execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
const inside = (...words: string[]) =>
  execFileSync('ip', ['netns', 'exec', stand.namespace, ...words], { encoding: 'utf8' });
const control = () => Number(readFileSync(path('run/control.pid'), 'utf8'));
const eventually = (what: string, condition: () => unknown) =>
  waitFor(async () => Boolean(await condition()), {
    deadline: DEADLINE,
    what: `${what}: ${logged('agent').slice(-2000)}`,
    every: 200,
  });
const PATIENCE = ['-t', '60', '-r', '0'];
const value = async (name: string, patience = PATIENCE) =>
  (await stand.run('snmpget', ['-v2c', '-c', 'public', ...patience, '-Oqv', '127.0.0.1', name])).out.trim();

const metrics = () => readExposition(inside('curl', '-sS', 'http://127.0.0.1:9650/metrics'));

/** Notifications so far, each its snmpTrapOID below the MIB that it is of. */
function told(): string[] {
  return logged('traps')
    .split('\n')
    .flatMap((line) => /1\.3\.6\.1\.6\.3\.1\.1\.4\.1\.0 = OID: \.(\S+)/.exec(line)?.[1] ?? []);
}

beforeAll(async () => {
  await stand.start(['trap2sink 127.0.0.1:1162 traps']);
  ip('netns', 'add', peer);
  ip('link', 'add', 'lan0', 'netns', stand.namespace, 'type', 'veth', 'peer', 'name', 'lan0', 'netns', peer);
  for (const [namespace, address] of [
    [stand.namespace, '192.0.2.1/24'],
    [peer, '192.0.2.2/24'],
  ] as const) {
    ip('-n', namespace, 'link', 'set', 'lan0', 'up');
    ip('-n', namespace, 'address', 'add', address, 'dev', 'lan0');
  }
  writeFileSync(path('trapd.conf'), 'authCommunity log traps\n');
  const words = [
    '-f',
    '-C',
    '-c',
    path('trapd.conf'),
    '-Lf',
    path('traps'),
    '-X',
    '-On',
    '-F',
    '%v\\n',
    'udp:127.0.0.1:1162',
  ];
  start(stand.namespace, 'trapd.log', 'snmptrapd', ...words);
  await eventually('snmptrapd listens', () => trapdListens(logged('traps')));
  writeFileSync(path('keepalived.conf'), configuration(stand.socket));
  writeFileSync(path('agent.yaml'), 'node: L1\nmetrics: {}\n');
  const files = ['--config', path('keepalived.conf'), '--agent-config', path('agent.yaml')];
  agent = start(stand.namespace, 'agent', AGENT, ...files, '--run-dir', path('run'), '--state-dir', path('state'));
  await eventually('both instances are master', async () =>
    (await Promise.all([1, 2].map((n) => value(`${MIB}.2.3.1.4.${n}`)))).every((state) => state === '2'),
  );
});

afterAll(async () => {
  for (const child of children) await stop(child);
  ip('netns', 'del', peer);
  await stand.close();
});

describe('the whole agent', () => {
  it('tells managers what really happens to its routers', async () => {
    // VI_1 and VI_2 become backup and then master, VI_1 with its group; the masters by the MIBs of their versions.
    const count = (name: string) => told().filter((one) => one === name).length;
    const counts = () => [`${MIB}.2.10.0.2`, `${MIB}.2.10.0.1`, '1.3.6.1.2.1.68.0.1', '1.3.6.1.2.1.207.0.1'].map(count);
    const least = [4, 2, 1, 1];
    await eventually('what comes of being master', () => counts().every((one, i) => one >= (least[i] ?? 0)));
    expect(counts().slice(0, 3)).toEqual(least.slice(0, 3));
    writeFileSync(
      path('peer.conf'),
      ['51', '52']
        .map(
          (vrid) =>
            `vrrp_instance P${vrid} {\n interface lan0\n virtual_router_id ${vrid}\n version 2\n state MASTER\n priority 200\n advert_int 1\n authentication {\n auth_type PASS\n auth_pass wrong\n }\n virtual_ipaddress {\n 192.0.2.${vrid}/24\n }\n}\n`,
        )
        .join(''),
    );
    const pids = ['-p', path('peer.pid'), '-r', path('peer.vpid')];
    const keepalived = start(peer, 'peer.log', 'keepalived', '-n', '-l', '-P', '-f', path('peer.conf'), ...pids);
    // A wrong password for VI_1, and version 2 for VI_2, which speaks version 3.
    await eventually('an authentication failure', () => told().includes('1.3.6.1.2.1.68.0.2'));
    await eventually('a protocol error', () => told().includes('1.3.6.1.2.1.207.0.2'));
    const lines = logged('traps').split('\n');
    expect(lines.find((line) => line.includes('.1.3.6.1.2.1.68.0.2'))).toMatch(
      /68\.1\.5\.\S+ = IpAddress: 192\.0\.2\.2\b/,
    );
    expect(lines.find((line) => line.includes('.1.3.6.1.2.1.207.0.2'))).toMatch(/207\.1\.2\.5\.1\.6\S* = INTEGER: 2\b/);
    await stop(keepalived);
    const before = told().length;
    ip('-n', stand.namespace, 'link', 'set', 'lan0', 'down');
    await eventually('both instances in fault, and the group', () => told().length >= before + 3);
    const fault = new RegExp(`${MIB.replaceAll('.', '\\.')}\\.2\\.3\\.1\\.4\\.1 = INTEGER: 3`);
    await eventually('the word about VI_1', () => fault.test(logged('traps')));
    ip('-n', stand.namespace, 'link', 'set', 'lan0', 'up');
    await eventually('VI_1 is master again', async () => (await value(`${MIB}.2.3.1.4.1`)) === '2');
  });

  it('gives Prometheus the counters that it gives managers, by the names of the exporters for keepalived', async () => {
    const families = metrics();
    for (const name of EXPORTED) expect([...families.keys()], name).toContain(name);
    const labels = { iname: 'VI_1', intf: 'lan0', vrid: '51' };
    const metric = (name: string) => metrics().get(name)?.find(labels);
    const statistics = '1.3.6.1.2.1.68.2.4.1';
    const ifIndex = inside('cat', '/sys/class/net/lan0/ifindex').trim();
    for (const [column, name] of [
      [1, 'keepalived_become_master_total'],
      [2, 'keepalived_advertisements_received_total'],
      [3, 'keepalived_advertisements_interval_errors_total'],
      [4, 'keepalived_authentication_failure_total'],
      [5, 'keepalived_ip_ttl_errors_total'],
      [6, 'keepalived_priority_zero_received_total'],
      [8, 'keepalived_invalid_type_received_total'],
      [9, 'keepalived_address_list_errors_total'],
      [11, 'keepalived_authentication_mismatch_total'],
      [12, 'keepalived_packet_length_errors_total'],
    ] as const)
      expect([name, await value(`${statistics}.${column}.${ifIndex}.51`)]).toEqual([name, metric(name)]);
    expect(Number(metric('keepalived_become_master_total'))).toBeGreaterThan(1);
    expect(Number(metric('keepalived_authentication_failure_total'))).toBeGreaterThan(0);
    expect(families.get('keepalived_vrrp_state')?.find({ ...labels, ip_address: '192.0.2.100' })).toBe('2');
  });

  it('sets promote_secondaries in the kernel, and takes it back', async () => {
    const set = (to: number) =>
      stand.run('snmpset', ['-v2c', '-c', 'private', ...PATIENCE, '127.0.0.1', `${MIB}.2.3.1.28.1`, 'i', String(to)]);
    const kernel = () => inside('cat', '/proc/sys/net/ipv4/conf/lan0/promote_secondaries').trim();
    expect(kernel()).toBe('0');
    expect((await set(1)).code).toBe(0);
    await eventually('the kernel has it', () => kernel() === '1');
    expect(await value(`${MIB}.2.3.1.28.1`)).toBe('1');
    expect((await set(2)).code).toBe(0);
    await eventually('the kernel has it no more', () => kernel() === '0');
    expect(await value(`${MIB}.2.3.1.28.1`)).toBe('2');
  });

  it('shows at once what was set', async () => {
    for (const [column, values] of [
      [7, [120, 150]],
      [13, [2, 1]],
    ] as const)
      for (const one of values) {
        const name = `${MIB}.2.3.1.${column}.1`;
        const both = await stand.run('sh', [
          '-c',
          `snmpset -v2c -c private ${PATIENCE.join(' ')} -Oqv 127.0.0.1 ${name} i ${one} && ` +
            `snmpget -v2c -c public ${PATIENCE.join(' ')} -Oqv 127.0.0.1 ${name}`,
        ]);
        expect([column, both.lines]).toEqual([column, [String(one), String(one)]]);
      }
  });

  it('sends adverts and answers Prometheus while snmpd is frozen: a backup takes nothing for the end of the master', async () => {
    writeFileSync(
      path('backup.conf'),
      'vrrp_instance B {\n interface lan0\n virtual_router_id 52\n version 3\n state BACKUP\n priority 100\n advert_int 1\n virtual_ipaddress {\n 192.0.2.101/24\n }\n}\n',
    );
    const pids = ['-p', path('backup.pid'), '-r', path('backup.vpid')];
    const backup = start(peer, 'backup.log', 'keepalived', '-n', '-l', '-D', '-P', '-f', path('backup.conf'), ...pids);
    await eventually('the peer is backup', () => logged('backup.log').includes('Entering BACKUP STATE'));
    const adverts = () =>
      Number(metrics().get('keepalived_advertisements_sent_total')?.find({ iname: 'VI_2' }) ?? Number.NaN);
    const before = adverts();
    stand.signal('SIGSTOP');
    try {
      // Somebody waits for an answer that does not come.
      const asked = value(`${MIB}.1.2.0`, ['-t', '5', '-r', '1']);
      // A backup waits for less than four.
      await eventually('fifteen adverts more', () => adverts() >= before + 15);
      expect(await asked).toContain('Timeout');
    } finally {
      stand.signal('SIGCONT');
    }
    await eventually('snmpd answers again', async () => (await value(`${MIB}.1.2.0`)) === '"L1"');
    expect(logged('backup.log')).not.toContain('Entering MASTER STATE');
    await stop(backup);
  });

  it('shows no state of a process that says nothing', async () => {
    const vrrp = Number(readFileSync(path('run/vrrp.pid'), 'utf8'));
    process.kill(vrrp, 'SIGSTOP');
    try {
      await eventually('the state is unknown', async () => (await value(`${MIB}.2.3.1.4.1`)) === UNKNOWN);
      expect(await value(`${MIB}.2.1.1.3.1`)).toBe(UNKNOWN);
      expect(await value(`${MIB}.2.3.1.2.1`)).toBe('"VI_1"');
    } finally {
      process.kill(vrrp, 'SIGCONT');
    }
    await eventually('the state is known again', async () => (await value(`${MIB}.2.3.1.4.1`)) === '2');
  });

  it('goes to another snmpd when snmp_socket changes at a reload, with its indexes and no notification lost', async () => {
    const other = path(SECOND_SOCKET);
    writeFileSync(
      path('second.conf'),
      `rocommunity public\nmaster agentx\nagentXSocket unix:${other}\ntrap2sink 127.0.0.1:1162 traps\n`,
    );
    const script = `mount --bind ${path('run2')} /run && exec snmpd -f -Lf ${path('second.log')} -C -c ${path('second.conf')} -I -smux udp:127.0.0.1:1161`;
    execFileSync('mkdir', ['-p', path('run2')]);
    start(stand.namespace, 'second.log', 'sh', '-c', script);
    const of = async (port: string, name: string) =>
      (await stand.run('snmpget', ['-v2c', '-c', 'public', '-Oqv', ...PATIENCE, `127.0.0.1:${port}`, name])).out.trim();
    await eventually('the second snmpd listens', () => logged('second.log').includes('NET-SNMP version'));
    // In another order too: the rows keep their indexes.
    writeFileSync(path('keepalived.conf'), configuration(other, true));
    process.kill(control(), 'SIGHUP');
    await eventually('the second snmpd has the rows', async () => (await of('1161', `${MIB}.2.3.1.2.1`)) === '"VI_1"');
    expect(await of('1161', `${MIB}.2.3.1.2.2`)).toBe('"VI_2"');
    await eventually('the first has none', async () => (await of('161', `${MIB}.2.3.1.2.1`)).includes('No Such'));
    const before = told().length;
    ip('-n', stand.namespace, 'link', 'set', 'lan0', 'down');
    await eventually('both instances in fault, and the group', () => told().length >= before + 3);
    ip('-n', stand.namespace, 'link', 'set', 'lan0', 'up');
  });

  it('says goodbye', async () => {
    process.kill(control(), 'SIGTERM');
    await eventually('it has ended', () => agent.exitCode !== null || agent.signalCode !== null);
    await eventually('its last word', () => /\.2\.3\.1\.4\.1 = INTEGER: [015]\b/.test(logged('traps')));
  });
});

/** Names of the exporters that read keepalived's files. */
const EXPORTED = [
  'keepalived_up',
  'keepalived_vrrp_state',
  'keepalived_advertisements_received_total',
  'keepalived_advertisements_sent_total',
  'keepalived_become_master_total',
  'keepalived_release_master_total',
  'keepalived_packet_length_errors_total',
  'keepalived_advertisements_interval_errors_total',
  'keepalived_ip_ttl_errors_total',
  'keepalived_invalid_type_received_total',
  'keepalived_address_list_errors_total',
  'keepalived_authentication_mismatch_total',
  'keepalived_authentication_failure_total',
  'keepalived_priority_zero_received_total',
  'keepalived_priority_zero_sent_total',
];
