import type { Instant } from '@keepfleet/machine';
import { type CheckerOutput, noWeightEffect, type WeightEffect } from './messages.ts';
import type { WatchedCheckSettings } from './settings.ts';
import type { CheckerStatus } from './verdict.ts';

/** A contribution of this much or less is a failure, as keepalived has it. */
const FAULT = -0x7fff_ffff;

/** FILE_CHECK and BFD_CHECK: no schedule and no retries, what they watch says what is. */
export class WatchedChecker {
  readonly settings: WatchedCheckSettings;
  #status: CheckerStatus;
  #effect: WeightEffect = noWeightEffect;

  constructor(settings: WatchedCheckSettings, up: boolean, now: Instant) {
    this.settings = settings;
    this.#status = { up, ran: false, lastResult: null, failures: 0, since: now };
  }

  get status(): CheckerStatus {
    return this.#status;
  }

  get effect(): WeightEffect {
    return this.#effect;
  }

  /** The number in the file is another; one that cannot be read counts as 0. */
  number(value: number, now: Instant): readonly CheckerOutput[] {
    if (this.settings.kind !== 'file') return [];
    const { weight } = this.settings;
    const added = weight === 0 ? 0 : value * weight;
    const up = weight === 0 ? value === 0 : added > FAULT;
    const outputs = this.#settle(up, `holds ${value}`, now);
    if (!up || added === this.#effect.added) return outputs;
    this.#effect = { ...noWeightEffect, added };
    return [...outputs, { kind: 'weight', effect: this.#effect }];
  }

  /** The session is up or down; null while there is no such session yet. */
  session(up: boolean | null, now: Instant): readonly CheckerOutput[] {
    return this.#settle(up === true, up === null ? 'is not known' : up ? 'is up' : 'is down', now);
  }

  #settle(up: boolean, result: string, now: Instant): CheckerOutput[] {
    const before = this.#status;
    if (before.ran && before.up === up && before.lastResult === result) return [];
    const failures = up ? 0 : before.failures + 1;
    this.#status = { up, ran: true, lastResult: result, failures, since: up === before.up ? before.since : now };
    return [
      { kind: 'ran', success: up, result, first: !before.ran },
      ...(up === before.up ? [] : [{ kind: 'verdict' as const, up, reason: result }]),
    ];
  }
}
