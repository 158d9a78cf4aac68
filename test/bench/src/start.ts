import { waitFor } from '@keepfleet/testkit';
import { Capture } from './capture.ts';
import { Keepalived, OurRouter, type Instances, type Router } from './routers.ts';
import { Stand, hostOf } from './stand.ts';
import { type Measure, spread } from './table.ts';

/** The owner of the addresses waits for nobody. */
const OWNER: Instances = { count: 1, version: 2, advertMs: 1_000, priority: 255 };
const DEADLINE_MS = 20_000;

export async function measureStart(runs: number, progress: (text: string) => void): Promise<Measure[]> {
  const stand = new Stand();
  const capture = await Capture.start(stand, { live: true });
  const ours = new OurRouter(stand, 'a', OWNER);
  const theirs = new Keepalived(stand, 'b', OWNER);

  // Fills the store of compiled code, which is written some time after a start or at its end.
  await firstAdvert(ours, capture);
  await end(ours);
  await waitFor(() => ours.hasCompiledCode(), { deadline: DEADLINE_MS, what: 'compiled code in the run directory' });

  const [warm, cold, reference]: number[][] = [[], [], []];
  for (let run = 0; run < runs; run++) {
    reference?.push(await timed(theirs, capture));
    warm?.push(await timed(ours, capture));
    ours.forgetCompiledCode();
    cold?.push(await timed(ours, capture));
    progress(
      `start ${run + 1}/${runs}: keepfleet ${text(warm)} ms, its first of all ${text(cold)} ms, keepalived ${text(reference)} ms`,
    );
  }
  stand.close();
  return [
    spread('start: exec to first advert (priority 255), ms', warm ?? [], reference ?? []),
    spread('  the same with no compiled code stored, ms', cold ?? [], reference ?? []),
  ];
}

async function timed(router: Router, capture: Capture): Promise<number> {
  const time = await firstAdvert(router, capture);
  await end(router);
  return time;
}

async function firstAdvert(router: Router, capture: Capture): Promise<number> {
  const at = await router.start();
  const first = await capture
    .first('the first advert', at, DEADLINE_MS, ({ kind, mac }) => kind === 'advert' && hostOf(mac) === router.host)
    .catch((error: unknown) => {
      throw new Error(`${String(error)}; its log ends with ${router.tail()}`);
    });
  return first.at - at;
}

async function end(router: Router): Promise<void> {
  router.terminate();
  await router.ended();
}

function text(samples: readonly number[] | undefined): string {
  return (samples?.at(-1) ?? NaN).toFixed(0);
}
