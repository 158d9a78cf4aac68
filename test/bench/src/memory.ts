import { setTimeout as pause } from 'node:timers/promises';
import { Capture } from './capture.ts';
import { type Instances, Keepalived, OurRouter, type Router } from './routers.ts';
import { Stand, hostOf } from './stand.ts';
import type { Measure } from './table.ts';
import { type Memory, memoryOf, othersWithProgramOf, sum } from './usage.ts';

const ONE: Instances = { count: 1, version: 2, advertMs: 1_000, priority: 200 };
const DEADLINE_MS = 20_000;
/** Past the second round of gratuitous ARP and the storing of compiled code. */
const REST_MS = 15_000;

export interface MemoryResult {
  readonly measures: readonly Measure[];
  readonly notes: readonly string[];
}

export async function measureMemory(progress: (text: string) => void): Promise<MemoryResult> {
  const stand = new Stand();
  const capture = await Capture.start(stand, { live: true });
  const ours = new OurRouter(stand, 'a', ONE);
  const startedAt = await ours.start();
  await capture.first(
    'an advert of ours',
    startedAt,
    DEADLINE_MS,
    ({ kind, mac }) => kind === 'advert' && hostOf(mac) === 'a',
  );
  // On one wire VRID 1 of both would make one of them backup.
  const apart = new Stand();
  const theirs = new Keepalived(apart, 'a', ONE);
  await theirs.start();
  await theirs.isBackup();
  progress(`memory: both rest for ${REST_MS / 1_000} s`);
  await pause(REST_MS);

  const oursNow = read(ours);
  const theirsNow = read(theirs);
  const pids = oursNow.map(({ pid }) => pid);
  const [first] = pids;
  const others = first === undefined ? 0 : othersWithProgramOf(first, pids);
  stand.close();
  apart.close();
  const numbers = ({ rss, pss, private: own }: Memory) => [rss, pss, own];
  return {
    measures: [
      {
        what: 'memory at rest: sum of all processes, MB',
        columns: ['RSS', 'PSS', 'private'],
        ours: numbers(sum(oursNow.map(({ memory }) => memory))),
        theirs: numbers(sum(theirsNow.map(({ memory }) => memory))),
      },
    ],
    notes: [
      ...[
        ...oursNow.map((one) => ({ ...one, program: 'keepfleet' })),
        ...theirsNow.map((one) => ({ ...one, program: 'keepalived' })),
      ].map(
        ({ program, name, memory: { rss, pss, private: own } }) =>
          `memory of ${`${program} ${name}:`.padEnd(20)} RSS ${rss.toFixed(1)} MB, PSS ${pss.toFixed(1)} MB, private ${own.toFixed(1)} MB`,
      ),
      `${others} other processes run the same node binary as the agent and take a share of its PSS; alone it is higher.`,
    ],
  };
}

function read(router: Router): { readonly name: string; readonly pid: number; readonly memory: Memory }[] {
  return router.processes().map(({ name, pid }) => ({ name, pid, memory: memoryOf(pid) }));
}
