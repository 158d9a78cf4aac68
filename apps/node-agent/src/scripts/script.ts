import { type ChildProcess, spawn } from 'node:child_process';
import { errorText } from '../error-text.ts';
import { DEFAULT_USER, credentialsOf } from './account.ts';
import { programOf, whyInsecure } from './security.ts';

/** A program with its arguments, and who it runs as; null is {@link DEFAULT_USER} where there is one, else who we are. */
export interface ScriptCommand {
  readonly argv: readonly string[];
  readonly user: string | null;
  readonly group: string | null;
  /** Refuse what others than root can change, where it would run as root. */
  readonly secure: boolean;
}

export interface ScriptEnd {
  readonly status: number | null;
  readonly signal: string | null;
}

/** A program that runs. */
export interface RunningScript {
  readonly pid: number;
  /** Reaches the children of the program, too. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if it has not ended soon. */
  abandon(): void;
}

/** Why a program could not be started. */
export interface ScriptRefusal {
  readonly reason: string;
  /** For want of a process, a descriptor or memory, which says nothing about the program. */
  readonly local: boolean;
}

/** From SIGTERM to SIGKILL of a program that nobody waits for any more. */
const ABANDON_MS = 2_000;
const SHORTAGES: readonly unknown[] = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'];

/** What could change the meaning of a program for the worse, as keepalived leaves it out. */
const LEFT_OUT = ['IFS', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'NODE_OPTIONS'];

/**
 * Starts a program in a session of its own, without input or output. `ended` is called once, later: with how it ended, or
 * with words about why it could not be started.
 */
export function startScript(
  command: ScriptCommand,
  ended: (end: ScriptEnd | ScriptRefusal) => void,
): RunningScript | undefined {
  const refuse = (reason: string, local = false) => {
    setImmediate(() => ended({ reason, local }));
    return undefined;
  };
  const program = programOf(command.argv[0] ?? '');
  if ('reason' in program) return refuse(`cannot be run: ${program.reason}`);
  const who = whoRuns(command);
  if ('reason' in who) return refuse(`cannot be run: ${who.reason}`);
  if (command.secure && (who.uid ?? process.getuid?.()) === 0) {
    const insecure = whyInsecure(program.path);
    if (insecure !== undefined)
      return refuse(
        `is not run as root with enable_script_security: ${insecure}. Give it to root, chmod go-w it, or name another user for it`,
      );
  }
  let child: ChildProcess;
  try {
    child = spawn(program.path, command.argv.slice(1), {
      argv0: command.argv[0] ?? '',
      cwd: '/',
      detached: true,
      stdio: 'ignore',
      env: environment(),
      ...(who.uid === undefined ? {} : { uid: who.uid }),
      ...(who.gid === undefined ? {} : { gid: who.gid }),
    });
  } catch (error) {
    return refuse(`cannot be run: ${errorText(error)}`, isShortage(error));
  }
  let over = false;
  const end = (result: Parameters<typeof ended>[0]) => {
    if (!over) ended(result);
    over = true;
  };
  child.once('error', (error) => end({ reason: `cannot be run: ${error.message}`, local: isShortage(error) }));
  child.once('exit', (status, signal) => end({ status, signal }));
  const { pid } = child;
  if (pid === undefined) return undefined;
  return {
    pid,
    kill: (signal) => killGroup(pid, signal),
    abandon() {
      killGroup(pid, 'SIGTERM');
      const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), ABANDON_MS).unref();
      child.once('exit', () => clearTimeout(timer));
    },
  };
}

function isShortage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && SHORTAGES.includes(error.code);
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It has ended meanwhile, or belongs to a user whose processes we may not end (a container without CAP_KILL): whoever
    // waits for it says that it does not end.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

function whoRuns({ user, group }: ScriptCommand): { uid?: number; gid?: number } | { reason: string } {
  if (user === null) return (process.getuid?.() === 0 ? credentialsOf(DEFAULT_USER, null) : undefined) ?? {};
  const credentials = credentialsOf(user, group);
  if (credentials === undefined)
    return { reason: `there is no user ${user}${group === null ? '' : ` or no group ${group}`}` };
  if (credentials.uid === process.getuid?.() && credentials.gid === process.getgid?.()) return {};
  return credentials;
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !LEFT_OUT.includes(name)));
}
