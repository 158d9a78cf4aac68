import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const LINES = 5_000;
/** Logs more than any pipe holds, says that it came through, and logs a line more whenever it is told to. */
const PROGRAM = `import { createLog } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))};
  const log = createLog('test');
  let i = 0;
  while (i < ${LINES}) log.info({ i: i++ }, 'ä'.repeat(200));
  console.log('through');
  process.stdin.on('data', () => { log.info({ i: i++ }, 'once more'); console.log('said'); });`;

let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

function start(stderr: 'pipe' | number) {
  const started = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], { stdio: ['pipe', 'pipe', stderr] });
  child = started;
  return started;
}

describe('a log', { timeout: 20_000 }, () => {
  it('that nobody reads holds nobody up, and tells what was lost once it is read again', async () => {
    const { stdin, stdout, stderr } = start('pipe');
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
    const words = createInterface({ input: stdout });
    expect(await once(words, 'line')).toEqual(['through']);
    const lines: { i?: number; lost?: number; msg: string }[] = [];
    createInterface({ input: stderr }).on('line', (line) => lines.push(JSON.parse(line) as (typeof lines)[number]));
    await waitFor(() => stdin.write('go on\n') && lines.at(-1)?.msg === 'once more', {
      deadline: 10_000,
      what: 'the log goes on',
    });
    // In order, and every line is there or counted.
    const kept = lines.flatMap(({ i }) => i ?? []);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
    const lost = lines.reduce((sum, line) => sum + (line.lost ?? 0), 0);
    expect(lost).toBeGreaterThan(0);
    expect(kept.length + lost).toBe((kept.at(-1) ?? 0) + 1);
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
