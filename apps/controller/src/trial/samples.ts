import { agent, model } from '@keepfleet/rpc';

/** States of the lab's kind: VI_1 with one address of each family, and a service of four real servers. */
export function router(node: string, change: Partial<model.VirtualRouter> = {}): model.VirtualRouter {
  const number = Number(node.slice(1));
  const master = change.state === model.RouterState.MASTER;
  return {
    instance: 'VI_1',
    vrid: 1,
    version: 2,
    family: model.Family.IPV4,
    interface: 'eth2',
    state: model.RouterState.BACKUP,
    stateSince: new Date('2026-01-01T00:00:00Z'),
    basePriority: 200 - 50 * number,
    effectivePriority: 200 - 50 * number,
    preempt: true,
    advertIntervalMs: 200,
    masterAddress: '172.16.0.1',
    masterPriority: 150,
    addresses: [
      { address: '198.51.100.15', prefixLength: 24, interface: 'eth0', present: master, advertised: true },
      { address: '192.168.1.1', prefixLength: 24, interface: 'eth1', present: master, advertised: true },
    ],
    problems: [],
    counters: undefined,
    lastResort: false,
    ...change,
  };
}

export function realServer(last: number, change: Partial<model.RealServer> = {}): model.RealServer {
  const address = `192.168.1.${last}`;
  return {
    key: `${address}:80`,
    address,
    port: 80,
    configuredWeight: 1,
    weight: 1,
    forwarding: 'nat',
    up: true,
    sorry: false,
    since: undefined,
    check: 'HTTP 200',
    activeConnections: 0,
    inactiveConnections: 0,
    persistentConnections: 0,
    statistics: undefined,
    ...change,
  };
}

export const SERVICE = 'tcp/198.51.100.15:80';

export function service(realServers: readonly model.RealServer[]): model.VirtualService {
  return {
    key: SERVICE,
    protocol: 'tcp',
    address: '198.51.100.15',
    port: 80,
    scheduler: 'rr',
    forwarding: 'nat',
    quorumUp: true,
    quorum: 1,
    sorryInUse: false,
    realServers: [...realServers],
    statistics: undefined,
    since: undefined,
  };
}

export function nodeState(change: Partial<model.NodeState> = {}): model.NodeState {
  return {
    routers: [],
    services: [],
    overrides: [],
    processes: [],
    members: [],
    configHash: 'cafe',
    problems: [],
    ipvsAvailable: true,
    drained: false,
    claims: [],
    ...change,
  };
}

export function member(name: string, status: string): model.Member {
  return { name, address: '192.0.2.1:7946', status, tags: {}, since: undefined };
}

export function event(sequence: number, kind = 'vrrp.state'): model.Event {
  return {
    sequence: BigInt(sequence),
    at: new Date(1_700_000_000_000 + sequence),
    severity: model.Severity.INFO,
    kind,
    subject: 'VI_1',
    message: `event ${sequence}`,
    attributes: { n: String(sequence) },
  };
}

export function hello(node: string, change: Partial<agent.Hello> = {}): agent.Hello {
  return {
    node,
    version: '0.1.0',
    labels: { site: 'lab' },
    epoch: 'e1',
    startedAt: new Date('2026-01-01T00:00:00Z'),
    now: new Date(),
    ...change,
  };
}

export function statistics(services: readonly model.VirtualService[], observedAt: Date): agent.StatisticsSample {
  return {
    observedAt,
    services: services.map(({ key, realServers }) => ({
      service: key,
      total: undefined,
      realServers: realServers.map((server) => ({ ...server, statistics: undefined })),
    })),
    routers: {},
  };
}
