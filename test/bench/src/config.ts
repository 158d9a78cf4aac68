import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KeepalivedConfig, ReadingMemory, checkHost, diffConfigs, parseKeepalivedConfig } from '@keepfleet/config';
import { largeConfiguration } from './large-configuration.ts';
import { type Measure, spread } from './table.ts';

const TIMEOUT_MS = 120_000;
/** As it is installed: its starter gives V8 its options. */
const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));

/**
 * A configuration of 161,800 lines. As a process: from exec to the verdict, beside `keepalived -t`. In the agent, where
 * the file was read before: reading, checking, and the difference to what runs with one line changed.
 */
export function measureConfig(runs: number, progress: (text: string) => void): readonly Measure[] {
  const directory = mkdtempSync(join(tmpdir(), 'kf-bench-config-'));
  const space = `kf-bench-${process.pid}-config`;
  execFileSync('ip', ['netns', 'add', space]);
  try {
    const file = join(directory, 'keepalived.conf');
    const text = largeConfiguration(1);
    writeFileSync(file, text);
    const lines = text.split('\n').length - 1;
    const [ours, theirs]: [Sample[], Sample[]] = [[], []];
    const inside: { parse: number; check: number; diff: number }[] = [];
    const memory = new ReadingMemory();
    let before = parse(file, text, memory);
    for (let run = 0; run < runs; run++) {
      theirs.push(timed(['ip', 'netns', 'exec', space, 'keepalived', '-t', '-f', file]));
      ours.push(timed([AGENT, '--config-test', '--log-file', '/dev/null', '-f', file]));
      const changed = largeConfiguration(100 + run);
      const [began, cpu] = [performance.now(), process.cpuUsage()];
      const next = parse(file, changed, memory);
      const parsed = performance.now();
      checkHost(next, { interfaces: [], users: {}, groups: {}, programs: {} });
      const checked = performance.now();
      const { changed: services } = diffConfigs(before, next).virtualServers;
      inside.push({ parse: parsed - began, check: checked - parsed, diff: performance.now() - checked });
      if (services.length !== 1) throw new Error(`${services.length} services differ instead of one`);
      before = next;
      const used = process.cpuUsage(cpu);
      progress(
        `config ${run + 1}/${runs}: keepfleet ${ours.at(-1)?.wall} ms, again ${Math.round(parsed - began)} ms (${Math.round((used.user + used.system) / 1_000)} ms of processor), keepalived ${theirs.at(-1)?.wall} ms`,
      );
    }
    const wall = theirs.map((one) => one.wall);
    const cpu = theirs.map((one) => one.cpu);
    return [
      spread(
        `config: ${lines} lines, exec to verdict, ms`,
        ours.map((one) => one.wall),
        wall,
      ),
      spread(
        '  processor time of that, ms',
        ours.map((one) => one.cpu),
        cpu,
      ),
      spread(
        '  read, check and diff at a reload beside keepalived -t, ms',
        inside.map(({ parse: reading, check, diff }) => reading + check + diff),
        wall,
      ),
      spread(
        '  of that the difference of one line, ms',
        inside.map(({ diff }) => diff),
        wall,
      ),
    ];
  } finally {
    execFileSync('ip', ['netns', 'delete', space]);
    rmSync(directory, { recursive: true });
  }
}

interface Sample {
  readonly wall: number;
  /** User and system time of the program with its children. */
  readonly cpu: number;
}

function timed(command: readonly string[]): Sample {
  const script = 'TIMEFORMAT="%R %U %S"; { time "$@" > /dev/null 2>&1; } 2>&1; exit 0';
  const answer = execFileSync('bash', ['-c', script, 'timed', ...command], { encoding: 'utf8', timeout: TIMEOUT_MS });
  const [real = NaN, user = NaN, system = NaN] = answer.trim().split(' ').map(Number);
  return { wall: Math.round(real * 1_000), cpu: Math.round((user + system) * 1_000) };
}

function parse(file: string, text: string, memory: ReadingMemory): KeepalivedConfig {
  const { config, diagnostics } = parseKeepalivedConfig({ file, text, memory });
  const [first] = diagnostics;
  if (first !== undefined) throw new Error(`the configuration has findings, the first: ${first.message}`);
  return config;
}
