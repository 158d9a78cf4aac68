import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { addressRows } from '@keepfleet/testkit';
import { measureLateness } from './snmp-lateness.ts';
import { ADDRESS_TABLE, COLUMNS, SnmpBenchStand } from './snmp-stand.ts';
import { type Measure, percentile } from './table.ts';
import { processorSeconds } from './usage.ts';

const SIZES = [250, 5_000, 20_000, 200_000];
/** keepalived and the npm agent look for each variable from the start: beyond this they take hours. */
const MOST_OF_THEIRS = 20_000;
/** Small walks are repeated, so that the start of the tool counts for little. */
const LEAST = 20_000;

interface Walked {
  readonly bulk: number;
  readonly single: number;
  /** Processor time of the agent for one variable of the bulk walk, µs. */
  readonly cost: number;
  /** Of snmpd. */
  readonly masterCost: number;
  readonly getP99: number;
}

const NOTHING: Walked = { bulk: NaN, single: NaN, cost: NaN, masterCost: NaN, getP99: NaN };
const HEADS = ['bulk/s', 'walk/s', 'CPU µs', 'snmpd µs', 'GET p99 ms'] as const;
const cells = ({ bulk, single, cost, masterCost, getP99 }: Walked) => [
  Math.round(bulk),
  Math.round(single),
  cost,
  masterCost,
  getP99,
];

/**
 * Walks of vrrpAddressTable, ours beside keepalived's through snmpd, at one size also beside an agent that looks nothing up,
 * and beside the npm package's agent without snmpd.
 */
export async function measureSnmp(progress: (text: string) => void): Promise<Measure[]> {
  const measures: Measure[] = [];
  const stand = new SnmpBenchStand();
  try {
    const master = (await stand.snmpd()).pid ?? 0;
    for (const { how, peer, port, ofTheirs, masterPid } of [
      { how: 'through snmpd', peer: 'keepalived', port: '161', ofTheirs: ofKeepalived, masterPid: master },
      { how: 'without snmpd', peer: 'npm agent', port: '1161', ofTheirs: ofNpmAgent, masterPid: undefined },
    ]) {
      for (const size of SIZES) {
        const what = `snmp: ${size} variables ${how}`;
        progress(what);
        const ours = await ofOurs(stand, size, port, masterPid);
        const theirs = size > MOST_OF_THEIRS ? NOTHING : await ofTheirs(stand, size, masterPid);
        const withoutRatio = masterPid === undefined ? ['snmpd µs'] : [];
        measures.push({ what, columns: HEADS, ours: cells(ours), theirs: cells(theirs), peer, withoutRatio });
        if (masterPid === undefined || size !== MOST_OF_THEIRS) continue;
        const limit = await ofNullAgent(stand, size, masterPid);
        measures.push({
          what,
          columns: HEADS,
          ours: cells(ours),
          theirs: cells(limit),
          peer: 'null agent',
          withoutRatio,
        });
      }
    }
  } finally {
    await stand.close();
  }
  return [...measures, ...(await measureLateness(progress))];
}

async function ofOurs(
  stand: SnmpBenchStand,
  size: number,
  port: string,
  masterPid: number | undefined,
): Promise<Walked> {
  const yaml = stand.file(
    'agent.yaml',
    `snmp:\n  enabled: ${port === '161'}\n${port === '161' ? '' : `  standalone: { listen: ["127.0.0.1:${port}"], communities: [{ name: public }] }\n`}`,
  );
  const socket = port === '161' ? `unix:${stand.master}` : '-';
  const child = stand.node('apps/node-agent/src/snmp/rows-server.ts', [socket, yaml, stand.path('engine')]);
  child.stdin?.write(`${JSON.stringify({ type: 'rows', rows: addressRows(size / COLUMNS) })}\n`);
  return measured(stand, { child, size, port, pid: child.pid ?? 0, masterPid });
}

async function ofKeepalived(stand: SnmpBenchStand, size: number, masterPid: number | undefined): Promise<Walked> {
  const addresses = Array.from({ length: size / COLUMNS }, (_, i) => `    10.0.${i >> 8}.${i & 255}/32 dev lan0`);
  const conf = stand.file(
    'keepalived.conf',
    `global_defs {\n enable_snmp_vrrp\n snmp_socket unix:${stand.master}\n}
vrrp_instance VI_1 {\n state MASTER\n interface lan0\n virtual_router_id 51\n priority 150\n advert_int 1
  virtual_ipaddress {\n 198.51.100.15/24\n }\n  virtual_ipaddress_excluded {\n${addresses.slice(1).join('\n')}\n }\n}\n`,
  );
  const words = ['-n', '-l', '-P', '-f', conf, '-p', stand.path('pid'), '-r', stand.path('vpid')];
  const child = stand.start('keepalived', words);
  // The agent is the child of the process that was started.
  await stand.until('keepalived has its child', () => existsSync(stand.path('vpid')));
  const pid = Number(readFileSync(stand.path('vpid'), 'utf8'));
  return measured(stand, { child, size, port: '161', pid, masterPid });
}

/** What snmpd leaves to any sub-agent: one that looks nothing up. */
async function ofNullAgent(stand: SnmpBenchStand, size: number, masterPid: number): Promise<Walked> {
  const words = [stand.master, ADDRESS_TABLE, String(size)];
  const child = stand.node('test/bench/src/snmp-null-agent-main.ts', words);
  return measured(stand, { child, size, port: '161', pid: child.pid ?? 0, masterPid });
}

async function ofNpmAgent(stand: SnmpBenchStand, size: number): Promise<Walked> {
  const child = stand.node('test/bench/src/snmp-npm-agent-main.ts', ['1161', String(size / COLUMNS)]);
  return measured(stand, { child, size, port: '1161', pid: child.pid ?? 0, masterPid: undefined });
}

interface Served {
  readonly child: ChildProcess;
  readonly size: number;
  readonly port: string;
  /** Of the agent, which may be a child of the process that was started. */
  readonly pid: number;
  /** Of snmpd, where it is between. */
  readonly masterPid: number | undefined;
}

async function measured(stand: SnmpBenchStand, { child, size, port, pid, masterPid }: Served): Promise<Walked> {
  // Nothing of what it prints is of interest.
  child.stdout?.resume();
  const least = Math.floor(size / COLUMNS) * COLUMNS;
  // keepalived has a broadcast address for each besides.
  let whole = 0;
  await stand.until(`${size} variables are served`, () => {
    whole = stand.walk(port, ADDRESS_TABLE, 'snmpbulkwalk', ['-Cr50'], 2).lines;
    return whole >= least;
  });
  const rates = walked(stand, { port, from: ADDRESS_TABLE, least, pid, masterPid });
  const getter = stand.getter(port);
  await stand.walkBeside(port, ADDRESS_TABLE, Math.ceil(LEAST / whole));
  const gets = await getter.stop();
  await stand.stop(child);
  await stand.until('it has left', () => stand.walk(port, ADDRESS_TABLE, 'snmpbulkwalk', [], 1).lines === 0);
  return { ...rates, getP99: percentile(gets, 99) };
}

interface Walks {
  readonly port: string;
  readonly from: string;
  /** Variables that are there at least: a walk with fewer broke off. */
  readonly least: number;
  readonly pid: number;
  readonly masterPid: number | undefined;
}

function walked(stand: SnmpBenchStand, { port, from, least, pid, masterPid }: Walks): Omit<Walked, 'getP99'> {
  const rate = (tool: string, options: readonly string[]) => {
    let [seconds, lines] = [0, 0];
    while (lines < LEAST) {
      const walk = stand.walk(port, from, tool, options);
      if (walk.lines < least) return { perSecond: NaN, lines: NaN };
      seconds += walk.seconds;
      lines += walk.lines;
    }
    return { perSecond: lines / seconds, lines };
  };
  const used = () => [pid, masterPid].map((one) => (one === undefined ? NaN : processorSeconds(one)));
  const before = used();
  const bulk = rate('snmpbulkwalk', ['-Cr50']);
  const [cost = NaN, masterCost = NaN] = used().map((now, i) => ((now - (before[i] ?? NaN)) * 1e6) / bulk.lines);
  return { bulk: bulk.perSecond, single: rate('snmpwalk', []).perSecond, cost, masterCost };
}
