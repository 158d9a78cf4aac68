import { centis, toSeconds } from '@keepfleet/machine';
import { type IpAddress, hex } from '@keepfleet/wire';
import type { SendOutput } from './messages.ts';
import { AUTH_NONE, AUTH_PASSWORD, type Advert, NO_AUTH_DATA, VRRP_TTL, encodeAdvert, passwordData } from './packet.ts';
import { advertisedAddresses, mcastGroup } from './reception.ts';
import type { VirtualRouterSettings } from './settings.ts';

/** One advert to the group, or one to every unicast peer. */
export function advertOutputs(settings: VirtualRouterSettings, source: IpAddress, priority: number): SendOutput[] {
  const advert = advertOf(settings, priority);
  const group = mcastGroup(settings);
  const destinations = group === undefined ? (settings.unicast?.peers ?? []).map((peer) => peer.address) : [group];
  return destinations.map((destination) => ({
    kind: 'send',
    family: settings.family,
    interface: settings.interface,
    source,
    destination,
    ttl: settings.unicast?.ttl ?? VRRP_TTL,
    bytes: hex(encodeAdvert(advert, { source, destination }, settings)),
  }));
}

function advertOf(settings: VirtualRouterSettings, priority: number): Advert {
  const { vrid, family, advertInterval, auth } = settings;
  const common = { vrid, priority, addresses: advertisedAddresses(settings) };
  if (settings.version === 3) return { ...common, version: 3, family, centiseconds: advertInterval / centis(1) };
  return {
    ...common,
    version: 2,
    family: 'ipv4',
    authType: auth === undefined ? AUTH_NONE : AUTH_PASSWORD,
    seconds: toSeconds(advertInterval),
    authData: auth === undefined ? NO_AUTH_DATA : passwordData(auth.password),
  };
}
