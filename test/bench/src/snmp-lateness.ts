import { setTimeout as pause } from 'node:timers/promises';
import { Capture } from './capture.ts';
import { type Instances, type Program, programs } from './routers.ts';
import { COLUMNS, MASTER_PORT, SnmpBenchStand } from './snmp-stand.ts';
import { Stand, hostOf } from './stand.ts';
import { type Measure, percentile } from './table.ts';

const ADVERT_MS = 100;
const SIZE = 20_000;
/** Of walks, and of a frozen snmpd. */
const SECONDS = { walks: 20, freeze: 60 };
const DEADLINE_MS = 120_000;

type During = keyof typeof SECONDS;

/** How regular adverts are while a manager walks without a pause, or while snmpd is frozen. */
export async function measureSnmpLateness(during: During, progress: (text: string) => void): Promise<Measure[]> {
  const title = `snmp: |interval − ${ADVERT_MS}| ms`;
  const what = during === 'walks' ? `${title} while ${SIZE} variables are walked` : `${title} while snmpd is frozen`;
  const cells: Partial<Record<Program, readonly number[]>> = {};
  for (const program of ['ours', 'theirs'] as const) {
    progress(`${what}: ${program === 'ours' ? 'keepfleet' : 'keepalived'}`);
    cells[program] = await observe(program, during);
  }
  const columns = ['p50', 'p99', 'max', 'adverts'] as const;
  return [{ what, columns, ours: cells.ours ?? [], theirs: cells.theirs ?? [], withoutRatio: ['adverts'] }];
}

async function observe(program: Program, during: During): Promise<readonly number[]> {
  const stand = new Stand();
  try {
    const snmp = new SnmpBenchStand(stand);
    const snmpd = await snmp.snmpd();
    const capture = await Capture.start(stand, { live: false });
    const addresses = SIZE / COLUMNS - 1;
    const instances: Instances = {
      count: 1,
      version: 3,
      advertMs: ADVERT_MS,
      priority: 200,
      garpDelay: 1,
      snmp: { socket: snmp.master, addresses },
    };
    const router = new programs[program](stand, 'a', instances);
    const startedAt = await router.start();
    await capture.first('an advert', startedAt, DEADLINE_MS, ({ kind }) => kind === 'advert');
    const what = `${SIZE} variables through snmpd: ${router.tail()}`;
    await snmp.walkedUntil(what, MASTER_PORT, (variables) => variables >= addresses * COLUMNS);
    const from = Date.now();
    const end = from + SECONDS[during] * 1_000;
    if (during === 'walks') {
      while (Date.now() < end) await snmp.walk(MASTER_PORT, true);
    } else {
      // A sub-agent that waits for its master stands still as soon as something is asked, or told.
      const asked = snmp.walk(MASTER_PORT, true);
      await pause(200);
      snmpd.kill('SIGSTOP');
      await pause(end - Date.now());
      snmpd.kill('SIGCONT');
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
