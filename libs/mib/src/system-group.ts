import { KEEPALIVED_MIB } from './keepalived-mib.ts';
import { mibModules } from './mibs.ts';
import { type Oid, oid } from './oid.ts';
import type { SnmpCounters } from './snmp-counters.ts';
import { utf8Bytes } from './utf8.ts';
import type { Value } from './value.ts';
import { FixedVariables } from './variables.ts';

export interface SystemSettings {
  readonly description: string;
  readonly contact: string;
  readonly name: string;
  readonly location: string;
}

/** What the groups below show besides. */
export interface SystemState {
  readonly engineId: Uint8Array;
  readonly engineBoots: number;
  readonly maxMessage: number;
  readonly counters: SnmpCounters;
  /** Seconds since the engine started. */
  readonly time: () => number;
  /** Hundredths of a second. */
  readonly upTime: () => number;
}

/** Below these stand the groups of every SNMP agent. */
export const SYSTEM_ROOTS: readonly Oid[] = [
  oid('1.3.6.1.2.1.1'),
  oid('1.3.6.1.2.1.11'),
  oid('1.3.6.1.6.3.10.2.1'),
  oid('1.3.6.1.6.3.15.1.1'),
];

/** Routes packets and serves applications: 2^(3-1) + 2^(7-1) of RFC 3418. */
const SERVICES = 68;

/** Authentication traps are not sent. */
const AUTHEN_TRAPS_DISABLED = 2;

/** system and snmp of SNMPv2-MIB (RFC 3418), snmpEngine (RFC 3411) and usmStats (RFC 3414). */
export function systemGroup(settings: SystemSettings, state: SystemState): FixedVariables {
  const { counters } = state;
  const counter = (read: () => number) => (): Value => ({ type: 'counter32', value: read() >>> 0 });
  const integer = (read: () => number) => (): Value => ({ type: 'integer', value: read() });
  const text = (value: string) => (): Value => ({ type: 'octets', value: utf8Bytes(value, 255) });
  const ticks = (read: () => number) => (): Value => ({ type: 'timeticks', value: read() });
  const at = (text: string, read: () => Value) => [oid(text), read] as const;
  const never = () => 0;
  return new FixedVariables([
    at('1.3.6.1.2.1.1.1.0', text(settings.description)),
    at('1.3.6.1.2.1.1.2.0', () => ({ type: 'oid', value: KEEPALIVED_MIB })),
    at('1.3.6.1.2.1.1.3.0', ticks(state.upTime)),
    at('1.3.6.1.2.1.1.4.0', text(settings.contact)),
    at('1.3.6.1.2.1.1.5.0', text(settings.name)),
    at('1.3.6.1.2.1.1.6.0', text(settings.location)),
    at(
      '1.3.6.1.2.1.1.7.0',
      integer(() => SERVICES),
    ),
    at('1.3.6.1.2.1.1.8.0', ticks(never)),
    ...mibModules.flatMap(({ root, description }, i) => [
      at(`1.3.6.1.2.1.1.9.1.2.${i + 1}`, (): Value => ({ type: 'oid', value: root })),
      at(`1.3.6.1.2.1.1.9.1.3.${i + 1}`, text(description)),
      at(`1.3.6.1.2.1.1.9.1.4.${i + 1}`, ticks(never)),
    ]),
    at(
      '1.3.6.1.2.1.11.1.0',
      counter(() => counters.inPackets),
    ),
    at(
      '1.3.6.1.2.1.11.3.0',
      counter(() => counters.badVersions),
    ),
    at(
      '1.3.6.1.2.1.11.4.0',
      counter(() => counters.badCommunities),
    ),
    at(
      '1.3.6.1.2.1.11.5.0',
      counter(() => counters.badCommunityUses),
    ),
    at(
      '1.3.6.1.2.1.11.6.0',
      counter(() => counters.parseErrors),
    ),
    at(
      '1.3.6.1.2.1.11.30.0',
      integer(() => AUTHEN_TRAPS_DISABLED),
    ),
    at('1.3.6.1.2.1.11.31.0', counter(never)),
    at('1.3.6.1.2.1.11.32.0', counter(never)),
    at('1.3.6.1.6.3.10.2.1.1.0', () => ({ type: 'octets', value: state.engineId })),
    at(
      '1.3.6.1.6.3.10.2.1.2.0',
      integer(() => state.engineBoots),
    ),
    at('1.3.6.1.6.3.10.2.1.3.0', integer(state.time)),
    at(
      '1.3.6.1.6.3.10.2.1.4.0',
      integer(() => state.maxMessage),
    ),
    at(
      '1.3.6.1.6.3.15.1.1.1.0',
      counter(() => counters.usm.unsupportedSecLevels),
    ),
    at(
      '1.3.6.1.6.3.15.1.1.2.0',
      counter(() => counters.usm.notInTimeWindows),
    ),
    at(
      '1.3.6.1.6.3.15.1.1.3.0',
      counter(() => counters.usm.unknownUserNames),
    ),
    at(
      '1.3.6.1.6.3.15.1.1.4.0',
      counter(() => counters.usm.unknownEngineIds),
    ),
    at(
      '1.3.6.1.6.3.15.1.1.5.0',
      counter(() => counters.usm.wrongDigests),
    ),
    at(
      '1.3.6.1.6.3.15.1.1.6.0',
      counter(() => counters.usm.decryptionErrors),
    ),
  ]);
}
