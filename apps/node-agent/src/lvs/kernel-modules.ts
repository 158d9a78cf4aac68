import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const MODPROBE_TIMEOUT_MS = 10_000;

/**
 * Loads a kernel module, with the program that the kernel itself would use. Gives the reason when that is not possible.
 * It waits, since nothing can be done without the module, and happens once.
 */
export function loadModule(name: string): { ok: true } | { ok: false; reason: string } {
  try {
    execFileSync(modprobe(), [name], { stdio: ['ignore', 'ignore', 'pipe'], timeout: MODPROBE_TIMEOUT_MS });
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: failureText(error) };
  }
}

function modprobe(): string {
  try {
    return readFileSync('/proc/sys/kernel/modprobe', 'utf8').trim() || 'modprobe';
  } catch (error) {
    // A kernel without loadable modules has no such file; then modprobe says so.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'modprobe';
    throw error;
  }
}

function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'stderr' in error && error.stderr instanceof Buffer ? error.stderr.toString('utf8').trim() : '';
  return said === '' ? error.message : said;
}
