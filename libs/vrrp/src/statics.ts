import { type Instant, earliest } from '@keepfleet/machine';
import { type AddressOwner, AddressUpkeep } from './address-upkeep.ts';
import { removeRouting } from './address-release.ts';
import type { RoutingInput, VrrpOutput } from './messages.ts';
import { type RoutingEntry, sameEntry } from './routing.ts';
import { RoutingUpkeep } from './routing-upkeep.ts';
import { type VirtualAddress, type VrrpSettings, sameAddress } from './settings.ts';
import type { Interfaces } from './tracking.ts';

/** The addresses, routes and rules that a node has whoever is master; their name in messages is that of their block. */
export class Statics {
  #addresses: readonly VirtualAddress[] = [];
  #routing: readonly RoutingEntry[] = [];
  readonly #upkeep: AddressUpkeep;
  readonly #routingUpkeep: RoutingUpkeep;
  readonly #interfaces: Interfaces;

  constructor(interfaces: Interfaces) {
    this.#interfaces = interfaces;
    const addresses = () => this.#addresses;
    const owner: AddressOwner = {
      settings: {
        name: 'static_ipaddress',
        get addresses() {
          return addresses();
        },
      },
      interfaces,
    };
    this.#upkeep = new AddressUpkeep(owner);
    this.#routingUpkeep = new RoutingUpkeep(() => ({ name: 'static_routes', entries: this.#routing }));
  }

  nextDeadline(): Instant | undefined {
    return earliest(this.#upkeep.nextDeadline(), this.#routingUpkeep.nextDeadline());
  }

  get routingMissing(): readonly string[] {
    return this.#routingUpkeep.missing;
  }

  configure({ staticAddresses = [], staticRouting = [] }: VrrpSettings): VrrpOutput[] {
    const lost = without(this.#addresses, staticAddresses, sameAddress);
    const found = without(staticAddresses, this.#addresses, sameAddress);
    const lostRouting = without(this.#routing, staticRouting, sameEntry);
    const foundRouting = without(staticRouting, this.#routing, sameEntry);
    this.#addresses = staticAddresses;
    this.#routing = staticRouting;
    this.#upkeep.forget(lost);
    this.#routingUpkeep.forget(lostRouting);
    const outputs = removeRouting(lostRouting);
    if (lost.length > 0) outputs.push({ kind: 'remove-addresses', addresses: lost });
    if (found.length > 0) outputs.push({ kind: 'add-addresses', addresses: found });
    if (foundRouting.length > 0) outputs.push({ kind: 'add-routing', entries: foundRouting });
    return outputs;
  }

  interfaceChanged(name: string, now: Instant): VrrpOutput[] {
    return this.#addresses.length === 0 ? [] : this.#upkeep.compare(name, now).outputs;
  }

  take(input: RoutingInput, now: Instant): VrrpOutput[] {
    return this.#routing.length === 0 ? [] : this.#routingUpkeep.take(input, now);
  }

  due(now: Instant): VrrpOutput[] {
    return [...this.#upkeep.due(now), ...this.#routingUpkeep.due(now)];
  }

  /** What of a track group is lost and cannot be restored, as an operator would write it; undefined when nothing is. */
  lostOf(group: string): string | undefined {
    const ofGroup = ({ trackGroup }: { readonly trackGroup?: string }) => trackGroup === group;
    const failing = this.#upkeep.failing;
    const address = this.#addresses
      .filter(ofGroup)
      .find((one) => !this.#interfaces.has(one.interface) || failing.some((other) => sameAddress(one, other)));
    if (address !== undefined) return `${address.address}/${address.prefix} dev ${address.interface}`;
    return this.#routingUpkeep.failing.find(ofGroup)?.text;
  }

  release(): VrrpOutput[] {
    const outputs = removeRouting(this.#routing);
    if (this.#addresses.length > 0) outputs.push({ kind: 'remove-addresses', addresses: this.#addresses });
    this.#addresses = [];
    this.#routing = [];
    return outputs;
  }
}

function without<T>(some: readonly T[], others: readonly T[], same: (a: T, b: T) => boolean): T[] {
  return some.filter((one) => !others.some((other) => same(one, other)));
}
