import type { AddressChange, AddressScope, AddressSettings, Rtnetlink } from '@keepfleet/linux';
import type { VirtualAddress } from '@keepfleet/vrrp';
import { familyOf } from '@keepfleet/wire';
import type { Log } from '../log.ts';

const SCOPES: Readonly<Record<number, AddressScope>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};
const IPV6_HOST_PREFIX = 128;

/** Puts virtual addresses on interfaces and takes them away; what the kernel refuses is logged once until it succeeds. */
export class VirtualAddresses {
  readonly #rtnetlink: Rtnetlink;
  readonly #indexOf: (name: string) => number | undefined;
  readonly #log: Log;
  readonly #refused = new Map<string, string>();

  constructor(rtnetlink: Rtnetlink, indexOf: (name: string) => number | undefined, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#indexOf = indexOf;
    this.#log = log;
  }

  change(verb: AddressChange['verb'], addresses: readonly VirtualAddress[]): void {
    const changes: AddressChange[] = [];
    const subjects: VirtualAddress[] = [];
    for (const address of addresses) {
      const index = this.#indexOf(address.interface);
      if (index === undefined) {
        if (verb === 'add') this.#complain(address, 'ENODEV', `interface ${address.interface} does not exist`);
        continue;
      }
      changes.push({ verb, settings: kernelSettings(address, index) });
      subjects.push(address);
    }
    if (changes.length === 0) return;
    for (const [i, outcome] of this.#rtnetlink.changeAddresses(changes).entries()) {
      const subject = subjects[i];
      if (subject === undefined) continue;
      if (outcome.kind !== 'failed') this.#refused.delete(key(subject));
      // An interface that is just going takes its addresses with it.
      else if (verb === 'add' || outcome.error.code !== 'ENODEV')
        this.#complain(subject, outcome.error.code, outcome.error.message);
    }
  }

  #complain(address: VirtualAddress, code: string, reason: string): void {
    if (this.#refused.get(key(address)) === code) return;
    this.#refused.set(key(address), code);
    const { address: text, prefix, interface: name } = address;
    this.#log.error({ address: text, interface: name, code }, `${text}/${prefix} on ${name}: ${reason}`);
  }
}

function kernelSettings(address: VirtualAddress, index: number): AddressSettings {
  return {
    interface: index,
    address: address.address,
    prefix: address.prefix,
    peer: address.peer,
    broadcast: address.broadcast,
    label: address.label,
    scope: SCOPES[address.scope] ?? 'global',
    // The master of a moment ago had it, and a takeover cannot wait a second for duplicate address detection.
    noDad: address.dad !== true,
    homeAddress: address.home,
    manageTemporary: address.manageTemporary,
    noPrefixRoute: address.noPrefixRoute,
    autoJoin: address.autoJoin,
    preferredLifetime: address.preferredLifetime ?? usualLifetime(address),
  };
}

/** As keepalived: a single IPv6 address answers, but no connection of the router itself starts from it. */
function usualLifetime({ address, prefix }: VirtualAddress): number | undefined {
  return familyOf(address) === 'ipv6' && prefix === IPV6_HOST_PREFIX ? 0 : undefined;
}

function key(address: VirtualAddress): string {
  return `${address.interface} ${address.address}/${address.prefix}`;
}
