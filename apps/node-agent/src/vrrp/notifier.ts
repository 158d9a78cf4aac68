import type { FifoSnapshot, NotifyOutput, ScriptCommand, VrrpEvent, VrrpSettings } from '@keepfleet/vrrp';
import type { Log } from '../log.ts';
import type { ScriptRunner } from '../scripts/script-runner.ts';
import { NotifyFifo } from './notify-fifo.ts';

/** Carries notifications out: lines into pipes at once, scripts started in order, neither waited for. */
export class Notifier {
  readonly #scripts: ScriptRunner;
  readonly #log: Log;
  readonly #report: (event: VrrpEvent) => void;
  #fifos: NotifyFifo[] = [];
  readonly #running = new Set<Promise<unknown>>();

  constructor(scripts: ScriptRunner, report: (event: VrrpEvent) => void, log: Log) {
    this.#scripts = scripts;
    this.#report = report;
    this.#log = log;
  }

  configure({ notifyFifos = [] }: VrrpSettings): void {
    const before = this.#fifos;
    const key = (fifo: object) => JSON.stringify(fifo);
    const wanted = new Set(notifyFifos.map(key));
    for (const fifo of before) if (!wanted.has(key(fifo.settings))) fifo.close();
    this.#fifos = notifyFifos.map(
      (settings) =>
        before.find((fifo) => key(fifo.settings) === key(settings)) ??
        new NotifyFifo(settings, this.#scripts, this.#log),
    );
  }

  notify({ type, name, state, priority, commands }: NotifyOutput): void {
    const line = notifyLine(type, name, state, priority);
    for (const fifo of this.#fifos) {
      if (fifo.write(line) !== 'dropped') continue;
      const { path, dropped } = fifo.snapshot();
      this.#report({ kind: 'fifo-overflow', path, dropped });
    }
    for (const command of commands) this.#run(command);
  }

  snapshot(): FifoSnapshot[] {
    return this.#fifos.map((fifo) => fifo.snapshot());
  }

  /** Scripts may take so long to be done; what is running then goes on by itself. */
  async close(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise((resolve) => (timer = setTimeout(resolve, limitMs)));
    await Promise.race([Promise.all(this.#running), limit]);
    clearTimeout(timer);
    for (const fifo of this.#fifos) fifo.close();
    this.#fifos = [];
  }

  #run(command: ScriptCommand): void {
    const { end } = this.#scripts.run(command);
    const done = end.then((outcome) => {
      this.#running.delete(done);
      const text = command.argv.join(' ');
      if ('reason' in outcome) this.#log.error({ script: command.argv[0] }, `notify script ${text} ${outcome.reason}`);
      else if (outcome.status !== 0) {
        const how = outcome.signal ?? `exit code ${outcome.status}`;
        this.#log.warn({ script: command.argv[0], code: outcome.status }, `notify script ${text} failed: ${how}`);
      }
    });
    this.#running.add(done);
  }
}

/** keepalived's line. */
export function notifyLine(type: string, name: string, state: string, priority: number): string {
  return `${type} "${name}" ${state} ${priority}\n`;
}
