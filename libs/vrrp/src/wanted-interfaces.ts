import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import type { VirtualInterface, VirtualRouterSettings, VrrpSettings } from './settings.ts';

/** An interface that the driver must make for a router, before it configures it, and keep for as long as it is listed. */
export interface WantedInterface extends VirtualInterface {
  readonly instance: string;
  readonly family: Family;
  /** The interface below it. */
  readonly base: string;
  /** Whether it speaks IPv6 at all. */
  readonly ipv6: boolean;
  /** Where adverts over IPv6 come from, if that is configured; otherwise from the link-local address of the base. */
  readonly source?: IpAddress;
}

export function wantedInterfaces({ instances }: VrrpSettings): WantedInterface[] {
  return instances.flatMap((instance) => {
    const { virtualInterface, addressInterfaces = [], interface: base } = instance;
    const all = [...(virtualInterface === undefined ? [] : [{ ...virtualInterface, base }]), ...addressInterfaces];
    return all.map((made) => wanted(made, instance));
  });
}

function wanted(
  made: VirtualInterface & { readonly base: string },
  { name: instance, family, addresses, mcastSource, unicast }: VirtualRouterSettings,
): WantedInterface {
  const source = unicast?.source ?? mcastSource;
  const ipv6 =
    family === 'ipv6' || addresses.some((one) => one.interface === made.name && familyOf(one.address) === 'ipv6');
  return { ...made, instance, family, ipv6, ...(source === undefined ? {} : { source }) };
}
