import {
  type FaultCause,
  type HmacSettings,
  type FifoSettings,
  type FileTrackerSettings,
  type GarpGroup,
  type MasterView,
  type NotifySettings,
  type PacketErrorKind,
  type ProcessTrackerSettings,
  type RouterSnapshot,
  type ScriptCommand,
  type ScriptTrackerSettings,
  type VirtualAddress,
  type VirtualRouterSettings,
  type VrrpCommand,
  type VrrpEvent,
  type VrrpSettings,
  type VrrpSnapshot,
  packetErrorKinds,
} from '@keepfleet/vrrp';
import { z } from 'zod';
import { schedulingSchema } from '../scheduling.ts';
import { address, count, duration, family, mac, optional } from './link-values.ts';
import { routingEntry } from './routing-schemas.ts';

// What travels between the control and the vrrp process, checked at either end.

const version = z.union([z.literal(2), z.literal(3)]);
const standing = z.enum(['normal', 'last-resort']);
const startState = z.enum(['master', 'backup']);

const virtualAddress: z.ZodType<VirtualAddress> = z.object({
  address,
  prefix: count,
  interface: z.string(),
  advertised: z.boolean(),
  broadcast: optional(address),
  label: optional(z.string().max(15)),
  scope: z.int().min(0).max(255),
  peer: optional(address),
  dad: optional(z.boolean()),
  home: optional(z.boolean()),
  manageTemporary: optional(z.boolean()),
  noPrefixRoute: optional(z.boolean()),
  autoJoin: optional(z.boolean()),
  preferredLifetime: optional(count),
  untracked: optional(z.boolean()),
  trackGroup: optional(z.string()),
});

const virtualInterface = z.object({
  kind: z.enum(['macvlan', 'ipvlan']),
  name: z.string().min(1).max(15),
  mac: optional(mac),
  transmitBase: z.boolean(),
  mode: optional(z.enum(['bridge', 'private', 'vepa'])),
  address: optional(z.object({ address, prefix: count })),
  group: optional(count),
});

const hmacSettings: z.ZodType<HmacSettings> = z.object({
  keys: z.array(z.object({ id: z.int().min(1).max(255), secret: z.string() })),
  activeKey: z.int(),
  window: duration,
  antiReplay: z.enum(['time', 'monotonic']),
  mode: z.enum(['enforce', 'permissive', 'receive-only']),
});

const trackerType = z.enum(['script', 'file', 'process', 'bfd']);
const scriptCommand: z.ZodType<ScriptCommand> = z.object({
  argv: z.array(z.string()).min(1),
  user: optional(z.string()),
  group: optional(z.string()),
});
const name = z.string();
const interfaceDelay = z.object({ interface: z.string(), up: duration, down: duration });
const scriptTracker: z.ZodType<ScriptTrackerSettings> = z.object({
  name,
  command: scriptCommand,
  interval: duration,
  timeout: duration,
  rise: z.int().min(1),
  fall: z.int().min(1),
  initiallyFailed: z.boolean(),
});
const fileTracker: z.ZodType<FileTrackerSettings> = z.object({
  name,
  path: z.string(),
  initial: optional(z.object({ value: z.int(), overwrite: z.boolean() })),
});
const processTracker: z.ZodType<ProcessTrackerSettings> = z.object({
  name,
  command: z.array(z.string()).min(1),
  parameters: z.enum(['exact', 'initial', 'partial']),
  fullCommand: z.boolean(),
  quorum: count,
  quorumMax: optional(count),
  forkDelay: duration,
  terminateDelay: duration,
});
const fifo: z.ZodType<FifoSettings> = z.object({
  path: z.string(),
  user: optional(z.string()),
  group: optional(z.string()),
  script: optional(scriptCommand),
});
const garpGroup: z.ZodType<GarpGroup> = z.object({
  interfaces: z.array(z.string()),
  interval: optional(duration),
  gnaInterval: optional(duration),
});
const notify: z.ZodType<NotifySettings> = z.object({
  master: optional(scriptCommand),
  backup: optional(scriptCommand),
  fault: optional(scriptCommand),
  stop: optional(scriptCommand),
  deleted: optional(scriptCommand),
  masterRxLowerPri: optional(scriptCommand),
  any: optional(scriptCommand),
  priorityChanges: optional(z.boolean()),
});
const trackedObject = z.object({
  type: trackerType,
  name: z.string(),
  weight: z.int().min(-254).max(254),
  reverse: optional(z.boolean()),
});

const virtualRouterSettings: z.ZodType<VirtualRouterSettings> = z.object({
  name: z.string(),
  version,
  family,
  vrid: z.int(),
  interface: z.string(),
  priority: z.int(),
  standing,
  advertInterval: duration,
  downTimerAdverts: z.int(),
  auth: optional(z.object({ type: z.enum(['password', 'ah']), password: z.string() })),
  hmac: optional(hmacSettings),
  virtualInterface: optional(virtualInterface),
  addressInterfaces: optional(z.array(virtualInterface.extend({ base: z.string() }))),
  addresses: z.array(virtualAddress),
  routing: optional(z.array(routingEntry)),
  promoteSecondaries: optional(z.boolean()),
  trackInterfaces: z.array(
    z.object({
      name: z.string(),
      weight: optional(z.int().min(-254).max(254)),
      reverse: optional(z.boolean()),
    }),
  ),
  trackers: optional(z.array(trackedObject)),
  dontTrackPrimary: z.boolean(),
  preempt: z.boolean(),
  preemptDelay: duration,
  garp: z.object({
    delay: duration,
    repeat: count,
    refresh: duration,
    refreshRepeat: count,
    extra: optional(z.object({ interval: duration, interfaces: z.array(z.string()) })),
    lowerPrioDelay: duration,
    lowerPrioRepeat: count,
    interval: duration,
    gnaInterval: duration,
  }),
  startState,
  unicast: optional(
    z.object({
      source: optional(address),
      peers: z.array(
        z.object({
          address,
          minTtl: optional(z.int().min(0).max(255)),
          maxTtl: optional(z.int().min(0).max(255)),
        }),
      ),
      ttl: optional(z.int().min(0).max(255)),
      checkSource: optional(z.boolean()),
      oldChecksum: optional(z.enum(['auto', 'always', 'never'])),
    }),
  ),
  mcastSource: optional(address),
  mcastGroup: optional(address),
  skipCheckAdvAddr: z.boolean(),
  lowerPrioNoAdvert: z.boolean(),
  higherPrioSendAdvert: z.boolean(),
  trackSource: optional(z.boolean()),
  needsPeers: optional(z.boolean()),
  ownerIgnoreAdverts: optional(z.boolean()),
  timerExpiredBackup: optional(z.int().min(1).max(254)),
  v3ChecksumAsV2: z.boolean(),
  accept: z.boolean(),
  syncGroup: optional(z.string()),
  notify: optional(notify),
});

export const vrrpSettingsSchema: z.ZodType<VrrpSettings> = z.object({
  revision: optional(z.string()),
  startupDelay: duration,
  delayAfterBoot: optional(duration),
  logUnknownVrids: z.boolean(),
  instances: z.array(virtualRouterSettings),
  staticAddresses: optional(z.array(virtualAddress)),
  staticRouting: optional(z.array(routingEntry)),
  scheduling: optional(schedulingSchema),
  firewall: optional(z.object({ table: z.string(), priority: z.int(), counters: z.boolean() })),
  syncGroups: optional(z.array(z.object({ name: z.string(), members: z.array(z.string()), notify: optional(notify) }))),
  interfaceDelays: optional(z.array(interfaceDelay)),
  scripts: optional(z.array(scriptTracker)),
  files: optional(z.array(fileTracker)),
  processes: optional(z.array(processTracker)),
  notifyFifos: optional(z.array(fifo)),
  notifyOnReload: optional(z.boolean()),
  scriptUser: optional(z.object({ user: z.string(), group: optional(z.string()) })),
  scriptSecurity: optional(z.boolean()),
  garpGroups: optional(z.array(garpGroup)),
  trackGroups: optional(z.array(z.object({ name: z.string(), instances: z.array(z.string()) }))),
});

export const vrrpCommandSchema: z.ZodType<VrrpCommand> = z.object({
  kind: z.enum(['relinquish', 'announce']),
  instance: z.string(),
});

const trackerState = z.enum(['unknown', 'up', 'down']);
const stateName = z.enum(['initialize', 'backup', 'master', 'fault']);

const faultCause: z.ZodType<FaultCause> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum([
      'interface-missing',
      'interface-down',
      'tracked-interface-missing',
      'tracked-interface-down',
      'no-source-address',
      'no-unicast-peer',
      'no-socket',
    ]),
    interface: z.string(),
  }),
  z.object({ kind: z.enum(['tracker-down', 'tracker-unknown']), tracker: trackerType, name: z.string() }),
  z.object({ kind: z.literal('static-missing'), entry: z.string() }),
  z.object({ kind: z.literal('group-member'), group: z.string(), instance: z.string() }),
]);

const master: z.ZodType<MasterView> = z.object({ address, priority: count });

/** As a vrrp process that has heard nothing wrong. */
const noErrors = Object.fromEntries(packetErrorKinds.map((kind) => [kind, 0])) as Record<PacketErrorKind, number>;

const routerSnapshot: z.ZodType<RouterSnapshot> = z
  .object({
    name: z.string(),
    vrid: count,
    version,
    family,
    state: stateName,
    since: z.number(),
    initialState: startState,
    wantedState: stateName,
    causes: z.array(faultCause),
    basePriority: count,
    effectivePriority: count,
    standing,
    interface: z.string(),
    interfaceIndex: optional(count),
    source: optional(address),
    master: optional(master),
    hearsMaster: z.boolean().optional(),
    dontTrackPrimary: z.boolean(),
    trackInterfaces: z.array(
      z.object({
        name: z.string(),
        index: optional(count),
        weight: z.int(),
        reverse: z.boolean(),
        up: z.boolean(),
      }),
    ),
    trackers: z.array(trackedObject.extend({ state: trackerState, value: optional(z.number()) })),
    advertInterval: duration,
    masterAdvertInterval: duration,
    masterDownInterval: duration,
    skewTime: duration,
    preempt: z.boolean(),
    preemptDelay: duration,
    authType: z.enum(['none', 'password', 'ah']),
    syncGroup: optional(z.string()),
    garpDelay: duration,
    accept: z.boolean(),
    v3ChecksumAsV2: z.boolean(),
    mcastGroup: optional(address),
    addressesInPlace: z.boolean(),
    addresses: z.array(
      z.object({
        address,
        prefix: count,
        interface: z.string(),
        interfaceIndex: optional(count),
        broadcast: optional(address),
        label: optional(z.string()),
        peer: optional(address),
        scope: count,
        advertised: z.boolean(),
        installed: z.boolean(),
      }),
    ),
    routingMissing: optional(z.array(z.string())),
    counters: z.object({
      advertsReceived: count,
      advertsSent: count,
      becameMaster: count,
      releasedMaster: count,
      priorityZeroReceived: count,
      priorityZeroSent: count,
      announcementsSent: count,
      addressesRestored: count,
      // A process of before has not all of them.
      errors: z.partialRecord(z.enum(packetErrorKinds), count).transform((known) => ({ ...noErrors, ...known })),
    }),
  })
  .transform(({ hearsMaster, ...router }) => ({
    ...router,
    // A process of before this was told, which goes on over an upgrade of the control process: its backups obey a master.
    hearsMaster: hearsMaster ?? router.state === 'backup',
  }));

export const vrrpSnapshotSchema: z.ZodType<VrrpSnapshot> = z.object({
  revision: optional(z.string()),
  instances: z.array(routerSnapshot),
  syncGroups: z.array(z.object({ name: z.string(), members: z.array(z.string()), state: stateName })),
  unknownVrids: count,
  staticRoutingMissing: optional(z.array(z.string())),
  notifyFifos: optional(z.array(z.object({ path: z.string(), written: count, dropped: count }))),
  scripts: optional(
    z.array(
      z.object({
        name: z.string(),
        state: trackerState,
        run: z.enum(['idle', 'running', 'terminating', 'killing']),
      }),
    ),
  ),
  lateness: optional(z.object({ last: duration, worst: duration, late: count, deadlines: count })),
});

const instance = z.string();

export const vrrpEventSchema: z.ZodType<VrrpEvent> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('state-changed'),
    instance,
    from: stateName,
    to: stateName,
    reason: z.enum([
      'started',
      'stopped',
      'removed',
      'reconfigured',
      'owner',
      'master-down',
      'higher-priority',
      'relinquished',
      'group',
      'overslept',
      'fault',
      'fault-cleared',
    ]),
    priority: count,
    causes: optional(z.array(faultCause)),
    master: optional(master),
  }),
  z.object({ kind: z.literal('master-learned'), instance, master }),
  z.object({ kind: z.literal('priority-changed'), instance, from: count, to: count }),
  z.object({
    kind: z.literal('bad-packet'),
    instance,
    error: z.enum(packetErrorKinds),
    source: address,
    detail: z.string(),
  }),
  z.object({ kind: z.literal('unknown-vrid'), interface: z.string(), vrid: count, source: address }),
  z.object({ kind: z.literal('lower-priority-advert'), instance, master }),
  z.object({ kind: z.literal('residual-address-removed'), instance, address: virtualAddress }),
  z.object({ kind: z.literal('address-restored'), instance, address: virtualAddress }),
  z.object({ kind: z.literal('address-missing'), instance, address: virtualAddress }),
  z.object({ kind: z.literal('routing-missing'), instance, entry: routingEntry }),
  z.object({ kind: z.literal('routing-restored'), instance, entry: routingEntry }),
  z.object({ kind: z.literal('fifo-overflow'), path: z.string(), dropped: count }),
  z.object({
    kind: z.literal('overslept'),
    instance,
    state: z.enum(['backup', 'master']),
    late: duration,
  }),
  z.object({ kind: z.literal('fault-causes-changed'), instance, causes: z.array(faultCause) }),
]);
