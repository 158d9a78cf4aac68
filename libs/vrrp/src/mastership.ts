import { type Instant, after, between, earliest, instant, micros } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import { AddressUpkeep } from './address-upkeep.ts';
import type { AnnounceGaps } from './announce-gaps.ts';
import { Announcements } from './announcements.ts';
import { lead } from './beats.ts';
import type { MasterView, RoutingInput, VrrpOutput } from './messages.ts';
import { type VirtualAddress, type VirtualRouterSettings, inTableOrder } from './settings.ts';
import type { InterfaceChange, Situation } from './situation.ts';
import { removeRouting } from './address-release.ts';
import { type RoutingEntry, sameEntry } from './routing.ts';
import { RoutingUpkeep } from './routing-upkeep.ts';
import type { RouterCounters } from './stats.ts';
import { masterDownInterval } from './timers.ts';
import { isUp } from './tracking.ts';
import type { Transmitter } from './transmission.ts';

/** What a master does as long as it is one: adverts at the interval, announcements, addresses kept in place. */
export class Mastership {
  readonly #situation: Situation;
  readonly #transmitter: Transmitter;
  readonly #counters: RouterCounters;
  readonly #announcements: Announcements;
  readonly #upkeep: AddressUpkeep;
  readonly #routing: RoutingUpkeep;
  /** When the last periodic advert was due. */
  #advertFrom: Instant;
  /** Its last advert was due so long ago that another may be the master; until the next one. */
  #doubting = false;
  #lower: { readonly address: IpAddress; readonly at: Instant } | undefined;

  constructor(
    situation: Situation,
    transmitter: Transmitter,
    counters: RouterCounters,
    gaps: AnnounceGaps,
    place: number,
    now: Instant,
  ) {
    this.#announcements = new Announcements(gaps);
    this.#situation = situation;
    this.#transmitter = transmitter;
    this.#counters = counters;
    this.#upkeep = new AddressUpkeep(situation);
    this.#routing = new RoutingUpkeep(() => {
      const { name, routing = [] } = situation.settings;
      return { name, entries: routing };
    });
    this.#advertFrom = instant(now - lead(place, situation.settings.advertInterval));
  }

  /** In the order of RFC 9568 section 6.4.2, with keepalived's addresses before the announcements. */
  begin(now: Instant): VrrpOutput[] {
    const { addresses, garp, routing = [] } = this.#situation.settings;
    this.#announcements.start(garp, now);
    const outputs: VrrpOutput[] = [...this.#transmitter.advert(now)];
    if (addresses.length > 0) outputs.push({ kind: 'add-addresses', addresses: inTableOrder(addresses) });
    if (routing.length > 0) outputs.push({ kind: 'add-routing', entries: routing });
    return [...outputs, ...this.#announce(now)];
  }

  get routingMissing(): readonly string[] {
    return this.#routing.missing;
  }

  get doubting(): boolean {
    return this.#doubting;
  }

  nextDeadline(): Instant | undefined {
    return earliest(
      after(this.#advertFrom, this.#situation.settings.advertInterval),
      this.#announcements.nextDeadline(),
      this.#upkeep.nextDeadline(),
      this.#routing.nextDeadline(),
    );
  }

  timeout(now: Instant): VrrpOutput[] {
    const outputs: VrrpOutput[] = [];
    const interval = this.#situation.settings.advertInterval;
    const due = after(this.#advertFrom, interval);
    if (now >= due) {
      const late = between(due, now);
      const { settings, priority } = this.#situation;
      this.#doubting = !this.#doubting && late > masterDownInterval(settings, priority, interval);
      // Another may be the master by now; it has one interval to say so.
      if (this.#doubting)
        outputs.push({ kind: 'event', event: { kind: 'overslept', instance: settings.name, state: 'master', late } });
      else outputs.push(...this.#transmitter.advert(now));
      // Keep the beat; after a long delay do not send a burst, now or together with all others that were delayed.
      const missed = this.#doubting ? Math.ceil(late / interval) : Math.floor(late / interval);
      this.#advertFrom = after(due, micros(missed * interval));
    }
    outputs.push(...this.#announce(now), ...this.#upkeep.due(now), ...this.#routing.due(now));
    return outputs;
  }

  /** The situation has new settings; `added` and `removed` are the addresses that only they, or only `before`, have. */
  reconfigured(
    before: VirtualRouterSettings,
    added: readonly VirtualAddress[],
    removed: readonly VirtualAddress[],
    now: Instant,
  ): VrrpOutput[] {
    const { garp, routing = [] } = this.#situation.settings;
    const routingBefore = before.routing ?? [];
    const goneRouting = entriesWithout(routingBefore, routing);
    const newRouting = entriesWithout(routing, routingBefore);
    const outputs: VrrpOutput[] = [...removeRouting(goneRouting)];
    this.#routing.forget(goneRouting);
    if (removed.length > 0) outputs.push({ kind: 'remove-addresses', addresses: removed });
    if (added.length > 0) outputs.push({ kind: 'add-addresses', addresses: added });
    if (newRouting.length > 0) outputs.push({ kind: 'add-routing', entries: newRouting });
    this.#upkeep.forget(removed);
    this.#announcements.some(added, garp, now);
    const periods = ({ refresh, extra }: typeof garp) => JSON.stringify([refresh, extra]);
    if (periods(garp) !== periods(before.garp)) this.#announcements.refresh(garp, now);
    return [...outputs, ...this.#announce(now)];
  }

  /** Priority 0 from another that thought it was the master: RFC 9568 section 6.4.3. */
  heardParting(now: Instant): readonly VrrpOutput[] {
    this.#advertFrom = now;
    return this.#transmitter.advert(now);
  }

  /** RFC 9568 section 6.4.3: assert to the sender, and to switches that believed it, who the master is. */
  heardLower(master: MasterView, now: Instant): VrrpOutput[] {
    const { settings, priority } = this.#situation;
    const outputs: VrrpOutput[] = settings.lowerPrioNoAdvert ? [] : [...this.#transmitter.advert(now)];
    const lower = this.#lower;
    const quiet = masterDownInterval(settings, priority, settings.advertInterval);
    if (lower === undefined || lower.address !== master.address || between(lower.at, now) > quiet)
      outputs.push({ kind: 'event', event: { kind: 'lower-priority-advert', instance: settings.name, master } });
    this.#lower = { address: master.address, at: now };
    this.#announcements.lowerPriority(settings.garp, now);
    return [...outputs, ...this.#announce(now)];
  }

  /** All addresses once more: asked for, or another member of the sync group heard a lower priority. */
  announceAgain(asked: boolean, now: Instant): VrrpOutput[] {
    const { settings } = this.#situation;
    if (asked) this.#announcements.some(inTableOrder(settings.addresses), settings.garp, now);
    else this.#announcements.lowerPriority(settings.garp, now);
    return this.#announce(now);
  }

  /** `changed` is the interface that is another now, if it was one. */
  checkAddresses(changed: InterfaceChange | undefined, now: Instant): VrrpOutput[] {
    const { settings, interfaces } = this.#situation;
    const { restored, outputs } = this.#upkeep.compare(changed?.name, now);
    this.#counters.addressesRestored += restored.length;
    for (const address of restored) this.#announcements.some([address], settings.garp, now);
    if (changed?.previous?.up === false && isUp(changed.name, interfaces))
      this.#announcements.some(
        settings.addresses.filter((one) => one.interface === changed.name),
        settings.garp,
        now,
      );
    return [...outputs, ...this.#announce(now)];
  }

  /** The kernel's routes and rules are others. */
  takeRouting(input: RoutingInput, now: Instant): VrrpOutput[] {
    return this.#routing.take(input, now);
  }

  #announce(now: Instant): VrrpOutput[] {
    const due = this.#announcements.due(this.#situation.settings, now);
    this.#counters.announcementsSent += due.length;
    return due;
  }
}

function entriesWithout(entries: readonly RoutingEntry[], others: readonly RoutingEntry[]): RoutingEntry[] {
  return entries.filter((entry) => !others.some((other) => sameEntry(entry, other)));
}
