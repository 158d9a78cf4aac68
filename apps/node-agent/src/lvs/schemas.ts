import type { CheckerSettings } from '@keepfleet/health';
import {
  type LvsCommand,
  type LvsEvent,
  type LvsOutcome,
  type LvsSettings,
  type LvsSnapshot,
  defaultPolicy,
  untouchedOptions,
} from '@keepfleet/ipvs';
import { alikeItems } from '../link/index.ts';
import { optional } from '../vrrp/link-values.ts';
import { z } from 'zod';
import { checker } from './checker-schemas.ts';
import { plainRealServer, plainVirtualServer } from './plain-values.ts';
import { count, duration, ip, port, text } from './values.ts';

/** The kernel's weights are signed 32-bit numbers. */
const weight = count.max(0x7fffffff);
const mark = z.int().min(1).max(0xffffffff);
const family = z.enum(['ipv4', 'ipv6']);

const checksum = z.enum(['nocsum', 'csum', 'remcsum']);
const tunnel = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ipip') }),
  z.object({ type: z.literal('gue'), port, checksum }),
  z.object({ type: z.literal('gre'), checksum }),
]);
const forwarding = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('nat') }),
  z.object({ kind: z.literal('dr') }),
  z.object({ kind: z.literal('tun'), tunnel }),
]);
const script = z
  .object({ command: z.string(), path: text, argv: z.array(z.string()), user: text, group: text })
  .nullable();

const group = z.object({
  name: z.string(),
  members: z.array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('address'), address: ip, port }),
      z.object({ kind: z.literal('range'), first: ip, last: ip, port }),
      z.object({ kind: z.literal('fwmark'), fwmark: mark, family: optional(family) }),
    ]),
  ),
  marks: optional(z.object({ tcp: optional(mark), udp: optional(mark), sctp: optional(mark) })),
});

const virtualServerTraits = z.object({
  key: z.string(),
  target: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('address'), address: ip, port }),
    z.object({ kind: z.literal('fwmark'), fwmark: mark, family }),
    z.object({ kind: z.literal('group'), name: z.string(), family: optional(family) }),
  ]),
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  // The kernel's names are shorter than 16 octets.
  scheduler: z.string().regex(/^[\x21-\x7e]{1,15}$/, 'not the name of a scheduler'),
  flags: z.object({ flag1: z.boolean(), flag2: z.boolean(), flag3: z.boolean() }),
  onePacket: z.boolean(),
  hashed: z.boolean(),
  forwarding,
  persistence: z
    .object({
      timeout: z.int().positive().max(2_678_400),
      granularity: z.int().min(1).max(128).nullable(),
      engine: z
        .string()
        .regex(/^[\x21-\x7e]{1,15}$/, 'not the name of a persistence engine')
        .nullable(),
    })
    .nullable(),
  delayLoop: duration,
  retry: count.nullable(),
  delayBeforeRetry: duration.nullable(),
  warmup: duration.nullable(),
  connectTimeout: duration,
  weight,
  quorum: count,
  hysteresis: count,
  quorumUp: script,
  quorumDown: script,
  alpha: z.boolean(),
  omega: z.boolean(),
  haSuspend: z.boolean(),
  inhibitOnFailure: z.boolean(),
  smtpAlert: z.boolean(),
  virtualHost: text,
  snmpName: text,
  place: text,
});

const sorryServer = z.object({ key: z.string(), address: ip, port, forwarding, inhibit: z.boolean() });

const realServerTraits = z.object({
  key: z.string(),
  address: ip,
  port,
  weight,
  configuredWeight: weight,
  weightIsSet: z.boolean().exactOptional(),
  forwarding,
  inhibitOnFailure: z.boolean(),
  slowStart: duration,
  upperThreshold: count,
  lowerThreshold: count,
  alpha: z.boolean(),
  retry: count.nullable(),
  delayBeforeRetry: duration.nullable(),
  warmup: duration.nullable(),
  delayLoop: duration.nullable(),
  connectTimeout: duration.nullable(),
  virtualHost: text,
  notifyUp: script,
  notifyDown: script,
  smtpAlert: z.boolean(),
  snmpName: text,
  place: text,
});

const account = z.object({ user: z.string(), group: text }).nullable();
const notify = z.object({
  fifo: z.object({ path: z.string(), owner: account, script }).nullable(),
  commonFifo: z.object({ path: z.string(), owner: account }).optional(),
  initial: z.boolean(),
  user: account,
  secure: z.boolean(),
});

const policy = z.object({
  drift: z.enum(['repair', 'report']),
  foreign: z.enum(['leave', 'remove']),
  flushAtStart: z.boolean(),
  flushAtStop: z.boolean(),
  statisticsAge: duration.default(defaultPolicy.statisticsAge),
});

const idle = count.max(2_678_400);
const timeouts = z.object({ tcp: idle, tcpFin: idle, udp: idle });
const interfaceName = z.string().regex(/^[^\s/]{1,15}$/, 'not the name of an interface');
const syncId = z.int().min(0).max(255);
const messageLength = port.nullable();
const ttl = z.int().min(0).max(255);
const kernelOptions = z.object({
  timeouts,
  syncDaemon: z
    .object({ interface: interfaceName, syncId, maxLength: messageLength, group: ip, port, ttl, instance: text })
    .nullable(),
  receiveBuffer: count.nullable(),
  places: optional(z.object({ timeouts: text, syncDaemon: text })),
});

/** What is plain is known without asking the schema; the tests compare it with a schema that is asked about everything. */
export function settingsSchema(
  plain: { readonly realServer?: typeof plainRealServer; readonly virtualServer?: typeof plainVirtualServer } = {},
): z.ZodType<LvsSettings<CheckerSettings>> {
  return z.object({
    revision: optional(z.string()),
    policy: policy.default(defaultPolicy),
    kernel: kernelOptions.default(untouchedOptions),
    notify: notify.optional(),
    groups: z.array(group),
    addressMarks: z.object({ table: z.string(), priority: z.int(), counters: z.boolean(), first: mark }).optional(),
    virtualServers: alikeItems(
      virtualServerTraits.extend({
        sorryServer: sorryServer.nullable(),
        realServers: alikeItems(realServerTraits.extend({ checkers: z.array(checker) }), plain.realServer),
      }),
      plain.virtualServer,
    ),
  });
}

/** What control tells the lvs process to be. */
export const lvsSettingsSchema = settingsSchema({ realServer: plainRealServer, virtualServer: plainVirtualServer });

export const lvsCommandSchema: z.ZodType<LvsCommand> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('connections'), address: z.string(), port: port.optional() }),
  z.object({ kind: z.literal('masters'), instances: z.array(z.string()) }),
  z.object({ kind: z.literal('zero'), service: z.string().optional() }),
]);

const connections = z.object({ active: count, inactive: count, persistent: count });

/** What the lvs process answers to a command. */
export const lvsOutcomeSchema: z.ZodType<LvsOutcome> = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    services: z.array(connections.extend({ service: z.string(), server: z.string(), weight: count.nullable() })),
    total: connections,
  }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);

const rate = z.number().nonnegative();
const total = z.string().regex(/^\d+$/, 'not a counter');
const traffic = z.object({
  connections: total,
  inPackets: total,
  outPackets: total,
  inBytes: total,
  outBytes: total,
  connectionRate: rate,
  inPacketRate: rate,
  outPacketRate: rate,
  inByteRate: rate,
  outByteRate: rate,
});
const kernel = z.object({ weight: count, connections, traffic }).nullable();
const state = z.enum(['up', 'down']);
const syncState = z.enum(['master', 'backup']);
const time = z.number();

/** What the lvs process says of itself. */
export const lvsSnapshotSchema: z.ZodType<LvsSnapshot> = z.object({
  revision: optional(z.string()),
  available: z.boolean(),
  reason: text,
  readAt: time.nullable(),
  groups: z.array(group),
  virtualServers: z.array(
    virtualServerTraits.extend({
      alive: z.boolean(),
      quorumState: state,
      realServersUp: count,
      traffic: traffic.nullable(),
      sorryServer: sorryServer.extend({ inUse: z.boolean(), kernel }).nullable(),
      realServers: z.array(
        realServerTraits.extend({
          state,
          since: time,
          effectiveWeight: count.nullable(),
          checkers: z.array(
            z.object({
              what: z.string(),
              state,
              ran: z.boolean(),
              lastResult: text,
              failures: count,
              since: time,
            }),
          ),
          failedCheckers: count,
          notRunCheckers: count,
          kernel,
        }),
      ),
      problems: z.array(z.string()),
    }),
  ),
  foreignServices: z.array(z.string()),
  repairs: count,
  drift: z.array(z.string()),
  syncDaemons: z.array(
    z.object({
      state: syncState,
      interface: z.string(),
      syncId: count,
      maxLength: count.nullable(),
      group: ip.nullable(),
      port: count.nullable(),
      ttl: count.nullable(),
    }),
  ),
  timeouts: z.object({ tcp: count, tcpFin: count, udp: count }).nullable(),
  optionProblems: z.array(z.string()),
});

const service = z.string();
const server = z.string();
const reason = z.string();
const what = z.string();
const realServersUp = count.optional();

export const lvsEventSchema: z.ZodType<LvsEvent> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('real-server-up'), service, server, reason, realServersUp }),
  z.object({ kind: z.literal('real-server-down'), service, server, reason, realServersUp }),
  z.object({ kind: z.literal('quorum-gained'), service, weight: count, quorum: count, realServersUp }),
  z.object({
    kind: z.literal('quorum-lost'),
    service,
    weight: count,
    quorum: count,
    realServersUp,
    reason: z.literal('stopped').optional(),
  }),
  z.object({ kind: z.literal('sorry-server-in'), service, server }),
  z.object({ kind: z.literal('sorry-server-out'), service, server }),
  z.object({ kind: z.literal('weight-changed'), service, server, from: count, to: count }),
  z.object({ kind: z.literal('drift-repaired'), service, what }),
  z.object({ kind: z.literal('drift-found'), service, what }),
  z.object({ kind: z.literal('operation-refused'), service, what, reason, place: text }),
  z.object({ kind: z.literal('sync-daemon-started'), state: syncState, interface: z.string() }),
  z.object({ kind: z.literal('sync-daemon-stopped'), state: syncState, interface: z.string() }),
  z.object({ kind: z.literal('ipvs-available') }),
  z.object({ kind: z.literal('ipvs-unavailable'), reason }),
]);
