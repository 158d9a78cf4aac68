import { chownSync, closeSync, rmSync, statSync, writeSync } from 'node:fs';
import { isLinuxError, makeFifo } from '@keepfleet/linux';
import type { FifoSettings, FifoSnapshot } from '@keepfleet/vrrp';
import { errorText } from '../error-text.ts';
import { isOpenAs, openPipe } from '../notify/open-pipe.ts';
import type { Log } from '../log.ts';
import { accounts } from '../scripts/index.ts';
import type { RunningScript, ScriptRunner } from '../scripts/script-runner.ts';

const MODE = 0o600;
const SCRIPT_RESTART_MS = 1_000;

/** A named pipe for lines of notification. A reader that does not keep up loses lines, and nobody waits for it. */
export class NotifyFifo {
  readonly #settings: FifoSettings;
  readonly #log: Log;
  readonly #scripts: ScriptRunner;
  #ours: boolean;
  #descriptor: number | undefined;
  #written = 0;
  #dropped = 0;
  #dropping = false;
  #script: RunningScript | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: FifoSettings, scripts: ScriptRunner, log: Log) {
    this.#settings = settings;
    this.#scripts = scripts;
    this.#log = log;
    this.#ours = this.#open();
    this.#runScript();
  }

  get settings(): FifoSettings {
    return this.#settings;
  }

  /** Whether it went into the pipe; one that is dropped is counted, and the first in a row is reported by the caller. */
  write(line: string): 'written' | 'dropped' | 'still-dropping' {
    try {
      if (this.#descriptor === undefined) return this.#drop();
      this.#follow(this.#descriptor);
      if (this.#descriptor === undefined) return this.#drop();
      writeSync(this.#descriptor, line);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN'))
        this.#log.error({ err: error, fifo: this.#settings.path }, `${this.#settings.path}: ${errorText(error)}`);
      return this.#drop();
    }
    this.#written++;
    if (this.#dropping)
      this.#log.info(
        { fifo: this.#settings.path },
        `${this.#settings.path} takes lines again; ${this.#dropped} are lost`,
      );
    this.#dropping = false;
    return 'written';
  }

  snapshot(): FifoSnapshot {
    return { path: this.#settings.path, written: this.#written, dropped: this.#dropped };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#script?.kill('SIGTERM');
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    if (this.#ours) rmSync(this.#settings.path, { force: true });
  }

  /** Somebody may have removed the pipe since it was opened, and made it anew. */
  #follow(descriptor: number): void {
    if (isOpenAs(descriptor, this.#settings.path)) return;
    closeSync(descriptor);
    this.#descriptor = undefined;
    this.#ours = this.#open() || this.#ours;
  }

  #drop(): 'dropped' | 'still-dropping' {
    this.#dropped++;
    const first = !this.#dropping;
    this.#dropping = true;
    return first ? 'dropped' : 'still-dropping';
  }

  /** Makes the pipe where there is none, and tells whether it did. */
  #open(): boolean {
    const { path, user, group } = this.#settings;
    let made = false;
    try {
      try {
        makeFifo(path, MODE);
        made = true;
      } catch (error) {
        if (!isLinuxError(error, 'EEXIST')) throw error;
      }
      if (!statSync(path).isFIFO()) throw new Error('there is something else of that name, not a named pipe');
      this.#descriptor = openPipe(path);
    } catch (error) {
      this.#log.error({ err: error, fifo: path }, `no notifications to ${path}: ${errorText(error)}`);
    }
    if (made && user !== undefined) void this.#give(user, group ?? null);
    return made;
  }

  async #give(user: string, group: string | null): Promise<void> {
    const { path } = this.#settings;
    const found = await accounts.find(user, group);
    try {
      if ('reason' in found) throw new Error(found.reason);
      if (!this.#closed) chownSync(path, found.uid, found.gid);
    } catch (error) {
      this.#log.error({ fifo: path }, `${path} does not belong to ${user}: ${errorText(error)}`);
    }
  }

  #runScript(): void {
    const { script, path } = this.#settings;
    if (script === undefined || this.#closed) return;
    const running = this.#scripts.run({ ...script, argv: [...script.argv, path] });
    this.#script = running;
    void running.end.then((end) => {
      if (this.#closed || this.#script !== running) return;
      const how = 'reason' in end ? end.reason : `ended (${end.signal ?? `exit code ${end.status}`})`;
      this.#log.warn(
        { fifo: path, script: script.argv[0] },
        `${script.argv[0]} for ${path} ${how}; it is started again`,
      );
      this.#restart = setTimeout(() => this.#runScript(), SCRIPT_RESTART_MS);
    });
  }
}
