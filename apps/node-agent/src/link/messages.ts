import { z } from 'zod';

/**
 * The words between the control process and the vrrp, lvs and bfd processes: one JSON text a line over a UNIX socket. What
 * settings, commands, snapshots and events hold is the matter of each role, which gives the schemas of its own.
 *
 *   control                                   process
 *      | <------------------------------ hello |   first on every connection
 *      | <---------------------------- problems |   when those of the hello have changed
 *      | configure ---------------------------> |   the whole desired state, or what differs from that of `base`
 *      | <---- applied | refused | unknown-base |   the last: send the whole
 *      | resume -------------------------------> |   events are wanted, from there on
 *      | <------------ missed?, event, event... |
 *      | <---------------------------- snapshot |   on change (at most 10 a second), at least every 2 s; a large one is rarer
 *      | command ------------------------------> |
 *      | <-------------------------------- done |
 *      | stop ---------------------------------> |
 */
export type Role = 'vrrp' | 'lvs' | 'bfd';

/** `release` hands over and takes away what the process put in place, `leave` leaves everything as it is. */
export type StopMode = 'release' | 'leave';

/** What a command came to. */
export type Outcome = { readonly ok: true; readonly value?: unknown } | { readonly ok: false; readonly reason: string };

const role = z.enum(['vrrp', 'lvs', 'bfd']);
const outcome = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown().optional() }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);
const sequence = z.number().int().nonnegative();
/** Milliseconds since 1970. */
const time = z.number().nonnegative();

export const controlMessage = z.discriminatedUnion('type', [
  /** With `base`, items of keyed lists that are as in that revision are `{ same: key }`. */
  z.object({
    type: z.literal('configure'),
    revision: z.string(),
    base: z.string().optional(),
    settings: z.unknown(),
  }),
  z.object({ type: z.literal('command'), id: z.string(), command: z.unknown() }),
  /** Events after number `after` of that incarnation; of another incarnation, all there are. */
  z.object({ type: z.literal('resume'), incarnation: z.string(), after: sequence }),
  z.object({ type: z.literal('stop'), mode: z.enum(['release', 'leave']) }),
]);
export type ControlMessage = z.infer<typeof controlMessage>;

const hello = z.object({
  type: z.literal('hello'),
  role,
  pid: z.number().int().positive(),
  /** Another one for every start of the process; event numbers count from 1 in each. */
  incarnation: z.string(),
  version: z.string(),
  /** Of the settings in force; null before the first. */
  revision: z.string().nullable(),
  startedAt: time,
  /** What keeps the process from its whole work, in words for the operator. */
  problems: z.array(z.string()),
  /** It takes `base`; one of an earlier version does not. */
  deltas: z.boolean().optional(),
  /** It takes items of lists as what they have otherwise than the one before: `{ like: { key, address } }`. */
  alike: z.boolean().optional(),
});
export type Hello = z.infer<typeof hello>;

export const processMessage = z.discriminatedUnion('type', [
  hello,
  /** Those of the hello have changed. */
  z.object({ type: z.literal('problems'), problems: z.array(z.string()) }),
  z.object({ type: z.literal('applied'), revision: z.string() }),
  z.object({ type: z.literal('unknown-base'), revision: z.string() }),
  z.object({ type: z.literal('refused'), revision: z.string(), reason: z.string() }),
  z.object({ type: z.literal('snapshot'), at: time, snapshot: z.unknown() }),
  z.object({ type: z.literal('event'), seq: sequence, at: time, event: z.unknown() }),
  /** So many events were dropped before they could be sent. */
  z.object({ type: z.literal('missed'), count: z.number().int().positive() }),
  z.object({ type: z.literal('done'), id: z.string(), outcome }),
]);
export type ProcessMessage = z.infer<typeof processMessage>;
