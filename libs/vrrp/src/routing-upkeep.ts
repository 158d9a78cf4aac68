import { type Instant, after, seconds } from '@keepfleet/machine';
import type { RoutingInput, VrrpOutput } from './messages.ts';
import { type RoutingEntry, sameEntry } from './routing.ts';

/** Least time between two attempts to put entries back, as for addresses. */
const REPAIR_GAP = seconds(1);

/** Puts back the routes and rules that somebody takes away from who should have them. */
export class RoutingUpkeep {
  readonly #owner: () => { readonly name: string; readonly entries: readonly RoutingEntry[] };
  #missing: RoutingEntry[] = [];
  #repairedAt: Instant | undefined;
  #repairAt: Instant | undefined;
  /** In a row, without having found all in place since. */
  #repairs = 0;

  constructor(owner: () => { readonly name: string; readonly entries: readonly RoutingEntry[] }) {
    this.#owner = owner;
  }

  nextDeadline(): Instant | undefined {
    return this.#repairAt;
  }

  /** Texts of the entries that somebody took away. */
  get missing(): readonly string[] {
    return this.#missing.map(({ text }) => text);
  }

  /** Somebody took them away, and putting them back did not help. */
  get failing(): readonly RoutingEntry[] {
    return this.#repairs > 1 ? this.#missing : [];
  }

  take(input: RoutingInput, now: Instant): VrrpOutput[] {
    const { name, entries } = this.#owner();
    const outputs: VrrpOutput[] = [];
    for (const entry of own(entries, input.missing)) {
      if (!entry.tracked || has(this.#missing, entry)) continue;
      this.#missing.push(entry);
      outputs.push({ kind: 'event', event: { kind: 'routing-missing', instance: name, entry } });
    }
    for (const entry of own(entries, input.present)) {
      if (!has(this.#missing, entry)) continue;
      outputs.push({ kind: 'event', event: { kind: 'routing-restored', instance: name, entry } });
    }
    this.#missing = this.#missing.filter((entry) => !has(input.present, entry));
    if (this.#missing.length === 0) this.#repairs = 0;
    return [...outputs, ...this.#repair(now)];
  }

  forget(entries: readonly RoutingEntry[]): void {
    this.#missing = this.#missing.filter((entry) => !has(entries, entry));
  }

  due(now: Instant): VrrpOutput[] {
    return this.#repairAt !== undefined && this.#repairAt <= now ? this.#repair(now) : [];
  }

  #repair(now: Instant): VrrpOutput[] {
    this.#repairAt = undefined;
    if (this.#missing.length === 0) return [];
    const earliestNext = this.#repairedAt === undefined ? now : after(this.#repairedAt, REPAIR_GAP);
    if (now < earliestNext) {
      this.#repairAt = earliestNext;
      return [];
    }
    this.#repairs++;
    this.#repairedAt = now;
    this.#repairAt = after(now, REPAIR_GAP);
    return [{ kind: 'add-routing', entries: [...this.#missing] }];
  }
}

function has(entries: readonly RoutingEntry[], entry: RoutingEntry): boolean {
  return entries.some((other) => sameEntry(other, entry));
}

function own(entries: readonly RoutingEntry[], some: readonly RoutingEntry[]): RoutingEntry[] {
  return entries.filter((entry) => has(some, entry));
}
