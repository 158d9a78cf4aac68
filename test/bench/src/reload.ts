import { runInGuest } from '@keepfleet/test-lab';
import { type Measure, spread } from './table.ts';

const GUEST_MS = 15 * 60_000;
/** A table of 37,000 servers in two programs, and the guest's own. */
const MEGABYTES = 1_536;

interface Result {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly phases: readonly { readonly readMs: number; readonly applyMs: number }[];
  /** Who did not have what in the kernel within the deadline. */
  readonly late: readonly string[];
  readonly deadlineMs: number;
  readonly pollMs: number;
}

/** From SIGHUP to the whole agent, or to keepalived, until a real kernel has the one weight that the file has changed. */
export async function measureReload(runs: number, progress: (text: string) => void): Promise<readonly Measure[]> {
  progress('reload: a guest with one CPU, several minutes');
  const script = `exec node test/bench/src/reload-guest-main.ts ${runs}`;
  const { output, code } = await runInGuest(script, { timeout: GUEST_MS, megabytes: MEGABYTES });
  const last = output.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`the guest ended with ${code}: ${output.slice(-2_000)}`);
  const { ours, theirs, late, deadlineMs, phases, pollMs } = JSON.parse(last) as Result;
  const missed = late.map((what) => `; ${what} within ${deadlineMs / 1_000} s`).join('');
  return [
    spread(`reload: SIGHUP to the kernel in a guest (a look costs ${pollMs}${missed}), ms`, ours, theirs),
    spread(
      '  of that reading the file, ms',
      phases.map(({ readMs }) => readMs),
      theirs,
    ),
    spread(
      '  of that from there until the lvs process has it in force, ms',
      phases.map(({ applyMs }) => applyMs),
      theirs,
    ),
  ];
}
