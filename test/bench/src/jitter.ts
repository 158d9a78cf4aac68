import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { Capture } from './capture.ts';
import { type Load, servicesFor, startLoad } from './jitter-load.ts';
import { type Instances, type Program, programs } from './routers.ts';
import { Stand, hostOf } from './stand.ts';
import { type Measure, percentile } from './table.ts';
import { memoryOf, processorSeconds, sum } from './usage.ts';

const ADVERT_MS = 100;
const SECONDS = 30;
const DEADLINE_MS = 20_000;
/** After the last instance has become master: past its second round of gratuitous ARP, which is asked for after 1 s. */
const SETTLE_MS = 3_000;

interface Observed {
  readonly errors: readonly number[];
  readonly intervals: readonly number[];
  readonly processor: number;
  readonly rss: number;
  readonly pss: number;
}

const LOADS: Readonly<Record<Load, string>> = {
  rest: '',
  snmp: ', walked by SNMP',
  checks: ', walked by SNMP, 2,000 servers checked (keepalived: none)',
};

export const INSTANCES: readonly number[] = [1, 64, 255];

export async function measureJitter(
  load: Load,
  counts: readonly number[],
  progress: (text: string) => void,
): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const count of counts) {
    const observed: Partial<Record<Program, Observed>> = {};
    for (const program of ['ours', 'theirs'] as const) {
      const title = `${count} instance${count === 1 ? '' : 's'}${LOADS[load]}`;
      progress(`jitter: ${title} of ${program === 'ours' ? 'keepfleet' : 'keepalived'} for ${SECONDS} s`);
      observed[program] = await observe(program, count, load);
    }
    const { ours, theirs } = observed;
    if (ours === undefined || theirs === undefined) continue;
    measures.push(...compare(`${count} × advert_int 0.1 (v3)${LOADS[load]}`, ours, theirs));
  }
  // Those with the same heads together.
  return measures.sort((a, b) => a.columns.join().localeCompare(b.columns.join()));
}

function compare(title: string, ours: Observed, theirs: Observed): Measure[] {
  const errors = ({ errors, intervals }: Observed) => [
    ...[50, 99, 100].map((percent) => percentile(errors, percent)),
    intervals.reduce((total, one) => total + one, 0) / intervals.length - ADVERT_MS,
    errors.length,
  ];
  const usage = (observed: Observed) => [observed.processor, observed.rss, observed.pss];
  return [
    {
      what: `${title}: |interval − ${ADVERT_MS}|, ms`,
      columns: ['p50', 'p99', 'max', 'mean drift', 'intervals'],
      ours: errors(ours),
      theirs: errors(theirs),
      withoutRatio: ['mean drift', 'intervals'],
    },
    {
      what: `${title}: use in ${SECONDS} s, all processes`,
      columns: ['CPU s', 'RSS MB', 'PSS MB'],
      ours: usage(ours),
      theirs: usage(theirs),
    },
  ];
}

async function observe(program: Program, count: number, load: Load): Promise<Observed> {
  const stand = new Stand();
  const agentx = join(stand.directory, 'a/agentx');
  const instances: Instances = {
    count,
    version: 3,
    advertMs: ADVERT_MS,
    priority: 200,
    garpDelay: 1,
    ...(load !== 'rest' ? { snmp: { socket: agentx, addresses: 0 } } : {}),
    services: program === 'ours' ? servicesFor(load) : '',
  };
  const capture = await Capture.start(stand, { live: false });
  const router = new programs[program](stand, 'a', instances);
  const bearLoad = await startLoad(load, stand, agentx);
  const startedAt = await router.start();
  for (let vrid = 1; vrid <= instances.count; vrid++)
    await capture.first(
      `an advert of VRID ${vrid}`,
      startedAt,
      DEADLINE_MS,
      (frame) => frame.kind === 'advert' && frame.vrid === vrid,
    );
  await bearLoad();
  await pause(SETTLE_MS);

  const pids = router.processes().map(({ pid }) => pid);
  const processor = () => pids.reduce((total, pid) => total + processorSeconds(pid), 0);
  const [from, processorBefore] = [Date.now(), processor()];
  await pause(SECONDS * 1_000);
  const [to, used] = [Date.now(), processor() - processorBefore];
  const { rss, pss } = sum(pids.map(memoryOf));
  await capture.first('an advert after the end', to + 1, DEADLINE_MS, ({ kind }) => kind === 'advert');
  await capture.stop();
  stand.close();

  const last = new Map<number, number>();
  const intervals: number[] = [];
  for (const frame of capture.frames) {
    if (frame.kind !== 'advert' || hostOf(frame.mac) !== 'a' || frame.at < from || frame.at > to) continue;
    const before = last.get(frame.vrid);
    if (before !== undefined) intervals.push(frame.at - before);
    last.set(frame.vrid, frame.at);
  }
  if (last.size !== instances.count) throw new Error(`adverts of ${last.size} of ${instances.count} instances`);
  return { errors: intervals.map((one) => Math.abs(one - ADVERT_MS)), intervals, processor: used, rss, pss };
}
