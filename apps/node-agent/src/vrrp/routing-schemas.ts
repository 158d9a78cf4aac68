import { type RouteSettings, type RuleSettings, routeMetrics, routeTypes } from '@keepfleet/vrrp';
import { z } from 'zod';
import { address, count, family, optional } from './link-values.ts';

// Routes and rules as they travel between the control and the vrrp process.

const byte = z.int().min(0).max(255);
const number32 = z.int().min(0).max(0xffff_ffff);
const prefix = z.object({ address, length: z.int().min(0).max(128) });
const range = z.object({ low: number32, high: number32 });
const entry = {
  text: z.string(),
  family,
  tracked: z.boolean(),
  trackGroup: z.exactOptional(z.string()),
  protocol: byte,
};

const encapsulation = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('mpls'),
    labels: z.array(z.int().min(0).max(0xfffff)),
    ttl: optional(byte),
  }),
  z.object({
    kind: z.enum(['ip', 'ip6']),
    id: optional(count),
    source: optional(address),
    destination: optional(address),
    trafficClass: optional(byte),
    hopLimit: optional(byte),
    flags: optional(z.int().min(0).max(0xffff)),
  }),
  z.object({ kind: z.literal('ila'), locator: z.string() }),
]);

const hop = z.object({
  via: optional(address),
  interface: optional(z.string()),
  weight: optional(z.int().min(1).max(256)),
  onlink: optional(z.boolean()),
  realms: optional(number32),
  encapsulation: optional(encapsulation),
  as: optional(address),
});

const route: z.ZodType<RouteSettings> = z.object({
  kind: z.literal('route'),
  ...entry,
  type: z.enum(routeTypes),
  destination: prefix,
  from: optional(prefix),
  source: optional(address),
  tos: optional(byte),
  table: number32,
  scope: optional(byte),
  metric: optional(number32),
  metrics: z.partialRecord(z.enum(routeMetrics), number32),
  locked: z.array(z.enum(routeMetrics)),
  congestion: optional(z.object({ algorithm: z.string(), locked: z.boolean() })),
  expires: optional(number32),
  preference: optional(z.enum(['low', 'medium', 'high'])),
  ttlPropagate: optional(z.boolean()),
  realms: optional(number32),
  placement: z.enum(['add', 'append', 'prepend']),
  hops: z.array(hop),
});

const rule: z.ZodType<RuleSettings> = z.object({
  kind: z.literal('rule'),
  ...entry,
  priority: number32,
  not: z.boolean(),
  from: optional(prefix),
  to: optional(prefix),
  tos: optional(byte),
  mark: optional(number32),
  markMask: optional(number32),
  realms: optional(number32),
  suppressPrefixLength: optional(z.int().min(0).max(128)),
  suppressGroup: optional(number32),
  inputInterface: optional(z.string()),
  outputInterface: optional(z.string()),
  tunnelId: optional(count),
  users: optional(range),
  l3mdev: z.boolean(),
  ipProtocol: optional(byte),
  sourcePorts: optional(range),
  destinationPorts: optional(range),
  action: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('table'), table: number32 }),
    z.object({ kind: z.literal('goto'), target: number32 }),
    z.object({ kind: z.enum(['nop', 'blackhole', 'unreachable', 'prohibit']) }),
  ]),
});

export const routingEntry = z.union([route, rule]);
