import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { count, failedFiles, readReport, replaced, type Report } from './report.ts';

/**
 * `npm test`: format, lint, types, unit tests, build, then the proofs against live peers and the lab. Every step runs
 * even when one before it failed; the last line counts all of them.
 */
interface Count {
  passed: number;
  failed: number;
}

/** More files than this that fail at once are no bad luck, and get no second run. */
const SECOND_RUN_FILES = 3;
const MINUTE = 60_000;
/**
 * Later than this, ms since the start, a step has none. With one of its own, and all steps after it slow to fail, the whole
 * is over within 45 minutes: a check that takes too long counts for nothing.
 */
const SECOND_RUN_UNTIL = { 'unit tests': 10 * MINUTE, 'live peers': 22 * MINUTE, 'the lab': 30 * MINUTE };

const root = join(import.meta.dirname, '..');
const programs = join(root, 'node_modules/.bin');
const total: Count = { passed: 0, failed: 0 };
const summary: string[] = [];
const reports = mkdtempSync(join(tmpdir(), 'keepfleet-test-'));

function step(name: string, run: () => Count): void {
  const start = performance.now();
  const { passed, failed } = run();
  total.passed += passed;
  total.failed += failed;
  summary.push(`${name}: ${passed} passed, ${failed} failed (${Math.round((performance.now() - start) / 1000)} s)`);
}

function execute(name: string, [program = '', ...words]: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  console.log(`\n=== ${name}: ${[program, ...words].join(' ')}`);
  const { status, error } = spawnSync(program, words, {
    stdio: 'inherit',
    cwd: root,
    env: {
      ...process.env,
      ...env,
      PATH: `${programs}:${process.env['PATH']}`,
      NX_DAEMON: 'false',
      NX_TUI: 'false',
      CI: 'true',
    },
  });
  if (error !== undefined) console.error(`${program} could not be started: ${error.message}`);
  return status === 0;
}

function npmRun(name: string, script: string): void {
  step(name, () =>
    execute(name, ['npm', 'run', '--silent', script]) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 },
  );
}

/** A file that failed has one second run, by itself: docs/adr/0008-second-run.md. */
function vitest(name: keyof typeof SECOND_RUN_UNTIL, config: string, ...files: string[]): void {
  step(name, () => {
    const first = run(name, config, files);
    if (first.report === undefined) return { passed: 0, failed: 1 };
    const again = failedFiles(first.report);
    if (again.length === 0 || again.length > SECOND_RUN_FILES || performance.now() > SECOND_RUN_UNTIL[name])
      return verdict(first.report, first.ok);
    const second = run(`${name} once more`, config, ['--no-file-parallelism', ...again]);
    if (second.report === undefined) return verdict(first.report, false);
    for (const path of again)
      if (second.report.get(path)?.failed.length === 0) tell(first.report, path, 'UNSTEADY (passed by itself)');
    // Those of the files that are not run again would be forgotten.
    return verdict(replaced(first.report, second.report), second.ok && !first.hasUnhandled);
  });
}

interface Run {
  ok: boolean;
  /** Errors outside of any test: none of them is in the report. */
  hasUnhandled: boolean;
  report?: Report;
}

function run(name: string, config: string, more: readonly string[]): Run {
  const path = join(reports, `${name.replaceAll(' ', '-')}.json`);
  const unhandled = `${path}.unhandled`;
  const reporters = ['default', 'json', './tools/unhandled.ts'].map((reporter) => `--reporter=${reporter}`);
  const words = ['vitest', 'run', '--config', config, ...reporters, `--outputFile.json=${path}`, ...more];
  const ok = execute(name, words, { KEEPFLEET_UNHANDLED: unhandled });
  const hasUnhandled = existsSync(unhandled);
  try {
    const report = readReport(readFileSync(path, 'utf8'));
    if (report !== undefined) return { ok, hasUnhandled, report };
    console.error(`${path} is no report`);
  } catch (error) {
    console.error(`no report: ${String(error)}`);
  }
  return { ok, hasUnhandled };
}

/** A run that ended badly without a failed test (a crash) is a failure all the same. */
function verdict(report: Report, ok: boolean): Count {
  for (const path of failedFiles(report)) tell(report, path, 'FAILED');
  const { passed, failed } = count(report);
  if (!ok && failed === 0) summary.push('  FAILED: the run itself, or something outside of any test; see its output');
  return { passed, failed: ok ? failed : Math.max(1, failed) };
}

function tell(report: Report, path: string, what: string): void {
  for (const { name, why } of report.get(path)?.failed ?? [])
    summary.push(`  ${what}: ${relative(root, path)} > ${name}${why === '' ? '' : `\n    ${why}`}`);
}

npmRun('format', 'format');
npmRun('lint', 'lint');
npmRun('types', 'typecheck');
vitest('unit tests', 'vitest.config.ts');
npmRun('build', 'build');
vitest('live peers', 'vitest.live.config.ts', 'test/interop', 'test/lab');
vitest('the lab', 'vitest.live.config.ts', 'test/e2e');

rmSync(reports, { recursive: true });
console.log(`\n${summary.join('\n')}\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
