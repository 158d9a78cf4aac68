import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { readExposition } from './exposition.ts';
import { LvsStand, ipvsadm } from './lvs-stand.ts';

/*
 * Runs in a guest whose kernel has IPVS. One service over IPv4 and IPv6 as in the article, connections of a client, and a
 * graph of them: what snmpget gives by the MIB's names is fed to rrdtool as it comes. A line of JSON with what came of it.
 */
const DIRECTORY = '/run/kf-graph';
const ROOT = join(import.meta.dirname, '../../..');
const AGENT = join(ROOT, 'apps/node-agent/dist/main.js');
const SOCKET = `${DIRECTORY}/master`;
const DEADLINE = 300_000;
const STEP = 10;
const NAMES = [1, 2].map((n) => `KEEPALIVED-MIB::virtualServerStatsConns.${n}`);
/** Connections that the client makes in each interval, over IPv4 and IPv6; the kernel counts them. */
const COURSE = [
  [2, 0],
  [5, 3],
  [0, 4],
  [3, 1],
] as const;
/** The article's script, where a run of the test was given it. */
const SCRIPT = '/run/lab/rrd';

const service = (vip: string, servers: readonly string[]) => `virtual_server ${vip} 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  delay_loop 2
${servers.map((server) => `  real_server ${server} 80 {\n    TCP_CHECK {\n    }\n  }\n`).join('')}}
`;
const CONFIGURATION = `global_defs {
  router_id L1
  enable_snmp_checker
  snmp_socket unix:${SOCKET}
}
${service('198.51.100.15', ['192.168.1.10', '192.168.1.11'])}${service('2001:db8::15', ['fd00::10', 'fd00::11'])}`;

const environment = {
  ...process.env,
  MIBS: 'KEEPALIVED-MIB',
  MIBDIRS: [`${ROOT}/test/lab/mibs`, `${ROOT}/node_modules/net-snmp/lib/mibs`, '/usr/share/snmp/mibs'].join(':'),
  SNMP_PERSISTENT_DIR: `${DIRECTORY}/persistent`,
  // Of fonts.
  XDG_CACHE_HOME: `${DIRECTORY}/cache`,
};

mkdirSync(`${DIRECTORY}/state`, { recursive: true });
const stand = new LvsStand();
stand.up([10, 11]);
const snmpdConf = ['rocommunity public', 'rocommunity6 public', 'master agentx', `agentXSocket unix:${SOCKET}`, ''];
const master = start(
  ...(['snmpd', '-f', '-Lf', `${DIRECTORY}/snmpd.log`, '-C'] as const),
  ...['-c', file('snmpd.conf', snmpdConf.join('\n')), '-I', '-smux', 'udp:127.0.0.1:161'],
);
const agent = start(
  ...([process.execPath, AGENT, '--config', file('keepalived.conf', CONFIGURATION)] as const),
  ...['--agent-config', file('agent.yaml', 'metrics: {}\n'), '--run-dir', `${DIRECTORY}/run`],
  ...['--state-dir', `${DIRECTORY}/state`],
);
try {
  await waitFor(() => [4, 6].every((family) => connect(family) !== undefined), {
    deadline: DEADLINE,
    what: 'the client is served by both',
    every: 500,
  });
  await graphed();
  if (existsSync(SCRIPT)) await scripted();
} finally {
  await stop(agent);
  await stop(master);
  stand.down();
}
process.exit();

/** Times are made up, one step apart, so that every rate of the graph is exact. */
async function graphed(): Promise<void> {
  const rrd = join(DIRECTORY, 'course.rrd');
  const begin = 1_700_000_000;
  const sources = ['IPv4', 'IPv6'].map((name) => `DS:${name}:COUNTER:${2 * STEP}:0:1000000`);
  rrdtool('create', rrd, '--start', String(begin - 1), '--step', String(STEP), ...sources, 'RRA:AVERAGE:0.5:1:60');
  const before = await atRest();
  const kernel = [await shown(before)];
  rrdtool('update', rrd, `${begin}:${values()}`);
  const wanted = before.split(':').map(Number);
  for (const [i, [four, six]] of COURSE.entries()) {
    for (let n = 0; n < four; n++) connect(4);
    for (let n = 0; n < six; n++) connect(6);
    for (const [family, count] of [four, six].entries()) wanted[family] = (wanted[family] ?? NaN) + count;
    kernel.push(await shown(wanted.join(':')));
    rrdtool('update', rrd, `${begin + STEP * (i + 1)}:${values()}`);
  }
  const end = begin + STEP * COURSE.length;
  const range = ['--start', String(begin), '--end', String(end)];
  const rates = rrdtool('fetch', rrd, 'AVERAGE', ...range)
    .split('\n')
    .flatMap((line) => /^(\d+): (\S+) (\S+)$/.exec(line)?.slice(1) ?? [])
    .map(Number);
  const png = join(DIRECTORY, 'graph.png');
  const said = rrdtool(
    ...(['graph', png, ...range, '-l', '0'] as const),
    ...[`DEF:ipv4=${rrd}:IPv4:AVERAGE`, `DEF:ipv6=${rrd}:IPv6:AVERAGE`],
    ...['VDEF:most=ipv4,MAXIMUM', 'AREA:ipv4#0000FF:IPv4', 'AREA:ipv6#00FF00:IPv6:STACK', 'PRINT:most:%.2lf'],
  );
  const metrics = readExposition(
    execFileSync('curl', ['-sS', 'http://127.0.0.1:9650/metrics'], { encoding: 'utf8' }),
  ).get('keepalived_lvs_service_connections_total');
  const exposed = ['tcp/198.51.100.15:80', 'tcp/[2001:db8::15]:80'].map((key) => metrics?.find({ service: key }));
  print({ begin, rates, said, picture: pictureOf(png), kernel, exposed });
}

/** Its ten minutes, with a client that comes every second. */
async function scripted(): Promise<void> {
  writeFileSync('/tmp/mygraph.rrd', '');
  let code: number | null | undefined;
  const child = spawn('sh', ['-c', `cd ${DIRECTORY} && exec sh ${SCRIPT} 2>&1`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.once('close', (status) => (code = status));
  await waitFor(
    () => {
      for (const family of [4, 4, 6]) connect(family);
      return code !== undefined;
    },
    { deadline: 3_000_000, what: 'the end of the script', every: 1_000 },
  );
  print({ code, output, picture: pictureOf(join(DIRECTORY, 'graph.png')) });
}

function connect(family: number): string | undefined {
  return stand.fetch(`http://${family === 4 ? '198.51.100.15' : '[2001:db8::15]'}/`);
}

function values(): string {
  const words = ['-OqnU', '-v2c', '-cpublic', '-t', '20', 'localhost', ...NAMES];
  try {
    const out = execFileSync('snmpget', words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: environment,
    });
    const lines = out.trim().split('\n');
    return lines.map((line) => line.split(' ')[1]).join(':');
  } catch {
    // It says by its exit code that nobody answered.
    return '';
  }
}

/** The kernel adds up what it shows every 2 s. */
async function atRest(): Promise<string> {
  let last = '';
  await waitFor(() => last === (last = kernelCounts()), { deadline: DEADLINE, what: 'IPVS at rest', every: 3_000 });
  return last;
}

/** Of the kernel, as soon as it and SNMP have counted what was asked for. */
async function shown(wanted: string): Promise<string> {
  await waitFor(() => kernelCounts() === wanted && values() === wanted, {
    deadline: DEADLINE,
    what: `the counters ${wanted}`,
    every: 500,
  }).catch((error: unknown) => {
    const log = readFileSync(`${DIRECTORY}/log`, 'utf8').slice(-3000);
    throw new Error(`"${values()}" by SNMP, "${kernelCounts()}" by the kernel: ${log}`, { cause: error });
  });
  return kernelCounts();
}

function kernelCounts(): string {
  const table = ipvsadm('-Ln', '--stats', '--exact');
  const of = (service: string) => table.split('\n').find((line) => line.startsWith(`TCP  ${service} `));
  return ['198.51.100.15:80', '[2001:db8::15]:80'].map((one) => of(one)?.split(/ +/)[2] ?? 'none').join(':');
}

function rrdtool(...words: string[]): string {
  return execFileSync('rrdtool', words, { encoding: 'utf8', env: { ...environment, TZ: 'UTC' } });
}

/** Width and height of a PNG, as its header tells. */
function pictureOf(path: string): readonly number[] {
  const bytes = readFileSync(path);
  return bytes.toString('latin1', 1, 4) === 'PNG' ? [bytes.readUInt32BE(16), bytes.readUInt32BE(20)] : [];
}

function file(name: string, text: string): string {
  writeFileSync(join(DIRECTORY, name), text);
  return join(DIRECTORY, name);
}

function start(program: string, ...words: string[]): ChildProcess {
  const script = `exec "$0" "$@" >>${DIRECTORY}/log 2>&1`;
  return spawn('sh', ['-c', script, program, ...words], { stdio: 'ignore', env: { ...environment, MIBS: '' } });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function print(seen: object): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
