import {
  type ScriptInput,
  type ScriptOutput,
  type ScriptSnapshot,
  ScriptMonitor,
  type ScriptTrackerSettings,
  type TrackerInput,
} from '@keepfleet/vrrp';
import type { Log } from '../../log.ts';
import type { RunningScript, ScriptRunner } from '../../scripts/script-runner.ts';
import type { ScriptRefusal } from '../../scripts/script.ts';
import { MachineTimer } from './machine-timer.ts';

/** The driver of one {@link ScriptMonitor}. */
export class ScriptTracker {
  readonly settings: ScriptTrackerSettings;
  readonly #monitor: ScriptMonitor;
  readonly #timer: MachineTimer<ScriptOutput>;
  readonly #scripts: ScriptRunner;
  readonly #tell: (input: TrackerInput) => void;
  readonly #log: Log;
  #running: RunningScript | undefined;
  #lastFailure: string | undefined;

  constructor(settings: ScriptTrackerSettings, scripts: ScriptRunner, tell: (input: TrackerInput) => void, log: Log) {
    this.settings = settings;
    this.#monitor = new ScriptMonitor(settings);
    this.#scripts = scripts;
    this.#tell = tell;
    this.#log = log;
    this.#timer = new MachineTimer(this.#monitor, (outputs) => this.#carryOut(outputs));
  }

  start(): void {
    this.#timer.step((now) => this.#monitor.handle({ kind: 'start' }, now));
  }

  close(): void {
    this.#timer.step((now) => this.#monitor.handle({ kind: 'stop' }, now));
    this.#timer.close();
  }

  snapshot(): ScriptSnapshot {
    const { state, run } = this.#monitor;
    return { name: this.settings.name, state, run };
  }

  #carryOut(outputs: readonly ScriptOutput[]): void {
    const { name } = this.settings;
    for (const output of outputs) {
      switch (output.kind) {
        case 'run':
          this.#run();
          break;
        case 'kill':
          this.#running?.kill(output.signal);
          break;
        case 'state':
          this.#tell({ kind: 'tracker', tracker: 'script', name, state: output.state });
          break;
        case 'overrun':
          this.#log.warn({ script: name }, `vrrp_script ${name} still runs when it is due again; this run is left out`);
          break;
        default:
          output satisfies never;
      }
    }
  }

  #run(): void {
    const running = this.#scripts.run(this.settings.command, () => this.#give(running, { kind: 'began' }));
    this.#running = running;
    void running.end.then((end) => {
      if ('reason' in end) this.#complain(end);
      else this.#lastFailure = undefined;
      if ('reason' in end && end.local) this.#give(running, { kind: 'not-run' });
      else this.#give(running, { kind: 'exited', succeeded: 'status' in end && end.status === 0 });
    });
  }

  #give(running: RunningScript, input: ScriptInput): void {
    if (this.#running !== running) return;
    if (input.kind !== 'began') this.#running = undefined;
    this.#timer.step((now) => this.#monitor.handle(input, now));
  }

  /** Once until it is another reason, or it runs. */
  #complain({ reason, local }: ScriptRefusal): void {
    if (this.#lastFailure === reason) return;
    this.#lastFailure = reason;
    const { name } = this.settings;
    const state = this.#monitor.state;
    if (local)
      this.#log.warn({ script: name }, `vrrp_script ${name} ${reason}; this run is left out, and it stays ${state}`);
    else this.#log.error({ script: name }, `vrrp_script ${name} ${reason}, which counts as failure`);
  }
}
