import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { repository } from './paths.ts';

export interface GuestSettings {
  name: string;
  /** The host's directory that the guest sees as /run/lab. */
  files: string;
  /** Where user-mode-linux keeps its console socket and pid file. */
  directory: string;
  cpu: number;
  megabytes: number;
  memory: string;
  /** Network namespace whose taps it opens; none means no network. */
  namespace?: string;
  /** Interfaces as taps, in the order of their numbers. */
  taps: { port: string; mac: string }[];
  /** A script, as the guest sees it, that is run once before the guest ends. */
  script?: string;
}

/**
 * Starts a user-mode-linux guest on a read-only view of the machine's own files. Its console is stdout; with a script
 * there is no serial line, else it is the file descriptors 3 (to the guest) and 4 (from it).
 *
 * It is pinned to one CPU: a system call of a guest is a ping-pong of two processes, five times slower between CPUs.
 */
export function startGuest(settings: GuestSettings): ChildProcess {
  const words = [
    ...['taskset', '-c', String(settings.cpu), 'linux.uml', `mem=${settings.megabytes}M`],
    ...['rootfstype=hostfs', 'rootflags=/', 'ro', `init=${join(repository, 'test/lab/guest/init.sh')}`],
    ...['con=null', 'con0=fd:0,fd:1', 'quiet', 'panic=1', `umid=${settings.name}`, `uml_dir=${settings.directory}`],
    ...['KF_KERNEL=guest', `KF_HOST=${settings.name}`, `KF_FILES=${settings.files}`, `KF_REPOSITORY=${repository}`],
    ...(settings.script === undefined ? ['ssl0=fd:3,fd:4'] : [`KF_SCRIPT=${settings.script}`]),
    ...settings.taps.map(({ port, mac }, index) => `vec${index}:transport=tap,ifname=${port},mac=${mac}`),
  ];
  const argv = settings.namespace === undefined ? words : ['ip', 'netns', 'exec', settings.namespace, ...words];
  const [program = '', ...rest] = argv;
  return spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe', ...(settings.script === undefined ? (['pipe', 'pipe'] as const) : [])],
    // A group of its own: killing the first process alone leaves helpers that spin and hold the taps.
    detached: true,
    env: { ...process.env, TMPDIR: settings.memory },
  });
}

/** Kills a guest, or a namespace's first process, with all its helpers; resolves when it has ended. */
export async function killGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}
