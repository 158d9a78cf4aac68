import { type Instant, after, earliest } from '@keepfleet/machine';
import { familyOf } from '@keepfleet/wire';
import type { AnnounceGaps } from './announce-gaps.ts';
import type { AnnounceOutput } from './messages.ts';
import {
  type GarpSettings,
  type VirtualAddress,
  type VirtualRouterSettings,
  inTableOrder,
  sameAddress,
} from './settings.ts';

interface AnnouncementSet {
  readonly at: Instant;
  readonly repeat: number;
  readonly addresses: readonly VirtualAddress[] | 'all';
}

/**
 * When a master announces its addresses: at once, again after a delay, periodically, and after hearing a lower priority;
 * never faster than the configured gaps. Exists only while the router is master.
 */
export class Announcements {
  #sets: AnnouncementSet[] = [];
  #refreshAt: Instant | undefined;
  #extraAt: Instant | undefined;
  #lowerPriorityAgain: Instant | undefined;
  #queue: VirtualAddress[] = [];
  readonly #gaps: AnnounceGaps;

  constructor(gaps: AnnounceGaps) {
    this.#gaps = gaps;
  }

  /** The router became master. */
  start(garp: GarpSettings, now: Instant): void {
    this.#sets.push({ at: now, repeat: garp.repeat, addresses: 'all' });
    if (garp.delay > 0) this.#sets.push({ at: after(now, garp.delay), repeat: garp.repeat, addresses: 'all' });
    this.refresh(garp, now);
  }

  /** (Re)starts the periodic sets, after the settings changed. */
  refresh(garp: GarpSettings, now: Instant): void {
    this.#refreshAt = garp.refresh > 0 ? after(now, garp.refresh) : undefined;
    this.#extraAt = garp.extra === undefined ? undefined : after(now, garp.extra.interval);
  }

  /** Some addresses are new, or were restored, or their link came back. */
  some(addresses: readonly VirtualAddress[], garp: GarpSettings, now: Instant): void {
    if (addresses.length > 0) this.#sets.push({ at: now, repeat: garp.repeat, addresses });
  }

  /** Another router thought it was the master: hosts and switches may have believed it. */
  lowerPriority(garp: GarpSettings, now: Instant): void {
    if (garp.lowerPrioRepeat === 0) return;
    this.#sets.push({ at: now, repeat: garp.lowerPrioRepeat, addresses: 'all' });
    if (garp.lowerPrioDelay > 0) this.#lowerPriorityAgain = after(now, garp.lowerPrioDelay);
  }

  nextDeadline(): Instant | undefined {
    const periodic = earliest(this.#refreshAt, this.#extraAt, this.#lowerPriorityAgain);
    if (this.#sets.length === 0 && this.#queue.length === 0) return periodic;
    const sets = this.#sets.map((set) => set.at);
    const waiting = this.#queue.map((one) => this.#gaps.freeAt(one.interface, familyOf(one.address)));
    return earliest(periodic, ...sets, ...waiting);
  }

  /** What is to be announced now, of the addresses that the router has. */
  due(router: Pick<VirtualRouterSettings, 'addresses' | 'garp'>, now: Instant): AnnounceOutput[] {
    const next = this.nextDeadline();
    // With every advert: mostly there is nothing.
    if (next === undefined || next > now) return [];
    const { garp } = router;
    const addresses = inTableOrder(router.addresses);
    if (this.#refreshAt !== undefined && this.#refreshAt <= now) {
      this.#sets.push({ at: now, repeat: garp.refreshRepeat, addresses: 'all' });
      this.refresh(garp, now);
    }
    if (this.#lowerPriorityAgain !== undefined && this.#lowerPriorityAgain <= now) {
      this.#sets.push({ at: now, repeat: garp.lowerPrioRepeat, addresses: 'all' });
      this.#lowerPriorityAgain = undefined;
    }
    if (this.#extraAt !== undefined && this.#extraAt <= now && garp.extra !== undefined) {
      this.#queue.push(...firstOnEach(garp.extra.interfaces, addresses));
      this.#extraAt = after(now, garp.extra.interval);
    }
    for (const set of this.#sets.filter((one) => one.at <= now)) {
      const wanted =
        set.addresses === 'all'
          ? addresses
          : addresses.filter(
              (one) => set.addresses !== 'all' && set.addresses.some((other) => sameAddress(one, other)),
            );
      for (let round = 0; round < set.repeat; round++) for (const address of wanted) this.#queue.push(address);
    }
    this.#sets = this.#sets.filter((one) => one.at > now);
    return this.#drain(garp, now);
  }

  #drain(garp: GarpSettings, now: Instant): AnnounceOutput[] {
    const sent: AnnounceOutput[] = [];
    const left: VirtualAddress[] = [];
    for (const one of this.#queue) {
      const { interface: name, address } = one;
      const family = familyOf(address);
      const freeAt = this.#gaps.freeAt(name, family);
      if (freeAt !== undefined && freeAt > now) {
        left.push(one);
        continue;
      }
      sent.push({ kind: 'announce', family, interface: name, address });
      this.#gaps.sent(name, family, garp, now);
    }
    this.#queue = left;
    return sent.sort((a, b) => a.family.localeCompare(b.family));
  }
}

/** One address is enough for a switch to learn where a MAC address is. */
function firstOnEach(interfaces: readonly string[], addresses: readonly VirtualAddress[]): VirtualAddress[] {
  return interfaces.flatMap((name) => addresses.find((one) => one.interface === name) ?? []);
}
