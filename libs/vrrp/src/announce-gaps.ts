import { type Duration, type Instant, after } from '@keepfleet/machine';
import type { Family } from '@keepfleet/wire';
import type { GarpGroup, GarpSettings } from './settings.ts';

/** The gaps between announcements, for all routers of a node: each interface has its own, those of a garp_group share one. */
export class AnnounceGaps {
  #groupOf = new Map<string, { readonly key: string; readonly group: GarpGroup }>();
  readonly #freeAt = new Map<string, Instant>();

  configure(groups: readonly GarpGroup[]): void {
    this.#groupOf = new Map(
      groups.flatMap((group, i) => group.interfaces.map((name) => [name, { key: `group ${i}`, group }] as const)),
    );
  }

  /** When the next announcement may leave; undefined where nothing has to be waited for. */
  freeAt(name: string, family: Family): Instant | undefined {
    return this.#freeAt.get(this.#key(name, family));
  }

  sent(name: string, family: Family, garp: GarpSettings, now: Instant): void {
    const gap = this.#gap(name, family, garp);
    if (gap === 0) this.#freeAt.delete(this.#key(name, family));
    else this.#freeAt.set(this.#key(name, family), after(now, gap));
  }

  #key(name: string, family: Family): string {
    return `${family} ${this.#groupOf.get(name)?.key ?? name}`;
  }

  #gap(name: string, family: Family, garp: GarpSettings): Duration {
    const group = this.#groupOf.get(name)?.group;
    return family === 'ipv4' ? (group?.interval ?? garp.interval) : (group?.gnaInterval ?? garp.gnaInterval);
  }
}
