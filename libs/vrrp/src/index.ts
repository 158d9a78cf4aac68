/**
 * VRRP version 2 (RFC 3768) and 3 (RFC 5798, RFC 9568) with keepalived's behaviour where the RFCs leave room: packets,
 * the virtual router, tracking of interfaces, gratuitous ARP and neighbour advertisement schedules. No I/O.
 */
export * from './errors.ts';
export * from './messages.ts';
export * from './settings.ts';
export * from './snapshot.ts';
export * from './stats.ts';
