import { type Instant, type RandomSource, after, earliest, millis, micros, seconds } from '@keepfleet/machine';
import { type OwnershipEntry, encodeNotice, layoutOf, noticeName, noticeParts } from './ownership-notice.ts';

/** Changes are gathered for this long: a synchronisation group that moves is one notice. */
const GATHER = millis(30);
/** Shortest time between two notices of the same routers: a flapping one is told by its newest state. */
const PAUSE = millis(250);
/** Time between two tellings of everything, in a fleet of up to {@link SCALE_FROM} members; longer in proportion beyond. */
const DIGEST = seconds(10);
/** Whoever comes is told everything within this time, scaled alike. */
export const GREETING = seconds(1);
const SCALE_FROM = 32;

/** A user event to raise. */
export interface OwnershipEvent {
  readonly name: string;
  readonly payload: Uint8Array;
}

interface Part {
  readonly entries: readonly OwnershipEntry[];
  readonly text: string;
  dirty: boolean;
  toldAt: Instant | undefined;
}

/** Tells a node's virtual routers: what changed at once, everything from time to time, since events can be missed. */
export class OwnershipTeller {
  readonly #node: string;
  readonly #random: RandomSource;
  #parts: readonly Part[] = [];
  #layout = 0;
  #sequence = 0;
  #changedAt: Instant | undefined;
  #digestAt: Instant | undefined;
  #scale = 1;

  constructor(node: string, random: RandomSource) {
    this.#node = node;
    this.#random = random;
  }

  /** What the node's routers are now. */
  set(entries: readonly OwnershipEntry[], now: Instant): void {
    const layout = layoutOf(entries);
    const before = layout === this.#layout ? this.#parts : [];
    this.#layout = layout;
    this.#parts = noticeParts(this.#node, entries).map((part, i) => {
      const text = JSON.stringify(part);
      const old = before[i];
      return old?.text === text ? old : { entries: part, text, dirty: true, toldAt: old?.toldAt };
    });
    if (this.#parts.some((part) => part.dirty)) this.#changedAt ??= now;
    this.#digestAt ??= after(now, micros(DIGEST * this.#scale));
  }

  /** How many members there are: in a large fleet everything is told less often, so that each member's share stays the same. */
  fleetSize(members: number): void {
    this.#scale = fleetScale(members);
  }

  /** Somebody came who has not heard what was told before. */
  greet(now: Instant): void {
    const soon = after(now, micros(GREETING * this.#scale * this.#random()));
    this.#digestAt = this.#digestAt === undefined ? soon : earliest(this.#digestAt, soon);
  }

  /** What is to be told now; `wallClock` is milliseconds since 1970. */
  timeout(now: Instant, wallClock: number): OwnershipEvent[] {
    if (this.#digestAt !== undefined && this.#digestAt <= now) {
      for (const part of this.#parts) part.dirty = true;
      this.#changedAt ??= after(now, micros(-GATHER));
      this.#digestAt = after(now, micros(DIGEST * this.#scale * (0.9 + 0.2 * this.#random())));
    }
    const due = this.#tellAt();
    if (due === undefined || due > now) return [];
    this.#changedAt = undefined;
    this.#sequence = Math.max(this.#sequence + 1, wallClock);
    const events: OwnershipEvent[] = [];
    for (const [i, part] of this.#parts.entries()) {
      if (!part.dirty) continue;
      part.dirty = false;
      part.toldAt = now;
      const { entries } = part;
      const notice = { node: this.#node, layout: this.#layout, part: i, parts: this.#parts.length, entries };
      events.push({
        name: noticeName(this.#node, i),
        payload: encodeNotice({ ...notice, sequence: this.#sequence }),
      });
    }
    return events;
  }

  nextDeadline(): Instant | undefined {
    return earliest(this.#tellAt(), this.#digestAt);
  }

  #tellAt(): Instant | undefined {
    if (this.#changedAt === undefined) return undefined;
    let at = after(this.#changedAt, GATHER);
    for (const { dirty, toldAt } of this.#parts)
      if (dirty && toldAt !== undefined && after(toldAt, PAUSE) > at) at = after(toldAt, PAUSE);
    return at;
  }
}

/** By what digests and greetings take longer in a fleet of so many members. */
export function fleetScale(members: number): number {
  return Math.max(1, members / SCALE_FROM);
}
