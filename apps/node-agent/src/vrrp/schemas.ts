import type { Duration } from '@keepfleet/machine';
import {
  type FaultCause,
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
import { type IpAddress, parseIp } from '@keepfleet/wire';
import { z } from 'zod';

// What travels between the control and the vrrp process, checked at either end.

const address = z.string().transform((text, context): IpAddress => {
  const parsed = parseIp(text);
  if (parsed.ok) return parsed.value;
  context.issues.push({ code: 'custom', message: `${text} is not an IP address`, input: text });
  return z.NEVER;
});

const duration = z
  .int()
  .nonnegative()
  .transform((microseconds) => microseconds as Duration);

const count = z.int().nonnegative();
const family = z.enum(['ipv4', 'ipv6']);
const version = z.union([z.literal(2), z.literal(3)]);
const standing = z.enum(['normal', 'last-resort']);
const startState = z.enum(['master', 'backup']);
const optional = z.exactOptional;

const virtualAddress: z.ZodType<VirtualAddress> = z.object({
  address,
  prefix: count,
  interface: z.string(),
  advertised: z.boolean(),
  broadcast: optional(address),
  label: optional(z.string().max(15)),
  scope: z.int().min(0).max(255),
  peer: optional(address),
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
  auth: optional(z.object({ type: z.literal('password'), password: z.string() })),
  addresses: z.array(virtualAddress),
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
  authType: z.enum(['none', 'password']),
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
  z.object({ kind: z.literal('fault-causes-changed'), instance, causes: z.array(faultCause) }),
]);
