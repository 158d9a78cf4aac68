import type { ScriptSnapshot, TrackerInput, VrrpSettings } from '@keepfleet/vrrp';
import type { Log } from '../../log.ts';
import type { ScriptRunner } from '../../scripts/script-runner.ts';
import { FileTracker } from './file-tracker.ts';
import { ProcessTrackers } from './process-trackers.ts';
import { ScriptTracker } from './script-trackers.ts';

/** Everything that watches what instances track, besides interfaces; what has not changed goes on through a reload. */
export class TrackerPool {
  readonly #tell: (input: TrackerInput) => void;
  readonly #runner: ScriptRunner;
  readonly #log: Log;
  readonly #scripts = new Map<string, ScriptTracker>();
  readonly #files = new Map<string, FileTracker>();
  readonly #processes: ProcessTrackers;

  constructor(runner: ScriptRunner, tell: (input: TrackerInput) => void, log: Log) {
    this.#runner = runner;
    this.#tell = tell;
    this.#log = log;
    this.#processes = new ProcessTrackers(tell, log);
  }

  configure(settings: VrrpSettings): void {
    const tracked = new Set(
      settings.instances.flatMap((instance) => (instance.trackers ?? []).map(({ type, name }) => `${type} ${name}`)),
    );
    // One that nobody tracks does not run.
    const used = <T extends { readonly name: string }>(type: string, all: readonly T[] = []) =>
      all.filter(({ name }) => tracked.has(`${type} ${name}`));
    replace(this.#scripts, used('script', settings.scripts), (one) => {
      return new ScriptTracker(one, this.#runner, this.#tell, this.#log);
    });
    replace(this.#files, used('file', settings.files), (one) => new FileTracker(one, this.#tell, this.#log));
    this.#processes.configure(used('process', settings.processes));
  }

  scripts(): readonly ScriptSnapshot[] {
    return [...this.#scripts.values()].map((script) => script.snapshot());
  }

  close(): void {
    for (const tracker of [...this.#scripts.values(), ...this.#files.values()]) tracker.close();
    this.#scripts.clear();
    this.#files.clear();
    this.#processes.close();
  }
}

interface Tracker<S> {
  readonly settings: S;
  start(): void;
  close(): void;
}

/** Starts what is new, ends what is gone or other now. */
function replace<S extends { readonly name: string }, T extends Tracker<S>>(
  present: Map<string, T>,
  wanted: readonly S[],
  create: (settings: S) => T,
): void {
  const texts = new Map(wanted.map((one) => [one.name, JSON.stringify(one)]));
  for (const [name, tracker] of present) {
    if (texts.get(name) === JSON.stringify(tracker.settings)) continue;
    tracker.close();
    present.delete(name);
  }
  for (const settings of wanted) {
    if (present.has(settings.name)) continue;
    const tracker = create(settings);
    present.set(settings.name, tracker);
    tracker.start();
  }
}
