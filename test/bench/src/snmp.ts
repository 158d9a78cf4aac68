import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { addressRows, waitFor } from '@keepfleet/testkit';
import { ADDRESS_TABLE, COLUMNS, MASTER_PORT, SnmpBenchStand } from './snmp-stand.ts';
import { type Measure, percentile } from './table.ts';
import { processorSeconds } from './usage.ts';

export const SNMP_SIZES = [250, 5_000, 20_000, 200_000];
/** The npm agent looks for each variable from the start: beyond this it takes hours. */
const MOST_OF_NPM = 20_000;
/** Small walks are repeated, so that the start of the tool counts for little. */
const LEAST = { bulk: 20_000, single: 5_000 };
const OWN_PORT = '1161';

/** Who answers, and how. */
interface Served {
  readonly child: ChildProcess;
  /** Of the agent, which may be a child of the process that was started. */
  readonly pid: number;
  readonly port: string;
  /** Of snmpd, where it is between. */
  readonly masterPid?: number;
}

interface Walk {
  readonly perSecond: number;
  /** Processor time of the agent for one variable, µs. */
  readonly cost: number;
  /** Of snmpd. */
  readonly masterCost: number;
}

interface Walked {
  readonly bulk: Walk;
  readonly single: Walk;
  readonly getP99: number;
}

/** Takes what is measured at once, so that an end in the middle loses nothing. */
interface Report {
  readonly progress: (text: string) => void;
  readonly measure: (measure: Measure) => void;
  readonly note: (text: string) => void;
}

/** Walks of vrrpAddressTable through snmpd: ours beside keepalived's, and beside a sub-agent that looks nothing up. */
export async function measureSnmp(sizes: readonly number[], report: Report): Promise<void> {
  const stand = new SnmpBenchStand();
  try {
    const masterPid = (await stand.snmpd()).pid ?? 0;
    const through = { port: MASTER_PORT, masterPid };
    for (const size of sizes) {
      const what = `snmp: ${size} variables through snmpd`;
      report.progress(what);
      const ours = await measured(stand, size, { ...through, ...startOurs(stand, size, false) });
      const cells = ({ bulk, single, getP99 }: Walked) => [
        Math.round(bulk.perSecond),
        Math.round(single.perSecond),
        bulk.cost,
        bulk.masterCost,
        single.masterCost,
        getP99,
      ];
      const columns = ['bulk/s', 'walk/s', 'CPU µs', 'snmpd bulk', 'snmpd walk', 'GET p99 ms'];
      const withoutRatio = ['snmpd bulk', 'snmpd walk'];
      const beside = (peer: string, theirs: Walked) =>
        report.measure({ what, columns, ours: cells(ours), theirs: cells(theirs), peer, withoutRatio });
      const theirs = await measured(stand, size, { ...through, ...(await startKeepalived(stand, size)) });
      beside('keepalived', theirs);
      beside('null agent', await measured(stand, size, { ...through, ...startNullAgent(stand, size) }));
      // snmpd asks for one variable and waits for it: what snmpd itself takes is what no sub-agent can save.
      const most = ({ cost, masterCost }: Walk) => `×${((cost + masterCost) / masterCost).toFixed(2)}`;
      report.note(
        `${what}: a sub-agent that took no time would be ${most(theirs.bulk)} (bulk) and ${most(theirs.single)} (walk) as fast as keepalived`,
      );
    }
  } finally {
    stand.close();
  }
}

/** The same walks without snmpd: ours beside the npm package's agent. */
export async function measureSnmpAlone(sizes: readonly number[], report: Report): Promise<void> {
  const stand = new SnmpBenchStand();
  try {
    for (const size of sizes) {
      const what = `snmp: ${size} variables without snmpd`;
      report.progress(what);
      const ours = await measured(stand, size, { port: OWN_PORT, ...startOurs(stand, size, true) });
      const cells = (one?: Walked) =>
        one === undefined
          ? [NaN, NaN, NaN, NaN]
          : [Math.round(one.bulk.perSecond), Math.round(one.single.perSecond), one.bulk.cost, one.getP99];
      const theirs =
        size > MOST_OF_NPM ? undefined : await measured(stand, size, { port: OWN_PORT, ...startNpmAgent(stand, size) });
      const columns = ['bulk/s', 'walk/s', 'CPU µs', 'GET p99 ms'];
      report.measure({ what, columns, ours: cells(ours), theirs: cells(theirs), peer: 'npm agent' });
    }
  } finally {
    stand.close();
  }
}

type Started = Pick<Served, 'child' | 'pid'>;

function startOurs(stand: SnmpBenchStand, size: number, alone: boolean): Started {
  const own = `  standalone: { listen: ["127.0.0.1:${OWN_PORT}"], communities: [{ name: public }] }\n`;
  const yaml = stand.file('agent.yaml', `snmp:\n  enabled: ${!alone}\n${alone ? own : ''}`);
  const words = [alone ? '-' : `unix:${stand.master}`, yaml, stand.path('engine')];
  const child = stand.node('apps/node-agent/src/snmp/rows-server.ts', words);
  child.stdin?.write(`${JSON.stringify({ type: 'rows', rows: addressRows(size / COLUMNS) })}\n`);
  return { child, pid: child.pid ?? 0 };
}

async function startKeepalived(stand: SnmpBenchStand, size: number): Promise<Started> {
  const addresses = Array.from({ length: size / COLUMNS }, (_, i) => `    10.0.${i >> 8}.${i & 255}/32 dev eth0`);
  // A backup, that waits for a master for minutes: it serves its rows, but no address comes to the kernel, whose addresses
  // snmpd would read again and again. Ours has no addresses here either.
  const conf = stand.file(
    'keepalived.conf',
    `global_defs {\n enable_snmp_vrrp\n snmp_socket unix:${stand.master}\n}
vrrp_instance VI_1 {\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority 150\n advert_int 255
  virtual_ipaddress {\n 192.0.2.15/24\n }\n  virtual_ipaddress_excluded {\n${addresses.slice(1).join('\n')}\n }\n}\n`,
  );
  const words = ['-n', '-l', '-P', '-f', conf, '-p', stand.path('pid'), '-r', stand.path('vpid')];
  const child = stand.start('keepalived', words);
  // The agent is the child of the process that was started.
  const pid = await waitFor(() => existsSync(stand.path('vpid')) && readFileSync(stand.path('vpid'), 'utf8'), {
    deadline: 60_000,
    what: 'keepalived has its child',
  });
  return { child, pid: Number(pid) };
}

function startNullAgent(stand: SnmpBenchStand, size: number): Started {
  const child = stand.node('test/bench/src/snmp-null-agent-main.ts', [stand.master, ADDRESS_TABLE, String(size)]);
  return { child, pid: child.pid ?? 0 };
}

function startNpmAgent(stand: SnmpBenchStand, size: number): Started {
  const child = stand.node('test/bench/src/snmp-npm-agent-main.ts', [OWN_PORT, String(size / COLUMNS)]);
  return { child, pid: child.pid ?? 0 };
}

async function measured(stand: SnmpBenchStand, size: number, { child, pid, port, masterPid }: Served): Promise<Walked> {
  // Nothing of what it prints is of interest.
  child.stdout?.resume();
  const least = Math.floor(size / COLUMNS) * COLUMNS;
  await stand.walkedUntil(`${size} variables are served`, port, (variables) => variables >= least);

  const used = () => [pid, masterPid].map((one) => (one === undefined ? NaN : processorSeconds(one)));
  const walk = async (bulk: boolean): Promise<Walk> => {
    const times = Math.ceil((bulk ? LEAST.bulk : LEAST.single) / size);
    const before = used();
    const { lines, seconds } = await stand.walk(port, bulk, { times });
    const [cost = NaN, masterCost = NaN] = used().map((now, i) => ((now - (before[i] ?? NaN)) * 1e6) / lines);
    // One with fewer broke off.
    return { perSecond: lines < least * times ? NaN : lines / seconds, cost, masterCost };
  };
  // First the slower one, in which Node compiles what is called often.
  const single = await walk(false);
  const bulk = await walk(true);
  const getter = stand.getter(port);
  await walk(true);
  const gets = await getter.stop();
  child.kill();
  await once(child, 'exit');
  await stand.walkedUntil('it has left', port, (variables) => variables === 0);
  return { bulk, single, getP99: percentile(gets, 99) };
}
