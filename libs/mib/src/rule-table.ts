import { columnsOf } from './columns.ts';
import { ofInstances } from './instance-numbers.ts';
import { oid } from './oid.ts';
import { RULE_ACTION, type RuleRow } from './route-rows.ts';
import { OCTET, PROTOCOL, REALM, protocolOf } from './route-tables.ts';
import { type Table, hidden, numbered } from './table.ts';

const rule = columnsOf<RuleRow>();

const OBSOLETE = { status: 'obsolete' } as const;
const WORD = { range: [0, 4294967295] } as const;

/** `vrrpRuleTable`, INDEX { vrrpInstanceIndex, vrrpRuleIndex }; static rules are those of instance 0. */
export const vrrpRuleTable: Table<RuleRow> = {
  name: 'vrrpRuleTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.8.1'),
  index: ['vrrpInstanceIndex', 'vrrpRuleIndex'],
  hidden: [hidden(1, 'vrrpRuleIndex', 'Unsigned32(1..4294967295)')],
  rows: (rows, numbers) => [
    ...numbered(numbers, 'rule/', [0], rows.staticRules, ({ key }) => key),
    ...ofInstances(rows, numbers, ({ index, row }) =>
      numbered(numbers, `rule/${row.name}`, index, row.rules, ({ key }) => key),
    ),
  ],
  columns: [
    // From before rules had both: the source is told only where there is no destination.
    rule.text(2, 'vrrpRuleDirection', directionOf, OBSOLETE),
    rule.enumerated(3, 'vrrpRuleAddressType', { ipv4: 1, ipv6: 2 }, (row) => typeOf(row.destination ?? row.source), {
      syntax: 'InetAddressType',
      status: 'obsolete',
    }),
    rule.address(4, 'vrrpRuleAddress', (row) => row.destination ?? row.source ?? null, OBSOLETE),
    rule.unsigned(5, 'vrrpRuleAddressMask', (row) => row.destinationLength ?? row.sourceLength ?? null, {
      syntax: 'InetAddressPrefixLength',
      status: 'obsolete',
    }),
    rule.unsigned(6, 'vrrpRuleRoutingTable', (row) => tableOf(row)),
    rule.yesNo(7, 'vrrpRuleStatus', { true: ['set', 1], false: ['unset', 2] }, (row) => row.set),
    rule.truth(8, 'vrrpRuleInvert', (row) => row.invert),
    rule.addressType(9, 'vrrpRuleDestinationAddressType', (row) => row.destination ?? null),
    rule.address(10, 'vrrpRuleDestinationAddress', (row) => row.destination ?? null),
    rule.prefixLength(11, 'vrrpRuleDestinationAddressMask', (row) => row.destinationLength ?? null),
    rule.addressType(12, 'vrrpRuleSourceAddressType', (row) => row.source ?? null),
    rule.address(13, 'vrrpRuleSourceAddress', (row) => row.source ?? null),
    rule.prefixLength(14, 'vrrpRuleSourceAddressMask', (row) => row.sourceLength ?? null),
    rule.unsigned(15, 'vrrpRuleTos', (row) => row.tos ?? null, OCTET),
    rule.unsigned(16, 'vrrpRuleFwmark', (row) => row.fwmark ?? null, WORD),
    rule.unsigned(17, 'vrrpRuleFwmask', (row) => row.fwmask ?? null, WORD),
    rule.unsigned(18, 'vrrpRuleRealmDst', (row) => row.realms?.destination ?? null, REALM),
    rule.unsigned(19, 'vrrpRuleRealmSrc', (row) => row.realms?.source ?? null, REALM),
    rule.text(20, 'vrrpRuleInInterface', (row) => row.inInterface ?? null),
    rule.text(21, 'vrrpRuleOutInterface', (row) => row.outInterface ?? null),
    rule.unsigned(22, 'vrrpRuleTarget', (row) => row.target ?? null, WORD),
    rule.enumerated(23, 'vrrpRuleAction', RULE_ACTION, (row) => row.action, { syntax: 'RuleAction' }),
    rule.unsigned(24, 'vrrpRuleTableNo', (row) => tableOf(row)),
    rule.unsigned(25, 'vrrpRulePreference', (row) => row.preference ?? null),
    rule.unsigned(26, 'vrrpRuleSuppressPrefixLen', (row) => row.suppressPrefixLength ?? null, { range: [0, 128] }),
    rule.text(27, 'vrrpRuleSuppressGroup', (row) => row.suppressGroup ?? null),
    rule.high32(28, 'vrrpRuleTunnelIdHigh', (row) => row.tunnelId ?? null),
    rule.low32(29, 'vrrpRuleTunnelIdLow', (row) => row.tunnelId ?? null),
    rule.unsigned(30, 'vrrpRuleUidRangeStart', (row) => row.uids?.first ?? null),
    rule.unsigned(31, 'vrrpRuleUidRangeEnd', (row) => row.uids?.last ?? null),
    rule.truth(32, 'vrrpRuleL3mdev', (row) => row.l3mdev ?? null),
    rule.enumerated(33, 'vrrpRuleProtocol', PROTOCOL, (row) => protocolOf(row.protocol)),
    rule.unsigned(34, 'vrrpRuleIPProto', (row) => row.ipProtocol ?? null),
    rule.unsigned(35, 'vrrpRuleSrcPortStart', (row) => row.sourcePorts?.first ?? null),
    rule.unsigned(36, 'vrrpRuleSrcPortEnd', (row) => row.sourcePorts?.last ?? null),
    rule.unsigned(37, 'vrrpRuleDstPortStart', (row) => row.destinationPorts?.first ?? null),
    rule.unsigned(38, 'vrrpRuleDstPortEnd', (row) => row.destinationPorts?.last ?? null),
  ],
};

function directionOf({ source, destination }: RuleRow): string | null {
  if (source === undefined) return destination === undefined ? null : 'to';
  return destination === undefined ? 'from' : 'both';
}

function typeOf(address: RuleRow['source']): 'ipv4' | 'ipv6' | null {
  if (address === undefined) return null;
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

function tableOf(row: RuleRow): number | null {
  return row.action === 'table' ? (row.table ?? null) : null;
}
