import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { labRows } from '@keepfleet/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentProcess, SnmpdStand, until } from './snmpd.ts';

// The article's graph: the connections of its service over IPv4 and IPv6, asked for by name as its script does
// (lab-keepalived-snmp/rrd in vincentbernat/network-lab) and fed to rrdtool. Times are made up, so that rates are exact.

const NAMES = [1, 2].map((n) => `KEEPALIVED-MIB::virtualServerStatsConns.${n}`);
const STEP = 10;
const BEGIN = 1_700_000_000;
/** Connections so far, over IPv4 and IPv6. */
const COURSE = [
  [1_000, 500],
  [1_290, 500],
  [1_310, 560],
  [1_310, 1_000],
] as const;

const stand = new SnmpdStand();
const rrd = join(stand.directory, 'connections.rrd');
const png = join(stand.directory, 'graph.png');
let agent: AgentProcess;

const rrdtool = (...words: string[]) =>
  execFileSync('rrdtool', words, { encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: stand.directory } });

function show(connections: readonly number[]): void {
  const lab = labRows();
  const virtualServers = lab.virtualServers.map((service, i) => ({
    ...service,
    traffic: { ...service.traffic, connections: String(connections[i]) },
  }));
  agent.rows({ ...lab, virtualServers });
}

const values = async () => {
  const { lines } = await stand.ask('snmpget', ['-OqnU'], 'public', NAMES);
  return lines.map((line) => line.split(' ')[1]).join(':');
};

beforeAll(async () => {
  await stand.start();
  agent = new AgentProcess(`unix:${stand.socket}`);
  show(COURSE[0]);
  await agent.serving();
});

afterAll(async () => {
  await agent.close();
  await stand.close();
});

it("the article's graph has the rates of both families", async () => {
  const sources = ['IPv4', 'IPv6'].map((name) => `DS:${name}:COUNTER:${2 * STEP}:0:1000000`);
  rrdtool('create', rrd, '--start', String(BEGIN - 1), '--step', String(STEP), ...sources, 'RRA:AVERAGE:0.5:1:60');
  for (const [i, connections] of COURSE.entries()) {
    show(connections);
    const wanted = connections.join(':');
    await until(wanted, async () => ((await values()) === wanted ? true : undefined));
    rrdtool('update', rrd, `${BEGIN + i * STEP}:${await values()}`);
  }
  const range = ['--start', String(BEGIN), '--end', String(BEGIN + (COURSE.length - 1) * STEP)];
  const rates = rrdtool('fetch', rrd, 'AVERAGE', ...range)
    .split('\n')
    .flatMap((line) => [/^(\d+): (\S+) (\S+)$/.exec(line)?.slice(1).map(Number) ?? []])
    .filter(([, rate]) => Number.isFinite(rate));
  expect(rates).toEqual([
    [BEGIN + STEP, 29, 0],
    [BEGIN + 2 * STEP, 2, 6],
    [BEGIN + 3 * STEP, 0, 44],
  ]);
  const said = rrdtool(
    ...(['graph', png, ...range, '-l', '0'] as const),
    ...[`DEF:ipv4=${rrd}:IPv4:AVERAGE`, `DEF:ipv6=${rrd}:IPv6:AVERAGE`, 'VDEF:ipv4max=ipv4,MAXIMUM'],
    ...['AREA:ipv4#0000FF:IPv4', 'AREA:ipv6#00FF00:IPv6:STACK', 'PRINT:ipv4max:%6.0lf %Sconn/s'],
  );
  expect(said).toMatch(/^\s*29\s+conn\/s$/m);
  expect(readFileSync(png).toString('latin1', 1, 4)).toBe('PNG');
});
