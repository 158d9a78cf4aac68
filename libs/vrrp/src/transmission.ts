import { type Instant, centis, toSeconds } from '@keepfleet/machine';
import { type IpAddress, hex } from '@keepfleet/wire';
import { type Authenticator, wantedAuthType } from './authentication.ts';
import type { SendOutput } from './messages.ts';
import { type Advert, GROUP_IPV4, NO_AUTH_DATA, VRRP_TTL, encodeAdvert, passwordData } from './packet.ts';
import { advertisedAddresses, mcastGroup } from './reception.ts';
import { type VirtualRouterSettings, wireInterface } from './settings.ts';
import type { Situation } from './situation.ts';
import type { RouterCounters } from './stats.ts';

interface Encoded {
  readonly old: boolean;
  readonly settings: VirtualRouterSettings;
  readonly source: IpAddress;
  readonly priority: number;
  readonly outputs: readonly SendOutput[];
}

/** The adverts of one router, counted; encoded anew only when something that they are made of is another. */
export class Transmitter {
  readonly #situation: Situation;
  readonly #authenticator: Authenticator;
  readonly #counters: RouterCounters;
  #encoded: Encoded | undefined;

  constructor(situation: Situation, authenticator: Authenticator, counters: RouterCounters) {
    this.#situation = situation;
    this.#authenticator = authenticator;
    this.#counters = counters;
  }

  /** The periodic advert, or an answer to one. */
  advert(now: Instant): readonly SendOutput[] {
    return this.#send(this.#situation.priority, now);
  }

  /** Priority 0: this router is no longer the master. */
  parting(now: Instant): readonly SendOutput[] {
    const sent = this.#send(0, now);
    this.#counters.priorityZeroSent += sent.length;
    return sent;
  }

  #send(priority: number, now: Instant): readonly SendOutput[] {
    const { settings, source, oldUnicastChecksum } = this.#situation;
    const old = oldUnicastChecksum || settings.unicast?.oldChecksum === 'always';
    // Without an address to send from there never was an advert, so there is no parting one either.
    if (source === undefined) return [];
    const signer = this.#authenticator.signer(settings, now);
    if (signer !== undefined) {
      const outputs = advertOutputs(settings, source, priority, old, signer);
      this.#counters.advertsSent += outputs.length;
      return outputs;
    }
    let encoded = this.#encoded;
    // Settings are never changed in place, so other settings are another object.
    const same = encoded?.settings === settings && encoded.source === source && encoded.priority === priority;
    if (encoded === undefined || !same || encoded.old !== old) {
      encoded = { settings, source, priority, old, outputs: advertOutputs(settings, source, priority, old) };
      this.#encoded = encoded;
    }
    this.#counters.advertsSent += encoded.outputs.length;
    return encoded.outputs;
  }
}

/** One advert to the group, or one to every unicast peer. */
function advertOutputs(
  settings: VirtualRouterSettings,
  source: IpAddress,
  priority: number,
  old: boolean,
  signer?: ReturnType<Authenticator['signer']>,
): SendOutput[] {
  const advert = advertOf(settings, priority);
  const group = mcastGroup(settings);
  const destinations = group === undefined ? (settings.unicast?.peers ?? []).map((peer) => peer.address) : [group];
  const oldGroup = old && group === undefined && settings.family === 'ipv4' ? GROUP_IPV4 : undefined;
  return destinations.map((destination) => {
    const path = { source, destination };
    const summed = oldGroup === undefined ? path : { source, destination: oldGroup };
    const bytes = encodeAdvert(advert, summed, { v3ChecksumAsV2: settings.v3ChecksumAsV2 });
    const signed = signer?.(bytes, path) ?? { bytes };
    return {
      kind: 'send',
      family: settings.family,
      interface: wireInterface(settings),
      source,
      destination,
      ttl: settings.unicast?.ttl ?? VRRP_TTL,
      bytes: hex(signed.bytes),
      ...(signed.ipHeader === undefined ? {} : { ipHeader: hex(signed.ipHeader) }),
    };
  });
}

function advertOf(settings: VirtualRouterSettings, priority: number): Advert {
  const { vrid, family, advertInterval, auth } = settings;
  const common = { vrid, priority, addresses: advertisedAddresses(settings) };
  if (settings.version === 3) return { ...common, version: 3, family, centiseconds: advertInterval / centis(1) };
  return {
    ...common,
    version: 2,
    family: 'ipv4',
    authType: wantedAuthType(settings),
    seconds: toSeconds(advertInterval),
    authData: auth?.type === 'password' ? passwordData(auth.password) : NO_AUTH_DATA,
  };
}
