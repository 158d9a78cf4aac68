import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Interface, createInterface } from 'node:readline';

const MAIN = join(import.meta.dirname, 'snmp-recorder-main.ts');

/** Stands between a manager and the agent of a namespace, and can say again what the manager said. */
export class Recorder {
  #child: ChildProcess | undefined;
  #lines: Interface | undefined;

  /** The port that it listens at. */
  async listen(namespace: string): Promise<number> {
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, MAIN], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('no stdout');
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
    return this.#number();
  }

  /** Sends everything again; the number of answers. */
  replay(): Promise<number> {
    this.#child?.stdin?.write('\n');
    return this.#number();
  }

  async close(): Promise<void> {
    if (this.#child === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async #number(): Promise<number> {
    if (this.#lines === undefined) throw new Error('it does not listen');
    const [line] = (await once(this.#lines, 'line')) as [string];
    return Number(line);
  }
}
