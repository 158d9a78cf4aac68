import {
  FILTER_TABLE,
  type KeepalivedConfig,
  type NotifyCommands,
  type RouteLine,
  type RuleLine,
  type SyncGroup,
  type TrackedName,
  type VirtualAddress,
  type VirtualInterface as ConfiguredInterface,
  type VrrpInstance,
} from '@keepfleet/config';
import { micros } from '@keepfleet/machine';
import { schedulingSettings } from './scheduling-settings.ts';
import { supportSettings, trackedObjects } from './tracker-settings.ts';
import type {
  GarpSettings,
  NotifySettings,
  RoutingEntry,
  SyncGroupSettings,
  TrackedInterface,
  UnicastSettings,
  VirtualAddress as AddressSettings,
  VirtualRouterSettings,
  VrrpSettings,
} from '@keepfleet/vrrp';

/** The kernel's number for it. */
const FOREVER = 0xffff_ffff;

/** What the vrrp process is to do, before overrides. Fields that the file leaves open are missing, not undefined. */
export function vrrpSettings(config: KeepalivedConfig): VrrpSettings {
  const groupOf = new Map(
    config.syncGroups.flatMap((group) => group.members.map((member) => [member, group] as const)),
  );
  const staticRouting = routingEntries(config.staticRoutes, config.staticRules);
  return {
    startupDelay: micros(config.globalDefs.startupDelay),
    logUnknownVrids: config.globalDefs.logUnknownVrids,
    instances: config.vrrpInstances.map((instance) => routerSettings(instance, groupOf.get(instance.name), config)),
    ...supportSettings(config),
    ...(config.syncGroups.length === 0 ? {} : { syncGroups: config.syncGroups.map(groupSettings) }),
    ...(config.staticAddresses.length === 0
      ? {}
      : { staticAddresses: config.staticAddresses.map((address) => addressSettings(address, false)) }),
    ...(staticRouting.length === 0 ? {} : { staticRouting }),
    ...schedulingSettings('vrrp', config),
    ...firewallSettings(config),
  };
}

function routerSettings(
  instance: VrrpInstance,
  group: SyncGroup | undefined,
  config: KeepalivedConfig,
): VirtualRouterSettings {
  const { authentication, sourceAddress, garp, hmac, virtualInterface, addressInterfaces } = instance;
  const unicast = unicastSettings(instance);
  const routing = routingEntries(instance.routes, instance.rules);
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
    ...(authentication === undefined
      ? {}
      : {
          auth: {
            type: authentication.type === 'AH' ? ('ah' as const) : ('password' as const),
            password: authentication.password,
          },
        }),
    ...(hmac === undefined ? {} : { hmac: { ...hmac, window: micros(hmac.window) } }),
    ...(virtualInterface === undefined ? {} : { virtualInterface: virtualInterfaceSettings(virtualInterface) }),
    ...(addressInterfaces.length === 0
      ? {}
      : {
          addressInterfaces: addressInterfaces.map((made) => ({ ...virtualInterfaceSettings(made), base: made.base })),
        }),
    ...(routing.length === 0 ? {} : { routing }),
    addresses: [
      ...instance.addresses.map((address) => addressSettings(address, true)),
      ...instance.excludedAddresses.map((address) => addressSettings(address, false)),
    ],
    trackInterfaces: trackedInterfaces(instance, group),
    ...trackedObjects(instance, group, config),
    dontTrackPrimary: !instance.trackPrimary,
    preempt: instance.preempt,
    preemptDelay: micros(instance.preemptDelay),
    garp: {
      delay: micros(garp.masterDelay),
      repeat: garp.masterRepeat,
      refresh: micros(garp.masterRefresh),
      refreshRepeat: garp.masterRefreshRepeat,
      ...extraAnnouncements(instance),
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
    ownerIgnoreAdverts: instance.ownerIgnoreAdverts,
    ...(instance.timerExpiredBackup === undefined ? {} : { timerExpiredBackup: instance.timerExpiredBackup }),
    ...(instance.promoteSecondaries ? { promoteSecondaries: true } : {}),
    ...(instance.trackSource ? { trackSource: true } : {}),
    ...(instance.unicastFaultNoPeer && unicast === undefined ? { needsPeers: true } : {}),
    accept: instance.accept,
    ...notifySettings(instance.notify),
    ...(group === undefined ? {} : { syncGroup: group.name }),
  };
}

/** keepalived's rule: where the adverts go out, switches learn the MAC address from those. */
function extraAnnouncements(instance: VrrpInstance): Pick<GarpSettings, 'extra'> {
  const { garp, interface: base, virtualInterface, addressInterfaces, addresses, excludedAddresses } = instance;
  if (garp.extraInterval === 0) return {};
  const own = virtualInterface?.name ?? base;
  const made = new Set([
    ...(virtualInterface === undefined ? [] : [own]),
    ...addressInterfaces.map(({ name }) => name),
  ]);
  const carriesAdverts = (name: string) => name === own && virtualInterface?.transmitBase !== true;
  const interfaces = [...new Set([...addresses, ...excludedAddresses].map((one) => one.interface))].filter(
    (name) => (garp.extraOnAll || made.has(name)) && !carriesAdverts(name),
  );
  return interfaces.length === 0 ? {} : { extra: { interval: micros(garp.extraInterval), interfaces } };
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

function groupSettings({ name, members, notify }: SyncGroup): SyncGroupSettings {
  return { name, members, ...notifySettings(notify) };
}

function notifySettings({ masterHeardLowerPriority, ...commands }: NotifyCommands): { notify?: NotifySettings } {
  const notify: NotifySettings = {
    ...commands,
    ...(masterHeardLowerPriority === undefined ? {} : { masterRxLowerPri: masterHeardLowerPriority }),
  };
  return Object.keys(notify).length === 0 ? {} : { notify };
}

function unicastSettings(instance: VrrpInstance): UnicastSettings | undefined {
  if (instance.unicastPeers.length === 0) return undefined;
  return {
    ...(instance.sourceAddress === undefined ? {} : { source: instance.sourceAddress }),
    peers: instance.unicastPeers.map(({ address, minTtl, maxTtl }) => ({ address, minTtl, maxTtl })),
    ttl: instance.unicastTtl,
    checkSource: instance.checkUnicastSource,
    oldChecksum: instance.oldUnicastChecksum,
  };
}

function addressSettings(address: VirtualAddress, advertised: boolean): AddressSettings {
  const { broadcast, label, peer, preferredLifetime } = address;
  const usual = address.address.includes(':') && address.prefixLength === 128 ? 0 : 'forever';
  return {
    address: address.address,
    prefix: address.prefixLength,
    interface: address.interface,
    advertised,
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(label === undefined ? {} : { label }),
    scope: address.scope ?? 0,
    ...(peer === undefined ? {} : { peer: peer.address }),
    ...(address.noDad ? {} : { dad: true }),
    ...(address.home ? { home: true } : {}),
    ...(address.manageTemporary ? { manageTemporary: true } : {}),
    ...(address.noPrefixRoute ? { noPrefixRoute: true } : {}),
    ...(address.autoJoin ? { autoJoin: true } : {}),
    ...(preferredLifetime === usual
      ? {}
      : { preferredLifetime: preferredLifetime === 'forever' ? FOREVER : preferredLifetime }),
    ...(address.tracked ? {} : { untracked: true }),
    ...(address.trackGroup === undefined ? {} : { trackGroup: address.trackGroup }),
  };
}

function virtualInterfaceSettings({ kind, name, mac, transmitBase, mode, address, group }: ConfiguredInterface) {
  return {
    kind,
    name,
    transmitBase,
    ...(mac === undefined ? {} : { mac }),
    ...(mode === undefined ? {} : { mode }),
    ...(address === undefined ? {} : { address: { address: address.address, prefix: address.prefixLength } }),
    ...(group === undefined ? {} : { group }),
  };
}

/** Routes first, then the rules that lead to them. */
function routingEntries(routes: readonly RouteLine[], rules: readonly RuleLine[]): readonly RoutingEntry[] {
  return [...routes, ...rules].map(({ entry }) => entry);
}

function firewallSettings({ globalDefs: { nftables } }: KeepalivedConfig): Pick<VrrpSettings, 'firewall'> {
  const { table, priority, counters } = nftables;
  if (table === undefined && priority === -1 && !counters) return {};
  return { firewall: { table: table ?? FILTER_TABLE, priority, counters } };
}
