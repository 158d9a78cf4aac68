import { SlowStart } from '@keepfleet/health';
import { type WeightEffect, noEffect } from '@keepfleet/ipvs';
import { monotonicMicros } from '@keepfleet/linux';
import { type Duration, instant, micros } from '@keepfleet/machine';
import type { HealthListener, SharedCheck } from './health-checks.ts';

/** One real server of one service, with its checks. */
export class Patient {
  readonly service: string;
  readonly server: string;
  /** By their settings, in the order of the configuration. */
  readonly checks = new Map<string, SharedCheck>();
  readonly #listener: HealthListener;
  #slowStart = new SlowStart(micros(0));
  #slowStartTime: Duration = micros(0);
  #timer: NodeJS.Timeout | undefined;
  #up: boolean | undefined;
  #effect = noEffect;

  constructor(service: string, server: string, listener: HealthListener) {
    this.service = service;
    this.server = server;
    this.#listener = listener;
  }

  /** What its checks and its way back make of its weight, as told last. */
  get effect(): WeightEffect {
    return this.#effect;
  }

  /** How long the server takes to its whole weight when it comes back. */
  set slowStart(time: Duration) {
    if (time === this.#slowStartTime) return;
    this.#slowStartTime = time;
    this.#slowStart = new SlowStart(time);
  }

  /** Says what holds without there being news. */
  settle(reason: string): void {
    this.#up = this.#allUp();
    this.#listener.health(this.service, this.server, this.#up, reason);
    this.weigh();
  }

  /** A check has another verdict. */
  judge(reason: string): void {
    const up = this.#allUp();
    const back = up && this.#up === false;
    this.#up = up;
    if (back) this.#slowStart.begin(instant(monotonicMicros()));
    else if (!up) this.#slowStart.end();
    // The first weight of a server that comes back is the small one.
    if (back) this.weigh();
    this.#listener.health(this.service, this.server, up, reason);
    if (!back) this.weigh();
  }

  /** It was drained, and is to have connections again. */
  comeBack(slowStart: Duration): void {
    this.slowStart = slowStart;
    if (this.#up === false) return;
    this.#slowStart.begin(instant(monotonicMicros()));
    this.weigh();
  }

  weigh(): void {
    clearTimeout(this.#timer);
    const now = instant(monotonicMicros());
    const effect = combined(
      [...this.checks.values()].map(({ driver }) => driver.effect),
      this.#slowStart.share(now),
    );
    const next = this.#slowStart.nextDeadline(now);
    if (next !== undefined) this.#timer = setTimeout(() => this.weigh(), Math.max(1, Math.ceil((next - now) / 1_000)));
    const { replaced, added, share } = this.#effect;
    if (effect.replaced === replaced && effect.added === added && effect.share === share) return;
    this.#effect = effect;
    this.#listener.effect(this.service, this.server, effect);
  }

  leave(): void {
    clearTimeout(this.#timer);
    for (const { patients } of this.checks.values()) patients.delete(this);
  }

  #allUp(): boolean {
    return [...this.checks.values()].every(({ driver }) => driver.status.up);
  }
}

/** Of several scripts that give a weight, the most careful one counts. */
function combined(effects: readonly WeightEffect[], slowStart: number): WeightEffect {
  let { replaced, added, share } = noEffect;
  for (const effect of effects) {
    if (effect.replaced !== null) replaced = Math.min(replaced ?? Infinity, effect.replaced);
    added += effect.added;
    share *= effect.share;
  }
  return { replaced, added, share: share * slowStart };
}
