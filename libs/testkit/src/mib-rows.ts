/**
 * Rows of the MIBs as libs/mib takes them, plain as JSON, for whoever serves them: those of the article's lab, one
 * instance with four addresses and two virtual servers of four.
 */
export function labRows() {
  return {
    global: {
      version: 'Keepfleet v0.1.0',
      routerId: 'L1',
      mail: {
        server: { address: '192.0.2.25', port: 25 },
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
    staticRoutes: [],
    staticRules: [],
    scripts: [],
    files: [],
    bfds: [],
    processes: [],
    unknownVrids: 0,
    staticAddresses: [address('203.0.113.9', 24, 'eth0', { advertised: false })],
    instances: [
      {
        name: 'VI_1',
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
        advertInterval: 2_000_000,
        preempt: true,
        preemptDelay: 0,
        authentication: 'password',
        syncDaemonInterface: null,
        syncGroup: null,
        garpDelay: 5_000_000,
        smtpAlert: false,
        scripts: {
          master: { command: "'/etc/keepalived/master.sh' 'a b'", path: null },
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
        multicastGroup: '224.0.0.18',
        v3ChecksumAsV2: false,
        addresses: [
          address('198.51.100.15', 24, 'eth0'),
          address('192.168.1.1', 24, 'eth1', { label: 'eth1:vip' }),
          address('2001:db8::15', 64, 'eth0', { advertised: false }),
          address('fd00::1', 64, 'eth1', { advertised: false }),
        ],
        routes: [],
        rules: [],
        tracked: { interfaces: [], scripts: [], files: [], bfds: [], processes: [] },
        router: null,
      },
    ],
    groups: [
      {
        name: 'web',
        members: [
          { kind: 'address', address: '198.51.100.16', port: 80 },
          { kind: 'range', first: '198.51.100.20', last: '198.51.100.29', port: 443 },
          { kind: 'fwmark', fwmark: 7 },
        ],
      },
    ],
    virtualServers: [
      virtualServer('198.51.100.15', ['192.168.1.10', '192.168.1.11', '192.168.1.12', '192.168.1.13'], null),
      virtualServer('2001:db8::15', ['fd00::10', 'fd00::11', 'fd00::12', 'fd00::13'], 'fd00::99'),
    ],
  };
}

/** One virtual server with so many real servers. */
export function realServerRows(count: number) {
  const servers = Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}`);
  return { ...labRows(), virtualServers: [virtualServer('198.51.100.15', servers, null)] };
}

/** One instance with so many addresses, and nothing else that has rows. */
export function addressRows(count: number) {
  const lab = labRows();
  const addresses = Array.from({ length: count }, (_, i) =>
    address(`10.${i >> 16}.${(i >> 8) & 0xff}.${i & 0xff}`, 32, 'lan0', { advertised: i === 0 }),
  );
  const instances = lab.instances.map((instance) => ({ ...instance, addresses }));
  return { ...lab, staticAddresses: [], groups: [], virtualServers: [], instances };
}

/** A sync group of VI_1, and what the MIBs of the RFCs show of its router: what notifications are about. */
export function notifyingRows() {
  const lab = labRows();
  const scripts = { master: null, backup: null, fault: null, stop: null, any: null };
  const [first] = lab.instances;
  const group = { name: 'G', state: 'master', smtpAlert: false, scripts, trackingWeight: false, members: ['VI_1'] };
  return {
    ...lab,
    syncGroups: [{ ...group, tracked: first?.tracked }],
    instances: lab.instances.map((instance) => ({ ...instance, router: router() })),
  };
}

function router() {
  return {
    ifIndex: 2,
    family: 'ipv4',
    master: '198.51.100.1',
    primary: '198.51.100.1',
    upFor: 1,
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
  };
}

function address(text: string, prefixLength: number, ifName: string, more: object = {}) {
  return {
    address: text,
    prefixLength,
    broadcast: null,
    peer: null,
    scope: 'global',
    ifIndex: 2,
    ifName,
    label: null,
    set: true,
    advertised: true,
    ...more,
  };
}

function virtualServer(vip: string, servers: readonly string[], sorry: string | null) {
  return {
    key: `tcp/${vip}:80`,
    target: { kind: 'address', address: vip, port: 80 },
    protocol: 'tcp',
    scheduler: 'rr',
    flags: { flag1: false, flag2: false, flag3: false },
    onePacket: false,
    hashed: false,
    forwarding: { kind: 'nat' },
    persistence: null,
    delayLoop: 10_000_000,
    retry: 1,
    delayBeforeRetry: 1_000_000,
    warmup: null,
    connectTimeout: 5_000_000,
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
    place: null,
    alive: true,
    quorumState: 'up',
    realServersUp: servers.length,
    traffic: traffic(servers.length),
    sorryServer:
      sorry === null ? null : { key: sorry, address: sorry, port: 80, forwarding: { kind: 'nat' }, kernel: null },
    realServers: servers.map((server) => ({
      key: `${server}:80`,
      address: server,
      port: 80,
      weight: 1,
      forwarding: { kind: 'nat' },
      inhibitOnFailure: false,
      slowStart: 0,
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
      place: null,
      state: 'up',
      failedCheckers: 0,
      notRunCheckers: 0,
      kernel: { connections: { active: 1, inactive: 2, persistent: 0 }, traffic: traffic(1) },
    })),
  };
}

function traffic(factor: number) {
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
