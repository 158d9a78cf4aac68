import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Hello, LinkClient, type LinkClientOptions, type Role, type StopMode } from '../link/index.ts';
import { LOG_FILE_LIMIT } from '../line-sink.ts';
import { logPath } from '../log.ts';
import type { RoleOptions } from '../options.ts';

export const RESTART_FIRST_MS = 100;
export const RESTART_LAST_MS = 10_000;
/** A process that ran this long has started well: its next crash is again its first. */
const HEALTHY_AFTER_MS = 60_000;
/** Then SIGTERM, and after as long again SIGKILL: for one process less than the 10 s that an operator waits. */
const STOP_TIMEOUT_MS = 4_000;
const LOOK_EVERY_MS = 20;

export type ProcessState =
  | { readonly kind: 'running'; readonly pid: number; readonly hello: Hello; readonly adopted: boolean }
  /** Started, or connected before and not answering now. */
  | { readonly kind: 'silent'; readonly pid: number | undefined; readonly since: number }
  | { readonly kind: 'down'; readonly exit: string; readonly restartAt: number }
  | { readonly kind: 'stopped' };

export interface SuperviseOptions<Snapshot, Event> extends Omit<LinkClientOptions<Snapshot, Event>, 'unreachable'> {
  /** Program and arguments that run the role. */
  readonly command: readonly [string, ...string[]];
  /** The state has changed; `exit` tells of an end, for an event. */
  readonly changed?: (state: ProcessState) => void;
}

/**
 * Sees to it that the process of a role runs: adopts the one that is there, starts one where there is none, and again
 * after a crash. The process lives in a session of its own and shares no pipe with us: our end, even by kill -9, is
 * nothing to it.
 */
export class SupervisedProcess<Settings extends object, Command, Snapshot, Event> {
  readonly link: LinkClient<Settings, Command, Snapshot, Event>;
  readonly #options: SuperviseOptions<Snapshot, Event>;
  #state: ProcessState = { kind: 'silent', pid: undefined, since: Date.now() };
  #child: ChildProcess | undefined;
  #startedAt = -Infinity;
  #restartDelay = RESTART_FIRST_MS;
  #nextStart = -Infinity;
  #stopping: { readonly done: () => void } | undefined;
  #hurried = false;
  #detached = false;
  /** Logged already. */
  #unreachableFor = '';

  constructor(options: SuperviseOptions<Snapshot, Event>) {
    this.#options = options;
    const { listener } = options;
    this.link = new LinkClient({
      ...options,
      listener: {
        snapshot: (snapshot, at) => listener.snapshot(snapshot, at),
        event: (event, at, position) => listener.event(event, at, position),
        missed: (count) => listener.missed(count),
        applied: (revision) => listener.applied(revision),
        refused: (revision, reason) => listener.refused(revision, reason),
        problems: (problems) => {
          const state = this.#state;
          if (state.kind === 'running') this.#become({ ...state, hello: { ...state.hello, problems: [...problems] } });
          listener.problems(problems);
        },
        silent: (since) => listener.silent(since),
        connected: (hello) => {
          this.#connected(hello);
          listener.connected(hello);
        },
        disconnected: (reason) => {
          this.#disconnected();
          listener.disconnected(reason);
        },
      },
      unreachable: (reason) => this.#unreachable(reason),
    });
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Whether it runs before that time is over. */
  async started(timeoutMs: number): Promise<boolean> {
    const end = performance.now() + timeoutMs;
    while (this.#state.kind !== 'running' && performance.now() < end) await pause(LOOK_EVERY_MS);
    return this.#state.kind === 'running';
  }

  /** Asks the process to end, and makes it end when it does not. It is not started again. */
  async stop(mode: StopMode, timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    const { role, log } = this.#options;
    const pid = this.#pid();
    const ended = new Promise<void>((resolve) => (this.#stopping = { done: resolve }));
    if (pid !== undefined) {
      const kill = (signal: NodeJS.Signals) => {
        log.warn({ role, child: pid, signal }, `the ${role} process does not end; sending ${signal}`);
        endProcess(pid, signal);
      };
      this.#ask(pid, mode);
      if (this.#hurried) this.#ask(pid, mode);
      const term = setTimeout(() => kill('SIGTERM'), timeoutMs);
      const force = setTimeout(() => kill('SIGKILL'), 2 * timeoutMs);
      await ended;
      clearTimeout(term);
      clearTimeout(force);
    }
    this.#become({ kind: 'stopped' });
    this.detach();
  }

  /** Asks the process once more as soon as it is asked to stop; it then ends without what it would wait for. */
  hurry(): void {
    this.#hurried = true;
    const pid = this.#pid();
    if (this.#stopping !== undefined && pid !== undefined) this.#ask(pid, 'release');
  }

  #ask(pid: number, mode: StopMode): void {
    if (this.link.hello === undefined) endProcess(pid, 'SIGTERM');
    else this.link.stop(mode);
  }

  /** Of a process that has taken our connection and not greeted yet, or never will, the pid file knows. */
  #pid(): number | undefined {
    const { runDirectory, role } = this.#options;
    if (this.#state.kind !== 'running' && this.#state.kind !== 'silent') return undefined;
    if (this.#state.pid !== undefined || !this.link.connected) return this.#state.pid;
    const pid = Number.parseInt(readFileSync(join(runDirectory, `${role}.pid`), 'latin1'), 10);
    return pid > 0 ? pid : undefined;
  }

  /** Lets the process go on without us. */
  detach(): void {
    this.#detached = true;
    this.link.close();
  }

  #connected(hello: Hello): void {
    const adopted = this.#child?.pid !== hello.pid;
    const { role, log } = this.#options;
    if (adopted) {
      // It has been running for some time, and not under our eyes.
      this.#startedAt = performance.now();
      log.info({ role, child: hello.pid, revision: hello.revision }, `adopted the running ${role} process`);
    }
    this.#become({ kind: 'running', pid: hello.pid, hello, adopted });
  }

  #disconnected(): void {
    const pid = this.#state.kind === 'running' ? this.#state.pid : undefined;
    if (this.#state.kind !== 'down') this.#become({ kind: 'silent', pid, since: Date.now() });
  }

  /** Nobody listens. Whoever did is dead, unless it is the one that we have just started. */
  #unreachable(reason: NodeJS.ErrnoException): void {
    if (this.#detached || this.#child !== undefined) return;
    if (reason.code !== 'ENOENT' && reason.code !== 'ECONNREFUSED') {
      if (reason.message !== this.#unreachableFor)
        this.#options.log.error(
          { err: reason },
          `the ${this.#options.role} process cannot be reached (${reason.message}); tried again until it can`,
        );
      this.#unreachableFor = reason.message;
      return;
    }
    this.#unreachableFor = '';
    if (this.#stopping !== undefined) return this.#stopping.done();
    // An adopted process is not our child: this is how we learn of its end.
    if (this.#state.kind === 'silent' && this.#state.pid !== undefined) this.#ended('ended', this.#state.pid);
    if (performance.now() >= this.#nextStart) this.#start();
  }

  #start(): void {
    const { role, log, command } = this.#options;
    const [program, ...args] = command;
    const stderr = this.#errorOutput();
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', stderr], cwd: '/' });
    if (typeof stderr === 'number' && stderr > 2) closeSync(stderr);
    this.#child = child;
    this.#startedAt = performance.now();
    child.unref();
    child.once('error', (error) => this.#childEnded(child, `could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      this.#childEnded(child, signal === null ? `exited with code ${code ?? '?'}` : `was ended by ${signal}`),
    );
    log.info({ role, child: child.pid }, `started the ${role} process`);
    this.#become({ kind: 'silent', pid: child.pid, since: Date.now() });
    this.link.hasten();
  }

  /** Without a place for its log the process has to start all the same. */
  #errorOutput(): number | 'ignore' {
    const { role, log, runDirectory } = this.#options;
    const path = logFile(runDirectory, role);
    if (path === undefined) return 2;
    try {
      // Processes that end before they have a log of their own leave their words there, too.
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size > LOG_FILE_LIMIT) renameSync(path, `${path}.1`);
      return openSync(path, 'a', 0o640);
    } catch (error) {
      log.error({ err: error }, `${path} cannot be written; the ${role} process starts without a log`);
      return 'ignore';
    }
  }

  #childEnded(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#stopping !== undefined) this.#stopping.done();
    else if (!this.#detached) this.#ended(how, child.pid);
  }

  #ended(how: string, pid: number | undefined): void {
    const { role, log } = this.#options;
    if (performance.now() - this.#startedAt > HEALTHY_AFTER_MS) this.#restartDelay = RESTART_FIRST_MS;
    const delay = this.#restartDelay;
    this.#restartDelay = Math.min(2 * delay, RESTART_LAST_MS);
    this.#nextStart = performance.now() + delay;
    const file = logFile(this.#options.runDirectory, role);
    const lastWords = file === undefined ? 'its last words are in this log' : `its last words are in ${file}`;
    log.error(
      { role, child: pid, exit: how, delay },
      `the ${role} process ${how} (${lastWords}); starting it again in ${delay} ms`,
    );
    this.#become({ kind: 'down', exit: how, restartAt: Date.now() + delay });
  }

  #become(state: ProcessState): void {
    this.#state = state;
    this.#options.changed?.(state);
  }
}

/**
 * A small young generation: under steady work the process stays near 62 MB instead of 96 MB, for 5 to 25 % more of the
 * little processor time it uses. bin/keepfleet-agent gives the control process the same.
 */
const NODE_OPTIONS = ['--max-semi-space-size=4'];
/**
 * Where there is one CPU, threads that collect garbage beside the process only take it from the process, which then waits for
 * them: at 10,000 checks for up to 100 ms. From new settings to the kernel lvs waits two fifths of the time for those that
 * compile too, and a fifth more for a young generation that grows step by step; vrrp has no adverts wait for a compiler.
 */
const ONE_CPU_OPTIONS = ['--single-threaded-gc'];
const ONE_CPU_LVS_OPTIONS = ['--single-threaded', '--min-semi-space-size=4'];

function oneCpuOptions(role: Role): readonly string[] {
  if (availableParallelism() > 1) return [];
  return role === 'lvs' ? ONE_CPU_LVS_OPTIONS : ONE_CPU_OPTIONS;
}

/** The command that runs a role out of the program that runs now. */
export function roleCommand(role: Role, options: RoleOptions): readonly [string, ...string[]] {
  const [, program = ''] = process.argv;
  return [
    process.execPath,
    ...NODE_OPTIONS,
    ...oneCpuOptions(role),
    program,
    '--role',
    role,
    '--run-dir',
    options.runDirectory,
    '--state-dir',
    options.stateDirectory,
  ];
}

/**
 * The file that a process writes its log to, or undefined where it can share ours: a file, a terminal or the journal, but
 * never a pipe or another socket, which breaks or fills up when its reader goes away.
 */
function logFile(runDirectory: string, role: Role): string | undefined {
  const ours = fstatSync(2);
  const isJournal = process.env['JOURNAL_STREAM'] === `${ours.dev}:${ours.ino}`;
  return isJournal || !(ours.isFIFO() || ours.isSocket()) ? undefined : logPath(runDirectory, role);
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
