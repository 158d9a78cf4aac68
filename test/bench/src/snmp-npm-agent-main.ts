/** `node snmp-npm-agent-main.ts PORT ADDRESSES`: vrrpAddressTable of so many addresses, by the agent of the npm package. */
import { createRequire } from 'node:module';

// The package has no types.
const snmp = createRequire(import.meta.url)('net-snmp');

const [, , port = '1161', count = '1'] = process.argv;
const agent = snmp.createAgent(
  { port: Number(port), address: '127.0.0.1', disableAuthorization: true },
  () => undefined,
);
const text = snmp.ObjectType.OctetString;
const integer = snmp.ObjectType.Integer;
const columns = [
  [1, 'index', integer],
  [2, 'type', integer],
  [3, 'value', text],
  [5, 'mask', snmp.ObjectType.Gauge],
  [6, 'scope', integer],
  [7, 'ifIndex', integer],
  [8, 'ifName', text],
  [10, 'status', integer],
  [11, 'advertising', integer],
] as const;
agent.registerProvider({
  name: 'vrrpAddressTable',
  type: snmp.MibProviderType.Table,
  oid: '1.3.6.1.4.1.9586.100.5.2.6.1',
  maxAccess: snmp.MaxAccess['not-accessible'],
  tableColumns: [
    { number: 100, name: 'instance', type: integer, maxAccess: snmp.MaxAccess['not-accessible'] },
    ...columns.map(([number, name, type]) => ({
      number,
      name,
      type,
      maxAccess: number === 1 ? snmp.MaxAccess['not-accessible'] : snmp.MaxAccess['read-only'],
    })),
  ],
  tableIndex: [{ columnName: 'instance' }, { columnName: 'index' }],
});
for (let i = 1; i <= Number(count); i++) {
  agent
    .getMib()
    .addTableRow('vrrpAddressTable', [1, i, 1, Buffer.from([10, 0, i >> 8, i & 255]), 32, 14, 3, 'lan0', 1, 2]);
}
