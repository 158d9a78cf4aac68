/**
 * Runs one member of the fleet's gossip on the host's sockets: UDP and TCP on one port, AES-GCM by a keyring file, and a
 * file of members remembered for the next start. It knows nothing of agents and could serve any process that wants to be
 * a member; the protocol itself is @keepfleet/swim.
 */
export * from './errors.ts';
export { type Finding, type Way } from './diagnosis.ts';
export { type DoctorsWord, examine } from './doctor.ts';
export * from './gossip.ts';
export { type KeysOutcome, askKeys } from './keys.ts';
export * from './messages.ts';
export { describeProblem } from './problem-text.ts';
export { DEFAULT_PORT } from './seeds.ts';
export { MAX_STREAMS } from './sockets.ts';
