import {
  type BfdCommand,
  type BfdEvent,
  type BfdSettings,
  type BfdSnapshot,
  STATES,
  type SessionSettings,
  type SessionSnapshot,
  discardKinds,
} from '@keepfleet/bfd';
import type { Duration } from '@keepfleet/machine';
import { type IpAddress, parseIp } from '@keepfleet/wire';
import { z } from 'zod';
import { schedulingSchema } from '../scheduling.ts';

// What travels between the bfd process and the others, checked at either end.

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
const optional = z.exactOptional;
const state = z.enum(STATES);
const hops = z.enum(['single', 'multi']);
const error = z.enum(discardKinds);
const discarded = z.record(error, count);

const sessionSettings: z.ZodType<SessionSettings> = z.object({
  name: z.string(),
  neighbor: address,
  source: optional(address),
  hops,
  passive: z.boolean(),
  desiredMinTx: duration,
  requiredMinRx: duration,
  idleTx: duration,
  detectMult: z.int(),
  ttl: z.int(),
  leastTtl: z.int(),
});

export const bfdSettingsSchema: z.ZodType<BfdSettings> = z.object({
  revision: optional(z.string()),
  sessions: z.array(sessionSettings),
  scheduling: optional(schedulingSchema),
});

export const bfdCommandSchema: z.ZodType<BfdCommand> = z.object({
  kind: z.enum(['disable', 'enable']),
  session: z.string(),
});

const sessionSnapshot: z.ZodType<SessionSnapshot> = z.object({
  name: z.string(),
  neighbor: address,
  source: optional(address),
  hops,
  passive: z.boolean(),
  state,
  since: z.number(),
  diagnostic: count,
  remoteState: state,
  remoteDiagnostic: count,
  localDiscriminator: count,
  remoteDiscriminator: count,
  detectMult: count,
  remoteDetectMult: count,
  desiredMinTx: duration,
  requiredMinRx: duration,
  remoteMinTx: duration,
  remoteMinRx: duration,
  transmitInterval: duration,
  detectionTime: duration,
  polling: z.boolean(),
  counters: z.object({
    packetsReceived: count,
    packetsSent: count,
    up: count,
    down: count,
    pollsStarted: count,
    pollsFinished: count,
    discarded,
  }),
});

export const bfdSnapshotSchema: z.ZodType<BfdSnapshot> = z.object({
  revision: optional(z.string()),
  sessions: z.array(sessionSnapshot),
  discarded,
});

const session = z.string();

export const bfdEventSchema: z.ZodType<BfdEvent> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('state-changed'),
    session,
    neighbor: address,
    from: state,
    to: state,
    reason: z.enum(['started', 'neighbor', 'detection-time', 'path-down', 'disabled', 'enabled', 'removed', 'stopped']),
    diagnostic: count,
    remoteDiagnostic: count,
    remoteState: state,
    silence: optional(count),
  }),
  z.object({ kind: z.literal('discarded'), session, error, source: address, detail: z.string() }),
  z.object({ kind: z.literal('stranger'), error, source: address, detail: z.string() }),
]);
