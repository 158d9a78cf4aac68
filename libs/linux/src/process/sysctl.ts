import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { LinuxError } from '../errors.ts';

// Paths with slashes, below /proc/sys: the name of an interface may have dots in it.

/** Undefined where the kernel has no such setting, or no longer (an interface that is gone, IPv6 switched off). */
export function readSysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'latin1').trim();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw asLinuxError('read', path, error);
  }
}

/** False where the kernel has no such setting. */
export function writeSysctl(path: string, value: string): boolean {
  try {
    writeFileSync(`/proc/sys/${path}`, value);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw asLinuxError('write', path, error);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function asLinuxError(verb: string, path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !('errno' in cause) || typeof cause.errno !== 'number') return cause;
  return new LinuxError({
    call: `${verb} /proc/sys/${path}`,
    errno: Math.abs(cause.errno) || constants.errno.EIO,
    needs: 'CAP_NET_ADMIN',
    cause,
  });
}
