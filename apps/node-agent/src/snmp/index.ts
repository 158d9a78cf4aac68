/**
 * The SNMP side of control: serves KEEPALIVED-MIB through snmpd by AgentX. Call order: `startSnmp`, `update` with rows
 * whenever they change, `close`. Sets come to `onSet` as changes of named objects.
 */
export * from './master-address.ts';
export * from './snmp.ts';
