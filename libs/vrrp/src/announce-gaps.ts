import { type Duration, type Instant, after } from '@keepfleet/machine';
import type { Family } from '@keepfleet/wire';
import type { GarpGroup, GarpSettings } from './settings.ts';

/** The gaps between announcements, for all routers of a node: each interface has its own, those of a garp_group share one. */
export class AnnounceGaps {
  #groupOf = new Map<string, GarpGroup>();
  /** By interface, also in a group: what waits in one interface's gap does so until then, whatever a reload makes of groups. */
  readonly #freeAt = new Map<string, Instant>();

  configure(groups: readonly GarpGroup[]): void {
    this.#groupOf = new Map(groups.flatMap((group) => group.interfaces.map((name) => [name, group] as const)));
  }

  /** When the next announcement may leave; undefined where nothing has to be waited for. */
  freeAt(name: string, family: Family): Instant | undefined {
    return this.#freeAt.get(key(name, family));
  }

  sent(name: string, family: Family, garp: GarpSettings, now: Instant): void {
    const group = this.#groupOf.get(name);
    const gap: Duration =
      family === 'ipv4' ? (group?.interval ?? garp.interval) : (group?.gnaInterval ?? garp.gnaInterval);
    // Without a gap too: another router, which has one, may wait here for its turn.
    for (const one of group?.interfaces ?? [name]) this.#freeAt.set(key(one, family), after(now, gap));
  }
}

function key(name: string, family: Family): string {
  return `${family} ${name}`;
}
