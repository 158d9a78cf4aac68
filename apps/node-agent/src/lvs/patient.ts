import { SlowStart } from '@keepfleet/health';
import { type RealServerTraits, type WeightEffect, makesWeights, noEffect, weightOf } from '@keepfleet/ipvs';
import { monotonicMicros } from '@keepfleet/linux';
import { type Duration, instant, micros } from '@keepfleet/machine';
import type { HealthListener, SharedCheck } from './health-checks.ts';

/** A server that is as it was found. */
export interface Adopted {
  readonly settings: RealServerTraits;
  /** The weight that it keeps from before this process, if any: the kernel may be read later than the settings. */
  readonly weight: () => number | null;
}

/** Steps of a slow start. */
const STEPS = 10;

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
  /** Checks without a good run yet, while the server is as it was found. */
  #awaited: Set<SharedCheck> | undefined;
  #adopted: Adopted | undefined;
  /** Checks with a good run, and those that this node could not make, since it was adopted. */
  readonly #passed = new Set<SharedCheck>();
  readonly #unable = new Set<SharedCheck>();
  /** From a drain that it was adopted in: its effect is told, be it none. */
  #isReturning = false;

  constructor(service: string, server: string, listener: HealthListener) {
    this.service = service;
    this.server = server;
    this.#listener = listener;
  }

  /** What its checks and its way back make of its weight, as told last. */
  get effect(): WeightEffect {
    return this.#effect;
  }

  /** Nothing is awaited that would say more than is known. */
  get isInformed(): boolean {
    return this.#awaited === undefined || this.#awaited.size < this.checks.size || this.checks.size === 0;
  }

  /** How long the server takes to its whole weight when it comes back. */
  set slowStart(time: Duration) {
    if (time === this.#slowStartTime) return;
    this.#slowStartTime = time;
    this.#slowStart = new SlowStart(time);
  }

  /** It stays as it was found, its weight too, until its checks have spoken: they may make another weight than the configured. */
  adopt(up: boolean, adopted: Adopted): void {
    this.#up = up;
    this.#adopted = adopted;
    this.#awaited = new Set([...this.checks.values()].filter(({ driver }) => !driver.status.ran));
  }

  /** Says what holds without there being news. */
  settle(reason: string): void {
    const checks = new Set(this.checks.values());
    for (const check of this.#awaited ?? []) if (!checks.has(check)) this.#awaited?.delete(check);
    if (this.#awaited !== undefined) return this.judge(reason);
    this.#up = this.#allUp();
    this.#listener.health(this.service, this.server, this.#up, reason);
    this.weigh();
  }

  /** A check has had a good run. */
  passed(check: SharedCheck, reason: string): void {
    const isFirst = this.#adopted !== undefined && !this.#passed.has(check);
    if (isFirst) this.#passed.add(check);
    if (this.#awaited?.delete(check) === true) this.judge(reason);
    else if (isFirst) this.weigh();
  }

  /** A check cannot be made, for a reason of this node's. */
  notRun(check: SharedCheck): void {
    if (this.#adopted === undefined || this.#unable.has(check)) return;
    this.#unable.add(check);
    this.weigh();
  }

  /** A check has another verdict. */
  judge(reason: string): void {
    const up = this.#allUp();
    // With its weight, which does not wait for the others.
    if (up && this.#awaited !== undefined && this.#awaited.size > 0) return this.weigh();
    const back = up && this.#up === false;
    this.#up = up;
    this.#awaited = undefined;
    if (back) this.#slowStart.begin(instant(monotonicMicros()));
    else if (!up) this.#slowStart.end();
    // The first weight of a server that comes back is the small one.
    if (back) this.weigh();
    this.#listener.health(this.service, this.server, up, reason);
    if (!back) this.weigh();
  }

  /** With its slow start, which is what makes the weight less than the checks make it. */
  #goOn(weight: number, settings: RealServerTraits): void {
    const whole = weightOf({ settings, effect: this.#combined(1) });
    if (weight <= 0 || weight >= whole) return;
    const steps = Math.max(1, Math.round((weight / whole) * STEPS));
    const elapsed = Math.floor((this.#slowStartTime * (steps - 1)) / STEPS);
    this.#slowStart.begin(instant(monotonicMicros() - elapsed));
  }

  /** It was drained, and is to have connections again. */
  comeBack(slowStart: Duration): void {
    this.slowStart = slowStart;
    if (this.#up === false) return;
    this.#isReturning = this.#adopted !== undefined;
    this.#awaited = undefined;
    this.#adopted = undefined;
    this.#slowStart.begin(instant(monotonicMicros()));
    this.weigh();
  }

  weigh(): void {
    const held = this.#adopted?.weight() ?? null;
    if (held !== null && this.#adopted !== undefined) {
      if (this.#awaitsWeights()) return;
      if (this.#up === true) this.#goOn(held, this.#adopted.settings);
    }
    clearTimeout(this.#timer);
    const now = instant(monotonicMicros());
    const effect = this.#combined(this.#slowStart.share(now));
    const next = this.#slowStart.nextDeadline(now);
    if (next !== undefined) this.#timer = setTimeout(() => this.weigh(), Math.max(1, Math.ceil((next - now) / 1_000)));
    const { replaced, added, share } = this.#effect;
    const isSame = effect.replaced === replaced && effect.added === added && effect.share === share;
    if (isSame && held === null && !this.#isReturning) return;
    this.#isReturning = false;
    this.#effect = effect;
    this.#listener.effect(this.service, this.server, effect);
  }

  leave(): void {
    clearTimeout(this.#timer);
    for (const { patients } of this.checks.values()) patients.delete(this);
  }

  /** What is held is what they have made: it stays until they say another, all of them that can be made. */
  #awaitsWeights(): boolean {
    const makers = [...this.checks.values()].filter(({ driver }) => makesWeights(driver.settings));
    const haveSpoken = makers.some((check) => this.#passed.has(check));
    return (
      makers.length > 0 && !(haveSpoken && makers.every((check) => this.#passed.has(check) || this.#unable.has(check)))
    );
  }

  #allUp(): boolean {
    return [...this.checks.values()].every(({ driver }) => driver.status.up);
  }

  /** Of several scripts that give a weight, the most careful one counts. */
  #combined(slowStart: number): WeightEffect {
    let { replaced, added, share } = noEffect;
    for (const { driver } of this.checks.values()) {
      const { effect } = driver;
      if (effect.replaced !== null) replaced = Math.min(replaced ?? Infinity, effect.replaced);
      added += effect.added;
      share *= effect.share;
    }
    return { replaced, added, share: share * slowStart };
  }
}
