import { type FSWatcher, existsSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type FileTrackerSettings, type TrackerInput, fileReport } from '@keepfleet/vrrp';
import { errorText } from '../../error-text.ts';
import type { Log } from '../../log.ts';
import { beginningOf } from '../../small-file.ts';

/** While the directory is not there, or cannot be watched, it is looked at so often. */
const RETRY_MS = 1_000;
/** Octets of a file that are looked at for its number. */
const LONGEST = 4_096;

/** Watches one track_file by inotify on its directory: a file that is written, replaced, removed or made anew is seen alike. */
export class FileTracker {
  readonly settings: FileTrackerSettings;
  readonly #tell: (input: TrackerInput) => void;
  readonly #log: Log;
  #watcher: FSWatcher | undefined;
  #retry: NodeJS.Timeout | undefined;
  #told: string | undefined;
  #complained = false;
  #closed = false;

  constructor(settings: FileTrackerSettings, tell: (input: TrackerInput) => void, log: Log) {
    this.settings = settings;
    this.#tell = tell;
    this.#log = log;
  }

  start(): void {
    const { path, initial } = this.settings;
    if (initial !== undefined && (initial.overwrite || !existsSync(path))) {
      try {
        writeFileSync(path, `${initial.value}\n`);
      } catch (error) {
        this.#log.error({ err: error, file: path }, `track_file ${this.settings.name}: ${errorText(error)}`);
      }
    }
    this.#watch();
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    clearTimeout(this.#retry);
  }

  #watch(): void {
    const { name, path } = this.settings;
    try {
      const watcher = watch(dirname(path), { persistent: false }, (event, file) => {
        if (file === null || file === basename(path)) this.#read();
        // The directory itself may be another one by now.
        if (event === 'rename' && !existsSync(dirname(path))) this.#again(watcher);
      });
      watcher.on('error', () => this.#again(watcher));
      this.#watcher = watcher;
      this.#complained = false;
    } catch (error) {
      if (!this.#complained)
        this.#log.warn(
          { err: error, file: path },
          `track_file ${name} counts as 0 until it can be read: ${errorText(error)}`,
        );
      this.#complained = true;
      this.#again(undefined);
    }
    // After the watch, so that no change is missed.
    this.#read();
  }

  #again(watcher: FSWatcher | undefined): void {
    if (this.#closed || this.#watcher !== watcher) return;
    watcher?.close();
    this.#watcher = undefined;
    this.#retry = setTimeout(() => this.#watch(), RETRY_MS);
  }

  #read(): void {
    if (this.#closed) return;
    const { name, path } = this.settings;
    const report = fileReport(name, beginningOf(path, LONGEST));
    const key = `${report.state} ${report.value}`;
    if (key === this.#told) return;
    this.#told = key;
    this.#tell(report);
  }
}
