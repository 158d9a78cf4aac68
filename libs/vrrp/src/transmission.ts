import { centis, toSeconds } from '@keepfleet/machine';
import { type IpAddress, hex } from '@keepfleet/wire';
import type { SendOutput } from './messages.ts';
import { AUTH_NONE, AUTH_PASSWORD, type Advert, NO_AUTH_DATA, VRRP_TTL, encodeAdvert, passwordData } from './packet.ts';
import { advertisedAddresses, mcastGroup } from './reception.ts';
import type { VirtualRouterSettings } from './settings.ts';
import type { Situation } from './situation.ts';
import type { RouterCounters } from './stats.ts';

interface Encoded {
  readonly settings: VirtualRouterSettings;
  readonly source: IpAddress;
  readonly priority: number;
  readonly outputs: readonly SendOutput[];
}

/** The adverts of one router, counted; encoded anew only when something that they are made of is another. */
export class Transmitter {
  readonly #situation: Situation;
  readonly #counters: RouterCounters;
  #encoded: Encoded | undefined;

  constructor(situation: Situation, counters: RouterCounters) {
    this.#situation = situation;
    this.#counters = counters;
  }

  /** The periodic advert, or an answer to one. */
  advert(): readonly SendOutput[] {
    return this.#send(this.#situation.priority);
  }

  /** Priority 0: this router is no longer the master. */
  parting(): readonly SendOutput[] {
    const sent = this.#send(0);
    this.#counters.priorityZeroSent += sent.length;
    return sent;
  }

  #send(priority: number): readonly SendOutput[] {
    const { settings, source } = this.#situation;
    // Without an address to send from there never was an advert, so there is no parting one either.
    if (source === undefined) return [];
    let encoded = this.#encoded;
    // Settings are never changed in place, so other settings are another object.
    if (encoded?.settings !== settings || encoded.source !== source || encoded.priority !== priority) {
      encoded = { settings, source, priority, outputs: advertOutputs(settings, source, priority) };
      this.#encoded = encoded;
    }
    this.#counters.advertsSent += encoded.outputs.length;
    return encoded.outputs;
  }
}

/** One advert to the group, or one to every unicast peer. */
function advertOutputs(settings: VirtualRouterSettings, source: IpAddress, priority: number): SendOutput[] {
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
