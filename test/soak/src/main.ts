import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Soak, SoakFigures } from './soak.ts';

/** Every file of soaks/ is one soak, of the file's name, and exports it as `soak`. */
const directory = join(import.meta.dirname, 'soaks');
const FAILED = 1;
const WRONG_USE = 2;
const INTERRUPTED = 130;

const names = readdirSync(directory)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const task = readCommandLine();
const soaks = new Map<string, Soak>();
for (const name of task.names) {
  const { soak } = (await import(join(directory, `${name}.ts`))) as { soak: Soak };
  soaks.set(name, soak);
}
if (task.help) {
  process.stdout.write(help());
  process.exit(0);
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(INTERRUPTED);
    interruption.abort();
    process.stderr.write(`${signal}: ending after this round; once more ends at once\n`);
  });

let passed = 0;
let failed = 0;
for (const [name, soak] of soaks) {
  if (interruption.signal.aborted) break;
  const count = task.rounds ?? soak.count;
  process.stderr.write(`${name}: ${count} ${soak.unit}, seed ${task.seed}, load ${loadavg()[0]?.toFixed(2) ?? '?'}\n`);
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
  let done = 0;
  let shownAt = began;
  try {
    const figures = await soak.run({
      count,
      seed: task.seed,
      signal: interruption.signal,
      progress: (rounds) => {
        done = rounds;
        if (performance.now() - shownAt < 5_000) return;
        shownAt = performance.now();
        process.stderr.write(`${name}: ${done} of ${count} ${soak.unit} after ${seconds()} s\n`);
      },
    });
    passed++;
    process.stdout.write(`${name}: passed, ${describe(interruption.signal.aborted ? done : count, soak, figures)}\n`);
  } catch (error) {
    failed++;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(`${name}: FAILED after ${done} ${soak.unit} and ${seconds()} s, seed ${task.seed}: ${why}\n`);
  }

  function describe(rounds: number, { unit }: Soak, figures: SoakFigures): string {
    const seen = Object.entries(figures).map(([what, figure]) => `; ${what} ${figure}`);
    return `${rounds} ${unit} in ${seconds()} s, seed ${task.seed}${seen.join('')}`;
  }
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed > 0 ? FAILED : interruption.signal.aborted ? INTERRUPTED : 0);

function help(): string {
  const rows = [...soaks].map(([name, { about, count, unit }]) => `  ${name.padEnd(18)} ${about} (${count} ${unit})\n`);
  return `Usage: npm run soak -- [options] [NAME...]

The full counts that continuous checks run a slice of; without a NAME all of them, one after the other.

${rows.join('')}
  --seed N     where the random choices start (default 1); the same seed makes the same run
  --rounds N   another count
  --help       print this text
`;
}

interface CommandLine {
  readonly names: readonly string[];
  readonly seed: number;
  readonly rounds?: number;
  readonly help: boolean;
}

function readCommandLine(): CommandLine {
  const whole = { type: 'string' } as const;
  let parsed;
  try {
    const options = {
      seed: { ...whole, default: '1' },
      rounds: whole,
      help: { type: 'boolean', default: false },
    } as const;
    parsed = parseArgs({ allowPositionals: true, options });
  } catch (error) {
    return leave(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) return leave(`there is no soak ${unknown} (see --help)`);
  for (const [option, value] of [
    ['--seed', values.seed],
    ['--rounds', values.rounds ?? '1'],
  ] as const)
    if (!/^\d{1,10}$/.test(value)) return leave(`${option} wants a whole number, not ${value}`);
  return {
    names: positionals.length === 0 || values.help ? names : positionals,
    seed: Number(values.seed),
    ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
    help: values.help,
  };
}

function leave(message: string): never {
  process.stderr.write(`soak: ${message}\n`);
  process.exit(WRONG_USE);
}
