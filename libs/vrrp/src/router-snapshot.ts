import type { Duration } from '@keepfleet/machine';
import type { FaultCause, MasterView, RouterStateName } from './messages.ts';
import { mcastGroup } from './reception.ts';
import { inTableOrder } from './settings.ts';
import type { Situation } from './situation.ts';
import type { RouterSnapshot } from './snapshot.ts';
import type { RouterCounters } from './stats.ts';
import { masterDownInterval, skewTime } from './timers.ts';
import { type Interfaces, isInstalled, isUp, trackerKey } from './tracking.ts';

/** What a router knows of itself. */
export interface RouterView {
  readonly situation: Situation;
  readonly state: RouterStateName;
  readonly wantsMaster: boolean;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly causes: readonly FaultCause[];
  readonly master: MasterView | undefined;
  readonly hearsMaster: boolean;
  readonly masterInterval: Duration;
  readonly wantsAddresses: boolean;
  readonly routingMissing: readonly string[];
  readonly counters: RouterCounters;
}

export function routerSnapshot(view: RouterView): RouterSnapshot {
  const { master, masterInterval, counters } = view;
  const { settings, interfaces, trackers, priority: effectivePriority, source } = view.situation;
  const { name, vrid, version, family, standing, dontTrackPrimary, advertInterval, preempt, preemptDelay } = settings;
  const group = mcastGroup(settings);
  const addresses = inTableOrder(settings.addresses).map((address) => ({
    ...address,
    ...indexOf(address.interface, interfaces),
    installed: isInstalled(address, interfaces),
  }));
  return {
    name,
    vrid,
    version,
    family,
    state: view.state,
    since: view.since,
    initialState: settings.startState,
    wantedState: view.wantsMaster ? 'master' : view.state,
    causes: view.causes,
    basePriority: settings.priority,
    effectivePriority,
    standing,
    interface: settings.interface,
    ...indexOf(settings.interface, interfaces),
    ...(source === undefined ? {} : { source }),
    ...(master === undefined ? {} : { master }),
    hearsMaster: view.hearsMaster,
    dontTrackPrimary,
    trackInterfaces: settings.trackInterfaces.map((tracked) => {
      const known = interfaces.get(tracked.name);
      return {
        name: tracked.name,
        ...(known === undefined ? {} : { index: known.index }),
        weight: tracked.weight ?? 0,
        reverse: tracked.reverse ?? false,
        up: isUp(tracked.name, interfaces),
      };
    }),
    trackers: (settings.trackers ?? []).map((tracked) => {
      const known = trackers.get(trackerKey(tracked.type, tracked.name));
      const value = known?.value === undefined ? {} : { value: known.value };
      return { ...tracked, state: known?.state ?? 'unknown', ...value };
    }),
    advertInterval,
    masterAdvertInterval: masterInterval,
    masterDownInterval: masterDownInterval(settings, effectivePriority, masterInterval),
    skewTime: skewTime(version, effectivePriority, masterInterval),
    preempt,
    preemptDelay,
    authType: version === 2 ? (settings.auth?.type ?? 'none') : 'none',
    ...(settings.syncGroup === undefined ? {} : { syncGroup: settings.syncGroup }),
    garpDelay: settings.garp.delay,
    accept: settings.accept,
    v3ChecksumAsV2: settings.v3ChecksumAsV2,
    ...(group === undefined ? {} : { mcastGroup: group }),
    addressesInPlace: addresses.every(({ installed }) => installed === view.wantsAddresses),
    addresses,
    ...(view.routingMissing.length === 0 ? {} : { routingMissing: view.routingMissing }),
    counters: { ...counters, errors: { ...counters.errors } },
  };
}

function indexOf(name: string, interfaces: Interfaces): { interfaceIndex: number } | Record<never, never> {
  const known = interfaces.get(name);
  return known === undefined ? {} : { interfaceIndex: known.index };
}
