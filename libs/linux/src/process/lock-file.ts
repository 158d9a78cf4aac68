import { closeSync, constants as files, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { attempt, checked } from '../libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

export type LockOutcome =
  | { readonly kind: 'locked'; readonly release: () => void }
  | { readonly kind: 'held'; readonly pid: number | undefined };

/**
 * Takes a pid file for this process until it ends, however it ends: the kernel drops the lock of a dead process, so a
 * file that a crash left behind is no obstacle.
 */
export function lockPidFile(path: string): LockOutcome {
  const fd = openSync(path, files.O_RDWR | files.O_CREAT, 0o644);
  const result = attempt('flock', fd, LOCK_EX | LOCK_NB);
  if (result === -constants.errno.EAGAIN) {
    closeSync(fd);
    const pid = Number.parseInt(readFileSync(path, 'latin1'), 10);
    return { kind: 'held', pid: Number.isNaN(pid) ? undefined : pid };
  }
  try {
    checked(result, 'flock', { detail: path });
    ftruncateSync(fd);
    writeNumber(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const release = () => {
    // Emptied, not removed: whoever opens it at this moment must lock the file that others see.
    ftruncateSync(fd);
    closeSync(fd);
  };
  return { kind: 'locked', release };
}

/** The lock is what counts: a full file system costs whoever is refused the number of the holder, and no more. */
function writeNumber(fd: number): void {
  try {
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
