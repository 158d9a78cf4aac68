import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { command } from './command.ts';
import { existingNamespaces } from './network.ts';
import { labDirectory, paths } from './paths.ts';
import { commandLine, emptyNamespace, signalProcess } from './processes.ts';
import { isRecord } from './protocol.ts';

/** The process of the lab that runs now, or undefined: a discovery file alone may be a crashed run's. */
export function runningDaemon(): number | undefined {
  const pid = recordedPid();
  if (pid === undefined || pid === process.pid) return undefined;
  // A number is used again: only a process of this program counts.
  const line = commandLine(pid);
  return line?.some((word) => word.endsWith('test/lab/src/main.ts')) === true ? pid : undefined;
}

/** What of a lab is left on the machine, in words; empty when there is nothing. */
export async function remains(): Promise<string[]> {
  const namespaces = await existingNamespaces();
  return [...namespaces.map((name) => `namespace ${name}`), ...(existsSync(labDirectory) ? [labDirectory] : [])];
}

/**
 * Removes a lab with everything in it. Guests and services are found by their namespaces, so this works without the
 * daemon and whatever state it left; a daemon that still runs is killed first, for it would start things again.
 */
export async function removeRemains(): Promise<void> {
  const daemon = runningDaemon();
  if (daemon !== undefined) {
    signalProcess(daemon, 'SIGKILL');
  }
  const namespaces = await existingNamespaces();
  await Promise.all(namespaces.map(emptyNamespace));
  // Bridges, taps and veth pairs go with their namespaces.
  for (const name of namespaces) await command('ip', ['netns', 'del', name]);
  await rm(labDirectory, { recursive: true, force: true });
}

function recordedPid(): number | undefined {
  if (!existsSync(paths.discovery)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(paths.discovery, 'utf8'));
    return isRecord(value) && typeof value['pid'] === 'number' ? value['pid'] : undefined;
  } catch {
    return undefined;
  }
}
