import { type Instant, after, seconds } from '@keepfleet/machine';
import type { VrrpOutput } from './messages.ts';
import { type VirtualAddress, sameAddress } from './settings.ts';
import { type Interfaces, isInstalled } from './tracking.ts';

/** Whose addresses they are; the Situation of a master is one. */
export interface AddressOwner {
  readonly settings: { readonly name: string; readonly addresses: readonly VirtualAddress[] };
  readonly interfaces: Interfaces;
}

/** Least time between two attempts to put an address back: somebody who keeps deleting it must not get a busy loop. */
const REPAIR_GAP = seconds(1);

/**
 * Puts back what somebody takes from a master's addresses. Level-triggered: compares what the kernel has with what a
 * master must have, after every change of an interface. Exists only while the router is master.
 */
export class AddressUpkeep {
  readonly #situation: AddressOwner;
  #missing: VirtualAddress[] = [];
  #repairedAt: Instant | undefined;
  #repairAt: Instant | undefined;
  /** In a row, without having found all in place since. */
  #repairs = 0;

  constructor(situation: AddressOwner) {
    this.#situation = situation;
  }

  /**
   * What has come back since, and what is to be done about the rest. Only the addresses of the interface that changed are
   * judged: what was just added to another is perhaps not read back yet.
   */
  compare(changed: string | undefined, now: Instant): { restored: VirtualAddress[]; outputs: VrrpOutput[] } {
    const { settings, interfaces } = this.#situation;
    const instance = settings.name;
    const before = this.#missing;
    const missing = settings.addresses.filter((one) =>
      one.untracked === true ? false : one.interface === changed ? !isInstalled(one, interfaces) : isIn(before, one),
    );
    this.#missing = missing;
    if (missing.length === 0) this.#repairs = 0;
    const restored = before.filter((one) => !isIn(missing, one));
    const outputs: VrrpOutput[] = [
      ...restored.map((address) => ({ kind: 'address-restored', instance, address }) as const),
      ...missing
        .filter((one) => !isIn(before, one))
        .map((address) => ({ kind: 'address-missing', instance, address }) as const),
    ].map((event) => ({ kind: 'event', event }));
    return { restored, outputs: [...outputs, ...this.#repair(now)] };
  }

  /** These are no longer wanted. */
  forget(addresses: readonly VirtualAddress[]): void {
    this.#missing = this.#missing.filter((one) => !isIn(addresses, one));
  }

  /** Somebody took them away, and putting them back did not help; of no interface that there is not. */
  get failing(): readonly VirtualAddress[] {
    return this.#repairs > 1 ? this.#missing : [];
  }

  nextDeadline(): Instant | undefined {
    return this.#repairAt;
  }

  due(now: Instant): VrrpOutput[] {
    return this.#repairAt !== undefined && this.#repairAt <= now ? this.#repair(now) : [];
  }

  #repair(now: Instant): VrrpOutput[] {
    const possible = this.#missing.filter((one) => this.#situation.interfaces.has(one.interface));
    if (possible.length === 0) {
      this.#repairAt = undefined;
      return [];
    }
    const earliestNext = this.#repairedAt === undefined ? now : after(this.#repairedAt, REPAIR_GAP);
    if (now < earliestNext) {
      this.#repairAt = earliestNext;
      return [];
    }
    this.#repairs++;
    this.#repairedAt = now;
    this.#repairAt = after(now, REPAIR_GAP);
    return [{ kind: 'add-addresses', addresses: possible }];
  }
}

/** By what the kernel knows of it: a reload makes new objects of the same addresses. */
function isIn(addresses: readonly VirtualAddress[], address: VirtualAddress): boolean {
  return addresses.some((one) => sameAddress(one, address));
}
