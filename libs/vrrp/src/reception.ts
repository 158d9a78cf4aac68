import { centis, toSeconds } from '@keepfleet/machine';
import type { Instant } from '@keepfleet/machine';
import { type IpAddress, type Result, err, ok } from '@keepfleet/wire';
import { type Authenticator, type Opened, authTypeError, wantedAuthType } from './authentication.ts';
import type { DecodeError, Mismatch, PacketError } from './errors.ts';
import type { ReceivedPacket } from './messages.ts';
import { type Advert, GROUP_IPV4, GROUP_IPV6, VRRP_TTL, decodeAdvert, passwordData } from './packet.ts';
import type { UnicastPeer, VirtualRouterSettings } from './settings.ts';
import type { Situation } from './situation.ts';

/** The multicast group of an instance; undefined when it speaks to unicast peers. */
export function mcastGroup(settings: VirtualRouterSettings): IpAddress | undefined {
  if (settings.unicast !== undefined) return undefined;
  return settings.mcastGroup ?? (settings.family === 'ipv4' ? GROUP_IPV4 : GROUP_IPV6);
}

/** The checks on receipt of RFC 9568 section 7.1 and RFC 3768 section 7.1 against one instance's settings. */
export function receiveAdvert(
  packet: ReceivedPacket,
  situation: Situation,
  authenticator: Authenticator,
  now: Instant,
): Result<Advert, PacketError> {
  const { settings } = situation;
  if (packet.source === situation.source) return err({ kind: 'own-source', source: packet.source });
  const peer = settings.unicast?.peers.find((candidate) => candidate.address === packet.source);
  const lifetime = ttlError(packet.ttl, settings, peer);
  if (lifetime !== undefined) return err(lifetime);
  const opened = authenticator.open(packet, settings, now);
  if (!opened.ok) return opened;
  const decoded = decode(packet, opened.value, situation);
  if (!decoded.ok) return decoded;
  const advert = decoded.value;
  if (advert.version !== settings.version)
    return err({ kind: 'version', version: advert.version, wanted: [settings.version] });
  if (advert.vrid !== settings.vrid) return err({ kind: 'vrid', vrid: advert.vrid, wanted: settings.vrid });
  if (advert.version === 2) {
    const wanted = wantedAuthType(settings);
    if (advert.authType !== wanted) return err(authTypeError(advert.authType, wanted));
    if (settings.auth?.type === 'password' && advert.authData !== passwordData(settings.auth.password))
      return err({ kind: 'auth-failure', reason: 'password' });
    const interval = toSeconds(settings.advertInterval);
    // RFC 3768 section 7.1: the interval must be the one configured; version 3 learns it instead.
    if (advert.seconds !== interval)
      return err({ kind: 'advert-interval', interval: advert.seconds, wanted: interval });
  }
  // A master that promises no interval at all would have every backup take over at once.
  if (advert.version === 3 && advert.centiseconds === 0)
    return err({ kind: 'advert-interval', interval: 0, wanted: toSeconds(settings.advertInterval) });
  const group = mcastGroup(settings);
  const fits = group === undefined ? !isMulticast(packet.destination) : packet.destination === group;
  if (!fits) return err({ kind: 'destination', destination: packet.destination });
  if (settings.unicast?.checkSource === true && peer === undefined)
    return err({ kind: 'unknown-peer', source: packet.source });
  return ok(advert);
}

/** keepalived up to 1.3.6 computes the checksum of version 3 as if unicast went to the group; it is heard, and answered so. */
function decode(packet: ReceivedPacket, { bytes, covered }: Opened, situation: Situation): Result<Advert, DecodeError> {
  const { settings } = situation;
  const rule = { v3ChecksumAsV2: settings.v3ChecksumAsV2, covered };
  const decoded = decodeAdvert(bytes, packet, rule);
  const { oldChecksum = 'auto' } = settings.unicast ?? { oldChecksum: 'never' };
  const perhapsOld = settings.version === 3 && settings.family === 'ipv4' && oldChecksum !== 'never';
  if (decoded.ok || decoded.error.kind !== 'checksum' || !perhapsOld) return decoded;
  const old = decodeAdvert(bytes, { source: packet.source, destination: GROUP_IPV4 }, rule);
  if (!old.ok) return decoded;
  situation.oldUnicastChecksum = true;
  return old;
}

/** A version 3 advert of another interval: it is learned, but RFC 9568 section 7.1 wants it told. */
export function intervalMismatch(advert: Advert, { advertInterval }: VirtualRouterSettings): Mismatch | undefined {
  if (advert.version === 2 || advert.centiseconds === advertInterval / centis(1)) return undefined;
  return { kind: 'advert-interval', interval: advert.centiseconds / 100, wanted: toSeconds(advertInterval) };
}

/** Whether an advert lists other addresses than configured here; the order does not matter. */
export function addressListMismatch(advert: Advert, settings: VirtualRouterSettings): Mismatch | undefined {
  const wanted = advertisedAddresses(settings);
  const listed = new Set(advert.addresses);
  const same = advert.addresses.length === wanted.length && wanted.every((address) => listed.has(address));
  return same ? undefined : { kind: 'address-list', addresses: advert.addresses, wanted };
}

export function advertisedAddresses(settings: VirtualRouterSettings): IpAddress[] {
  return settings.addresses.filter((one) => one.advertised).map((one) => one.address);
}

/** Multicast is 255 or forged (RFC 9568 section 7.1); unicast passes routers, so only what the peer's line demands. */
function ttlError(
  ttl: number,
  settings: VirtualRouterSettings,
  peer: UnicastPeer | undefined,
): PacketError | undefined {
  const unicast = settings.unicast !== undefined;
  const lowest = unicast ? (peer?.minTtl ?? 0) : VRRP_TTL;
  const highest = unicast ? (peer?.maxTtl ?? VRRP_TTL) : VRRP_TTL;
  return ttl >= lowest && ttl <= highest ? undefined : { kind: 'ttl', ttl, lowest, highest };
}

function isMulticast(address: IpAddress): boolean {
  return /^(22[4-9]|23\d)\./.test(address) || /^ff[0-9a-f]{2}:/.test(address);
}
