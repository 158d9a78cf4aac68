/**
 * The SNMP side of control: serves the MIBs through snmpd by AgentX and by itself, and sends notifications either way.
 * Call order: a `SnmpService`, `update` with rows whenever they change, `notify`, `close`. Sets come to `onSet` as changes
 * of named objects.
 */
export * from './agentx.ts';
export * from './engine-file.ts';
export * from './master-address.ts';
export * from './notifier.ts';
export * from './number-file.ts';
export * from './service.ts';
export * from './standalone.ts';
