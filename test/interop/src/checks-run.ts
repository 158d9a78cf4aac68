import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { cases } from './checks-cases.ts';
import { PipeReader } from './checks-pipe.ts';
import { type Case, type Program, VIP, configuration, portOf, programs, wantedOf } from './checks-plan.ts';
import { ChecksStand } from './checks-stand.ts';

/** What came of the cases under a program. */
export interface Outcome {
  readonly who: Program;
  /** Of the server of each case, in order. */
  readonly told: Readonly<Record<string, readonly ('UP' | 'DOWN')[]>>;
  /** Seconds from the first word about a server that is well until the last about this one. */
  readonly times: Readonly<Record<string, number>>;
  /** Weight in the kernel's table. */
  readonly pool: Readonly<Record<string, number | 'out'>>;
  /** Words about servers that nothing is to be told of at the start. */
  readonly early: number;
  /** Lines of the pipe. */
  readonly fifo: readonly string[];
  /** What was waited for and did not come, with the end of the log; empty when all did. */
  readonly missing: string;
}

const LOOK_MS = 50;
/** For each of two waits; a guest on a busy machine needs minutes until its programs run. */
const HOST_DEADLINE = 90_000;
const GUEST_DEADLINE = 300_000;
const LINE = /^RS .* \[[\d.]+\]:tcp:(\d+) (UP|DOWN)$/;

/** What a program says of its servers, with the time. */
class Course {
  readonly who: Program;
  readonly cases: readonly { readonly one: Case; readonly port: number }[];
  readonly lines: string[] = [];
  readonly #told = new Map<number, { readonly word: 'UP' | 'DOWN'; readonly at: number }[]>();
  readonly #pipe: PipeReader;
  readonly #timer: NodeJS.Timeout;

  constructor(who: Program, all: readonly Case[], pipe: string) {
    this.who = who;
    this.cases = all
      .map((one, i) => ({ one, port: portOf(i) }))
      .filter(({ one }) => who === 'keepfleet' || one.own !== true);
    this.#pipe = new PipeReader(pipe);
    this.#timer = setInterval(() => this.#read(), LOOK_MS);
  }

  told(port: number): readonly ('UP' | 'DOWN')[] {
    return (this.#told.get(port) ?? []).map(({ word }) => word);
  }

  /** Cases of which not all is told yet that has to be. */
  open(): readonly string[] {
    const open = this.cases.filter(({ one, port }) => {
      const { told, silent, suspended } = one;
      const words = this.told(port);
      if (told !== undefined) return words.length < told.length;
      if (silent === true || suspended === true) return false;
      return words.at(-1) !== (wantedOf(one, this.who) === 'out' ? 'DOWN' : 'UP');
    });
    return open.map(({ one }) => one.name);
  }

  /** Cases of which the last word is not yet the later one. */
  unchanged(): readonly string[] {
    return this.cases
      .filter(({ one: { later }, port }) => later !== undefined && this.told(port).at(-1) !== later)
      .map(({ one }) => one.name);
  }

  wordsByName(): Record<string, readonly ('UP' | 'DOWN')[]> {
    return Object.fromEntries(this.cases.map(({ one, port }) => [one.name, this.told(port)]));
  }

  times(): Record<string, number> {
    const first = Math.min(...[...this.#told.values()].flatMap((words) => words.map(({ at }) => at)));
    return Object.fromEntries(
      this.cases.map(({ one, port }) => [one.name, ((this.#told.get(port)?.at(-1)?.at ?? NaN) - first) / 1_000]),
    );
  }

  close(): void {
    clearInterval(this.#timer);
    this.#pipe.close();
  }

  #read(): void {
    for (const line of this.#pipe.take()) {
      this.lines.push(line);
      const [, port = '', word] = LINE.exec(line.trim()) ?? [];
      if (word !== 'UP' && word !== 'DOWN') continue;
      const words = this.#told.get(Number(port)) ?? [];
      this.#told.set(Number(port), [...words, { word, at: performance.now() }]);
    }
  }
}

/**
 * Both programs at once, each in a namespace of its own, against the same servers. On the host keepalived needs
 * `environment` to do without IPVS; in a guest (`onHost` false) the kernel's tables are told, too.
 */
export async function runChecks(onHost: boolean, environment: NodeJS.ProcessEnv = {}): Promise<readonly Outcome[]> {
  const directory = mkdtempSync(join(tmpdir(), 'kf-checks-'));
  const all = cases(directory).filter(({ hostOnly }) => onHost || hostOnly !== true);
  const stand = new ChecksStand(directory, onHost);
  const courses = programs.map((who) => new Course(who, all, join(directory, `${who}.fifo`)));
  const children = new Map<Program, ChildProcess>();
  const missing = new Map<Program, string>();
  const deadline = onHost ? HOST_DEADLINE : GUEST_DEADLINE;
  const inTime = async (who: Program, what: () => readonly string[]) => {
    try {
      await waitFor(() => what().length === 0, { deadline, what: 'what is expected' });
    } catch {
      missing.set(
        who,
        `${missing.get(who) ?? ''}${what().join(', ')}: not as expected; log of ${who}:\n${stand.log(who).slice(-6_000)}\n`,
      );
    }
  };
  try {
    await stand.up();
    for (const { who } of courses)
      children.set(who, stand.start(who, configuration(all, directory, who), who === 'keepalived' ? environment : {}));
    const pool = (who: Program) => (onHost ? {} : weights(all, stand.table(who)));
    const wrongWeights = ({ who, cases: own }: Course) => {
      if (onHost) return [];
      const now = pool(who);
      return own
        .filter(({ one }) => one.suspended !== true && now[one.name] !== wantedOf(one, who))
        .map(({ one }) => `weight of ${one.name}`);
    };
    await Promise.all(
      courses.map((course) =>
        inTime(course.who, () => [...course.open(), ...stand.unasked(course.who), ...wrongWeights(course)]),
      ),
    );
    const settled = courses.map((course) => ({
      who: course.who,
      pool: pool(course.who),
      times: course.times(),
      early: course.cases
        .filter(({ one }) => one.suspended === true || one.silent === true)
        .flatMap(({ port }) => course.told(port)).length,
    }));
    await stand.change();
    await Promise.all(courses.map((course) => inTime(course.who, () => course.unchanged())));
    return settled.map((before, i) => ({
      ...before,
      told: courses[i]?.wordsByName() ?? {},
      fifo: courses[i]?.lines ?? [],
      missing: missing.get(before.who) ?? '',
    }));
  } finally {
    for (const child of children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    for (const course of courses) course.close();
    await stand.down();
    rmSync(directory, { recursive: true });
  }
}

function weights(all: readonly Case[], table: string): Record<string, number | 'out'> {
  return Object.fromEntries(
    all.map(({ name }, i) => {
      const weight = new RegExp(`-a -t ${VIP}:${portOf(i)} .* -w (\\d+)`).exec(table)?.[1];
      return [name, weight === undefined ? 'out' : Number(weight)];
    }),
  );
}
