import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { LvsStand, ipvsadm } from './lvs-stand.ts';
import { RECEIVERS, SNMPD_WAYS, TRAPD_WORDS, WAYS, receivedBy, snmpdSinks, trapdConf } from './snmp-receiver.ts';

/*
 * Runs in a guest whose kernel has IPVS: one configuration under keepalived and under the agent, walked through snmpd. A
 * line of JSON for each, with the walk; what is to be compared is compared outside.
 */
const DIRECTORY = '/run/kf-snmp';
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const SOCKET = `${DIRECTORY}/master`;
const SUBTREE = '1.3.6.1.4.1.9586.100.5';
const REAL_SERVER_STATUS = `${SUBTREE}.3.4.1.6`;
const TRAPS = `${DIRECTORY}/traps`;
const STATE = `${DIRECTORY}/state`;
const ENGINE_ID = '80002572050a0b0c0d0e0f';
const DEADLINE = 300_000;

/** One server of each service is down, and one has no check. */
const CONFIGURATION = `
global_defs {
  router_id director
  lvs_flush
  lvs_timeouts tcp 700 tcpfin 60 udp 200
  enable_snmp_checker
  enable_traps
  snmp_socket unix:${SOCKET}
  script_user root
  smtp_alert_checker on
}
virtual_server_group many {
  198.51.100.20-21 80
  198.51.100.30 8080
  fwmark 9
}
virtual_server 198.51.100.15 80 {
  delay_loop 1.5
  lb_algo wrr
  lb_kind NAT
  protocol TCP
  quorum 6
  hysteresis 1
  alpha
  omega
  retry 3
  delay_before_retry 2
  connect_timeout 4
  virtualhost www.example.net
  quorum_up "/usr/bin/true up"
  quorum_down "/usr/bin/true down"
  sorry_server 192.168.1.99 80
  real_server 192.168.1.10 80 {
    weight 4
    inhibit_on_failure
    uthreshold 100
    lthreshold 50
    notify_up "/usr/bin/true rs"
    TCP_CHECK {
      connect_timeout 3
      retry 1
      delay_before_retry 1
      warmup 1
    }
  }
  real_server 192.168.1.11 80 {
    weight 3
    TCP_CHECK {
      retry 0
      warmup 0
    }
  }
  real_server 192.168.1.12 80 {
    weight 2
    notify_down "/usr/bin/true rs"
    virtualhost other.example.net
    TCP_CHECK {
      connect_timeout 1
      retry 0
      warmup 0
    }
  }
}
virtual_server 198.51.100.15 81 {
  lb_algo sh
  lb_kind DR
  sh-port
  sh-fallback
  protocol TCP
  persistence_timeout 300
  persistence_granularity 255.255.255.0
  ha_suspend
  quorum 3
  weight 5
  real_server 192.168.1.10 81 {
    weight 3
  }
}
virtual_server 198.51.100.15 82 {
  lb_algo mh
  lb_kind TUN
  mh-port
  protocol SCTP
  real_server 192.168.1.10 82 {
  }
}
virtual_server fwmark 7 {
  lb_algo wlc
  lb_kind DR
  smtp_alert
  real_server 192.168.1.10 80 {
    weight 70000
  }
}
virtual_server 2001:db8::15 53 {
  lb_algo rr
  lb_kind NAT
  protocol UDP
  ops
  real_server fd00::10 53 {
    weight 0
  }
  real_server fd00::11 53 {
    smtp_alert
  }
}
virtual_server group many {
  lb_algo lc
  lb_kind NAT
  protocol TCP
  real_server 192.168.1.11 80 {
  }
}
`;

const stand = new LvsStand();
stand.up([10, 11, 99]);
mkdirSync(STATE, { recursive: true });
const conf = file('keepalived.conf', CONFIGURATION);
const master = start(
  'snmpd',
  '-f',
  '-Lf',
  `${DIRECTORY}/snmpd.log`,
  '-C',
  '-c',
  snmpdConf(),
  '-I',
  '-smux',
  'udp:127.0.0.1:161',
);
const trapd = start(
  'snmptrapd',
  '-f',
  '-C',
  '-c',
  file('trapd.conf', trapdConf(ENGINE_ID)),
  '-Lf',
  TRAPS,
  ...TRAPD_WORDS,
);
try {
  await waitFor(() => walk('1.3.6.1.2.1.1.3').length > 0, { deadline: DEADLINE, what: 'snmpd answers', every: 500 });
  const pids = ['-p', `${DIRECTORY}/pid`, '-c', `${DIRECTORY}/cpid`];
  const theirs = start('keepalived', '-n', '-C', '-G', '-f', conf, ...pids);
  print('keepalived', await settled(theirs), await notificationsOfLoss(SNMPD_WAYS));
  await stop(theirs);
  await waitFor(() => walk(`${SUBTREE}.3`).every((line) => line.includes('No Such')), {
    deadline: DEADLINE,
    what: 'keepalived has left snmpd',
    every: 500,
  });
  ipvsadm('-C');
  file('state/snmp-engine.json', JSON.stringify({ version: 1, engineId: ENGINE_ID, boots: 1 }));
  const files = ['--config', conf, '--agent-config', file('agent.yaml', RECEIVERS)];
  const ours = start(process.execPath, AGENT, ...files, '--run-dir', `${DIRECTORY}/run`, '--state-dir', STATE);
  print('keepfleet', await settled(ours), await notificationsOfLoss(WAYS));
  await stop(ours);
} finally {
  await stop(master);
  await stop(trapd);
  stand.down();
}
process.exit();

/** The walk, as soon as the one server that is down is so and it has stood still for a while. */
async function settled(child: ChildProcess): Promise<readonly string[]> {
  let last = '';
  let since = performance.now();
  return waitFor(
    () => {
      if (child.exitCode !== null)
        throw new Error(`it has ended: ${readFileSync(`${DIRECTORY}/log`, 'utf8').slice(-3000)}`);
      const states = walk(REAL_SERVER_STATUS).map((line) => line.split(' = ')[1]);
      if (!states.includes('INTEGER: 2')) return undefined;
      const lines = walk(SUBTREE);
      const text = lines.join('\n');
      if (text !== last) since = performance.now();
      last = text;
      return performance.now() - since > 6_000 ? lines : undefined;
    },
    { deadline: DEADLINE, what: 'the walk stands still', every: 1_000 },
  );
}

/** What managers are told by each way when a server is lost, the quorum with it, and both come back. */
async function notificationsOfLoss(ways: readonly string[]): Promise<Record<string, readonly string[][]>> {
  const before = told();
  const news = () => ways.map((way) => [way, told().get(way)?.slice(before.get(way)?.length) ?? []] as const);
  const have = (count: number) =>
    waitFor(() => news().every(([, list]) => list.length >= count), {
      deadline: DEADLINE,
      what: `${count} notifications by each way`,
      every: 200,
    });
  await stand.stopWeb(11);
  await have(2);
  stand.startWeb(11);
  await have(4);
  return Object.fromEntries(news());
}

/** Of the service that has a quorum to lose. */
function told(): Map<string, string[][]> {
  const all = receivedBy(TRAPS);
  for (const [way, list] of all)
    all.set(
      way,
      list
        .filter((variables) => variables.some((one) => /^3\.3\.1\.6\b.* = C6 33 64 0F$/.test(one)))
        .filter((variables) => variables.some((one) => /^3\.3\.1\.7\b.* = 80$/.test(one))),
    );
  return all;
}

function walk(from: string): string[] {
  const words = ['-v2c', '-c', 'public', '-t', '20', '-r', '2', '-One', '127.0.0.1', from];
  const env = { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: `${DIRECTORY}/persistent` };
  try {
    const out = execFileSync('snmpbulkwalk', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env });
    return out.split('\n').filter((line) => line.startsWith('.'));
  } catch {
    // It says by its exit code that nobody answered.
    return [];
  }
}

function snmpdConf(): string {
  const lines = [
    'rocommunity public',
    'master agentx',
    `agentXSocket unix:${SOCKET}`,
    'agentXTimeout 30',
    ...snmpdSinks(),
    '',
  ];
  return file('snmpd.conf', lines.join('\n'));
}

function file(name: string, text: string): string {
  const path = join(DIRECTORY, name);
  writeFileSync(path, text);
  return path;
}

function start(program: string, ...words: string[]): ChildProcess {
  return spawn('sh', ['-c', `exec "$0" "$@" >>${DIRECTORY}/log 2>&1`, program, ...words], {
    stdio: 'ignore',
    env: { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: `${DIRECTORY}/persistent` },
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function print(who: string, lines: readonly string[], traps: object): void {
  process.stdout.write(`${JSON.stringify({ who, lines, traps })}\n`);
}
