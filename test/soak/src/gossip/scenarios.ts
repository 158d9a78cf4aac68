import { type Duration, type RandomSource, micros, millis, seconds, toSeconds } from '@keepfleet/machine';
import { seededRandom } from '@keepfleet/testkit';
import { Fleet, detectionBound } from './fleet.ts';

/** What one run shows, for the table at the end. */
export interface RunFigures {
  readonly scenario: string;
  readonly members: number;
  /** Seconds of virtual time from the event to everybody's knowing, where the scenario has one. */
  readonly settled?: number;
}

interface Run {
  readonly seed: number;
  readonly n: number;
  readonly fleet: Fleet;
  readonly random: RandomSource;
}

type Scenario = (run: Run) => number | undefined;

/** A partition heals by the reconnect loop, every 30 s on each side; a seed or two may be asked in vain before. */
const HEALING = seconds(150);

/** Each throws when one of the invariants does not hold; the seed replays it. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  /** No healthy member is ever declared dead at 5 % loss. */
  loss({ fleet, n }) {
    fleet.lan.lose(0.05);
    fleet.lan.run(seconds(n > 50 ? 30 : 90));
    nobodyFailed(fleet);
    fleet.lan.lose(0);
    return settled(fleet, seconds(30));
  },
  /** A dead member is known to all within the bound, and nobody else is taken for dead. */
  kill({ fleet, n, random }) {
    const victim = someone(fleet, random, 1);
    fleet.kill(victim);
    const took = waited(fleet, () => fleet.notSeeing(victim, 'failed').length === 0, detectionBound(n));
    if (took === undefined)
      throw new Error(`${victim} is not known dead by ${fleet.notSeeing(victim, 'failed').join()}`);
    nobodyFailed(fleet, victim);
    return took;
  },
  /** A member that stands still for 20 s declares nobody dead when it goes on, and is itself back soon. */
  pause({ fleet, random }) {
    const sleeper = someone(fleet, random, 0);
    fleet.lan.pause(sleeper);
    fleet.lan.run(seconds(20));
    fleet.lan.resume(sleeper);
    const took = settled(fleet, HEALING);
    nobodyFailed(fleet, sleeper);
    return took;
  },
  /** One member whose packets take longer than a probe waits makes no other look dead. */
  slow({ fleet, random }) {
    const slow = someone(fleet, random, 0);
    fleet.lan.slow(slow, millis(400 + 400 * random()));
    fleet.lan.run(seconds(90));
    nobodyFailed(fleet, slow);
    fleet.lan.slow(slow, micros(0));
    return settled(fleet, HEALING);
  },
  /** Streams that take seconds, of which some never end, while members come and one dies: pings by TCP are of no help then. */
  slowStreams({ fleet, n, random }) {
    fleet.streamDelay = () => millis(12_000 * random() ** 3);
    fleet.lan.lose(0.02);
    fleet.add(`n${n}`, n);
    fleet.lan.run(seconds(60));
    nobodyFailed(fleet);
    const victim = `n${n}`;
    fleet.kill(victim);
    const known = () => fleet.notSeeing(victim, 'failed').every((name) => fleet.status(name, victim) === undefined);
    if (waited(fleet, known, detectionBound(n + 1)) === undefined)
      throw new Error(`${victim} is not known dead by ${fleet.notSeeing(victim, 'failed').join()}`);
    nobodyFailed(fleet, victim);
    fleet.lan.lose(0);
    return settled(fleet, HEALING);
  },
  /** Two that do not hear each other, in one direction, are vouched for by the others. */
  oneWay({ fleet, n, random }) {
    const [a, b] = [someone(fleet, random, 0), someone(fleet, random, 0)];
    if (a === b) return undefined;
    fleet.cut(a, b);
    fleet.lan.run(seconds(60));
    if (n > 3) nobodyFailed(fleet);
    fleet.cut(a, b, false);
    return settled(fleet, HEALING);
  },
  /** After a partition of seconds, minutes or an hour all views are equal again. */
  partition({ fleet, n, random }) {
    const names = fleet.names;
    const left = names.filter(() => random() < 0.5);
    const side = left.length === 0 || left.length === n ? names.slice(0, 1) : left;
    fleet.partition(
      side,
      names.filter((name) => !side.includes(name)),
    );
    const long = random();
    fleet.lan.run(seconds(long < 0.02 && n <= 5 ? 3600 : long < 0.5 ? 20 : n > 50 ? 60 : 200));
    fleet.heal();
    return settled(fleet, HEALING);
  },
  /** A member that is killed and started again and again ends as one that is alive. */
  flap({ fleet, random }) {
    const index = 1 + Math.floor(random() * (fleet.names.length - 1));
    const name = `n${index}`;
    for (let i = 0; i < 5; i++) {
      fleet.kill(name);
      fleet.lan.run(seconds(1 + 14 * random()));
      fleet.add(name, index);
      fleet.lan.run(seconds(1 + 9 * random()));
    }
    const took = settled(fleet, HEALING);
    nobodyFailed(fleet, name);
    return took;
  },
  /** Members come, leave and die for two minutes; in the end those that are there see each other. */
  churn({ fleet, n, random }) {
    let next = n;
    for (let i = 0; i < 12; i++) {
      const choice = random();
      if (choice < 0.4 || fleet.names.length < 3) {
        fleet.add(`n${next}`, next);
        next++;
      } else if (choice < 0.7) fleet.kill(someone(fleet, random, 1));
      else {
        const leaver = someone(fleet, random, 1);
        fleet.lan.input(leaver, { kind: 'leave' });
        fleet.lan.run(seconds(8));
        fleet.kill(leaver);
      }
      fleet.lan.run(seconds(8 * random()));
    }
    return settled(fleet, micros(detectionBound(fleet.names.length) + HEALING));
  },
};

/** One run, all of it from the seed: which scenario, how many members, what befalls whom. */
export function lanRun(seed: number, largest: number): RunFigures {
  const random = seededRandom(seed);
  const names = Object.keys(scenarios);
  const name = names[seed % names.length] ?? 'kill';
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  const n = Math.min(sizeOf(random()), largest);
  const fleet = new Fleet({ seed, ...(n > 5 ? { settings: { compress: false } } : {}) }).grow(n);
  try {
    if (!fleet.settle(seconds(n > 100 ? 90 : 30))) throw new Error('the members did not find each other');
    // Where in its round of probes each of them is is another matter every time.
    fleet.lan.run(micros(seconds(3) * random()));
    fleet.seen.length = 0;
    const took = scenario({ seed, n, fleet, random });
    return { scenario: name, members: n, ...(took === undefined ? {} : { settled: took }) };
  } catch (cause) {
    throw new Error(`seed ${seed}, ${name} of ${n}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Mostly small, as fleets are; one in a thousand has a thousand members. */
function sizeOf(share: number): number {
  if (share < 0.001) return 1000;
  if (share < 0.01) return 100;
  if (share < 0.1) return 32;
  return share < 0.55 ? 5 : 3;
}

function someone(fleet: Fleet, random: RandomSource, from: number): string {
  const names = fleet.names;
  return names[from + Math.floor(random() * (names.length - from))] ?? 'n0';
}

function nobodyFailed(fleet: Fleet, but?: string): void {
  const wrong = fleet.seen.filter(
    ({ change, name, observer }) => change === 'failed' && name !== but && observer !== but,
  );
  const [first] = wrong;
  if (first !== undefined)
    throw new Error(`${first.observer} declared ${first.name} dead at ${toSeconds(first.at as unknown as Duration)} s`);
  // What the one in trouble said of others is held to the same rule.
  const blamed = fleet.seen.find(
    ({ change, name, observer }) => change === 'failed' && observer === but && name !== but,
  );
  if (blamed !== undefined) throw new Error(`${blamed.observer}, itself in trouble, declared ${blamed.name} dead`);
}

function settled(fleet: Fleet, limit: Duration): number {
  const took = waited(fleet, () => fleet.agree(fleet.names), limit);
  if (took !== undefined) return took;
  const views = fleet.names.slice(0, 8).map((name) => `${name}: ${JSON.stringify(fleet.view(name))}`);
  throw new Error(`views differ ${toSeconds(limit)} s after it was over: ${views.join('; ')}`);
}

function waited(fleet: Fleet, condition: () => boolean, limit: Duration): number | undefined {
  const began = fleet.lan.now;
  return fleet.until(condition, limit) ? (fleet.lan.now - began) / 1_000_000 : undefined;
}
