import type { BfdSnapshot } from '@keepfleet/bfd';
import type { KeepalivedConfig, SyncGroup, VirtualAddress } from '@keepfleet/config';
import type { LvsSnapshot } from '@keepfleet/ipvs';
import type {
  AddressRow,
  GlobalRow,
  InstanceRow,
  MibRows,
  RouterRow,
  StateOfInstance,
  SyncGroupRow,
  VirtualServerRow,
} from '@keepfleet/mib';
import { syncDaemonSettings } from '../settings/index.ts';
import { type IpAddress, parseIp } from '@keepfleet/wire';
import type { AddressSnapshot, RouterSnapshot, VrrpSnapshot } from '@keepfleet/vrrp';
import type { Override } from '../settings/index.ts';
import { type Placed, routeRow, ruleRow } from './mib-routing.ts';
import { SCOPES } from './mib-scopes.ts';
import { scriptRows } from './mib-scripts.ts';
import { NOTHING_TRACKED, trackObjects, trackedRows } from './mib-tracked.ts';
import type { RouterHistory } from './router-history.ts';

/** Everything that the rows of the MIBs are made from. A snapshot is undefined while its process has not been heard. */
export interface MibSources {
  readonly config: KeepalivedConfig;
  readonly node: { readonly version: string; readonly name: string };
  readonly vrrp: VrrpSnapshot | undefined;
  /** The process has said nothing for a while: its state is as old. */
  readonly vrrpIsStale: boolean;
  readonly lvs: LvsSnapshot | undefined;
  readonly lvsIsStale: boolean;
  /** Undefined while its process has not been heard, or is silent. */
  readonly bfd: BfdSnapshot | undefined;
  /** Of an interface that VRRP has nothing to do with. */
  readonly otherInterfaceIndex: (name: string) => number | undefined;
  readonly history: RouterHistory;
  readonly overrides: readonly Override[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Where sysUpTime is zero, milliseconds since 1970. */
  readonly upTimeZero: number;
}

interface Sources extends MibSources {
  readonly interfaceIndex: (name: string) => number | undefined;
}

/**
 * The rows of the MIBs from what is configured and what runs: the one place where they come together. A process that was
 * not heard has no rows, and of one that is silent no state and no statistics are shown: nothing old looks new.
 */
export function mibRows(given: MibSources): MibRows {
  const { config, vrrp, lvs } = given;
  const indexes = interfaceIndexes(vrrp);
  // Asked once a name: thousands of routes leave by the same few interfaces.
  const interfaceIndex = (name: string) => {
    if (!indexes.has(name)) indexes.set(name, given.otherInterfaceIndex(name));
    return indexes.get(name);
  };
  const sources: Sources = { ...given, interfaceIndex };
  const always = placed(vrrp?.staticRoutingMissing, sources, vrrp !== undefined && !given.vrrpIsStale);
  return {
    global: globalRow(sources),
    syncGroups: config.syncGroups.map((group) => syncGroupRow(group, sources)),
    instances: vrrp?.instances.map((router) => instanceRow(router, sources)) ?? [],
    staticAddresses: config.staticAddresses.map((address) => staticAddressRow(address, sources)),
    staticRoutes: config.staticRoutes.map(({ entry }) => routeRow(entry, always)),
    staticRules: config.staticRules.map(({ entry }) => ruleRow(entry, always.isSet)),
    ...trackObjects(sources),
    groups: lvs?.groups ?? [],
    virtualServers: servicesAreKnown(sources)
      ? (lvs?.virtualServers ?? [])
      : (lvs?.virtualServers.map(withoutState) ?? []),
    unknownVrids: vrrp?.unknownVrids ?? 0,
  };
}

/** Where routes and rules are: all but those that are missing, as long as they are to be there at all. */
function placed(missing: readonly string[] | undefined, { interfaceIndex }: Sources, wanted: boolean): Placed {
  return { isSet: (text) => wanted && missing?.includes(text) !== true, interfaceIndex };
}

/** Indexes of the interfaces that VRRP has to do with. */
function interfaceIndexes(vrrp: VrrpSnapshot | undefined): Map<string, number | undefined> {
  const indexes = new Map<string, number | undefined>();
  const note = (name: string, index: number | undefined) => {
    if (index !== undefined) indexes.set(name, index);
  };
  for (const router of vrrp?.instances ?? []) {
    note(router.interface, router.interfaceIndex);
    for (const { name, index } of router.trackInterfaces) note(name, index);
    for (const address of router.addresses) note(address.interface, address.interfaceIndex);
  }
  return indexes;
}

function globalRow({ config, node }: MibSources): GlobalRow {
  const { globalDefs } = config;
  const server = globalDefs.smtpServer;
  const address = server === undefined ? undefined : parseIp(server.host);
  return {
    version: `Keepfleet ${node.version}`,
    routerId: globalDefs.routerId ?? node.name,
    mail: {
      server: server === undefined || address?.ok !== true ? null : { address: address.value, port: server.port },
      timeout: server === undefined ? 0 : globalDefs.smtpConnectTimeout / 1_000_000,
      from: globalDefs.notificationEmailFrom ?? null,
      recipients: globalDefs.notificationEmail,
      faults: !globalDefs.noEmailFaults,
      alert: globalDefs.smtpAlert ?? null,
      alertVrrp: globalDefs.smtpAlertVrrp ?? null,
      alertChecker: globalDefs.smtpAlertChecker ?? null,
    },
    trapEnable: globalDefs.enableTraps,
    linkBeat: 'netlink',
    netNamespace: '',
    dbus: false,
    dynamicInterfaces: globalDefs.dynamicInterfaces,
    v3ChecksumAsV2: false,
    lvsFlush: globalDefs.lvsFlush,
    lvsFlushOnStop: ({ no: 'disabled', everything: 'enabled', services: 'flush-vs' } as const)[
      globalDefs.lvsFlushOnStop
    ],
    syncDaemon: syncDaemonRow(config),
    timeouts: {
      tcp: globalDefs.lvsTimeouts?.tcp || null,
      tcpFin: globalDefs.lvsTimeouts?.tcpFin || null,
      udp: globalDefs.lvsTimeouts?.udp || null,
    },
  };
}

/** 0 stands for a message length that is left to the kernel. */
function syncDaemonRow(config: KeepalivedConfig): GlobalRow['syncDaemon'] {
  const daemon = syncDaemonSettings(config);
  return daemon && { ...daemon, maxLength: daemon.maxLength ?? 0 };
}

const STATES = { initialize: 'init', backup: 'backup', master: 'master', fault: 'fault' } as const;

function stateOf(router: RouterSnapshot, stale: boolean): StateOfInstance {
  return stale ? 'unknown' : STATES[router.state];
}

function instanceRow(router: RouterSnapshot, sources: Sources): InstanceRow {
  const configured = sources.config.vrrpInstances.find((instance) => instance.name === router.name);
  const promoted = sources.overrides.find(
    ({ change }) => change.kind === 'vrrp-promote-secondaries' && change.instance === router.name,
  )?.change;
  const master = router.state === 'master' && !sources.vrrpIsStale;
  const here = placed(router.routingMissing, sources, master);
  return {
    name: router.name,
    vrid: router.vrid,
    version: router.version,
    state: stateOf(router, sources.vrrpIsStale),
    initialState: router.initialState,
    wantedState: sources.vrrpIsStale ? 'unknown' : STATES[router.wantedState],
    basePriority: router.basePriority,
    effectivePriority: router.effectivePriority,
    vipsSet: router.state === 'master' && router.addressesInPlace,
    interface: router.interface,
    trackPrimary: !router.dontTrackPrimary,
    advertInterval: router.advertInterval,
    preempt: router.preempt,
    preemptDelay: router.preemptDelay,
    authentication: router.authType,
    syncDaemonInterface:
      sources.config.globalDefs.lvsSyncDaemon?.instance === router.name
        ? sources.config.globalDefs.lvsSyncDaemon.interface
        : null,
    syncGroup: router.syncGroup ?? null,
    garpDelay: router.garpDelay,
    smtpAlert: configured?.smtpAlert ?? false,
    scripts: scriptRows(configured?.notify ?? {}),
    accept: router.version === 3 ? router.accept : null,
    promoteSecondaries:
      promoted?.kind === 'vrrp-promote-secondaries'
        ? promoted.promoteSecondaries
        : (configured?.promoteSecondaries ?? false),
    useLinkbeat: false,
    notifyDeleted: configured?.notify.deleted !== undefined,
    multicastGroup: router.mcastGroup ?? null,
    v3ChecksumAsV2: router.v3ChecksumAsV2,
    addresses: router.addresses.map(addressRow),
    routes: configured?.routes.map(({ entry }) => routeRow(entry, here)) ?? [],
    rules: configured?.rules.map(({ entry }) => ruleRow(entry, here.isSet)) ?? [],
    tracked:
      configured === undefined ? NOTHING_TRACKED : trackedRows(configured, sources.config, sources.interfaceIndex),
    router: routerRow(router, sources),
  };
}

function routerRow(router: RouterSnapshot, { history, now, upTimeZero }: MibSources): RouterRow | null {
  if (router.interfaceIndex === undefined) return null;
  const past = history.of(router.name, now);
  const { counters } = router;
  const { errors } = counters;
  const upTime = (at: number) => Math.max(0, Math.floor((at - upTimeZero) / 10));
  return {
    ifIndex: router.interfaceIndex,
    family: router.family,
    master: router.master?.address ?? (router.state === 'master' ? router.source : undefined) ?? null,
    primary: router.source ?? null,
    upFor: past.upSince === undefined ? null : Math.max(0, Math.floor((now - past.upSince) / 10)),
    upSince: past.upSince === undefined ? null : upTime(past.upSince),
    newMasterReason: past.newMasterReason,
    lastError: past.lastError,
    countersSince: upTime(past.countersSince),
    counters: {
      becameMaster: counters.becameMaster,
      advertsReceived: counters.advertsReceived,
      priorityZeroReceived: counters.priorityZeroReceived,
      priorityZeroSent: counters.priorityZeroSent,
      intervalErrors: errors['advert-interval'],
      authFailures: errors['auth-failure'],
      ttlErrors: errors.ttl,
      typeErrors: errors.type,
      addressListErrors: errors['address-list'],
      invalidAuthTypes: errors['auth-type-unknown'],
      authTypeMismatches: errors['auth-type'],
      lengthErrors: errors.length,
      checksumErrors: errors.checksum,
      versionErrors: errors.version,
    },
  };
}

function syncGroupRow(group: SyncGroup, sources: Sources): SyncGroupRow {
  const members = sources.vrrp?.instances.filter(({ name }) => group.members.includes(name)) ?? [];
  const { master, backup, fault, stop, any } = scriptRows(group.notify);
  return {
    name: group.name,
    state: groupState(members.map((router) => stateOf(router, sources.vrrpIsStale))),
    smtpAlert: group.smtpAlert,
    scripts: { master, backup, fault, stop, any },
    trackingWeight: group.trackingWeight,
    members: group.members,
    tracked: trackedRows(group, sources.config, sources.interfaceIndex),
  };
}

/** A group is in fault as soon as one member is, and master only when all are. */
export function groupState(members: readonly StateOfInstance[]): StateOfInstance {
  if (members.length === 0 || members.includes('unknown')) return 'unknown';
  if (members.includes('fault')) return 'fault';
  if (members.includes('init')) return 'init';
  return members.every((state) => state === 'master') ? 'master' : 'backup';
}

function addressRow(address: AddressSnapshot): AddressRow {
  const broadcast: IpAddress | undefined = address.broadcast;
  return {
    address: address.address,
    prefixLength: address.prefix,
    broadcast: broadcast ?? null,
    peer: address.peer ?? null,
    scope: SCOPES[address.scope] ?? 'other',
    ifIndex: address.interfaceIndex ?? 0,
    ifName: address.interface,
    label: address.label ?? null,
    set: address.installed,
    advertised: address.advertised,
  };
}

function staticAddressRow(address: VirtualAddress, { interfaceIndex }: Sources): AddressRow {
  return {
    address: address.address,
    prefixLength: address.prefixLength,
    broadcast: address.broadcast ?? null,
    peer: address.peer?.address ?? null,
    scope: SCOPES[address.scope ?? 0] ?? 'other',
    ifIndex: interfaceIndex(address.interface) ?? 0,
    ifName: address.interface,
    label: address.label ?? null,
    set: interfaceIndex(address.interface) !== undefined,
    advertised: false,
  };
}

/** Before its tables were read the kernel may have any service, with any numbers. */
function servicesAreKnown({ lvs, lvsIsStale }: Sources): boolean {
  return !lvsIsStale && lvs?.readAt !== null;
}

/** A service as the configuration has it: whether it works, and how much it does, is not known. */
function withoutState(service: VirtualServerRow): VirtualServerRow {
  return {
    ...service,
    state: 'unknown',
    traffic: null,
    sorryServer: service.sorryServer === null ? null : { ...service.sorryServer, kernel: null },
    realServers: service.realServers.map((server) => ({ ...server, state: 'unknown', kernel: null })),
  };
}
