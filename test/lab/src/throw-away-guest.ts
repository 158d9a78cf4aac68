import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killGroup, startGuest } from './guest.ts';
import { memoryDirectory, usableCpus } from './kernel.ts';

const PROGRESS_EVERY_MS = 1_000;

export interface GuestOptions {
  /** Milliseconds from its start; then the guest is killed and this rejects. Default: 180 s. */
  timeout?: number;
  /** Default: 512. */
  megabytes?: number;
  /** Default: the last one that may be used. */
  cpu?: number;
  /** Files that the script finds in /run/lab, by name. */
  files?: Record<string, string>;
  /** Told every second what the script has printed until then. */
  progress?: (output: string) => void;
}

export interface GuestRun {
  /** Of the script. */
  code: number;
  /** What the script printed, both streams. */
  output: string;
  /** What the kernel said. */
  console: string;
}

/**
 * Runs a bash script as root in a user-mode-linux guest of its own, and resolves when it has ended. The guest has ip_vs
 * loaded, sees the machine's files read-only with /tmp and /run of its own, starts in the repository with the pinned Node
 * first in PATH, and has no network but its loopback; it may make namespaces and links as it likes.
 */
export async function runInGuest(script: string, options: GuestOptions = {}): Promise<GuestRun> {
  const { timeout = 180_000, megabytes = 512, cpu = usableCpus().at(-1) ?? 0, files = {}, progress } = options;
  const directory = await mkdtemp(join(tmpdir(), 'kf-guest-'));
  try {
    await writeFile(join(directory, 'script'), script);
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const child = startGuest({
      name: 'guest',
      files: directory,
      directory,
      cpu,
      megabytes,
      memory: memoryDirectory(megabytes),
      taps: [],
      script: '/run/lab/script',
    });
    // Whoever is interrupted twice ends at once, and takes the guest along.
    const leave = () => {
      void killGroup(child);
      rmSync(directory, { recursive: true, force: true });
    };
    process.once('exit', leave);
    let console = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (console += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (console += text));
    const printed = () => {
      const file = join(directory, 'output');
      progress?.(existsSync(file) ? readFileSync(file, 'utf8') : '');
    };
    const ticks = progress === undefined ? undefined : setInterval(printed, PROGRESS_EVERY_MS);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void killGroup(child);
    }, timeout);
    try {
      await new Promise<void>((resolve, reject) => {
        child.once('close', () => resolve());
        child.once('error', (error) => reject(new Error(`the guest could not be started: ${error.message}`)));
      });
    } finally {
      clearTimeout(timer);
      clearInterval(ticks);
      await killGroup(child);
      process.off('exit', leave);
    }
    const read = async (name: string) =>
      existsSync(join(directory, name)) ? readFile(join(directory, name), 'utf8') : '';
    const output = await read('output');
    if (late) throw new Error(`the guest was killed after ${timeout / 1000} s; its output until then:\n${output}`);
    const code = Number.parseInt(await read('code'), 10);
    if (Number.isNaN(code))
      throw new Error(`the guest ended without an exit code; its console:\n${console}\n${output}`);
    return { code, output, console };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
