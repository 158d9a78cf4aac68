import { createHash } from 'node:crypto';
import {
  Checker,
  type CheckerInput,
  type CheckerOutput,
  type CheckerStatus,
  type ScheduledCheckSettings,
  type WeightEffect,
} from '@keepfleet/health';
import { monotonicMicros } from '@keepfleet/linux';
import { instant } from '@keepfleet/machine';
import { unhex } from '@keepfleet/wire';
import { errorText } from '../error-text.ts';
import { type RunningScript, startScript } from '../scripts/index.ts';
import { type Connection, openConnection } from './connections/index.ts';
import { search } from './pattern-search.ts';

/** setTimeout takes no longer ones; an early call of a machine does nothing, and the timer is set anew. */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

export interface CheckerListener {
  /** A run has ended; `first` when it is the first one. */
  ran(success: boolean, result: string, first: boolean): void;
  /** A run could not be made for a reason of this node's. */
  notRun(reason: string): void;
  verdict(up: boolean, reason: string): void;
  weight(effect: WeightEffect): void;
}

/** Gives one checker its connections or scripts, and its timer. */
export class CheckerDriver {
  readonly settings: ScheduledCheckSettings;
  readonly #listener: CheckerListener;
  readonly #machine: Checker;
  #timer: NodeJS.Timeout | undefined;
  #armedFor: number | undefined;
  #connection: Connection | undefined;
  #attempt = 0;
  #script: { readonly attempt: number; readonly running: RunningScript } | undefined;

  /** `before` is the verdict to begin with, or the driver of the same question at other times. */
  constructor(settings: ScheduledCheckSettings, before: boolean | CheckerDriver, listener: CheckerListener) {
    this.settings = settings;
    this.#listener = listener;
    const from = typeof before === 'boolean' ? before : before.#machine;
    this.#machine = new Checker(settings, from, { random: Math.random, md5, search }, now());
  }

  get status(): CheckerStatus {
    return this.#machine.status;
  }

  get effect(): WeightEffect {
    return this.#machine.effect;
  }

  start(): void {
    this.#handle({ kind: 'start' });
  }

  stop(): void {
    this.#handle({ kind: 'stop' });
  }

  suspend(): void {
    this.#handle({ kind: 'suspend' });
  }

  resume(): void {
    this.#handle({ kind: 'resume' });
  }

  #handle(input: CheckerInput): void {
    this.#advance(() => this.#machine.handle(input, now()));
  }

  /** No check ends the process, and with it all the others: a run that breaks is one that could not be made. */
  #advance(step: () => readonly CheckerOutput[]): void {
    let outputs: readonly CheckerOutput[];
    try {
      outputs = step();
    } catch (error) {
      const reason = `it breaks on what it is answered: ${errorText(error)}`;
      outputs = this.#machine.handle({ kind: 'unable', attempt: this.#attempt, reason }, now());
    }
    this.#carryOut(outputs);
  }

  #ask(attempt: number, how: () => void): void {
    this.#attempt = attempt;
    try {
      how();
    } catch (error) {
      // The outputs that came with this one are carried out first.
      setImmediate(() => this.#handle({ kind: 'unable', attempt, reason: `it cannot be made: ${errorText(error)}` }));
    }
  }

  #carryOut(outputs: readonly CheckerOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'connect':
          this.#ask(output.attempt, () => this.#connect(output.attempt));
          break;
        case 'send':
          this.#ask(output.attempt, () => this.#connection?.send(unhex(output.hex)));
          break;
        case 'request':
          this.#ask(output.attempt, () => this.#connection?.request(output.fields, unhex(output.body)));
          break;
        case 'close':
          this.#connection?.close();
          this.#connection = undefined;
          break;
        case 'run':
          this.#ask(output.attempt, () => this.#run(output.attempt));
          break;
        case 'kill':
          if (this.#script?.attempt === output.attempt) this.#script.running.kill(output.signal);
          break;
        case 'abandon':
          if (this.#script?.attempt === output.attempt) this.#script.running.abandon();
          break;
        case 'not-run':
          this.#listener.notRun(output.reason);
          break;
        case 'ran':
          this.#listener.ran(output.success, output.result, output.first);
          break;
        case 'verdict':
          this.#listener.verdict(output.up, output.reason);
          break;
        case 'weight':
          this.#listener.weight(output.effect);
          break;
      }
    }
    this.#arm();
  }

  #arm(): void {
    const deadline = this.#machine.nextDeadline();
    if (deadline === this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = deadline;
    if (deadline === undefined) return;
    const wait = Math.ceil((deadline - monotonicMicros()) / 1_000);
    const expire = () => {
      this.#armedFor = undefined;
      this.#advance(() => this.#machine.timeout(now()));
    };
    // What has arrived is read first, should this process have been held up; a connection is told in an immediate of its own.
    this.#timer = setTimeout(
      () => setImmediate(() => setImmediate(expire)),
      Math.min(Math.max(wait, 0), LONGEST_TIMEOUT_MS),
    );
  }

  #connect(attempt: number): void {
    if (this.settings.kind === 'misc') return;
    this.#connection = openConnection(this.settings, {
      connected: () => this.#handle({ kind: 'connected', attempt }),
      data: (bytes) => this.#handle({ kind: 'data', attempt, hex: Buffer.from(bytes).toString('hex') }),
      head: (status, fields) => this.#handle({ kind: 'head', attempt, status, fields }),
      trailers: (fields) => this.#handle({ kind: 'trailers', attempt, fields }),
      ended: () => this.#handle({ kind: 'ended', attempt }),
      closed: () => this.#handle({ kind: 'closed', attempt }),
      error: (reason) => this.#handle({ kind: 'error', attempt, reason }),
      unable: (reason) => this.#handle({ kind: 'unable', attempt, reason }),
    });
  }

  #run(attempt: number): void {
    if (this.settings.kind !== 'misc') return;
    const { argv, user, secure } = this.settings;
    const command = { argv, secure, user: user?.user ?? null, group: user?.group ?? null };
    const running = startScript(command, (end) => {
      if ('reason' in end) this.#handle({ kind: end.local ? 'unable' : 'error', attempt, reason: end.reason });
      else this.#handle({ kind: 'exited', attempt, ...end });
    });
    this.#script = { attempt, running };
  }
}

function now() {
  return instant(monotonicMicros());
}

function md5() {
  const hash = createHash('md5');
  return { update: (bytes: Uint8Array) => void hash.update(bytes), hex: () => hash.digest('hex') };
}
