import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { beginningOf } from '../small-file.ts';

/** Besides what a watch tells, a file is looked at this often. */
const LOOK_MS = 1_000;
/** Octets of a file that are looked at for its number. */
const LONGEST = 128;

/** The number at the beginning of a file, and each new one; 0 while there is no file or no number in it. */
export class WatchedFile {
  readonly #path: string;
  readonly #changed: (value: number) => void;
  #value: number | undefined;
  #watcher: FSWatcher | undefined;
  /** The directory that the watcher was made for. */
  #watched: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, changed: (value: number) => void) {
    this.#path = path;
    this.#changed = changed;
  }

  start(): void {
    this.#watch();
    this.#look();
    // A watch sees neither a target of a link that is written, nor a directory above that is another one now.
    this.#timer = setInterval(() => {
      if (this.#watched !== directoryOf(this.#path)) this.#watch();
      this.#look();
    }, LOOK_MS);
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearInterval(this.#timer);
  }

  /** The directory is watched, so that a file that is replaced or made anew is seen at once. */
  #watch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = directoryOf(this.#path);
    if (this.#watched === undefined) return;
    try {
      const watcher = watch(dirname(this.#path), (_, name) => {
        if (name === null || name === basename(this.#path)) this.#look();
      });
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch {
      // Nothing is left to watch with, or it is away again: it is looked at all the same.
    }
  }

  #look(): void {
    const value = numberIn(this.#path);
    if (value === this.#value) return;
    this.#value = value;
    this.#changed(value);
  }
}

/** The number at the beginning of a file, or 0. */
export function numberIn(path: string): number {
  // What is not there, is no regular file or not for us to read has no number: keepalived takes 0 for it too.
  const text = beginningOf(path, LONGEST) ?? '';
  const number = Number(/^\s*([+-]?\d{1,15})/.exec(text)?.[1] ?? 0);
  return number === 0 ? 0 : number;
}

/** Which directory it is in now. */
function directoryOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(dirname(path));
    return `${dev} ${ino}`;
  } catch {
    // Not there, not to be reached, or a link that leads nowhere: there is nothing to watch.
    return undefined;
  }
}
