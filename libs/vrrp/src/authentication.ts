import type { Instant } from '@keepfleet/machine';
import { type IpAddress, type Result, err, ok, unhex } from '@keepfleet/wire';
import { AH_LENGTH, SequenceCounter, openAuthHeader, sealAuthHeader } from './auth-header.ts';
import { ReplayTable, SendSequence, TRAILER_LENGTH, openTrailer, sealTrailer } from './auth-trailer.ts';
import type { PacketError } from './errors.ts';
import type { ReceivedPacket } from './messages.ts';
import { AUTH_AH, type Path, pduLength } from './packet.ts';
import type { VirtualRouterSettings } from './settings.ts';

/** Keyed digests (RFC 2104), which a driver lends: a protocol library has none of its own. */
export interface Digests {
  hmac(algorithm: 'md5' | 'sha256', key: Uint8Array, data: Uint8Array): Uint8Array;
}

/** What the world outside is to a router that signs. */
export interface Surroundings {
  readonly digests: Digests;
  /** The wall clock at an instant, microseconds since 1970. */
  unixMicros(now: Instant): number;
}

/** For nodes without a signed advert. */
export const noSurroundings: Surroundings = {
  digests: {
    hmac() {
      throw new TypeError('this node was given no digests, so it can neither sign nor check an advert');
    },
  },
  unixMicros: (now) => now,
};

/** A VRRP message freed of what signs it. */
export interface Opened {
  readonly bytes: Uint8Array;
  /** What the checksum of version 3 over IPv6 covers: the trailer too, as the kernel sums it for keepalived. */
  readonly covered: Uint8Array;
}

/** Signs and checks the adverts of one router: IPsec's authentication header and keepalived's trailer. */
export class Authenticator {
  readonly #surroundings: Surroundings;
  readonly #sequence = new SequenceCounter();
  readonly #sendSequence = new SendSequence();
  readonly #replays = new ReplayTable();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Checks what encloses a message and takes it off. */
  open(packet: ReceivedPacket, settings: VirtualRouterSettings, now: Instant): Result<Opened, PacketError> {
    const bytes = unhex(packet.bytes);
    const wantsHeader = settings.version === 2 && settings.auth?.type === 'ah';
    if ((packet.ipHeader !== undefined) !== wantsHeader) {
      const authType = packet.ipHeader === undefined ? (bytes[4] ?? 0) : AUTH_AH;
      return err(authTypeError(authType, wantedAuthType(settings)));
    }
    if (packet.ipHeader !== undefined && settings.auth !== undefined) {
      const { auth, unicast } = settings;
      const opened = openAuthHeader(unhex(packet.ipHeader), bytes, {
        password: auth.password,
        unicast: unicast !== undefined,
        digests: this.#surroundings.digests,
      });
      if (!opened.ok) return opened;
      if (!this.#sequence.accept(opened.value.sequence)) return err({ kind: 'auth-failure', reason: 'sequence' });
      return ok({ bytes: opened.value.message, covered: opened.value.message });
    }
    return this.#openTrailer(bytes, packet.source, settings, now);
  }

  /** A function that signs the copies of one advert; none where the settings ask for no signature. */
  signer(settings: VirtualRouterSettings, now: Instant): ((bytes: Uint8Array, path: Path) => Signed) | undefined {
    const { auth, hmac, unicast, version } = settings;
    const { digests } = this.#surroundings;
    if (version === 2 && auth?.type === 'ah') {
      // One number for all copies, as keepalived counts.
      const sequence = this.#sequence.next();
      return (bytes, path) =>
        sealAuthHeader(bytes, path, sequence, {
          password: auth.password,
          unicast: unicast !== undefined,
          ttl: unicast?.ttl ?? 255,
          digests,
        });
    }
    if (hmac === undefined || hmac.mode === 'receive-only') return undefined;
    const sequence = this.#sendSequence.next(this.#surroundings.unixMicros(now), hmac);
    return (bytes, path) => ({ bytes: sealTrailer(bytes, path, settings, hmac, sequence, digests) });
  }

  #openTrailer(
    bytes: Uint8Array,
    source: IpAddress,
    settings: VirtualRouterSettings,
    now: Instant,
  ): Result<Opened, PacketError> {
    const { hmac } = settings;
    if (hmac === undefined) return ok({ bytes, covered: bytes });
    const length = pduLength(bytes, settings.family);
    if (bytes.length <= length)
      return hmac.mode === 'enforce' ? err({ kind: 'auth-missing' }) : ok({ bytes, covered: bytes });
    if (bytes.length !== length + TRAILER_LENGTH) return err({ kind: 'auth-malformed' });
    const { digests } = this.#surroundings;
    const wallClock = this.#surroundings.unixMicros(now);
    const sequence = openTrailer(bytes, source, settings, hmac, wallClock, digests);
    if (!sequence.ok) return sequence;
    if (!this.#replays.accept(source, sequence.value, wallClock, hmac)) return err({ kind: 'auth-replay' });
    return ok({ bytes: bytes.subarray(0, length), covered: bytes });
  }
}

/** What goes out instead of the bare message. */
export interface Signed {
  readonly bytes: Uint8Array;
  /** The IP header that goes before it, when it is signed too. */
  readonly ipHeader?: Uint8Array;
}

export function authTypeError(authType: number, wanted: number): PacketError {
  return { kind: authType > AUTH_AH ? 'auth-type-unknown' : 'auth-type', authType, wanted };
}

export function wantedAuthType({ version, auth }: VirtualRouterSettings): number {
  if (version === 3 || auth === undefined) return 0;
  return auth.type === 'ah' ? AUTH_AH : 1;
}

/** Bytes before the VRRP message in what was received. */
export function messageOffset(packet: ReceivedPacket): number {
  return packet.ipHeader === undefined ? 0 : AH_LENGTH;
}

const MAX_KEY_BYTES = 64;
const MIN_KEY_BYTES = 32;

export function authenticationProblem(instance: VirtualRouterSettings): { field: string; reason: string } | undefined {
  const { auth, hmac, version, family } = instance;
  if (version === 2 && auth !== undefined && !/^[\x01-\x7f]{1,8}$/.test(auth.password))
    return { field: 'auth', reason: 'a password has 1 to 8 ASCII characters' };
  if (auth?.type === 'ah' && family !== 'ipv4') return { field: 'auth', reason: 'AH is for IPv4' };
  if (hmac === undefined) return undefined;
  if (auth?.type === 'ah') return { field: 'hmac', reason: 'an advert has AH or a trailer, not both' };
  const ids = new Set(hmac.keys.map(({ id }) => id));
  if (ids.size !== hmac.keys.length) return { field: 'hmac', reason: 'two keys have one id' };
  if (!ids.has(hmac.activeKey)) return { field: 'hmac', reason: `there is no key ${hmac.activeKey}` };
  const bad = hmac.keys.find(
    ({ secret }) =>
      !/^([0-9a-f]{2})*$/.test(secret) || secret.length < 2 * MIN_KEY_BYTES || secret.length > 2 * MAX_KEY_BYTES,
  );
  return bad === undefined
    ? undefined
    : { field: 'hmac', reason: `key ${bad.id} is not ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes in hexadecimal` };
}
