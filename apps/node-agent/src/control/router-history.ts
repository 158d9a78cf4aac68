import type { RouterRow } from '@keepfleet/mib';
import type { PacketErrorKind, RouterStateName, VrrpEvent, VrrpSnapshot } from '@keepfleet/vrrp';

export interface RouterPast {
  /** When the router left Initialize, milliseconds since 1970; undefined while it is there. */
  readonly upSince: number | undefined;
  readonly newMasterReason: RouterRow['newMasterReason'];
  readonly lastError: RouterRow['lastError'];
  /** When its counters were first seen, or seen to have begun anew; milliseconds since 1970. */
  readonly countersSince: number;
}

interface Past {
  upSince: number | undefined;
  newMasterReason: RouterRow['newMasterReason'];
  lastError: RouterRow['lastError'];
  countersSince: number;
  advertsSent: number;
  advertsReceived: number;
  /** It has heard a master of lower priority since it became backup. */
  heardLower: boolean;
}

/** What the MIBs of the RFCs tell of a virtual router's past, which no single snapshot holds. */
export class RouterHistory {
  readonly #routers = new Map<string, Past>();

  event(event: VrrpEvent, at: number): void {
    switch (event.kind) {
      case 'state-changed': {
        const past = this.#past(event.instance, at);
        if (isUp(event.to) !== isUp(event.from) || past.upSince === undefined)
          past.upSince = isUp(event.to) ? at : undefined;
        past.newMasterReason = event.to === 'master' ? reasonOf(event.reason, past.heardLower) : 'notMaster';
        if (event.to === 'backup') past.heardLower = false;
        return;
      }
      case 'lower-priority-advert':
        this.#past(event.instance, at).heardLower = true;
        return;
      case 'bad-packet':
        this.#past(event.instance, at).lastError = errorOf(event.error) ?? this.#past(event.instance, at).lastError;
        return;
      default:
        return;
    }
  }

  /** After a restart of control the events that led here are not at hand. */
  snapshot(snapshot: VrrpSnapshot, now: number): void {
    for (const router of snapshot.instances) {
      const past = this.#past(router.name, now);
      const { advertsSent, advertsReceived } = router.counters;
      if (advertsSent < past.advertsSent || advertsReceived < past.advertsReceived) past.countersSince = now;
      past.advertsSent = advertsSent;
      past.advertsReceived = advertsReceived;
      if (!isUp(router.state)) past.upSince = undefined;
      else past.upSince ??= router.since;
    }
    const names = new Set(snapshot.instances.map(({ name }) => name));
    for (const name of this.#routers.keys()) if (!names.has(name)) this.#routers.delete(name);
  }

  of(instance: string, now: number): RouterPast {
    return this.#past(instance, now);
  }

  #past(instance: string, now: number): Past {
    const known = this.#routers.get(instance);
    if (known !== undefined) return known;
    const past: Past = {
      upSince: undefined,
      newMasterReason: 'notMaster',
      lastError: 'noError',
      countersSince: now,
      advertsSent: 0,
      advertsReceived: 0,
      heardLower: false,
    };
    this.#routers.set(instance, past);
    return past;
  }
}

function isUp(state: RouterStateName): boolean {
  return state === 'master' || state === 'backup';
}

/** RFC 6527, vrrpv3StatisticsNewMasterReason. */
function reasonOf(
  reason: Extract<VrrpEvent, { kind: 'state-changed' }>['reason'],
  heardLower: boolean,
): RouterRow['newMasterReason'] {
  if (reason === 'owner') return 'priority';
  return heardLower ? 'preempted' : 'masterNoResponse';
}

/** RFC 6527, vrrpv3StatisticsProtoErrReason. */
export function errorOf(error: PacketErrorKind): Exclude<RouterRow['lastError'], 'noError'> | undefined {
  switch (error) {
    case 'ttl':
      return 'ipTtlError';
    case 'version':
      return 'versionError';
    case 'checksum':
      return 'checksumError';
    case 'vrid':
      return 'vrIdError';
    default:
      return undefined;
  }
}
