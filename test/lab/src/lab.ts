import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { defaultOptions, type UpOptions } from './arguments.ts';
import { claimant } from './claim.ts';
import { LabClient } from './client.ts';
import type { Fault } from './fault.ts';
import { JsonLines } from './json-lines.ts';
import { labDirectory, node, paths, repository } from './paths.ts';
import { claimName, hostNamed } from './plan.ts';
import { signalProcess } from './processes.ts';
import { isRecord, type ServiceAction, type Signal } from './protocol.ts';
import { remains, removeRemains, runningDaemon } from './remains.ts';
import { Requests, type Listener } from './requests.ts';
import type { LabStatus } from './status.ts';

export interface ExecOptions {
  /** Milliseconds; then the command is killed and its code is 124. Default: 180 s. */
  timeout?: number;
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Running {
  ended: Promise<ExecResult>;
  signal(signal: Signal): Promise<void>;
}

export interface WaitOptions {
  /** Milliseconds until it rejects. Default: 30 s. */
  timeout?: number;
  /** Milliseconds between two looks. Default: 100. Smaller ones load the directors' only CPU. */
  every?: number;
}

const execMilliseconds = 180_000;

/** No lab, or one that cannot do what was asked; the message says what to do. */
export class LabError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'LabError';
  }
}

/** A running lab, seen from another process: a verb of the command line, or a test. */
export class Lab {
  /** Requests of the client C1. */
  readonly client: LabClient;
  private readonly socket: Socket;
  private readonly requests: Requests;
  private readonly lines: JsonLines;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.requests = new Requests((message) => void this.lines.send(message));
    this.lines = new JsonLines(socket, socket, (message) => void this.requests.receive(message));
    socket.on('close', () => this.requests.end('the lab has ended'));
    this.client = new LabClient(this);
  }

  /** Builds a lab and resolves when it serves; a stale one of a crashed run is removed first. */
  static async up(
    options: Partial<Omit<UpOptions, 'detach'>> = {},
    say: (line: string) => void = () => {},
  ): Promise<Lab> {
    await startDaemon({ ...defaultOptions, ...options }, say);
    return Lab.attach();
  }

  /** Joins a lab that runs already. */
  static async attach(): Promise<Lab> {
    const nothing = 'no lab runs on this machine; start one: npm run lab -- up --detach';
    if (!existsSync(paths.discovery)) throw new LabError(nothing);
    if (runningDaemon() === undefined) throw new LabError(`${nothing} (the one that left ${labDirectory} has crashed)`);
    const socket = createConnection(paths.socket);
    try {
      await once(socket, 'connect');
    } catch (error) {
      throw new LabError(nothing, error);
    }
    return new Lab(socket);
  }

  async status(): Promise<LabStatus> {
    const status = await this.requests.ask({ op: 'status' });
    // The daemon is this very program, of the same checkout.
    return status as LabStatus;
  }

  /** Runs a command on a host; its failure is a result. */
  async exec(host: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.start(host, argv, { timeout: execMilliseconds, ...options }).ended;
  }

  /** As exec, for commands that must succeed: resolves with their output, rejects with what they said. */
  async output(host: string, argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.exec(host, argv, options);
    if (code === 0) return stdout;
    throw new LabError(`${argv.join(' ')} on ${host}: exit code ${code}: ${(stderr || stdout).trim()}`);
  }

  /** Starts a command and returns at once; with a listener its output comes there as it is made. */
  start(host: string, argv: readonly string[], options: ExecOptions = {}, listener?: Listener): Running {
    const { timeout } = options;
    const request = { host, argv, ...(timeout === undefined ? {} : { timeout }) };
    const { id, outcome } = this.requests.run(request, listener);
    return {
      ended: outcome.then(({ code, stdout, stderr, reason }) => ({
        code,
        stdout: stdout.toString(),
        stderr: stderr.toString() + (reason === undefined ? '' : `${reason}\n`),
      })),
      signal: async (signal) => {
        await this.requests.ask({ op: 'signal', job: id, signal });
      },
    };
  }

  /** Resolves with one line that says what was done. */
  async fault(fault: Fault): Promise<string> {
    return String(await this.requests.ask({ op: 'fault', fault }));
  }

  heal(): Promise<string> {
    return this.fault({ kind: 'heal' });
  }

  /** A service under the supervisor of its host: agent and snmpd of a director, nginx, controller. */
  async service(host: string, name: string, action: ServiceAction): Promise<string> {
    return String(await this.requests.ask({ op: 'service', host, name, action }));
  }

  /** The text of one log of a host, empty when there is none yet. */
  log(host: string, name: string): string {
    const path = join(labDirectory, 'hosts', hostNamed(host)?.name ?? host, 'logs', `${name}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Looks until `probe` gives something other than undefined or false; the last failure is in the rejection. */
  async waitFor<T>(
    what: string,
    probe: () => Promise<T | undefined | false> | T | undefined | false,
    { timeout = 90_000, every = 100 }: WaitOptions = {},
  ): Promise<T> {
    const deadline = Date.now() + timeout;
    let last: unknown;
    do {
      try {
        const value = await probe();
        if (value !== undefined && value !== false) return value;
        last = undefined;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, every));
    } while (Date.now() < deadline);
    const why = last instanceof Error ? `: ${last.message}` : '';
    throw new LabError(`${what}: not within ${timeout / 1000} s${why}`, last);
  }

  /** The directors that have a virtual address now. */
  async owners(address: string): Promise<string[]> {
    const { owners } = await this.status();
    return owners.find((each) => each.address === address)?.owners ?? [];
  }

  /** Takes everything down. */
  async down(): Promise<void> {
    this.close();
    await takeDown();
  }

  /** Leaves the lab running. */
  close(): void {
    this.socket.destroy();
  }
}

/** Ends a lab, whatever its state, and returns what was there. */
export async function takeDown(): Promise<string[]> {
  const found = await remains();
  const daemon = runningDaemon();
  if (daemon !== undefined && existsSync(paths.socket)) await askDown();
  if (await endClaimant()) found.push('a lab that was being started');
  await removeRemains();
  return found;
}

/** Ends a lab that cannot be asked yet, or no more; it would go on making things while they are removed. */
async function endClaimant(): Promise<boolean> {
  const first = await claimant(claimName);
  if (first === undefined) return false;
  signalProcess(first, 'SIGTERM');
  const impatient = Date.now() + 10_000;
  for (let pid: number | undefined = first; pid !== undefined; pid = await claimant(claimName)) {
    if (Date.now() > impatient) signalProcess(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

/** Asks the daemon to end; one that does not within ten seconds is left to removeRemains(). */
async function askDown(): Promise<void> {
  const socket = createConnection(paths.socket);
  const gone = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    setTimeout(resolve, 10_000).unref();
  });
  socket.on('error', () => socket.destroy());
  socket.write(`${JSON.stringify({ op: 'down', id: 1 })}\n`);
  await gone;
  socket.destroy();
}

/** Starts the lab in a process of its own that outlives this one; resolves when it serves. */
export async function startDaemon(options: UpOptions, say: (line: string) => void): Promise<void> {
  const child = spawn(node, [join(repository, 'test/lab/src/main.ts'), 'daemon', JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
    cwd: '/',
  });
  const started = new Promise<void>((resolve, reject) => {
    child.on('message', (message) => {
      if (!isRecord(message)) return;
      if (typeof message['line'] === 'string') say(message['line']);
      if (message['ready'] === true) resolve();
      if (typeof message['failed'] === 'string') reject(new LabError(message['failed']));
    });
    child.once('error', (error) => reject(new LabError(`the lab could not be started: ${error.message}`, error)));
    child.once('exit', (code) => reject(new LabError(`the lab's process ended with code ${code}; see ${paths.log}`)));
  });
  try {
    await started;
  } finally {
    // It lives on, also when it does not serve, and whoever started it does not wait for its end.
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}
