/**
 * Bidirectional Forwarding Detection: RFC 5880 in asynchronous mode, over a single hop (RFC 5881) and several (RFC 5883),
 * both families, active and passive. No I/O.
 *
 * A driver configures {@link BfdNode}, opens the ports of `listeners()` and a sending socket for each of `senders()`, and
 * hands every payload that comes with its TTL to `handle`. The random source is to be one that nobody can guess. Left out:
 * demand mode of our own (that of a neighbour is honoured), echo, authentication, point-to-multipoint.
 */
export * from './diagnostics.ts';
export * from './errors.ts';
export * from './messages.ts';
export { type Listener, BfdNode } from './node.ts';
export * from './packet.ts';
export { Session } from './session.ts';
export * from './settings.ts';
export * from './snapshot.ts';
export { type DiscardCounters, type SessionCounters, noDiscards } from './stats.ts';
export { detectionTime, jittered, transmitInterval } from './timing.ts';
