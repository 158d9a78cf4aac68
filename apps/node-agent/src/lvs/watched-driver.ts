import {
  type CheckerOutput,
  type CheckerStatus,
  type WatchedCheckSettings,
  WatchedChecker,
  type WeightEffect,
} from '@keepfleet/health';
import { monotonicMicros } from '@keepfleet/linux';
import { instant } from '@keepfleet/machine';
import type { BfdSessions } from './bfd-sessions.ts';
import type { CheckerListener } from './checker-driver.ts';
import { WatchedFile } from './watched-file.ts';

/** Gives a checker without a schedule what it watches. */
export class WatchedDriver {
  readonly settings: WatchedCheckSettings;
  readonly #listener: CheckerListener;
  readonly #machine: WatchedChecker;
  readonly #sessions: BfdSessions;
  #end: (() => void) | undefined;

  constructor(settings: WatchedCheckSettings, up: boolean, listener: CheckerListener, sessions: BfdSessions) {
    this.settings = settings;
    this.#listener = listener;
    this.#machine = new WatchedChecker(settings, up, now());
    this.#sessions = sessions;
  }

  get status(): CheckerStatus {
    return this.#machine.status;
  }

  get effect(): WeightEffect {
    return this.#machine.effect;
  }

  start(): void {
    const { settings } = this;
    if (settings.kind === 'bfd') {
      this.#end = this.#sessions.watch(settings.name, (up) => this.#carryOut(this.#machine.session(up, now())));
      return;
    }
    const file = new WatchedFile(settings.path, (value) => this.#carryOut(this.#machine.number(value, now())));
    this.#end = () => file.stop();
    file.start();
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
  }

  /** Watching costs nobody anything. */
  suspend(): void {}

  resume(): void {}

  #carryOut(outputs: readonly CheckerOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'ran') this.#listener.ran(output.success, output.result, output.first);
      if (output.kind === 'verdict') this.#listener.verdict(output.up, output.reason);
      if (output.kind === 'weight') this.#listener.weight(output.effect);
    }
  }
}

function now() {
  return instant(monotonicMicros());
}
