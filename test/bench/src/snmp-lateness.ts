import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '@keepfleet/testkit';
import { Capture } from './capture.ts';
import { type Instances, type Program, programs } from './routers.ts';
import { ADDRESS_TABLE, COLUMNS } from './snmp-stand.ts';
import { Stand, hostOf } from './stand.ts';
import { type Measure, percentile } from './table.ts';

const ADVERT_MS = 100;
const SIZE = 20_000;
/** Of walks, and of a frozen snmpd. */
const SECONDS = { walks: 20, freeze: 60 };
const DEADLINE_MS = 120_000;

/** How regular adverts are while a manager walks without a pause, and while snmpd is frozen. */
export async function measureLateness(progress: (text: string) => void): Promise<Measure[]> {
  const title = `snmp: |interval − ${ADVERT_MS}| ms`;
  const measures: Measure[] = [];
  for (const during of ['walks', 'freeze'] as const) {
    const what = during === 'walks' ? `${title} while ${SIZE} variables are walked` : `${title} while snmpd is frozen`;
    const cells: Partial<Record<Program, readonly number[]>> = {};
    for (const program of ['ours', 'theirs'] as const) {
      progress(`${what}: ${program === 'ours' ? 'keepfleet' : 'keepalived'}`);
      cells[program] = await observe(program, during);
    }
    const columns = ['p50', 'p99', 'max', 'adverts'] as const;
    measures.push({ what, columns, ours: cells.ours ?? [], theirs: cells.theirs ?? [], withoutRatio: ['adverts'] });
  }
  return measures;
}

async function observe(program: Program, during: 'walks' | 'freeze'): Promise<readonly number[]> {
  const stand = new Stand();
  try {
    const master = await MasterInStand.start(stand);
    const capture = await Capture.start(stand, { live: false });
    const snmp = { socket: master.socket, addresses: SIZE / COLUMNS - 1 };
    const instances: Instances = { count: 1, version: 3, advertMs: ADVERT_MS, priority: 200, garpDelay: 1, snmp };
    const router = new programs[program](stand, 'a', instances);
    const startedAt = await router.start();
    await capture.first('an advert', startedAt, DEADLINE_MS, ({ kind }) => kind === 'advert');
    await waitFor(() => master.count() >= snmp.addresses * COLUMNS, {
      deadline: DEADLINE_MS,
      what: `${SIZE} variables through snmpd: ${router.tail()}`,
      every: 1_000,
    });
    const from = Date.now();
    const end = from + SECONDS[during] * 1_000;
    if (during === 'walks') {
      while (Date.now() < end) await master.walk(end);
    } else {
      // A sub-agent that waits for its master stands still as soon as something is asked, or told.
      const asked = master.walk(end);
      await pause(200);
      master.snmpd.kill('SIGSTOP');
      await pause(end - Date.now());
      master.snmpd.kill('SIGCONT');
      await asked;
    }
    const to = Date.now();
    await capture.first('an advert after the end', to + 1, DEADLINE_MS, ({ kind }) => kind === 'advert');
    await capture.stop();
    const times = capture.frames
      .filter(({ kind, mac, at }) => kind === 'advert' && hostOf(mac) === 'a' && at >= from && at <= to)
      .map(({ at }) => at);
    const errors = times.slice(1).map((at, i) => Math.abs(at - (times[i] ?? NaN) - ADVERT_MS));
    return [...[50, 99, 100].map((percent) => percentile(errors, percent)), times.length];
  } finally {
    stand.close();
  }
}

/** Debian's snmpd beside a router. */
class MasterInStand {
  readonly #stand: Stand;
  readonly #environment: Readonly<Record<string, string>>;
  readonly socket: string;
  readonly snmpd: ChildProcess;

  private constructor(stand: Stand) {
    this.#stand = stand;
    const directory = join(stand.directory, 'snmpd');
    mkdirSync(join(directory, 'run'), { recursive: true });
    this.socket = join(directory, 'master');
    this.#environment = { MIBS: '', SNMP_PERSISTENT_DIR: join(directory, 'persistent') };
    const conf = join(directory, 'snmpd.conf');
    const lines = ['rocommunity public', 'master agentx', `agentXSocket unix:${this.socket}`, 'agentXTimeout 60', ''];
    writeFileSync(conf, lines.join('\n'));
    const script = `mount --bind ${directory}/run /run && exec snmpd -f -LE 0 -C -c ${conf} -I -smux udp:127.0.0.1:161`;
    this.snmpd = stand.spawn('a', ['sh', '-c', script], this.#environment);
    this.snmpd.stdout?.resume();
    this.snmpd.stderr?.resume();
  }

  static async start(stand: Stand): Promise<MasterInStand> {
    const master = new MasterInStand(stand);
    await waitFor(() => master.count('1.3.6.1.2.1.1.3') > 0, {
      deadline: DEADLINE_MS,
      what: 'snmpd answers',
      every: 200,
    });
    return master;
  }

  /** Variables below a name. */
  count(name = ADDRESS_TABLE): number {
    const command = `snmpbulkwalk -v2c -c public -t 10 -r 0 -Oqn -Cr50 127.0.0.1 ${name} | grep -vc ' No ' || true`;
    const words = ['netns', 'exec', this.#stand.namespace('a'), 'sh', '-c', command];
    const env = { ...process.env, ...this.#environment };
    return Number(execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env }));
  }

  /** Ends by itself, or at a time. */
  async walk(until: number): Promise<void> {
    const words = ['-v2c', '-c', 'public', '-t', '60', '-r', '0', '-Oqn', '-Cr50', '127.0.0.1', ADDRESS_TABLE];
    const child = this.#stand.spawn('a', ['snmpbulkwalk', ...words], this.#environment);
    child.stdout?.resume();
    child.stderr?.resume();
    const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(0, until - Date.now()));
    await once(child, 'exit');
    clearTimeout(timer);
  }
}
