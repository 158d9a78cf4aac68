import { setTimeout as pause } from 'node:timers/promises';
import { Capture } from './capture.ts';
import type { Frame } from './frames.ts';
import { PING_EVERY_MS, Pinger } from './pinger.ts';
import { type Instances, type Program, type Router, programs, virtualAddress } from './routers.ts';
import { type Host, Stand, addressOf, hostOf, other } from './stand.ts';
import { type Measure, spread } from './table.ts';

/**
 * Equal priorities: whoever comes back stays backup, so that each run needs one hand-over and not two.
 */
const PRIORITY = 100;
const DEADLINE_MS = 20_000;

/** What the old master may still do after the first answer of the next one. */
const SETTLE_MS = 500;
/** A request that has no answer by then gets none. */
const ANSWER_MS = 200;

type Way = 'crash' | 'stop';

interface Variant {
  readonly version: 2 | 3;
  readonly advertMs: number;
}

const variants: readonly Variant[] = [
  { version: 2, advertMs: 1_000 },
  { version: 3, advertMs: 100 },
];

/** Milliseconds; see the texts of the measures. */
interface Sample {
  readonly outage: number;
  readonly detection: number;
  readonly answer: number;
  /** Requests that nobody has answered. */
  readonly lost: number;
}

export async function measureHandOver(way: Way, runs: number, progress: (text: string) => void): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const variant of variants) {
    const name = `advert_int ${variant.advertMs / 1_000} (v${variant.version})`;
    const pairs = { ours: await Pair.start('ours', variant), theirs: await Pair.start('theirs', variant) };
    const samples: Record<Program, Sample[]> = { ours: [], theirs: [] };
    for (let run = 0; run < runs; run++) {
      const phase = (run + 0.5) / runs;
      for (const program of ['ours', 'theirs'] as const) {
        // After the last run nobody needs to come back.
        samples[program].push(await pairs[program].handOver(way, phase));
        if (run < runs - 1) await pairs[program].restore();
      }
      const last = (program: Program) => (samples[program].at(-1)?.outage ?? NaN).toFixed(0);
      progress(
        `${way} ${run + 1}/${runs}, ${name}: client waits ${last('ours')} ms with keepfleet, ${last('theirs')} ms with keepalived`,
      );
    }
    for (const pair of Object.values(pairs)) pair.close();
    const both = (what: string, value: (sample: Sample) => number) =>
      measures.push(spread(what, samples.ours.map(value), samples.theirs.map(value)));
    if (way === 'crash') {
      both(`failover, ${name}: kill to first answer, ms`, ({ outage }) => outage);
      both('  last advert of the dead to first of the next, ms', ({ detection }) => detection);
      both('  first advert of the next to its first answer, ms', ({ answer }) => answer);
    } else {
      both(`planned stop, ${name}: requests lost, one every ${PING_EVERY_MS} ms`, ({ lost }) => lost);
      both(`  gap at the client (±${PING_EVERY_MS}), ms`, ({ outage }) => outage);
      both('  priority 0 to first advert of the next, ms', ({ detection }) => detection);
    }
  }
  return measures;
}

/** Two routers of one program, and a client that pings the virtual address. */
class Pair {
  readonly #stand: Stand;
  readonly #capture: Capture;
  readonly #pinger: Pinger;
  readonly #routers: Readonly<Record<Host, Router>>;
  #master: Host = 'a';
  #killed = false;

  private constructor(stand: Stand, capture: Capture, routers: Readonly<Record<Host, Router>>) {
    this.#stand = stand;
    this.#capture = capture;
    this.#routers = routers;
    this.#pinger = new Pinger(stand, virtualAddress(1));
  }

  static async start(program: Program, variant: Variant): Promise<Pair> {
    const stand = new Stand();
    const capture = await Capture.start(stand, { live: true });
    const instances: Instances = { count: 1, ...variant, priority: PRIORITY };
    const Program = programs[program];
    const pair = new Pair(stand, capture, {
      a: new Program(stand, 'a', instances),
      b: new Program(stand, 'b', instances),
    });
    const startedAt = await pair.#routers.a.start();
    await capture.first(`an answer of ${virtualAddress(1)}`, startedAt, DEADLINE_MS, isAnswerOf('a'));
    await pair.#routers.b.start();
    await pair.#routers.b.isBackup();
    return pair;
  }

  /** The master goes, `phase` (0 to 1) of an interval after an advert, and the other one takes over. */
  async handOver(way: Way, phase: number): Promise<Sample> {
    const [from, to] = [this.#master, other(this.#master)];
    const advert = await this.#capture.first('an advert of the master', Date.now(), DEADLINE_MS, isAdvertOf(from));
    const following = await this.#capture.first('its next advert', advert.at + 1, DEADLINE_MS, isAdvertOf(from));
    await pause(following.at + phase * (following.at - advert.at) - Date.now());
    const at = Date.now();
    if (way === 'crash') {
      this.#routers[from].kill();
      this.#stand.unplug(from);
    } else {
      this.#routers[from].terminate();
    }
    this.#killed = way === 'crash';
    const first = await this.#capture.first('an advert of the next master', at, DEADLINE_MS, isAdvertOf(to));
    const answer = await this.#capture.first('an answer of the next master', at, DEADLINE_MS, isAnswerOf(to));
    const lost = way === 'stop' ? await this.#lost(at, answer.at + SETTLE_MS) : 0;
    this.#master = to;
    const last = this.#capture.last(first.at, isAdvertOf(from));
    const lastAnswer = this.#capture.last(answer.at, isAnswerOf(from));
    if (last === undefined || lastAnswer === undefined) throw new Error(`${addressOf(from)} was no master`);
    if (way === 'stop' && (last.kind !== 'advert' || last.priority !== 0))
      throw new Error(`${addressOf(from)} went without an advert of priority 0`);
    return {
      outage: answer.at - (way === 'crash' ? at : lastAnswer.at),
      detection: first.at - last.at,
      answer: answer.at - first.at,
      lost,
    };
  }

  /** Of the requests that were sent in that time. */
  async #lost(from: number, to: number): Promise<number> {
    await this.#capture.first('an answer afterwards', to + ANSWER_MS, DEADLINE_MS, ({ kind }) => kind === 'answer');
    const answered = new Set(
      this.#capture.frames.flatMap((frame) => (frame.kind === 'answer' && frame.at >= from ? [frame.sequence] : [])),
    );
    return this.#pinger.sent(from, to).filter((sequence) => !answered.has(sequence)).length;
  }

  /** The one that went comes back, as backup. */
  async restore(): Promise<void> {
    const host = other(this.#master);
    await this.#routers[host].ended();
    if (this.#killed) this.#stand.renew(host);
    await this.#routers[host].start();
    await this.#routers[host].isBackup();
  }

  close(): void {
    this.#pinger.close();
    this.#stand.close();
  }
}

function isAdvertOf(host: Host): (frame: Frame) => boolean {
  return ({ kind, mac }) => kind === 'advert' && hostOf(mac) === host;
}

function isAnswerOf(host: Host): (frame: Frame) => boolean {
  return ({ kind, mac }) => kind === 'answer' && hostOf(mac) === host;
}
