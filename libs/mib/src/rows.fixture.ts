import { micros } from '@keepfleet/machine';
import * as kit from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import type { AddressRow, InstanceRow, MibRows, RealServerRow, TrafficRow, VirtualServerRow } from './rows.ts';

/*
 * The builder of the testkit, with types: what it lacks or has of a wrong type is found here.
 */

/** Rows of specs: two instances, one group, two virtual servers of which the second has a sorry server. */
export function rows(): MibRows {
  const empty = kit.emptyRows();
  const noMail = { server: null, timeout: 0, from: '', recipients: [], alertVrrp: null, alertChecker: null };
  return {
    ...empty,
    global: {
      ...empty.global,
      mail: { ...empty.global.mail, ...noMail },
      dynamicInterfaces: false,
      lvsFlushOnStop: 'flush-vs',
      timeouts: { tcp: null, tcpFin: null, udp: null },
    },
    staticAddresses: [addressRow('192.0.2.1', { advertised: false, scope: 'host' })],
    instances: [
      instanceRow('VI_1', { addresses: [addressRow('198.51.100.15'), addressRow('2001:db8::15', { label: 'x' })] }),
      instanceRow('VI_2', {
        version: 3,
        advertInterval: micros(1_250_000),
        accept: true,
        multicastGroup: null,
        addresses: [addressRow('198.51.100.16')],
      }),
    ],
    groups: [kit.serverGroupRow('web')],
    virtualServers: [
      virtualServerRow('one', { realServers: [realServerRow('a'), realServerRow('b', { upperThreshold: 50 })] }),
      virtualServerRow('two', {
        target: { kind: 'fwmark', fwmark: 9, family: 'ipv6' },
        scheduler: 'mh',
        flags: { flag1: true, flag2: false, flag3: false },
        traffic: null,
        sorryServer: { ...kit.sorryServerRow('fd00::99'), forwarding: { kind: 'dr' } },
        realServers: [
          realServerRow('c', {
            address: ip('fd00::10'),
            forwarding: { kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' } },
          }),
        ],
      }),
    ],
  };
}

export function instanceRow(name: string, more: Partial<InstanceRow> = {}): InstanceRow {
  return { ...kit.instanceRow(name), initialState: 'backup', effectivePriority: 140, trackPrimary: true, ...more };
}

export function addressRow(text: string, more: Partial<AddressRow> = {}): AddressRow {
  return { ...kit.addressRow(text), ifIndex: 3, ...more };
}

export function virtualServerRow(key: string, more: Partial<VirtualServerRow> = {}): VirtualServerRow {
  return { ...kit.virtualServerRow(key), ...more };
}

export function realServerRow(key: string, more: Partial<RealServerRow> = {}): RealServerRow {
  return { ...kit.realServerRow(key), ...more };
}

export function trafficRow(more: Partial<TrafficRow> = {}): TrafficRow {
  return { ...kit.trafficRow(), ...more };
}
