import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Role } from '../link/index.ts';

interface Stoppable {
  stop(mode: 'release', timeoutMs?: number): Promise<void>;
}

/** Longer than any hand-over takes: 2.5 s, and a second for scripts. */
const HAND_OVER_MS = 4_000;
/** Of those that wait for a vrrp process that hangs: with it, less than the 10 s that an operator waits. */
const SHORT_TIMEOUT_MS = 2_000;

/**
 * First the vrrp process: the services answer as long as the addresses are here. One that hangs is not waited for; what
 * the kernel has of it is nothing that the others could better by staying.
 */
export async function endProcesses(
  vrrp: Stoppable,
  others: readonly Stoppable[],
  patienceMs = HAND_OVER_MS,
): Promise<void> {
  const waiting = new AbortController();
  const handedOver = vrrp.stop('release');
  const isLate = await Promise.race([
    handedOver.then(() => false),
    pause(patienceMs, true, { signal: waiting.signal }).catch(() => true),
  ]);
  waiting.abort();
  const timeout = isLate ? SHORT_TIMEOUT_MS : undefined;
  await Promise.all([handedOver, ...others.map((one) => one.stop('release', timeout))]);
}

/** Whether the process that had the role last was killed: one that ends by itself empties its pid file at its end. */
export function wasKilled(runDirectory: string, role: Role): boolean {
  try {
    const pid = Number.parseInt(readFileSync(join(runDirectory, `${role}.pid`), 'latin1'), 10);
    // One that was adopted may listen no more and not be at its end yet.
    return pid > 0 && !isAlive(pid);
  } catch (error) {
    // Such a process has never been here.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
