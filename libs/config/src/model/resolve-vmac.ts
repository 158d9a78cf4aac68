import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import type { Diagnostics, Position } from '../diagnostics.ts';
import { type IpvlanLine, type VmacLine, virtualMac } from '../grammar/vmac.ts';
import type { VirtualInterface } from './parts.ts';

const MAX_INTERFACE_NAME = 15;
const DEFAULT_PREFIX = 'vrrp';

/** Names of interfaces that are to be made, each once. */
export class InterfaceNames {
  readonly #prefix: string;
  readonly #addressPrefix: string;
  readonly #used = new Set<string>();

  constructor(prefix = DEFAULT_PREFIX, addressPrefix = DEFAULT_PREFIX) {
    this.#prefix = prefix;
    this.#addressPrefix = addressPrefix;
  }

  claim(name: string): boolean {
    if (this.#used.has(name)) return false;
    this.#used.add(name);
    return true;
  }

  /** `vrrp.VRID`, `vrrp6.VRID` for IPv6 where that is taken, then `vrrp1.VRID` and on. */
  next(vrid: number, family: Family, forAddresses = false): string {
    const prefix = forAddresses ? this.#addressPrefix : this.#prefix;
    const candidates = [
      ...(forAddresses && family === 'ipv6' ? [] : [`${prefix}.${vrid}`]),
      ...(family === 'ipv6' ? [`${prefix}6.${vrid}`] : []),
    ];
    for (let i = 0; ; i++) {
      const name = candidates[i] ?? `${prefix}${i - candidates.length + 1}.${vrid}`;
      if (this.claim(name.slice(0, MAX_INTERFACE_NAME))) return name.slice(0, MAX_INTERFACE_NAME);
    }
  }
}

export interface VmacSettings {
  readonly vmac?: VmacLine | undefined;
  readonly ipvlan?: IpvlanLine | undefined;
  readonly transmitBase: boolean;
  readonly strict: boolean;
  readonly unicast: boolean;
}

interface Router {
  readonly name: string;
  readonly virtualRouterId: number;
  readonly family: Family;
  readonly source: IpAddress | undefined;
  readonly at: Position;
}

/** The interface that an instance wants made, if it does. */
export function resolveVirtualInterface(
  router: Router,
  settings: VmacSettings,
  names: InterfaceNames,
  diagnostics: Diagnostics,
): VirtualInterface | undefined {
  const { vmac, ipvlan, strict, unicast } = settings;
  const { name, virtualRouterId, family, at } = router;
  const warn = (message: string, hint?: string) => diagnostics.warning('ignored', at, `${name}: ${message}`, hint);
  if (vmac === undefined && ipvlan === undefined) {
    if (settings.transmitBase) warn('vmac_xmit_base has no effect without use_vmac or use_ipvlan');
    return undefined;
  }
  const wanted = vmac ?? ipvlan;
  let own = wanted?.name;
  if (own !== undefined && !names.claim(own)) {
    diagnostics.error(
      'duplicate',
      at,
      `${name}: another instance has an interface ${own} made`,
      'give it another name',
    );
    return undefined;
  }
  own ??= names.next(virtualRouterId, family);
  let transmitBase = settings.transmitBase;
  if (strict && transmitBase) {
    warn('vmac_xmit_base has no effect in strict mode');
    transmitBase = false;
  }
  if (unicast && !transmitBase) {
    if (vmac !== undefined) warn('unicast adverts go through the interface below, as with vmac_xmit_base');
    transmitBase = true;
  }
  if (vmac !== undefined) {
    if (ipvlan !== undefined) warn('use_ipvlan has no effect beside use_vmac');
    let { octets } = vmac;
    if (strict && octets !== undefined) {
      warn('a MAC address of its own has no effect in strict mode');
      octets = undefined;
    }
    return {
      kind: 'macvlan',
      name: own,
      mac: virtualMac(virtualRouterId, family, octets),
      transmitBase,
      ...(vmac.group === undefined ? {} : { group: vmac.group }),
    };
  }
  if (ipvlan === undefined) return undefined;
  const address = ipvlan.address;
  if (address !== undefined && familyOf(address.address) !== family)
    diagnostics.error('bad-value', at, `${name}: the address ${address.address} of use_ipvlan is not ${family}`);
  if (family === 'ipv4' && address === undefined && router.source === undefined)
    warn('use_ipvlan has no address to send from', 'give it one, or write mcast_src_ip');
  return { kind: 'ipvlan', name: own, transmitBase, mode: ipvlan.mode, ...(address === undefined ? {} : { address }) };
}
