/**
 * SNMP without sockets: KEEPALIVED-MIB, VRRP-MIB and VRRPV3-MIB as data with an ordered view of them over plain rows; an
 * AgentX sub-agent's session with its master; an agent of its own for v1, v2c and v3; notifications. Leaves out: making
 * the rows, carrying out a SET, sockets, timers and cryptography (the driver brings them), other managers' part of SNMP.
 *
 * Call order: make a MibView of `allTables`, `update` it with rows whenever they change, and give it to an AgentXSession or
 * (joined with `systemGroup`) to an SnmpAgent. The session: hand it `start` and whatever happens, carry out its outputs,
 * and arm one timer at `nextDeadline`. The agent: hand it each datagram, and send what it answers. Notifications:
 * `notificationVarBinds`, then `notify` of the session or of a NotificationSender.
 *
 * RFC 2741 (AgentX), RFC 3411 to 3418 (SNMP version 3), RFC 3584 (older versions), RFC 3826 and 7860 (AES, SHA-2), RFC
 * 2787 and 6527 (VRRP), RFC 4001 (Internet addresses).
 */
export * from './answers.ts';
export * from './ber.ts';
export * from './changes.ts';
export * from './framer.ts';
export * from './hex.ts';
export * from './keepalived-mib.ts';
export * from './messages.ts';
export * from './mibs.ts';
export type { OwnershipNotification } from './keepfleet-mib.ts';
export * from './notification-pacer.ts';
export * from './notification-sender.ts';
export * from './notifications.ts';
export * from './object-list.ts';
export * from './oid.ts';
export * from './packet.ts';
export * from './route-rows.ts';
export * from './row-numbers.ts';
export * from './rows.ts';
export * from './session.ts';
export * from './snmp-agent.ts';
export * from './snmp-counters.ts';
export * from './snmp-message.ts';
export * from './snmp-pdu.ts';
export * from './system-group.ts';
export type { AnyTable, LoadedTable, MibObject } from './table.ts';
export * from './usm.ts';
export { v3Message } from './v3-answer.ts';
export * from './value.ts';
export * from './variables.ts';
export * from './view.ts';
