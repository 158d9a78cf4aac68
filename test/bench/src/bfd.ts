import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Capture } from './capture.ts';
import type { Frame } from './frames.ts';
import type { Program } from './routers.ts';
import { type Host, Stand, addressOf, hostOf, other } from './stand.ts';
import { type Measure, percentile, spread } from './table.ts';

const STANDALONE = fileURLToPath(new URL('../../../apps/node-agent/src/bfd/standalone.ts', import.meta.url));
const INTERVALS_MS = [10, 50];
const MULTIPLIER = 3;
const WATCH_MS = 15_000;
const DEADLINE_MS = 30_000;
const UP = 3;
const DOWN = 1;

/** Two neighbours of one program: how regular their packets are, and how soon one sees that the other is gone. */
export async function measureBfd(runs: number, progress: (text: string) => void): Promise<Measure[]> {
  const gaps: Measure[] = [];
  const detections: Measure[] = [];
  for (const interval of INTERVALS_MS) {
    const observed = new Map<Program, Observed>();
    for (const program of ['ours', 'theirs'] as const) {
      progress(`bfd: ${program === 'ours' ? 'keepfleet' : 'keepalived'} every ${interval} ms`);
      observed.set(program, await observe(program, interval, runs));
    }
    const [ours, theirs] = [observed.get('ours'), observed.get('theirs')];
    if (ours === undefined || theirs === undefined) continue;
    const cells = ({ gaps: all }: Observed) => [
      ...[50, 99, 100].map((percent) => percentile(all, percent)),
      all.filter((gap) => gap > interval).length,
      all.length,
    ];
    gaps.push({
      // RFC 5880 section 6.8.7 has each interval shortened by up to a quarter at random: only longer ones are late.
      what: `bfd: between two packets, every ${interval} ms at the most, ms`,
      columns: ['p50', 'p99', 'max', 'longer', 'packets'],
      ours: cells(ours),
      theirs: cells(theirs),
      withoutRatio: ['longer', 'packets'],
    });
    detections.push(
      spread(
        `bfd: last packet heard to first one that says Down (${MULTIPLIER} × ${interval}), ms`,
        ours.detections,
        theirs.detections,
      ),
    );
  }
  return [...gaps, ...detections];
}

interface Observed {
  readonly gaps: readonly number[];
  readonly detections: readonly number[];
}

async function observe(program: Program, interval: number, runs: number): Promise<Observed> {
  const stand = new Stand();
  const capture = await Capture.start(stand, { live: true, at: { space: 'lan', interface: 'port-a' } });
  const from = Date.now();
  for (const host of ['a', 'b'] as const) start(program, stand, host, interval);
  const bothUp = async (after: number) => {
    for (const host of ['a', 'b'] as const)
      await capture.first(`a session that is up at ${host}`, after, DEADLINE_MS, isPacket(host, UP));
  };
  await bothUp(from);
  await pause(1_000);
  const [begin, end] = [Date.now(), Date.now() + WATCH_MS];
  await pause(WATCH_MS);
  const sent = capture.frames.filter((frame) => isPacket('a', UP)(frame) && frame.at >= begin && frame.at <= end);
  const gaps = sent.slice(1).map((frame, i) => frame.at - (sent[i]?.at ?? NaN));

  const detections: number[] = [];
  for (let run = 0; run < runs; run++) {
    const cutAt = Date.now();
    stand.unplug('b');
    const down = await capture.first('a packet that says Down', cutAt, DEADLINE_MS, isPacket('a', DOWN));
    const last = capture.last(down.at, isPacket('b'));
    if (last === undefined) throw new Error('the neighbour was never heard');
    detections.push(down.at - last.at);
    const pluggedAt = Date.now();
    stand.plugIn('b');
    await bothUp(pluggedAt);
    await pause(10 * interval);
  }
  await capture.stop();
  stand.close();
  return { gaps, detections };
}

function isPacket(host: Host, state?: number): (frame: Frame) => boolean {
  return (frame) =>
    frame.kind === 'bfd' && hostOf(frame.mac) === host && (state === undefined || frame.state === state);
}

function start(program: Program, stand: Stand, host: Host, interval: number): void {
  const directory = join(stand.directory, host);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'settings');
  const [neighbor, source] = [addressOf(other(host)), addressOf(host)];
  if (program === 'ours') {
    const micros = interval * 1_000;
    const session = {
      name: 'B',
      neighbor,
      source,
      hops: 'single',
      passive: false,
      desiredMinTx: micros,
      requiredMinRx: micros,
      idleTx: 1_000_000,
      detectMult: MULTIPLIER,
      ttl: 255,
      leastTtl: 255,
    };
    writeFileSync(file, JSON.stringify({ sessions: [session] }));
    stand.spawn(host, [process.execPath, '--max-semi-space-size=4', STANDALONE, '--run-dir', directory, file]);
    return;
  }
  const lines = [`min_rx ${interval}`, `min_tx ${interval}`, 'idle_tx 1000', `multiplier ${MULTIPLIER}`];
  const own = [`neighbor_ip ${neighbor}`, `source_ip ${source}`, ...lines].join('\n  ');
  writeFileSync(file, `bfd_instance B {\n  ${own}\n}\n`);
  const pids = ['p', 'r', 'c', 'b'].flatMap((option) => [`-${option}`, join(directory, `${option}.pid`)]);
  stand.spawn(host, ['keepalived', '-n', '-l', '-f', file, ...pids]);
}
