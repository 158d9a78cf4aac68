import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** A file that can be watched in no other way, or whose directory is not there yet, is looked at this often. */
const LOOK_MS = 1_000;
/** Octets of a file that are looked at for its number. */
const LONGEST = 128;

/** The number at the beginning of a file, and each new one; 0 while there is no file or no number in it. */
export class WatchedFile {
  readonly #path: string;
  readonly #changed: (value: number) => void;
  #value: number | undefined;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, changed: (value: number) => void) {
    this.#path = path;
    this.#changed = changed;
  }

  start(): void {
    this.#watch();
    this.#look();
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#timer);
  }

  /** The directory is watched, so that a file that is replaced or made anew is seen too. */
  #watch(): void {
    try {
      this.#watcher = watch(dirname(this.#path), (_, name) => {
        if (name === null || name === basename(this.#path)) this.#look();
      });
      this.#watcher.on('error', () => this.#again());
    } catch {
      this.#again();
    }
  }

  #again(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#watch();
      this.#look();
    }, LOOK_MS);
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
  let text: string;
  try {
    text = readFileSync(path, 'latin1').slice(0, LONGEST);
  } catch {
    // A file that is not there, or that we may not read, has no number: keepalived takes 0 for it too.
    return 0;
  }
  const number = Number(/^\s*([+-]?\d{1,15})/.exec(text)?.[1] ?? 0);
  return number === 0 ? 0 : number;
}
