import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { LOG_FILE_LIMIT } from './line-sink.ts';

const LINES = 5_000;
/** Logs more than any pipe holds, says that it came through, and logs a line more whenever it is told to. */
const PROGRAM = `import { createLog } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))};
  const [, directory] = process.argv;
  const log = createLog('test', 'info', directory);
  let i = 0;
  while (i < ${LINES}) log.info({ i: i++ }, 'ä'.repeat(200));
  console.log('through');
  process.stdin.on('data', () => { log.info({ i: i++ }, 'once more'); console.log('said'); });`;

let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

function start(stderr: 'pipe' | number, ...args: readonly string[]) {
  const started = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, ...args], {
    stdio: ['pipe', 'pipe', stderr],
  });
  child = started;
  return started;
}

describe('a log', () => {
  it('that nobody reads holds nobody up, and tells what was lost once it is read again', async () => {
    const { stdin, stdout, stderr } = start('pipe');
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
    const words = createInterface({ input: stdout });
    expect(await once(words, 'line')).toEqual(['through']);
    const lines: { i?: number; lost?: number; msg: string }[] = [];
    createInterface({ input: stderr }).on('line', (line) => lines.push(JSON.parse(line) as (typeof lines)[number]));
    await waitFor(() => stdin.write('go on\n') && lines.at(-1)?.msg === 'once more', {
      deadline: 120_000,
      what: 'the log goes on',
    });
    // In order, and every line is there or counted.
    const kept = lines.flatMap(({ i }) => i ?? []);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
    const lost = lines.reduce((sum, line) => sum + (line.lost ?? 0), 0);
    expect(lost).toBeGreaterThan(0);
    expect(kept.length + lost).toBe((kept.at(-1) ?? 0) + 1);
  });

  it.each([
    ['into a file of its own is set aside before it is too large, and what was there before counts', 'test.log', 2],
    ['into a file of somebody else is left to grow', 'other.log', 1],
  ])('%s', async (_, name, files) => {
    const directory = mkdtempSync(join(tmpdir(), 'kf-log-'));
    try {
      const path = join(directory, name);
      writeFileSync(path, `${'x'.repeat(LOG_FILE_LIMIT - 1_000)}\n`);
      const file = openSync(path, 'a');
      const { stdout } = start(file, directory);
      closeSync(file);
      if (stdout === null) throw new Error('no pipe');
      expect(await once(createInterface({ input: stdout }), 'line')).toEqual(['through']);
      expect(readdirSync(directory).sort()).toEqual([name, `${name}.1`].slice(0, files));
      // Nothing is lost at the turn.
      const text = [`${path}.1`, path].flatMap((one) => (existsSync(one) ? [readFileSync(one, 'utf8')] : [])).join('');
      const numbers = [...text.matchAll(/"i":(\d+)/g)].map(([, i]) => Number(i));
      expect(numbers).toEqual(Array.from({ length: LINES }, (_, i) => i));
      expect(statSync(path).size > LOG_FILE_LIMIT).toBe(files === 1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('that cannot be set aside is given up, and tells how many lines that were', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kf-log-'));
    try {
      const path = join(directory, 'test.log');
      mkdirSync(`${path}.1`);
      writeFileSync(path, `${'x'.repeat(LOG_FILE_LIMIT - 1_000_000)}\n`);
      const file = openSync(path, 'a');
      const { stdout } = start(file, directory);
      closeSync(file);
      if (stdout === null) throw new Error('no pipe');
      expect(await once(createInterface({ input: stdout }), 'line')).toEqual(['through']);
      const text = readFileSync(path, 'utf8');
      const [first = '', ...others] = text.trimEnd().split('\n');
      const { lost } = JSON.parse(first) as { lost: number };
      expect(others.length).toBeGreaterThan(0);
      expect(lost + others.length).toBe(1 + LINES);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('on a full disk ends nobody', async () => {
    const full = openSync('/dev/full', 'w');
    const { stdin, stdout } = start(full);
    closeSync(full);
    if (stdin === null || stdout === null) throw new Error('no pipes');
    const words = createInterface({ input: stdout });
    expect(await once(words, 'line')).toEqual(['through']);
    stdin.write('go on\n');
    expect(await once(words, 'line')).toEqual(['said']);
  });
});
