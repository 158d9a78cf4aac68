import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const MODPROBE_TIMEOUT_MS = 10_000;

export type Loaded = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Loads a kernel module, with the program that the kernel itself would use. Gives the reason when that is not possible.
 * It waits, since nothing can be done without the module.
 */
export function loadModule(name: string): Loaded {
  try {
    execFileSync(modprobe(), [name], { stdio: ['ignore', 'ignore', 'pipe'], timeout: MODPROBE_TIMEOUT_MS });
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: failureText(error) };
  }
}

/** The same while other work goes on, until `signal` gives it up. */
export function loadModuleMeanwhile(name: string, signal: AbortSignal): Promise<Loaded> {
  return new Promise((resolve) => {
    try {
      execFile(modprobe(), [name], { timeout: MODPROBE_TIMEOUT_MS, signal }, (error, _, said) =>
        resolve(error === null ? { ok: true } : { ok: false, reason: said.trim() || error.message }),
      );
    } catch (error) {
      resolve({ ok: false, reason: failureText(error) });
    }
  });
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
