import { micros, seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';

/*
 * Rows of the MIBs as libs/mib takes them, plain as JSON. What a test needs otherwise is spread over one of these:
 * `{ ...instanceRow('VI_2'), version: 3 }`.
 */

/** Those of the article's lab: one instance with four addresses and two virtual servers of four. */
export function labRows() {
  return {
    ...emptyRows(),
    staticAddresses: [{ ...addressRow('203.0.113.9'), advertised: false }],
    instances: [
      {
        ...instanceRow('VI_1'),
        scripts: { ...NO_SCRIPTS, master: { command: "'/etc/keepalived/master.sh' 'a b'", path: null } },
        addresses: [
          addressRow('198.51.100.15'),
          { ...addressRow('192.168.1.1'), ifName: 'eth1', label: 'eth1:vip' },
          { ...addressRow('2001:db8::15'), prefixLength: 64, advertised: false },
          { ...addressRow('fd00::1'), prefixLength: 64, ifName: 'eth1', advertised: false },
        ],
      },
    ],
    groups: [serverGroupRow('web')],
    virtualServers: [
      labService('198.51.100.15', ['192.168.1.10', '192.168.1.11', '192.168.1.12', '192.168.1.13']),
      {
        ...labService('2001:db8::15', ['fd00::10', 'fd00::11', 'fd00::12', 'fd00::13']),
        sorryServer: { ...sorryServerRow('fd00::99'), key: 'fd00::99' },
      },
    ],
  };
}

/** One virtual server with so many real servers. */
export function realServerRows(count: number) {
  return { ...labRows(), virtualServers: [labService('198.51.100.15', numberedAddresses(count))] };
}

/** One instance with so many addresses, and nothing else that has rows. */
export function addressRows(count: number) {
  const addresses = numberedAddresses(count).map((one, i) => ({
    ...addressRow(one),
    prefixLength: 32,
    ifName: 'lan0',
    advertised: i === 0,
  }));
  return { ...emptyRows(), instances: labRows().instances.map((instance) => ({ ...instance, addresses })) };
}

/** A sync group of VI_1, and what the MIBs of the RFCs show of its router: what notifications are about. */
export function notifyingRows() {
  const { master, backup, fault, stop, any } = NO_SCRIPTS;
  const scripts = { master, backup, fault, stop, any };
  const group = { name: 'G', state: 'master', smtpAlert: false, scripts, trackingWeight: false } as const;
  const lab = labRows();
  return {
    ...lab,
    syncGroups: [{ ...group, members: ['VI_1'], tracked: untracked() }],
    instances: lab.instances.map((instance) => ({ ...instance, router: routerRow() })),
  };
}

/** The scalars, and no rows. */
export function emptyRows() {
  return {
    global: {
      version: 'Keepfleet v0.1.0',
      routerId: 'L1',
      mail: {
        server: { address: ip('192.0.2.25'), port: 25 },
        timeout: 30,
        from: 'keepalived@l1.example',
        recipients: ['ops@example.com', 'night@example.com'],
        faults: true,
        alert: null,
        alertVrrp: true,
        alertChecker: false,
      },
      trapEnable: false,
      linkBeat: 'netlink',
      netNamespace: '',
      dbus: false,
      dynamicInterfaces: true,
      v3ChecksumAsV2: false,
      lvsFlush: false,
      lvsFlushOnStop: 'disabled',
      syncDaemon: null,
      timeouts: { tcp: 900, tcpFin: null, udp: null },
    },
    syncGroups: [],
    instances: [],
    staticAddresses: [],
    staticRoutes: [],
    staticRules: [],
    scripts: [],
    files: [],
    bfds: [],
    processes: [],
    groups: [],
    virtualServers: [],
    unknownVrids: 0,
  } as const;
}

const NO_SCRIPTS = {
  master: null,
  backup: null,
  fault: null,
  stop: null,
  any: null,
  masterReceivedLowerPriority: null,
  deleted: null,
};

/** A master of version 2 that stands alone. */
export function instanceRow(name: string) {
  return {
    name,
    vrid: 1,
    version: 2,
    state: 'master',
    initialState: 'master',
    wantedState: 'master',
    basePriority: 150,
    effectivePriority: 150,
    vipsSet: true,
    interface: 'eth2',
    trackPrimary: false,
    advertInterval: seconds(2),
    preempt: true,
    preemptDelay: seconds(0),
    authentication: 'password',
    syncDaemonInterface: null,
    syncGroup: null,
    garpDelay: seconds(5),
    smtpAlert: false,
    scripts: NO_SCRIPTS,
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
  } as const;
}

export function untracked() {
  return { interfaces: [], scripts: [], files: [], bfds: [], processes: [] } as const;
}

/** What the MIBs of the RFCs show besides. */
function routerRow() {
  return {
    ifIndex: 2,
    family: 'ipv4',
    master: ip('198.51.100.1'),
    primary: ip('198.51.100.1'),
    upFor: micros(1),
    upSince: 1,
    newMasterReason: 'preempted',
    lastError: 'noError',
    countersSince: 0,
    counters: {
      becameMaster: 0,
      advertsReceived: 0,
      priorityZeroReceived: 0,
      priorityZeroSent: 0,
      intervalErrors: 0,
      authFailures: 0,
      ttlErrors: 0,
      typeErrors: 0,
      addressListErrors: 0,
      invalidAuthTypes: 0,
      authTypeMismatches: 0,
      lengthErrors: 0,
      checksumErrors: 0,
      versionErrors: 0,
    },
  } as const;
}

export function addressRow(text: string) {
  return {
    address: ip(text),
    prefixLength: 24,
    broadcast: null,
    peer: null,
    scope: 'global',
    ifIndex: 2,
    ifName: 'eth0',
    label: null,
    set: true,
    advertised: true,
  } as const;
}

/** One address, one range and one mark. */
export function serverGroupRow(name: string) {
  return {
    name,
    members: [
      { kind: 'address', address: ip('198.51.100.16'), port: 80 },
      { kind: 'range', first: ip('198.51.100.20'), last: ip('198.51.100.29'), port: 443 },
      { kind: 'fwmark', fwmark: 7 },
    ],
  } as const;
}

function labService(vip: string, servers: readonly string[]) {
  return {
    ...virtualServerRow(`tcp/${vip}:80`),
    target: { kind: 'address', address: ip(vip), port: 80 },
    retry: 1,
    delayBeforeRetry: seconds(1),
    realServersUp: servers.length,
    traffic: labTraffic(servers.length),
    realServers: servers.map((server) => ({
      ...realServerRow(`${server}:80`),
      address: ip(server),
      kernel: { connections: { active: 1, inactive: 2, persistent: 0 }, traffic: labTraffic(1) },
    })),
  } as const;
}

/** At port 80, without real servers. */
export function virtualServerRow(key: string) {
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
  } as const;
}

export function sorryServerRow(address: string) {
  return { key: 'sorry', address: ip(address), port: 80, forwarding: { kind: 'nat' }, kernel: null } as const;
}

export function realServerRow(key: string) {
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
  } as const;
}

export function trafficRow() {
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
  };
}

/** With numbers beyond 32 bits, and the largest. */
function labTraffic(factor: number) {
  return {
    connections: String(10 * factor),
    inPackets: String(0x1_0000_0000 + factor),
    outPackets: String(90 * factor),
    inBytes: '18446744073709551615',
    outBytes: String(12_345 * factor),
    connectionRate: 3,
    inPacketRate: 0x2_0000_0005,
    outPacketRate: 7,
    inByteRate: 1000,
    outByteRate: 2000,
  };
}

function numberedAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}`);
}
