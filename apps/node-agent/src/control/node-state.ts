import type {
  DestinationSnapshot,
  LvsSnapshot,
  RealServerSnapshot,
  TrafficSnapshot,
  VirtualServerSnapshot,
} from '@keepfleet/ipvs';
import { toMillis } from '@keepfleet/machine';
import { model } from '@keepfleet/rpc';
import type { RouterSnapshot, VirtualRouterSettings, VrrpSettings, VrrpSnapshot } from '@keepfleet/vrrp';
import type { Override, OverrideChange } from '../settings/override.ts';
import { causeText } from './events.ts';

/** Everything that this node's report is made from. A snapshot is undefined while its process has not been heard. */
export interface NodeView {
  readonly vrrp: VrrpSnapshot | undefined;
  /** What the vrrp process is to carry, known before any configuration was read as nothing. */
  readonly vrrpWanted: VrrpSettings | undefined;
  /** Since when the vrrp process has said nothing, milliseconds since 1970. */
  readonly vrrpSilentSince: number | undefined;
  readonly lvs: LvsSnapshot | undefined;
  readonly overrides: readonly Override[];
  readonly processes: readonly model.Process[];
  readonly members: readonly model.Member[];
  readonly claims: readonly model.RouterClaim[];
  readonly configHash: string;
  readonly problems: readonly string[];
}

export function nodeState(view: NodeView): model.NodeState {
  return {
    routers: virtualRouters(view),
    services: view.lvs?.virtualServers.map(virtualService) ?? [],
    overrides: view.overrides.map(toWireOverride),
    processes: [...view.processes],
    members: [...view.members],
    claims: [...view.claims],
    configHash: view.configHash,
    problems: [...view.problems],
    ipvsAvailable: view.lvs?.available === true,
    drained: view.overrides.some((override) => override.change.kind === 'drain-node'),
  };
}

/** Those that are told of, and those that are wanted: a process that has just begun tells of none until it is told its own. */
function virtualRouters({ vrrp, vrrpWanted, vrrpSilentSince }: NodeView): model.VirtualRouter[] {
  const told = (vrrp?.instances ?? []).map((router) => virtualRouter(router, vrrpSilentSince));
  const known = new Set(told.map(({ instance }) => instance));
  const wanted = vrrpWanted?.instances ?? [];
  return [...told, ...wanted.filter(({ name }) => !known.has(name)).map(unheardRouter)];
}

const ROUTER_STATES = {
  initialize: model.RouterState.INITIALIZE,
  backup: model.RouterState.BACKUP,
  master: model.RouterState.MASTER,
  fault: model.RouterState.FAULT,
} as const;

function virtualRouter(router: RouterSnapshot, silentSince: number | undefined): model.VirtualRouter {
  const { counters } = router;
  const age =
    silentSince === undefined
      ? []
      : [`as it was at ${new Date(silentSince).toISOString()}: the vrrp process does not answer`];
  return {
    ...identity(router),
    state: ROUTER_STATES[router.state],
    stateSince: new Date(router.since),
    basePriority: router.basePriority,
    effectivePriority: router.effectivePriority,
    masterAddress: router.master?.address ?? '',
    masterPriority: router.master?.priority ?? 0,
    addresses: router.addresses.map((address) => ({
      address: address.address,
      prefixLength: address.prefix,
      interface: address.interface,
      present: address.installed,
      advertised: address.advertised,
    })),
    problems: [...age, ...router.causes.map(causeText)],
    counters: {
      advertsReceived: BigInt(counters.advertsReceived),
      advertsSent: BigInt(counters.advertsSent),
      becameMaster: BigInt(counters.becameMaster),
      releasedMaster: BigInt(counters.releasedMaster),
      priorityZeroReceived: BigInt(counters.priorityZeroReceived),
      priorityZeroSent: BigInt(counters.priorityZeroSent),
      errors: Object.fromEntries(Object.entries(counters.errors).map(([kind, count]) => [kind, BigInt(count)])),
    },
  };
}

/** What a router is, whether it is heard or only wanted. */
function identity(router: RouterSnapshot | VirtualRouterSettings) {
  return {
    instance: router.name,
    vrid: router.vrid,
    version: router.version,
    family: router.family === 'ipv4' ? model.Family.IPV4 : model.Family.IPV6,
    interface: router.interface,
    preempt: router.preempt,
    advertIntervalMs: toMillis(router.advertInterval),
    lastResort: router.standing === 'last-resort',
  };
}

/** A router is not gone because its process is: nothing is known of it, and others must not be told that all is well. */
function unheardRouter(router: VirtualRouterSettings): model.VirtualRouter {
  return {
    ...identity(router),
    state: model.RouterState.UNSPECIFIED,
    stateSince: undefined,
    basePriority: router.priority,
    effectivePriority: 0,
    masterAddress: '',
    masterPriority: 0,
    addresses: router.addresses.map(({ address, prefix, interface: on, advertised }) => ({
      address,
      prefixLength: prefix,
      interface: on,
      present: false,
      advertised,
    })),
    problems: ['the vrrp process of this node is not heard, so that nothing is known of it'],
    counters: undefined,
  };
}

function virtualService(server: VirtualServerSnapshot): model.VirtualService {
  const { target, sorryServer } = server;
  return {
    key: server.key,
    protocol: server.protocol,
    address: target.kind === 'address' ? target.address : '',
    port: target.kind === 'address' ? target.port : 0,
    scheduler: server.scheduler,
    forwarding: server.forwarding.kind,
    quorumUp: server.quorumState === 'up',
    quorum: server.quorum,
    sorryInUse: sorryServer?.inUse === true,
    realServers: [
      ...server.realServers.map(realServer),
      ...(sorryServer === null
        ? []
        : [
            {
              ...destination(sorryServer.kernel),
              key: sorryServer.key,
              address: sorryServer.address,
              port: sorryServer.port,
              configuredWeight: 1,
              forwarding: sorryServer.forwarding.kind,
              up: true,
              sorry: true,
              since: undefined,
              check: '',
            },
          ]),
    ],
    statistics: statistics(server.traffic),
    since: undefined,
  };
}

function realServer(server: RealServerSnapshot): model.RealServer {
  const failing = server.checkers.find((checker) => checker.state === 'down') ?? server.checkers[0];
  return {
    ...destination(server.kernel),
    key: server.key,
    address: server.address,
    port: server.port,
    configuredWeight: server.configuredWeight,
    forwarding: server.forwarding.kind,
    up: server.state === 'up',
    sorry: false,
    since: new Date(server.since),
    check:
      failing === undefined
        ? ''
        : `${failing.what}${failing.lastResult === null ? ': not run yet' : `: ${failing.lastResult}`}`,
  };
}

function destination(kernel: DestinationSnapshot | null) {
  return {
    weight: kernel?.weight ?? -1,
    activeConnections: kernel?.connections.active ?? 0,
    inactiveConnections: kernel?.connections.inactive ?? 0,
    persistentConnections: kernel?.connections.persistent ?? 0,
    statistics: statistics(kernel?.traffic ?? null),
  };
}

function statistics(traffic: TrafficSnapshot | null): model.Statistics | undefined {
  if (traffic === null) return undefined;
  return {
    connections: BigInt(traffic.connections),
    packetsIn: BigInt(traffic.inPackets),
    packetsOut: BigInt(traffic.outPackets),
    bytesIn: BigInt(traffic.inBytes),
    bytesOut: BigInt(traffic.outBytes),
    connectionsRate: BigInt(traffic.connectionRate),
    packetsInRate: BigInt(traffic.inPacketRate),
    packetsOutRate: BigInt(traffic.outPacketRate),
    bytesInRate: BigInt(traffic.inByteRate),
    bytesOutRate: BigInt(traffic.outByteRate),
  };
}

export function toWireOverride(override: Override): model.Override {
  return {
    id: override.id,
    source: override.source,
    actor: override.actor,
    reason: override.reason,
    at: new Date(override.at),
    expiresAt: override.expiresAt === undefined ? undefined : new Date(override.expiresAt),
    change: toWireChange(override.change),
  };
}

function toWireChange(change: OverrideChange): NonNullable<model.Override['change']> {
  switch (change.kind) {
    case 'vrrp-priority':
      return { $case: 'priority', value: { instance: change.instance, priority: change.priority } };
    case 'vrrp-preempt':
      return { $case: 'preempt', value: { instance: change.instance, preempt: change.preempt } };
    case 'vrrp-accept':
      return { $case: 'accept', value: { instance: change.instance, accept: change.accept } };
    case 'vrrp-promote-secondaries':
      return {
        $case: 'promoteSecondaries',
        value: { instance: change.instance, promoteSecondaries: change.promoteSecondaries },
      };
    case 'real-server-weight':
      return {
        $case: 'weight',
        value: { service: change.service, realServer: change.realServer, weight: change.weight },
      };
    case 'drain-node':
      return { $case: 'drainNode', value: {} };
    case 'drain-server':
      return { $case: 'drainServer', value: { address: change.address, port: change.port } };
  }
}

export function fromWireChange(change: NonNullable<model.Override['change']>): OverrideChange {
  switch (change.$case) {
    case 'priority':
      return { kind: 'vrrp-priority', ...change.value };
    case 'preempt':
      return { kind: 'vrrp-preempt', ...change.value };
    case 'accept':
      return { kind: 'vrrp-accept', ...change.value };
    case 'promoteSecondaries':
      return { kind: 'vrrp-promote-secondaries', ...change.value };
    case 'weight':
      return { kind: 'real-server-weight', ...change.value };
    case 'drainNode':
      return { kind: 'drain-node' };
    case 'drainServer':
      return { kind: 'drain-server', ...change.value };
  }
}
