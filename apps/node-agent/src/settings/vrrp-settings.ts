import type { KeepalivedConfig, SyncGroup, TrackedName, VirtualAddress, VrrpInstance } from '@keepfleet/config';
import { micros } from '@keepfleet/machine';
import type {
  TrackedInterface,
  UnicastSettings,
  VirtualAddress as AddressSettings,
  VirtualRouterSettings,
  VrrpSettings,
} from '@keepfleet/vrrp';

/** What the vrrp process is to do, before overrides. Fields that the file leaves open are missing, not undefined. */
export function vrrpSettings(config: KeepalivedConfig): VrrpSettings {
  const groupOf = new Map(
    config.syncGroups.flatMap((group) => group.members.map((member) => [member, group] as const)),
  );
  return {
    startupDelay: micros(config.globalDefs.startupDelay),
    logUnknownVrids: config.globalDefs.logUnknownVrids,
    instances: config.vrrpInstances.map((instance) => routerSettings(instance, groupOf.get(instance.name))),
  };
}

function routerSettings(instance: VrrpInstance, group: SyncGroup | undefined): VirtualRouterSettings {
  const { authentication, sourceAddress, garp } = instance;
  const unicast = unicastSettings(instance);
  return {
    name: instance.name,
    version: instance.version,
    family: instance.family,
    vrid: instance.virtualRouterId,
    interface: instance.interface,
    priority: instance.priority,
    standing: 'normal',
    advertInterval: micros(instance.advertInterval),
    downTimerAdverts: instance.downTimerAdverts,
    ...(authentication?.type === 'PASS' ? { auth: { type: 'password', password: authentication.password } } : {}),
    addresses: [
      ...instance.addresses.map((address) => addressSettings(address, true)),
      ...instance.excludedAddresses.map((address) => addressSettings(address, false)),
    ],
    trackInterfaces: trackedInterfaces(instance, group),
    dontTrackPrimary: !instance.trackPrimary,
    preempt: instance.preempt,
    preemptDelay: micros(instance.preemptDelay),
    garp: {
      delay: micros(garp.masterDelay),
      repeat: garp.masterRepeat,
      refresh: micros(garp.masterRefresh),
      refreshRepeat: garp.masterRefreshRepeat,
      lowerPrioDelay: micros(garp.lowerPriorityDelay),
      lowerPrioRepeat: garp.lowerPriorityRepeat,
      interval: micros(garp.arpInterval),
      gnaInterval: micros(garp.neighbourInterval),
    },
    startState: instance.initialState,
    ...(unicast === undefined ? {} : { unicast }),
    ...(unicast === undefined && sourceAddress !== undefined ? { mcastSource: sourceAddress } : {}),
    mcastGroup: instance.multicastGroup,
    skipCheckAdvAddr: instance.skipCheckAdvertAddresses,
    lowerPrioNoAdvert: instance.lowerPriorityNoAdvert,
    higherPrioSendAdvert: instance.higherPrioritySendAdvert,
    v3ChecksumAsV2: instance.v3ChecksumAsV2,
    accept: instance.accept,
    ...(group === undefined ? {} : { syncGroup: group.name }),
  };
}

/**
 * The instance's own and its group's. A group keeps its members together, so weights, which would part them, count only
 * with sync_group_tracking_weight.
 */
function trackedInterfaces(instance: VrrpInstance, group: SyncGroup | undefined): readonly TrackedInterface[] {
  const own = new Set(instance.trackInterfaces.map(({ name }) => name));
  const all = [...instance.trackInterfaces, ...(group?.trackInterfaces ?? []).filter(({ name }) => !own.has(name))];
  const weightsCount = group === undefined || group.trackingWeight;
  return all.filter((tracked) => weightsCount || (tracked.weight ?? 0) === 0).map(trackedInterface);
}

function trackedInterface({ name, weight, reverse }: TrackedName): TrackedInterface {
  return { name, ...(weight === undefined ? {} : { weight }), ...(reverse ? { reverse } : {}) };
}

function unicastSettings(instance: VrrpInstance): UnicastSettings | undefined {
  if (instance.unicastPeers.length === 0) return undefined;
  return {
    ...(instance.sourceAddress === undefined ? {} : { source: instance.sourceAddress }),
    peers: instance.unicastPeers.map(({ address, minTtl, maxTtl }) => ({ address, minTtl, maxTtl })),
    ttl: instance.unicastTtl,
    checkSource: instance.checkUnicastSource,
  };
}

function addressSettings(address: VirtualAddress, advertised: boolean): AddressSettings {
  const { broadcast, label, peer } = address;
  return {
    address: address.address,
    prefix: address.prefixLength,
    interface: address.interface,
    advertised,
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(label === undefined ? {} : { label }),
    scope: address.scope ?? 0,
    ...(peer === undefined ? {} : { peer: peer.address }),
  };
}
