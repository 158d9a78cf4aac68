/**
 * SNMP without sockets: an AgentX sub-agent's session with its master, the KEEPALIVED-MIB as data, and an ordered view of
 * it over plain rows. Leaves out: making the rows, carrying out a SET, sockets and timers (the driver does), SNMP's own
 * messages, notifications (the PDU is there, the session does not send it yet), index allocation, agent capabilities.
 *
 * Call order: make a MibView of `keepalivedMib`, `update` it with rows whenever they change, and an AgentXSession of the
 * view; then hand it `start` and whatever happens, carry out its outputs, and arm one timer at `nextDeadline`.
 *
 * RFC 2741 (AgentX), RFC 3416 section 4.2 (what an agent answers), RFC 4001 (Internet addresses).
 */
export * from './answers.ts';
export * from './changes.ts';
export * from './framer.ts';
export * from './hex.ts';
export * from './keepalived-mib.ts';
export * from './messages.ts';
export * from './oid.ts';
export * from './packet.ts';
export * from './rows.ts';
export * from './session.ts';
export type { AnyTable, LoadedTable } from './table.ts';
export * from './value.ts';
export * from './view.ts';
