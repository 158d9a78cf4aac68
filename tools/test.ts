import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `npm test`: format, lint, types, unit tests, build, then the proofs against live peers and the lab. Every step runs
 * even when one before it failed; the last line counts all of them.
 */
interface Count {
  passed: number;
  failed: number;
}

const root = join(import.meta.dirname, '..');
const programs = join(root, 'node_modules/.bin');
const total: Count = { passed: 0, failed: 0 };
const summary: string[] = [];
const reports = mkdtempSync(join(tmpdir(), 'keepfleet-test-'));

function step(name: string, command: readonly string[], count: (ok: boolean) => Count): void {
  const [program = '', ...words] = command;
  console.log(`\n=== ${name}: ${command.join(' ')}`);
  const start = performance.now();
  const { status, error } = spawnSync(program, words, {
    stdio: 'inherit',
    cwd: root,
    env: {
      ...process.env,
      PATH: `${programs}:${process.env['PATH']}`,
      NX_DAEMON: 'false',
      NX_TUI: 'false',
      CI: 'true',
    },
  });
  if (error !== undefined) console.error(`${program} could not be started: ${error.message}`);
  const { passed, failed } = count(status === 0);
  total.passed += passed;
  total.failed += failed;
  summary.push(`${name}: ${passed} passed, ${failed} failed (${Math.round((performance.now() - start) / 1000)} s)`);
}

const asOne = (ok: boolean): Count => (ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

/** A run that ended badly without a failed test (a file that does not load, a crash) is a failure all the same. */
function vitest(name: string, config: string, ...files: string[]): void {
  const report = join(reports, `${name.replaceAll(' ', '-')}.json`);
  step(
    name,
    ['vitest', 'run', '--config', config, '--reporter=default', '--reporter=json', `--outputFile=${report}`, ...files],
    (ok) => {
      const { passed, failed } = readReport(report);
      return { passed, failed: ok ? failed : Math.max(1, failed) };
    },
  );
}

function readReport(path: string): Count {
  try {
    const report: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof report !== 'object' || report === null) return { passed: 0, failed: 1 };
    const { numPassedTests, numFailedTests } = report as Record<string, unknown>;
    return { passed: Number(numPassedTests), failed: Number(numFailedTests) };
  } catch (error) {
    console.error(`no report: ${String(error)}`);
    return { passed: 0, failed: 1 };
  }
}

step('format', ['npm', 'run', '--silent', 'format'], asOne);
step('lint', ['npm', 'run', '--silent', 'lint'], asOne);
step('types', ['npm', 'run', '--silent', 'typecheck'], asOne);
vitest('unit tests', 'vitest.config.ts');
step('build', ['npm', 'run', '--silent', 'build'], asOne);
vitest('live peers', 'vitest.live.config.ts', 'test/interop', 'test/lab');
vitest('the lab', 'vitest.live.config.ts', 'test/e2e');

rmSync(reports, { recursive: true });
console.log(`\n${summary.join('\n')}\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
