import { chownSync, closeSync, statSync, rmSync, writeSync } from 'node:fs';
import { isLinuxError, makeFifo } from '@keepfleet/linux';
import { errorText } from '../error-text.ts';
import { isOpenAs, openPipe } from './open-pipe.ts';
import type { Log } from '../log.ts';
import {
  type RunningScript,
  type ScriptCommand,
  type ScriptEnd,
  type ScriptRefusal,
  accounts,
  startScript,
} from '../scripts/index.ts';

/** A pipe that events are written to. */
export interface FifoSettings {
  readonly path: string;
  /** Who a pipe that has to be made belongs to. */
  readonly owner: { readonly user: string; readonly group: string | null } | null;
  /** The program that reads it: gets the path as its last argument and is started again when it ends. */
  readonly script: ScriptCommand | null;
  /** Another process writes to it too, and removes it at the end. */
  readonly isShared?: true;
}

const MODE = 0o600;
/** A program that ends again and again is not started more often. */
const AGAIN_MS = 1_000;

/** Writes lines to a pipe without ever waiting: what nobody reads is lost, and that is told. */
export class Fifo {
  readonly settings: FifoSettings;
  readonly #log: Log;
  #descriptor: number | undefined;
  #made = false;
  #lost = 0;
  #script: RunningScript | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: FifoSettings, log: Log) {
    this.settings = settings;
    this.#log = log;
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#lost;
  }

  open(): void {
    const { path, owner } = this.settings;
    try {
      this.#made = this.#make();
      if (this.#made && owner !== null) void this.#give(owner.user, owner.group);
      if (!statSync(path).isFIFO()) {
        this.#log.error({ path }, `${path} is no pipe, and no events are written to it: remove it`);
        return;
      }
      this.#descriptor = openPipe(path);
    } catch (error) {
      this.#log.error(
        { path, reason: errorText(error) },
        `the pipe ${path} cannot be opened, and no events are written to it`,
      );
      return;
    }
    this.#startScript();
  }

  write(line: string): void {
    if (this.#descriptor === undefined) return;
    try {
      this.#follow();
      writeSync(this.#descriptor, line);
      if (this.#lost > 0) this.#log.warn({ path: this.settings.path, lost: this.#lost }, 'the pipe is read again');
      this.#lost = 0;
    } catch (error) {
      this.#lost++;
      if (this.#lost === 1)
        this.#log.warn(
          { path: this.settings.path, reason: errorText(error) },
          `nobody reads the pipe ${this.settings.path}: it is full, and events for it are lost until somebody does`,
        );
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#script?.kill('SIGTERM');
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    if (this.#made && this.settings.isShared !== true) rmSync(this.settings.path, { force: true });
  }

  /** Another process may have removed the pipe, and made it anew, since it was opened. */
  #follow(): void {
    const { path } = this.settings;
    if (this.#descriptor === undefined || isOpenAs(this.#descriptor, path)) return;
    this.#made = this.#make() || this.#made;
    const next = openPipe(path);
    closeSync(this.#descriptor);
    this.#descriptor = next;
  }

  /** Whether there was none; another process may make the same one at this moment. */
  #make(): boolean {
    try {
      makeFifo(this.settings.path, MODE);
      return true;
    } catch (error) {
      if (isLinuxError(error, 'EEXIST')) return false;
      throw error;
    }
  }

  async #give(user: string, group: string | null): Promise<void> {
    const { path } = this.settings;
    const found = await accounts.find(user, group);
    try {
      if ('reason' in found) throw new Error(found.reason);
      if (!this.#closed) chownSync(path, found.uid, found.gid);
    } catch (error) {
      this.#log.error({ path }, `the pipe ${path} does not belong to ${user}: ${errorText(error)}`);
    }
  }

  #startScript(): void {
    const { script, path } = this.settings;
    if (script === null) return;
    const started = performance.now();
    const ended = (end: ScriptEnd | ScriptRefusal) => {
      if (this.#closed) return;
      const how = 'reason' in end ? end.reason : `ended (${end.signal ?? end.status ?? ''})`;
      this.#log.warn({ path, script: script.argv[0] }, `the reader of ${path} ${how}; it is started again`);
      const wait = Math.max(0, AGAIN_MS - (performance.now() - started));
      this.#timer = setTimeout(() => this.#startScript(), wait);
    };
    // One that takes no notice of SIGTERM holds no stop up.
    this.#script = startScript({ ...script, argv: [...script.argv, path] }, ended, { awaited: false });
  }
}
