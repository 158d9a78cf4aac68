import {
  type FaultCause,
  type HmacSettings,
  type MasterView,
  type RouterSnapshot,
  type VirtualAddress,
  type VirtualRouterSettings,
  type VrrpCommand,
  type VrrpEvent,
  type VrrpSettings,
  type VrrpSnapshot,
  packetErrorKinds,
} from '@keepfleet/vrrp';
import { z } from 'zod';
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
    }),
  ),
  mcastSource: optional(address),
  mcastGroup: optional(address),
  skipCheckAdvAddr: z.boolean(),
  lowerPrioNoAdvert: z.boolean(),
  higherPrioSendAdvert: z.boolean(),
  v3ChecksumAsV2: z.boolean(),
  accept: z.boolean(),
  syncGroup: optional(z.string()),
});

export const vrrpSettingsSchema: z.ZodType<VrrpSettings> = z.object({
  revision: optional(z.string()),
  startupDelay: duration,
  logUnknownVrids: z.boolean(),
  instances: z.array(virtualRouterSettings),
  staticAddresses: optional(z.array(virtualAddress)),
  staticRouting: optional(z.array(routingEntry)),
  scheduling: optional(
    z.object({
      realTime: optional(z.int().min(1).max(99)),
      realTimeLimit: optional(count),
      automatic: optional(z.object({ highest: z.int().min(1).max(99), lateness: duration })),
      nice: optional(z.int().min(-20).max(19)),
      noSwap: optional(z.boolean()),
      cpus: optional(z.array(count)),
      processName: optional(z.string()),
    }),
  ),
  firewall: optional(z.object({ table: z.string(), priority: z.int(), counters: z.boolean() })),
});

export const vrrpCommandSchema: z.ZodType<VrrpCommand> = z.object({
  kind: z.literal('relinquish'),
  instance: z.string(),
});

const stateName = z.enum(['initialize', 'backup', 'master', 'fault']);

const faultCause: z.ZodType<FaultCause> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum([
      'interface-missing',
      'interface-down',
      'tracked-interface-missing',
      'tracked-interface-down',
      'no-source-address',
      'no-socket',
    ]),
    interface: z.string(),
  }),
  z.object({ kind: z.enum(['tracker-down', 'tracker-unknown']), tracker: trackerType, name: z.string() }),
]);

const master: z.ZodType<MasterView> = z.object({ address, priority: count });

const routerSnapshot: z.ZodType<RouterSnapshot> = z.object({
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
  trackers: z.array(trackedObject.extend({ state: z.enum(['unknown', 'up', 'down']), value: optional(z.number()) })),
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
  counters: z.object({
    advertsReceived: count,
    advertsSent: count,
    becameMaster: count,
    releasedMaster: count,
    priorityZeroReceived: count,
    priorityZeroSent: count,
    announcementsSent: count,
    addressesRestored: count,
    errors: z.record(z.enum(packetErrorKinds), count),
  }),
});

export const vrrpSnapshotSchema: z.ZodType<VrrpSnapshot> = z.object({
  revision: optional(z.string()),
  instances: z.array(routerSnapshot),
  unknownVrids: count,
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
  z.object({ kind: z.literal('fault-causes-changed'), instance, causes: z.array(faultCause) }),
]);
