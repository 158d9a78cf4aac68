import { micros, seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import type {
  AddressRow,
  InstanceRow,
  MibRows,
  RealServerRow,
  TrackedRows,
  TrafficRow,
  VirtualServerRow,
} from './rows.ts';

/** Rows of specs: two instances, one group, two virtual servers of which the second has a sorry server. */
export function rows(): MibRows {
  return {
    global: {
      version: 'Keepfleet v0.1.0',
      routerId: 'L1',
      mail: {
        server: null,
        timeout: 0,
        from: '',
        recipients: [],
        faults: true,
        alert: null,
        alertVrrp: null,
        alertChecker: null,
      },
      trapEnable: false,
      linkBeat: 'netlink',
      netNamespace: '',
      dbus: false,
      dynamicInterfaces: false,
      v3ChecksumAsV2: false,
      lvsFlush: false,
      lvsFlushOnStop: 'flush-vs',
      syncDaemon: null,
      timeouts: { tcp: null, tcpFin: null, udp: null },
    },
    syncGroups: [],
    staticRoutes: [],
    staticRules: [],
    scripts: [],
    files: [],
    bfds: [],
    processes: [],
    unknownVrids: 0,
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
    groups: [
      {
        name: 'web',
        members: [
          { kind: 'address', address: ip('198.51.100.16'), port: 80 },
          { kind: 'range', first: ip('198.51.100.20'), last: ip('198.51.100.29'), port: 443 },
          { kind: 'fwmark', fwmark: 7 },
        ],
      },
    ],
    virtualServers: [
      virtualServerRow('one', { realServers: [realServerRow('a'), realServerRow('b', { upperThreshold: 50 })] }),
      virtualServerRow('two', {
        target: { kind: 'fwmark', fwmark: 9, family: 'ipv6' },
        scheduler: 'mh',
        flags: { flag1: true, flag2: false, flag3: false },
        traffic: null,
        sorryServer: {
          key: 'sorry',
          address: ip('fd00::99'),
          port: 80,
          forwarding: { kind: 'dr' },
          kernel: null,
        },
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
  return {
    name,
    vrid: 1,
    version: 2,
    state: 'master',
    initialState: 'backup',
    wantedState: 'master',
    basePriority: 150,
    effectivePriority: 140,
    vipsSet: true,
    interface: 'eth2',
    trackPrimary: true,
    advertInterval: seconds(2),
    preempt: true,
    preemptDelay: seconds(0),
    authentication: 'password',
    syncDaemonInterface: null,
    syncGroup: null,
    garpDelay: seconds(5),
    smtpAlert: false,
    scripts: {
      master: null,
      backup: null,
      fault: null,
      stop: null,
      any: null,
      masterReceivedLowerPriority: null,
      deleted: null,
    },
    accept: null,
    promoteSecondaries: false,
    useLinkbeat: false,
    notifyDeleted: false,
    multicastGroup: ip('224.0.0.18'),
    v3ChecksumAsV2: false,
    addresses: [],
    routes: [],
    rules: [],
    tracked: untracked(),
    router: null,
    ...more,
  };
}

export function untracked(): TrackedRows {
  return { interfaces: [], scripts: [], files: [], bfds: [], processes: [] };
}

export function addressRow(text: string, more: Partial<AddressRow> = {}): AddressRow {
  return {
    address: ip(text),
    prefixLength: 24,
    broadcast: null,
    peer: null,
    scope: 'global',
    ifIndex: 3,
    ifName: 'eth0',
    label: null,
    set: true,
    advertised: true,
    ...more,
  };
}

export function virtualServerRow(key: string, more: Partial<VirtualServerRow> = {}): VirtualServerRow {
  return {
    key,
    target: { kind: 'address', address: ip('198.51.100.15'), port: 80 },
    protocol: 'tcp',
    scheduler: 'rr',
    flags: { flag1: false, flag2: false, flag3: false },
    onePacket: false,
    hashed: false,
    forwarding: { kind: 'nat' },
    persistence: null,
    delayLoop: seconds(10),
    retry: null,
    delayBeforeRetry: null,
    warmup: null,
    connectTimeout: seconds(5),
    weight: 1,
    quorum: 1,
    hysteresis: 0,
    quorumUp: null,
    quorumDown: null,
    alpha: false,
    omega: false,
    haSuspend: false,
    inhibitOnFailure: false,
    smtpAlert: false,
    virtualHost: null,
    snmpName: null,
    alive: true,
    quorumState: 'up',
    realServersUp: 2,
    traffic: trafficRow(),
    sorryServer: null,
    realServers: [],
    ...more,
  };
}

export function realServerRow(key: string, more: Partial<RealServerRow> = {}): RealServerRow {
  return {
    key,
    address: ip('192.168.1.10'),
    port: 80,
    weight: 1,
    forwarding: { kind: 'nat' },
    inhibitOnFailure: false,
    upperThreshold: 0,
    lowerThreshold: 0,
    alpha: false,
    retry: null,
    delayBeforeRetry: null,
    warmup: null,
    delayLoop: null,
    connectTimeout: null,
    virtualHost: null,
    notifyUp: null,
    notifyDown: null,
    smtpAlert: true,
    snmpName: null,
    state: 'up',
    failedCheckers: 0,
    notRunCheckers: 0,
    kernel: { connections: { active: 1, inactive: 2, persistent: 3 }, traffic: trafficRow() },
    ...more,
  };
}

export function trafficRow(more: Partial<TrafficRow> = {}): TrafficRow {
  return {
    connections: '10',
    inPackets: '20',
    outPackets: '30',
    inBytes: '40',
    outBytes: '50',
    connectionRate: 1,
    inPacketRate: 2,
    outPacketRate: 3,
    inByteRate: 4,
    outByteRate: 5,
    ...more,
  };
}
