import { type Family, familyOf } from '@keepfleet/wire';
import type { AddressLine } from '../grammar/address-line.ts';
import { virtualMac } from '../grammar/vmac.ts';
import type { VirtualAddress, VirtualInterface } from './parts.ts';
import type { InterfaceNames } from './resolve-vmac.ts';

interface Options {
  readonly ownInterface: string;
  readonly family: Family;
  readonly virtualRouterId: number;
  readonly virtualInterface: VirtualInterface | undefined;
  /** use_vmac_addr: every address gets an interface with the router's MAC address, wherever it is. */
  readonly everywhere: boolean;
  readonly names: InterfaceNames;
}

/**
 * Which interface an address is on. The made interface takes what names no other and is of the instance's family: an
 * excluded address of the other one stays below it, unless every address is to have the router's MAC address.
 */
export class AddressPlacing {
  readonly #options: Options;
  readonly made: (VirtualInterface & { readonly base: string })[] = [];

  constructor(options: Options) {
    this.#options = options;
  }

  place({ ownVmac, ...line }: AddressLine): VirtualAddress {
    const { ownInterface, family, virtualInterface, everywhere } = this.#options;
    const own = familyOf(line.address);
    const base = line.interface ?? ownInterface;
    const vmac = everywhere || ownVmac === true;
    if (
      virtualInterface !== undefined &&
      own === family &&
      base === ownInterface &&
      (vmac || line.interface === undefined)
    )
      return { ...line, interface: virtualInterface.name };
    return { ...line, interface: vmac ? this.#madeOn(base, own) : base };
  }

  #madeOn(base: string, family: Family): string {
    const { virtualRouterId, names } = this.#options;
    const mac = virtualMac(virtualRouterId, family);
    const known = this.made.find((one) => one.base === base && one.mac === mac);
    if (known !== undefined) return known.name;
    const name = names.next(virtualRouterId, family, true);
    this.made.push({ kind: 'macvlan', name, mac, transmitBase: false, base });
    return name;
  }
}
