import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { exitCodes, type Reply, type Signal } from './protocol.ts';

export interface Job {
  id: number;
  argv: string[];
  environment?: Record<string, string>;
  /** Milliseconds. */
  timeout?: number;
}

/** After the end of a command its output is awaited this long: something it left in the background may hold it open. */
const lingerMilliseconds = 500;

/** The answering side of `run`: commands side by side, each in a session of its own, output as it comes. */
export class Jobs {
  private readonly reply: (reply: Reply) => Promise<void>;
  private readonly running = new Map<number, ChildProcess>();

  constructor(reply: (reply: Reply) => Promise<void>) {
    this.reply = reply;
  }

  start(job: Job): void {
    const [program = '', ...rest] = job.argv;
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...job.environment },
    });
    this.running.set(job.id, child);
    const outputs = Promise.all([this.copy(job.id, 'stdout', child.stdout), this.copy(job.id, 'stderr', child.stderr)]);
    let timedOut = false;
    const timer =
      job.timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            signalGroup(child, 'SIGKILL');
          }, job.timeout);
    const finish = (code: number, reason?: string) => {
      clearTimeout(timer);
      this.running.delete(job.id);
      void this.reply({ id: job.id, kind: 'exit', code, ...(reason === undefined ? {} : { reason }) });
    };
    child.once('error', (error) => finish(exitCodes.notStarted, `${program} could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const linger = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, lingerMilliseconds);
      void outputs.then(() => {
        clearTimeout(linger);
        if (timedOut) finish(exitCodes.timedOut, `${program} was killed: no end after ${(job.timeout ?? 0) / 1000} s`);
        else if (code !== null) finish(code);
        else finish(exitCodes.signalled + signalNumber(signal), `${program} was ended by ${signal}`);
      });
    });
  }

  /** False when the job has ended already. */
  signal(id: number, signal: Signal): boolean {
    const child = this.running.get(id);
    return child !== undefined && signalGroup(child, signal);
  }

  killAll(): void {
    for (const child of this.running.values()) signalGroup(child, 'SIGKILL');
  }

  private async copy(id: number, stream: 'stdout' | 'stderr', from: Readable): Promise<void> {
    try {
      for await (const chunk of from) {
        if (chunk instanceof Uint8Array)
          await this.reply({ id, kind: 'output', stream, data: Buffer.from(chunk).toString('base64') });
      }
    } catch (error) {
      // The stream is cut off on purpose when something in the background holds it.
      if (!from.destroyed) throw error;
    }
  }
}

export function signalGroup(child: ChildProcess, signal: Signal): boolean {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
  try {
    process.kill(-child.pid, signal);
    return true;
  } catch {
    return false;
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  const numbers: Partial<Record<NodeJS.Signals, number>> = {
    SIGHUP: 1,
    SIGINT: 2,
    SIGKILL: 9,
    SIGSEGV: 11,
    SIGTERM: 15,
  };
  return signal === null ? 0 : (numbers[signal] ?? 0);
}
