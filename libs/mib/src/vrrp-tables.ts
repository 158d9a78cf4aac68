import { toMillis, toSeconds } from '@keepfleet/machine';
import { ENABLED, TRUE_FALSE, TRUTH, columnsOf } from './columns.ts';
import { oid } from './oid.ts';
import { numberedInstances, ofInstances } from './instance-numbers.ts';
import type { AddressRow, InstanceRow, ScriptRow } from './rows.ts';
import { type Table, type Writer, hidden, integerRefusal, numbered } from './table.ts';

/** The convention VrrpState of KEEPALIVED-MIB. */
export const VRRP_STATE = { init: 0, backup: 1, master: 2, fault: 3, unknown: 4, shutdown: 5, deleted: 6 } as const;

const PREEMPT = { true: ['preempt', TRUTH.true], false: ['noPreempt', TRUTH.false] } as const;

/** InetScopeType, RFC 4001 section 3; `host` has no better place than the reach of one interface. */
export const INET_SCOPE = { host: 1, link: 2, site: 5, global: 14 } as const;

/** VRRP, RFC 9568 section 5.2.4: 0 is the word of a router that leaves. */
const MIN_PRIORITY = 1;
const MAX_PRIORITY = 255;

const basePriority: Writer<InstanceRow> = {
  refusal: (value) => integerRefusal(value, MIN_PRIORITY, MAX_PRIORITY),
  change: (row, value) =>
    value.type === 'integer' ? { kind: 'base-priority', instance: row.name, value: value.value } : undefined,
};

const preempt: Writer<InstanceRow> = {
  refusal: (value) => integerRefusal(value, TRUTH.true, TRUTH.false),
  change: (row, value) =>
    value.type === 'integer' ? { kind: 'preempt', instance: row.name, value: value.value === TRUTH.true } : undefined,
};

/** A mode that VRRPv2 has not has no instance there. */
const accept: Writer<InstanceRow> = {
  refusal: (value) => integerRefusal(value, TRUTH.true, TRUTH.false),
  change: (row, value) =>
    value.type === 'integer' && row.accept !== null
      ? { kind: 'accept', instance: row.name, value: value.value === TRUTH.true }
      : undefined,
};

const promoteSecondaries: Writer<InstanceRow> = {
  refusal: (value) => integerRefusal(value, TRUTH.true, TRUTH.false),
  change: (row, value) =>
    value.type === 'integer'
      ? { kind: 'promote-secondaries', instance: row.name, value: value.value === TRUTH.true }
      : undefined,
};

const VRRP_STATE_TC = { syntax: 'VrrpState' } as const;

/** Index of what belongs to no instance. */
const STATIC = [0] as const;

const instance = columnsOf<InstanceRow>();

/** `vrrpInstanceTable`, INDEX { vrrpInstanceIndex }. */
export const vrrpInstanceTable: Table<InstanceRow> = {
  name: 'vrrpInstanceTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.3.1'),
  index: ['vrrpInstanceIndex'],
  hidden: [hidden(1, 'vrrpInstanceIndex', 'Integer32(0..2147483647)')],
  rows: numberedInstances,
  columns: [
    instance.text(2, 'vrrpInstanceName', (row) => row.name),
    instance.unsigned(3, 'vrrpInstanceVirtualRouterId', (row) => row.vrid),
    instance.enumerated(4, 'vrrpInstanceState', VRRP_STATE, (row) => row.state, VRRP_STATE_TC),
    instance.enumerated(5, 'vrrpInstanceInitialState', VRRP_STATE, (row) => row.initialState, VRRP_STATE_TC),
    instance.enumerated(6, 'vrrpInstanceWantedState', VRRP_STATE, (row) => row.wantedState, VRRP_STATE_TC),
    instance.integer(7, 'vrrpInstanceBasePriority', (row) => row.basePriority, { write: basePriority }),
    instance.integer(8, 'vrrpInstanceEffectivePriority', (row) => row.effectivePriority),
    instance.yesNo(9, 'vrrpInstanceVipsStatus', { true: ['allSet', 1], false: ['notAllSet', 2] }, (row) => row.vipsSet),
    instance.text(10, 'vrrpInstancePrimaryInterface', (row) => row.interface),
    instance.yesNo(
      11,
      'vrrpInstanceTrackPrimaryIf',
      { true: ['tracked', 1], false: ['notTracked', 2] },
      (row) => row.trackPrimary,
    ),
    // The unit depends on the version: seconds for VRRPv2, centiseconds for VRRPv3.
    instance.unsigned(12, 'vrrpInstanceAdvertisementsInt', (row) =>
      row.version === 2 ? Math.floor(toSeconds(row.advertInterval)) : Math.floor(toMillis(row.advertInterval) / 10),
    ),
    instance.yesNo(13, 'vrrpInstancePreempt', PREEMPT, (row) => row.preempt, { write: preempt }),
    instance.seconds(14, 'vrrpInstancePreemptDelay', (row) => row.preemptDelay),
    instance.enumerated(15, 'vrrpInstanceAuthType', { none: 0, password: 1, ah: 2 }, (row) => row.authentication),
    instance.yesNo(16, 'vrrpInstanceLvsSyncDaemon', ENABLED, (row) => row.syncDaemonInterface !== null, {
      status: 'deprecated',
    }),
    instance.text(17, 'vrrpInstanceLvsSyncInterface', (row) => row.syncDaemonInterface, { status: 'deprecated' }),
    instance.text(18, 'vrrpInstanceSyncGroup', (row) => row.syncGroup),
    instance.seconds(19, 'vrrpInstanceGarpDelay', (row) => row.garpDelay),
    instance.yesNo(20, 'vrrpInstanceSmtpAlert', ENABLED, (row) => row.smtpAlert),
    instance.yesNo(21, 'vrrpInstanceNotifyExec', ENABLED, (row) =>
      Object.values(row.scripts).some((script) => script !== null),
    ),
    instance.text(22, 'vrrpInstanceScriptMaster', (row) => commandOf(row.scripts.master)),
    instance.text(23, 'vrrpInstanceScriptBackup', (row) => commandOf(row.scripts.backup)),
    instance.text(24, 'vrrpInstanceScriptFault', (row) => commandOf(row.scripts.fault)),
    instance.text(25, 'vrrpInstanceScriptStop', (row) => commandOf(row.scripts.stop)),
    instance.text(26, 'vrrpInstanceScript', (row) => commandOf(row.scripts.any)),
    instance.yesNo(27, 'vrrpInstanceAccept', TRUE_FALSE, (row) => row.accept, {
      write: accept,
    }),
    instance.yesNo(28, 'vrrpInstancePromoteSecondaries', TRUE_FALSE, (row) => row.promoteSecondaries, {
      write: promoteSecondaries,
    }),
    instance.yesNo(29, 'vrrpInstanceUseLinkbeat', TRUE_FALSE, (row) => row.useLinkbeat, {
      access: 'read-write',
    }),
    instance.enumerated(30, 'vrrpInstanceVrrpVersion', { vrrpv2: 2, vrrpv3: 3 }, (row) =>
      row.version === 2 ? 'vrrpv2' : 'vrrpv3',
    ),
    instance.text(31, 'vrrpInstanceScriptMstrRxLowerPri', (row) => commandOf(row.scripts.masterReceivedLowerPriority)),
    instance.text(32, 'vrrpInstanceScriptDeleted', (row) => commandOf(row.scripts.deleted)),
    instance.yesNo(33, 'vrrpInstanceNotifyDeleted', TRUE_FALSE, (row) => row.notifyDeleted, {
      access: 'read-write',
    }),
    instance.addressType(34, 'vrrpInstanceMulticastAddressType', (row) => row.multicastGroup),
    instance.address(35, 'vrrpInstanceMulticastAddress', (row) => row.multicastGroup),
    instance.truth(36, 'vrrpInstanceV3ChecksumAsV2', (row) => row.v3ChecksumAsV2),
  ],
};

const address = columnsOf<AddressRow>();

/** `vrrpAddressTable`, INDEX { vrrpInstanceIndex, vrrpAddressIndex }; instance 0 has the static addresses. */
export const vrrpAddressTable: Table<AddressRow> = {
  name: 'vrrpAddressTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.2.6.1'),
  index: ['vrrpInstanceIndex', 'vrrpAddressIndex'],
  hidden: [hidden(1, 'vrrpAddressIndex')],
  rows: (rows, numbers) => [
    ...numbered(numbers, 'address/', STATIC, rows.staticAddresses, addressName),
    ...ofInstances(rows, numbers, ({ index, row }) =>
      numbered(numbers, `address/${row.name}`, index, row.addresses, addressName),
    ),
  ],
  columns: [
    address.addressType(2, 'vrrpAddressType', (row) => row.address),
    address.address(3, 'vrrpAddressValue', (row) => row.address),
    address.address(4, 'vrrpAddressBroadcast', (row) => row.broadcast),
    address.prefixLength(5, 'vrrpAddressMask', (row) => row.prefixLength),
    address.enumerated(
      6,
      'vrrpAddressScope',
      INET_SCOPE,
      ({ scope }) => (scope === 'nowhere' || scope === 'other' ? null : scope),
      { syntax: 'InetScopeType' },
    ),
    address.interfaceIndex(7, 'vrrpAddressIfIndex', (row) => (row.ifIndex === 0 ? null : row.ifIndex)),
    address.text(8, 'vrrpAddressIfName', (row) => row.ifName),
    address.text(9, 'vrrpAddressIfAlias', (row) => row.label),
    address.yesNo(10, 'vrrpAddressStatus', { true: ['set', 1], false: ['unset', 2] }, (row) => row.set),
    address.yesNo(
      11,
      'vrrpAddressAdvertising',
      { true: ['advertised', 1], false: ['notAdvertised', 2] },
      (row) => row.advertised,
    ),
    address.address(12, 'vrrpAddressPeer', (row) => row.peer),
  ],
};

function commandOf(script: ScriptRow | null): string | null {
  return script === null ? null : script.command;
}

function addressName({ address, prefixLength, ifName }: AddressRow): string {
  return `${address}/${prefixLength}%${ifName}`;
}
