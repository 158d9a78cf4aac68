/**
 * Who is in the fleet: SWIM with Lifeguard on memberlist's wire, and serf's delegate on top, so that a stock serf agent
 * is a member among ours. A {@link Swim} is one member; it finds the others by its seeds, watches them by probes, and
 * tells what it learns by gossip.
 *
 * Call order: construct, `handle({ kind: 'start' })`, then inputs as they come and `timeout` at `nextDeadline`; carry out
 * the outputs of every call in their order. `leave` ends with the output `left`, after which nothing happens any more.
 *
 * Left out: memberlist's protocol 1 (its padded encryption is read, never written), and serf's snapshot file.
 *
 * Sources: Das, Gupta, Motivala: SWIM (DSN 2002); Dadgar, Phillips, Currey: Lifeguard (2018); memberlist 0.2 to 0.6 and
 * serf 0.9 to 0.10 as they behave on the wire.
 */
export type { Cipher } from './envelope.ts';
export { type Reach, type CheckUpReport } from './check-up.ts';
export { type Coordinate, decodeCoordinate, encodeCoordinate } from './coordinate.ts';
export { CLAIM_TAG, type Claim, type Verify, claimOf, claimText, encodeClaim } from './claim.ts';
export * from './errors.ts';
export * from './messages.ts';
export * from './ownership-notice.ts';
export * from './ownership-teller.ts';
export * from './ownership-text.ts';
export * from './ownership-view.ts';
export {
  type KeyOperation,
  type KeyResponse,
  decodeConflictResponse,
  decodeKeyRequest,
  decodeKeyResponse,
  encodeConflictResponse,
  encodeFilter,
  encodeKeyRequest,
  encodeKeyResponse,
  keyQueryName,
} from './serf-queries.ts';
export { type QueryFilter, decodeFilter } from './serf.ts';
export * from './settings.ts';
export { settingsProblem } from './settings-problem.ts';
export * from './snapshot.ts';
export type { SwimStats } from './stats.ts';
export { MAX_STREAM_BYTES } from './stream.ts';
export * from './swim.ts';
