import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createLog } from '../log.ts';
import { type ProcessState, SupervisedProcess } from './supervise.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');

let runDirectory: string;
const pids = new Set<number>();
const supervisors = new Set<{ detach(): void }>();

beforeEach(() => {
  runDirectory = mkdtempSync(join(tmpdir(), 'kf-linux-supervise-'));
});
afterEach(async () => {
  for (const supervisor of supervisors) supervisor.detach();
  supervisors.clear();
  for (const pid of pids) {
    if (!alive(pid)) continue;
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(alive(pid)).toBe(false));
  }
  pids.clear();
  rmSync(runDirectory, { recursive: true });
});

/** Dead children stay as zombies until they are waited for. */
function alive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

function supervise(stopping = 'obeys') {
  const states: ProcessState[] = [];
  const ignore = () => undefined;
  const supervised = new SupervisedProcess({
    runDirectory,
    role: 'lvs',
    snapshot: z.unknown(),
    event: z.unknown(),
    log: createLog('control', 'silent'),
    command: [process.execPath, join(FIXTURES, 'idle-process.ts'), runDirectory, stopping],
    changed: (state) => states.push(state),
    listener: {
      connected: (hello) => pids.add(hello.pid),
      snapshot: ignore,
      event: ignore,
      missed: ignore,
      applied: ignore,
      refused: ignore,
      silent: ignore,
      problems: ignore,
      disconnected: ignore,
    },
  });
  supervisors.add(supervised);
  return { supervised, states };
}

async function running(supervised: { state: ProcessState }, not?: number): Promise<ProcessState & { kind: 'running' }> {
  return vi.waitFor(() => {
    const { state } = supervised;
    if (state.kind !== 'running' || state.pid === not) throw new Error(`${state.kind}`);
    return state;
  });
}

describe('supervision', () => {
  it('starts a process where there is none, and again when it was killed', async () => {
    const { supervised, states } = supervise();
    const first = await running(supervised);
    expect(first.adopted).toBe(false);
    process.kill(first.pid, 'SIGKILL');
    const second = await running(supervised, first.pid);
    expect(second.hello.incarnation).not.toBe(first.hello.incarnation);
    expect(states).toContainEqual(expect.objectContaining({ kind: 'down', exit: 'was ended by SIGKILL' }));
    await supervised.stop('leave');
    expect([supervised.state.kind, alive(second.pid)]).toEqual(['stopped', false]);
  });

  it('says whether the process has started in time', async () => {
    const { supervised } = supervise();
    expect(await supervised.started(0)).toBe(false);
    expect(await supervised.started(30_000)).toBe(true);
    await supervised.stop('leave');
  });

  it('survives kill -9 of control, whose successor adopts it and restarts it as its own', async () => {
    const control = spawn(process.execPath, [join(FIXTURES, 'idle-control.ts'), runDirectory], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    if (control.pid !== undefined) pids.add(control.pid);
    const [line] = (await once(control.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    pids.add(pid);
    control.kill('SIGKILL');
    control.stderr.destroy();
    await once(control, 'exit');

    const { supervised } = supervise();
    const adopted = await running(supervised);
    expect([adopted.pid, adopted.adopted]).toEqual([pid, true]);
    // A log in a pipe of the dead control would have ended it; it has one of its own.
    const log = () => readFileSync(join(runDirectory, 'lvs.log'), 'utf8');
    await vi.waitFor(() => expect(log()).toContain('going on without it'));

    process.kill(pid, 'SIGKILL');
    const next = await running(supervised, pid);
    expect(next.adopted).toBe(false);
    await supervised.stop('leave');
  });

  it('ends a process that does not stop when asked', async () => {
    const { supervised } = supervise('refuses');
    const { pid } = await running(supervised);
    await supervised.stop('release', 50);
    expect(alive(pid)).toBe(false);
  });

  it('ends a process that is stopped, also one that it has never heard', async () => {
    const { supervised: first } = supervise();
    const { pid } = await running(first);
    process.kill(pid, 'SIGSTOP');
    first.detach();
    const { supervised } = supervise();
    await vi.waitFor(() => expect(supervised.link.connected).toBe(true));
    await supervised.stop('release', 50);
    expect(alive(pid)).toBe(false);
  });

  it('leaves the process alone when it lets go', async () => {
    const { supervised } = supervise();
    const { pid } = await running(supervised);
    supervised.detach();
    const next = supervise();
    expect((await running(next.supervised)).pid).toBe(pid);
    await next.supervised.stop('leave');
  });
});
