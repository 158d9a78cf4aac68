import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Service } from './commands.ts';
import { signalGroup } from './jobs.ts';

const firstPauseMilliseconds = 200;
const longestPauseMilliseconds = 5_000;
/** A service that ran this long has started well: the next pause is the first again. */
const goodRunMilliseconds = 10_000;
const stopMilliseconds = 5_000;

interface Kept {
  service: Service;
  child: ChildProcess | undefined;
  wanted: boolean;
  starts: number;
  pause: number;
  timer: NodeJS.Timeout | undefined;
}

export interface ServiceState {
  name: string;
  pid: number | undefined;
  wanted: boolean;
  starts: number;
}

/** Keeps services running: starts them again when they end, later and later; their output goes to one log each. */
export class Supervisor {
  private readonly logs: string;
  private readonly prefix: readonly string[];
  private readonly kept = new Map<string, Kept>();

  /** `prefix` goes before every command, to run it elsewhere. */
  constructor(logs: string, prefix: readonly string[] = []) {
    this.logs = logs;
    this.prefix = prefix;
  }

  add(service: Service): void {
    this.kept.set(service.name, {
      service,
      child: undefined,
      wanted: false,
      starts: 0,
      pause: firstPauseMilliseconds,
      timer: undefined,
    });
  }

  start(name: string): void {
    const kept = this.named(name);
    if (kept.wanted && kept.child !== undefined) return;
    kept.wanted = true;
    kept.pause = firstPauseMilliseconds;
    if (kept.child === undefined) this.launch(kept);
  }

  startAll(): void {
    for (const name of this.kept.keys()) this.start(name);
  }

  async stop(name: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const kept = this.named(name);
    kept.wanted = false;
    clearTimeout(kept.timer);
    const child = kept.child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const impatience = setTimeout(() => signalGroup(child, 'SIGKILL'), stopMilliseconds);
    await ended;
    clearTimeout(impatience);
  }

  async stopAll(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await Promise.all([...this.kept.keys()].map((name) => this.stop(name, signal)));
  }

  async restart(name: string): Promise<void> {
    await this.stop(name);
    this.start(name);
  }

  states(): ServiceState[] {
    return [...this.kept.values()].map((kept) => ({
      name: kept.service.name,
      pid: kept.child?.pid,
      wanted: kept.wanted,
      starts: kept.starts,
    }));
  }

  private named(name: string): Kept {
    const kept = this.kept.get(name);
    if (kept !== undefined) return kept;
    throw new Error(`there is no service "${name}" here, only ${[...this.kept.keys()].join(', ') || 'none'}`);
  }

  private launch(kept: Kept): void {
    const log = openSync(join(this.logs, `${kept.service.name}.log`), 'a');
    const [program = '', ...rest] = [...this.prefix, ...kept.service.argv];
    const startedAt = Date.now();
    const child = spawn(program, rest, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...kept.service.environment },
    });
    kept.child = child;
    kept.starts++;
    let over = false;
    const ended = (how: string) => {
      if (over) return;
      over = true;
      kept.child = undefined;
      if (kept.wanted) {
        if (Date.now() - startedAt > goodRunMilliseconds) kept.pause = firstPauseMilliseconds;
        const line = `lab: ${kept.service.name} ${how} after ${Date.now() - startedAt} ms; starting it again in ${kept.pause} ms\n`;
        writeSync(log, line);
        kept.timer = setTimeout(() => this.launch(kept), kept.pause);
        kept.pause = Math.min(2 * kept.pause, longestPauseMilliseconds);
      }
      closeSync(log);
    };
    child.once('error', (error) => ended(`could not be started (${error.message})`));
    child.once('exit', (code, signal) => ended(signal === null ? `ended with ${code}` : `was ended by ${signal}`));
  }
}
