import { readFileSync, readdirSync } from 'node:fs';
import { ProcessEvents, type ProcessEvent } from '@keepfleet/linux';
import {
  ProcessMonitor,
  type ProcessTrackerSettings,
  type ProcessView,
  type TrackerInput,
  type TrackerState,
  isTracked,
} from '@keepfleet/vrrp';
import { errorText } from '../../error-text.ts';
import type { Log } from '../../log.ts';
import { MachineTimer } from './machine-timer.ts';

/** Without the kernel's events /proc is read so often. */
const POLL_MS = 1_000;

/** How many run matters to nobody but managers while the state is the same: a storm of forks is told of once. */
const TELL_COUNT_MS = 1_000;

/** Counts the processes of every vrrp_track_process: by the kernel's process connector, or by reading /proc. */
export class ProcessTrackers {
  readonly #tell: (input: TrackerInput) => void;
  readonly #log: Log;
  #trackers: Tracker[] = [];
  #events: ProcessEvents | undefined;
  #poll: NodeJS.Timeout | undefined;
  #reread: NodeJS.Immediate | undefined;
  #polling = false;

  constructor(tell: (input: TrackerInput) => void, log: Log) {
    this.#tell = tell;
    this.#log = log;
  }

  configure(settings: readonly ProcessTrackerSettings[]): void {
    const before = this.#trackers;
    const kept = (one: ProcessTrackerSettings) =>
      before.find((tracker) => JSON.stringify(tracker.settings) === JSON.stringify(one));
    this.#trackers = settings.map((one) => kept(one) ?? new Tracker(one, this.#tell));
    for (const tracker of before) if (!this.#trackers.includes(tracker)) tracker.close();
    if (this.#trackers.length === 0) return this.#stop();
    if (this.#events === undefined && !this.#polling) this.#listen();
    this.#readAll();
  }

  close(): void {
    for (const tracker of this.#trackers) tracker.close();
    this.#trackers = [];
    this.#stop();
  }

  #stop(): void {
    this.#events?.close();
    this.#events = undefined;
    clearTimeout(this.#poll);
    clearImmediate(this.#reread);
    this.#polling = false;
  }

  #listen(): void {
    try {
      this.#events = new ProcessEvents((event) => this.#happened(event));
    } catch (error) {
      this.#polling = true;
      this.#log.warn(
        { err: error },
        `the kernel does not tell of processes here (${errorText(error)}): /proc is read every second instead`,
      );
      this.#schedule();
    }
  }

  #schedule(): void {
    this.#poll = setTimeout(() => {
      this.#readAll();
      this.#schedule();
    }, POLL_MS);
  }

  #happened(event: ProcessEvent): void {
    switch (event.kind) {
      case 'forked':
        for (const tracker of this.#trackers) if (tracker.has(event.parent)) tracker.add(event.child);
        break;
      case 'changed': {
        const view = readProcess(event.pid);
        for (const tracker of this.#trackers) tracker.judge(event.pid, view);
        break;
      }
      case 'exited':
        for (const tracker of this.#trackers) tracker.judge(event.pid, undefined);
        break;
      case 'lost':
        this.#reread ??= setImmediate(() => {
          this.#reread = undefined;
          this.#readAll();
        });
        break;
    }
  }

  #readAll(): void {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const views = pids.flatMap((pid): [number, ProcessView][] => {
      const view = readProcess(Number(pid));
      return view === undefined ? [] : [[Number(pid), view]];
    });
    for (const tracker of this.#trackers) tracker.replace(views);
  }
}

/** The processes of one vrrp_track_process. */
class Tracker {
  readonly settings: ProcessTrackerSettings;
  readonly #monitor: ProcessMonitor;
  readonly #timer: MachineTimer<TrackerState>;
  readonly #tell: (input: TrackerInput) => void;
  #pids = new Set<number>();
  #told: number | undefined;
  #tellCount: NodeJS.Timeout | undefined;

  constructor(settings: ProcessTrackerSettings, tell: (input: TrackerInput) => void) {
    this.settings = settings;
    this.#tell = tell;
    this.#monitor = new ProcessMonitor(settings);
    this.#timer = new MachineTimer(this.#monitor, (states) => {
      for (const state of states) this.#say(state);
    });
  }

  has(pid: number): boolean {
    return this.#pids.has(pid);
  }

  add(pid: number): void {
    this.#pids.add(pid);
    this.#count();
  }

  judge(pid: number, view: ProcessView | undefined): void {
    const wanted = view !== undefined && isTracked(view, this.settings);
    if (wanted === this.#pids.has(pid)) return;
    if (wanted) this.#pids.add(pid);
    else this.#pids.delete(pid);
    this.#count();
  }

  replace(views: readonly [number, ProcessView][]): void {
    this.#pids = new Set(views.filter(([, view]) => isTracked(view, this.settings)).map(([pid]) => pid));
    this.#count();
  }

  close(): void {
    this.#timer.close();
    clearTimeout(this.#tellCount);
  }

  #count(): void {
    this.#timer.step((now) => this.#monitor.handle(this.#pids.size, now));
    if (this.#told === this.#pids.size) return;
    this.#tellCount ??= setTimeout(() => {
      this.#tellCount = undefined;
      if (this.#told !== this.#pids.size) this.#say(this.#monitor.state);
    }, TELL_COUNT_MS);
  }

  #say(state: TrackerState): void {
    this.#told = this.#pids.size;
    this.#tell({ kind: 'tracker', tracker: 'process', name: this.settings.name, state, value: this.#told });
  }
}

/** Undefined for one that is gone, or about to be. */
function readProcess(pid: number): ProcessView | undefined {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    // The last one is ended by a zero too.
    if (argv.at(-1) === '') argv.pop();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    // A zombie has ended.
    return state === 'Z' ? undefined : { name, argv };
  } catch {
    return undefined;
  }
}
