import { type ChildProcess, spawn } from 'node:child_process';
import { errorText } from '../error-text.ts';
import { type AccountProblem, type Credentials, DEFAULT_USER, accounts } from './accounts.ts';
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

/** A program that runs, or is about to. */
export interface RunningScript {
  /** Reaches the children of the program, too. One that is not begun will not be, which is a shortage of this node. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if it has not ended soon. */
  abandon(): void;
}

export interface StartOptions {
  /** It runs: before, somebody may have to be asked who its user is. Not called when it cannot be run. */
  readonly began?: (() => void) | undefined;
  /** Whether this process goes on until the program has ended. Default true. */
  readonly awaited?: boolean;
}

/** Why a program could not be started. */
export interface ScriptRefusal {
  readonly reason: string;
  /** For want of a process, a descriptor, memory or a name service, which says nothing about the program. */
  readonly local: boolean;
}

/** From SIGTERM to SIGKILL of a program that nobody waits for any more. */
const ABANDON_MS = 2_000;
const SHORTAGES: readonly unknown[] = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'];

/** What could change the meaning of a program for the worse, as keepalived leaves it out, and what is for this agent alone. */
const LEFT_OUT = ['IFS', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'NODE_OPTIONS', 'MALLOC_ARENA_MAX'];

/**
 * Starts a program in a session of its own, without input or output. `ended` is called once, later: with how it ended, or
 * with words about why it could not be started.
 */
export function startScript(
  command: ScriptCommand,
  ended: (end: ScriptEnd | ScriptRefusal) => void,
  { began, awaited = true }: StartOptions = {},
): RunningScript {
  let over = false;
  let child: ChildProcess | undefined;
  const end = (result: ScriptEnd | ScriptRefusal) => {
    if (!over) ended(result);
    over = true;
  };
  const begin = async (): Promise<ScriptRefusal | undefined> => {
    const planned = await plan(command);
    if ('reason' in planned || over) return 'reason' in planned ? planned : undefined;
    child = spawn(planned.path, command.argv.slice(1), {
      argv0: command.argv[0] ?? '',
      cwd: '/',
      detached: true,
      stdio: 'ignore',
      env: environment(),
      ...planned.who,
    });
    child.once('error', (error) => end(refusal(error)));
    child.once('exit', (status, signal) => end({ status, signal }));
    if (!awaited) child.unref();
    if (child.pid !== undefined) began?.();
    return undefined;
  };
  begin().then(
    (refused) => {
      if (refused !== undefined) end(refused);
    },
    (error: unknown) => end(refusal(error)),
  );
  const kill = (signal: NodeJS.Signals) => {
    if (child?.pid !== undefined) killGroup(child.pid, signal);
    else if (child === undefined)
      setImmediate(() => end({ reason: 'was not begun in time: nobody has said who its user is', local: true }));
  };
  return {
    kill,
    abandon() {
      kill('SIGTERM');
      const pid = child?.pid;
      if (pid === undefined) return;
      // Also for children that outlive the program, and at a stop: who stops waits for it.
      const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), ABANDON_MS);
      child?.once('exit', () => {
        if (!isGroup(pid)) clearTimeout(timer);
      });
    },
  };
}

/** What is run and as whom, or why nothing is. */
async function plan(command: ScriptCommand): Promise<{ path: string; who: Partial<Credentials> } | ScriptRefusal> {
  const program = programOf(command.argv[0] ?? '');
  if ('reason' in program) return { reason: `cannot be run: ${program.reason}`, local: false };
  const who = await whoRuns(command);
  if ('reason' in who) return { ...who, reason: `cannot be run: ${who.reason}` };
  if (command.secure && (who.uid ?? process.getuid?.()) === 0) {
    const insecure = whyInsecure(program.path);
    if (insecure !== undefined) {
      const remedy = 'Give it to root, chmod go-w it, or name another user for it';
      return { reason: `is not run as root with enable_script_security: ${insecure}. ${remedy}`, local: false };
    }
  }
  return { ...program, who };
}

function refusal(error: unknown): ScriptRefusal {
  return { reason: `cannot be run: ${errorText(error)}`, local: isShortage(error) };
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

/** As long as one process is left, nobody else's group has this number. */
function isGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function whoRuns({ user, group, secure }: ScriptCommand): Promise<Partial<Credentials> | AccountProblem> {
  if (user === null) {
    if (process.getuid?.() !== 0) return {};
    const usual = await accounts.find(DEFAULT_USER, null);
    if ('uid' in usual) return usual;
    // As keepalived: there need not be one, and without enable_script_security a name service that is away keeps nobody
    // from becoming master. With it nobody becomes root for want of an answer.
    return secure && usual.local ? usual : {};
  }
  const found = await accounts.find(user, group);
  const isOurs = 'uid' in found && found.uid === process.getuid?.() && found.gid === process.getgid?.();
  return isOurs ? {} : found;
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !LEFT_OUT.includes(name)));
}
