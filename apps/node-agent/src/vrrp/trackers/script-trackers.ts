import { type ScriptOutput, ScriptMonitor, type ScriptTrackerSettings, type TrackerInput } from '@keepfleet/vrrp';
import type { Log } from '../../log.ts';
import type { RunningScript, ScriptRunner } from '../../scripts/script-runner.ts';
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
    const running = this.#scripts.run(this.settings.command);
    this.#running = running;
    void running.end.then((end) => {
      if (this.#running !== running) return;
      this.#running = undefined;
      if (end.kind === 'refused') this.#complain(end.reason);
      else this.#lastFailure = undefined;
      const succeeded = end.kind === 'ended' && end.code === 0;
      this.#timer.step((now) => this.#monitor.handle({ kind: 'exited', succeeded }, now));
    });
  }

  /** Once until it is another reason, or it runs. */
  #complain(reason: string): void {
    if (this.#lastFailure === reason) return;
    this.#lastFailure = reason;
    const { name } = this.settings;
    this.#log.error({ script: name }, `vrrp_script ${name} cannot be run, which counts as failure: ${reason}`);
  }
}
