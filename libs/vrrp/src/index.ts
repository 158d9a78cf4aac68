/**
 * VRRP version 2 (RFC 3768) and 3 (RFC 5798, RFC 9568) with keepalived's behaviour where the RFCs leave room: packets,
 * the virtual router, tracking of interfaces, gratuitous ARP and neighbour advertisement schedules. No I/O.
 *
 * A driver tells {@link VrrpNode} of all interfaces, then configures it, carries out what it answers, opens the sockets
 * of `listeners()`, and reads interfaces back (input `interface`) after every change of addresses and whenever the
 * kernel reports one.
 */
export type { Digests, Surroundings } from './authentication.ts';
export { AH_PROTOCOL } from './auth-header.ts';
export * from './errors.ts';
export { VirtualRouter } from './machine.ts';
export { gratuitousArp, neighbourAdvertisement } from './frames.ts';
export * from './messages.ts';
export * from './process-monitor.ts';
export * from './script-monitor.ts';
export * from './tracked-file.ts';
export { type Listener, type Place, VrrpNode } from './node.ts';
export * from './packet.ts';
export { rehearseTakeover } from './rehearsal.ts';
export * from './routing.ts';
export * from './settings.ts';
export * from './settings-check.ts';
export * from './snapshot.ts';
export * from './stats.ts';
export { type WantedInterface, wantedInterfaces } from './wanted-interfaces.ts';
export { firstWait, masterDownInterval, skewTime } from './timers.ts';
