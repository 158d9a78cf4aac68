/**
 * Runs one member of the fleet's gossip on the host's sockets: UDP and TCP on one port, AES-GCM by a keyring file, and a
 * file of members remembered for the next start. It knows nothing of agents and could serve any process that wants to be
 * a member; the protocol itself is @keepfleet/swim.
 */
export * from './errors.ts';
export * from './gossip.ts';
export { describeProblem } from './problem-text.ts';
export { DEFAULT_PORT } from './seeds.ts';
export { MAX_STREAMS, STREAM_DEADLINE } from './sockets.ts';
