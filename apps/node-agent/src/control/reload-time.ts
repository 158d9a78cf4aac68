import { type FSWatcher, readFileSync, rmSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ReloadDefs } from '@keepfleet/config';
import { errorText } from '../error-text.ts';
import type { Log } from '../log.ts';

/** A timer is set for this long at most, so that a wall clock that is set meanwhile counts. */
const LOOK_MS = 60_000;

export interface ReloadTime {
  /** In local time unless `utc`; without a date it is the next time of day. */
  readonly at: Date;
  readonly dated: boolean;
}

/** `HH:MM:SS`, `YY-MM-DD HH:MM:SS` or `YYYY-MM-DD HH:MM:SS`, with a Z for UTC; undefined for anything else. */
export function parseReloadTime(text: string, now: Date): ReloadTime | undefined {
  const match = /^\s*(?:(\d{2}|\d{4})-(\d{2})-(\d{2})\s+)?(\d{2}):(\d{2}):(\d{2})\s*(Z?)\s*$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => (part === undefined ? undefined : Number(part)));
  const utc = match[7] === 'Z';
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const dated = year !== undefined && month !== undefined && day !== undefined;
  const at = new Date(now);
  if (dated) {
    const full = year < 100 ? 2_000 + year : year;
    if (utc) at.setUTCFullYear(full, month - 1, day);
    else at.setFullYear(full, month - 1, day);
    // The 31st of a shorter month would be another day.
    if ((utc ? at.getUTCDate() : at.getDate()) !== day || month > 12) return undefined;
  }
  if (utc) at.setUTCHours(hour, minute, second, 0);
  else at.setHours(hour, minute, second, 0);
  if (!dated && at.getTime() <= now.getTime()) {
    if (utc) at.setUTCDate(at.getUTCDate() + 1);
    else at.setDate(at.getDate() + 1);
  }
  return { at, dated };
}

/** Reloads at the time that `reload_time_file` holds, and takes the file away then, unless it is to repeat. */
export class ReloadClock {
  readonly #reload: () => void;
  readonly #log: Log;
  #defs: ReloadDefs = { repeat: false };
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #said: string | undefined;

  constructor(reload: () => void, log: Log) {
    this.#reload = reload;
    this.#log = log;
  }

  /** Goes by what a configuration says from now on. */
  follow(defs: ReloadDefs): void {
    const moved = defs.timeFile !== this.#defs.timeFile;
    this.#defs = defs;
    if (moved) this.#watch();
    this.#arm();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  #watch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    const { timeFile } = this.#defs;
    if (timeFile === undefined) return;
    try {
      // The directory, since the file need not be there yet and is often replaced whole.
      this.#watcher = watch(dirname(timeFile), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(timeFile)) this.#arm();
      });
      this.#watcher.on('error', (error) => this.#say(`${dirname(timeFile)} is not watched: ${errorText(error)}`));
    } catch (error) {
      this.#say(`${dirname(timeFile)} cannot be watched: ${errorText(error)}`);
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const time = this.#time();
    if (time === undefined) return;
    const wait = time.at.getTime() - Date.now();
    if (wait <= 0) {
      this.#say(`the time has passed already (${time.at.toISOString()})`);
      return;
    }
    this.#timer = setTimeout(() => (wait > LOOK_MS ? this.#arm() : this.#due(time)), Math.min(wait, LOOK_MS));
    this.#timer.unref();
  }

  #due({ dated }: ReloadTime): void {
    const { timeFile, repeat } = this.#defs;
    if (timeFile !== undefined && (dated || !repeat)) rmSync(timeFile, { force: true });
    this.#log.info({}, `reload_time_file: the configuration is read anew now`);
    this.#reload();
    this.#arm();
  }

  #time(): ReloadTime | undefined {
    const { timeFile } = this.#defs;
    if (timeFile === undefined) return undefined;
    let text: string;
    try {
      text = readFileSync(timeFile, 'utf8');
    } catch (error) {
      // No file: no reload is asked for.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) this.#say(errorText(error));
      return undefined;
    }
    const time = parseReloadTime(text, new Date());
    if (time === undefined && text.trim() !== '')
      this.#say(`"${text.trim().slice(0, 40)}" is no time: write HH:MM:SS or YYYY-MM-DD HH:MM:SS, with Z for UTC`);
    else this.#said = undefined;
    return time;
  }

  #say(what: string): void {
    if (what === this.#said) return;
    this.#said = what;
    this.#log.error({}, `reload_time_file ${this.#defs.timeFile ?? ''}: ${what}`);
  }
}
