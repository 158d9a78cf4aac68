import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seconds } from '@keepfleet/machine';
import type { ScriptTrackerSettings, TrackerInput } from '@keepfleet/vrrp';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScriptRunner } from '../../scripts/script-runner.ts';
import { ScriptTracker } from './script-trackers.ts';

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof import('node:child_process')>();
  return { ...real, spawn: vi.fn(real.spawn) };
});

const directory = mkdtempSync(join(tmpdir(), 'kf-script-'));
afterAll(() => rmSync(directory, { recursive: true }));
const states: string[] = [];
const said: string[] = [];
const say = (_: object, text: string) => said.push(text);
let tracker: ScriptTracker | undefined;
beforeEach(() => {
  vi.mocked(spawn).mockClear();
  states.length = 0;
  said.length = 0;
});
afterEach(() => tracker?.close());

function track(changes: Partial<ScriptTrackerSettings>, ...argv: string[]): void {
  const settings: ScriptTrackerSettings = {
    name: 'check',
    command: { argv, user: 'root' },
    interval: seconds(60),
    timeout: seconds(60),
    rise: 1,
    fall: 1,
    initiallyFailed: false,
    ...changes,
  };
  const tell = (input: TrackerInput) => {
    if (input.kind === 'tracker') states.push(input.state);
  };
  tracker = new ScriptTracker(settings, new ScriptRunner(), tell, { warn: say, error: say } as never);
  tracker.start();
}

const root = process.getuid?.() === 0;

describe.runIf(root)('a tracked script', () => {
  it.each([
    ['up', ['true']],
    ['down', ['false']],
    ['down', ['/nowhere/script']],
  ])('is %s after %j', async (state, argv) => {
    track({}, ...argv);
    await vi.waitFor(() => expect(states).toEqual(['unknown', state]));
  });

  it('that this node has no process for keeps its state, is told once, and is run again', async () => {
    const shortage = Object.assign(new Error('spawn true EAGAIN'), { code: 'EAGAIN' });
    vi.mocked(spawn).mockImplementationOnce(() => {
      throw shortage;
    });
    vi.mocked(spawn).mockImplementationOnce(() => {
      throw shortage;
    });
    track({ interval: seconds(0.05) }, 'true');
    await vi.waitFor(() => expect(states).toContain('up'));
    expect(states).toEqual(['unknown', 'up']);
    expect(said).toEqual([
      'vrrp_script check cannot be run: spawn true EAGAIN; this run is left out, and it stays unknown',
    ]);
  });

  it('that ended in time has succeeded, though this process was held up for longer than its time', async () => {
    const file = join(directory, 'ended');
    const timeout = 300;
    const { spawn: begin } = await vi.importActual<typeof import('node:child_process')>('node:child_process');
    /** It waits for this process to take its end. */
    const isZombie = () =>
      existsSync(file) && /\) Z /.test(readFileSync(`/proc/${readFileSync(file, 'utf8').trim()}/stat`, 'latin1'));
    const holdUp = () => {
      const until = performance.now() + timeout * 1.5;
      while (performance.now() < until || !isZombie());
    };
    vi.mocked(spawn).mockImplementationOnce((...call) => {
      // Of a turn of the event loop, what comes next are the timers, and then the ends of programs.
      setImmediate(holdUp);
      return begin(...call);
    });
    track(
      { timeout: seconds(timeout / 1_000) },
      '/bin/sh',
      '-c',
      `sleep 0.1; echo $$ >${file}.new; exec mv ${file}.new ${file}`,
    );
    await vi.waitFor(() => expect(states.length).toBe(2));
    expect(states).toEqual(['unknown', 'up']);
  });
});
