import { readFileSync } from 'node:fs';
import { command } from './command.ts';
import type { Signal } from './protocol.ts';

/** Processes in a network namespace; one that is not there has none. */
export async function pidsIn(namespace: string): Promise<number[]> {
  try {
    const list = await command('ip', ['netns', 'pids', namespace]);
    return list.split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (error instanceof Error && error.message.includes('No such file')) return [];
    throw error;
  }
}

export async function signalNamespace(namespace: string, signal: Signal): Promise<void> {
  for (const pid of await pidsIn(namespace)) signalProcess(pid, signal);
}

/** Kills all processes in a namespace, also those that are born meanwhile. */
export async function emptyNamespace(namespace: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const pids = await pidsIn(namespace);
    if (pids.length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes ${pids.join(', ')} in ${namespace} do not end by SIGKILL`);
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** False when there is no such process any more. */
export function signalProcess(pid: number, signal: Signal): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** The command line of a process, or undefined when there is none of that number. */
export function commandLine(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return undefined;
  }
}
