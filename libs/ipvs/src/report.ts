import type { Instant } from '@keepfleet/machine';
import type { Balancer } from './balancer.ts';
import { destinationOf } from './expand.ts';
import {
  type KernelService,
  type ServiceId,
  addConnections,
  addTraffic,
  noConnections,
  noTraffic,
  serviceKey,
} from './model.ts';
import type {
  CheckerTraits,
  RealServerSettings,
  RealServerTraits,
  SorryServerSettings,
  VirtualServerSettings,
  VirtualServerTraits,
} from './settings.ts';
import type {
  CheckerSnapshot,
  DestinationSnapshot,
  KernelOptionsSnapshot,
  LvsSnapshot,
  RealServerSnapshot,
  VirtualServerSnapshot,
} from './snapshot.ts';
import { findDestination } from './table.ts';
import {
  type RealServerState,
  type VirtualServerState,
  poolWeight,
  realServersUp,
  sorryInUse,
} from './virtual-server.ts';

/** What the balancer does not know itself. */
export interface ReportContext {
  /** Unix milliseconds of a point on the machine's clock. */
  readonly unixMillis: (at: Instant) => number;
  readonly checkers: (service: string, server: string) => readonly CheckerSnapshot[];
  readonly options: KernelOptionsSnapshot;
}

/** Everything that is known about the node's IPVS, as it leaves the process. */
export function reportOf(balancer: Balancer, context: ReportContext): LvsSnapshot {
  const { head, virtualServers } = reportInParts(balancer, context);
  return { ...head, virtualServers: [...virtualServers] };
}

/**
 * The same, each virtual server when it is asked for: its state and the kernel's table as they were at the call, what its
 * checkers say as it is then, which may be newer.
 */
export function reportInParts(
  balancer: Balancer,
  context: ReportContext,
): {
  readonly head: Omit<LvsSnapshot, 'virtualServers'>;
  readonly virtualServers: Generator<VirtualServerSnapshot, void>;
} {
  const { readAt, states, unavailable, table } = balancer;
  const head = {
    available: table !== undefined,
    reason: table === undefined ? (unavailable ?? 'the table of the kernel was not read yet') : null,
    readAt: readAt === undefined ? null : context.unixMillis(readAt),
    groups: balancer.settings.groups,
    foreignServices: balancer.foreignServices,
    repairs: balancer.repairs,
    drift: balancer.drift,
    ...context.options,
  };
  function* reports(): Generator<VirtualServerSnapshot, void> {
    for (const state of states)
      yield virtualServerReport(state, table, balancer.problemsOf(state.settings.key), context);
  }
  return { head, virtualServers: reports() };
}

function virtualServerReport(
  state: VirtualServerState,
  table: Balancer['table'],
  problems: readonly string[],
  context: ReportContext,
): VirtualServerSnapshot {
  const { sorryServer } = state.settings;
  const shown = state.services.flatMap((id) => table?.get(serviceKey(id)) ?? []);
  const servers = [...state.servers.values()];
  return {
    ...virtualServerTraits(state.settings),
    alive: state.services.length > 0 && shown.length === state.services.length,
    quorumState: state.quorumUp ? 'up' : 'down',
    realServersUp: realServersUp(state),
    traffic: shown.length === 0 ? null : shown.map((service) => service.traffic).reduce(addTraffic),
    sorryServer: sorryServer && {
      ...sorryServer,
      inUse: sorryInUse(state),
      kernel: kernelReport(sorryServer, state.services, table),
    },
    realServers: servers.map((server) => realServerReport(table, state, server, context)),
    problems,
  };
}

function realServerReport(
  table: Balancer['table'],
  state: VirtualServerState,
  server: RealServerState,
  context: ReportContext,
): RealServerSnapshot {
  const traits = realServerTraits(server.settings);
  const checkers = context.checkers(state.settings.key, traits.key);
  return {
    ...traits,
    state: server.up ? 'up' : 'down',
    since: context.unixMillis(server.since),
    effectiveWeight: poolWeight(state, server) ?? null,
    checkers,
    failedCheckers: checkers.filter((checker) => checker.state === 'down').length,
    notRunCheckers: checkers.filter((checker) => !checker.ran).length,
    kernel: kernelReport(traits, state.services, table),
  };
}

function virtualServerTraits({
  realServers: _realServers,
  sorryServer: _sorryServer,
  ...traits
}: VirtualServerSettings<CheckerTraits>): VirtualServerTraits {
  return traits;
}

function realServerTraits({ checkers: _, ...traits }: RealServerSettings<CheckerTraits>): RealServerTraits {
  return traits;
}

function kernelReport(
  server: RealServerTraits | SorryServerSettings,
  services: readonly ServiceId[],
  table: ReadonlyMap<string, KernelService> | undefined,
): DestinationSnapshot | null {
  let sum: DestinationSnapshot | null = null;
  for (const id of services) {
    const wanted = destinationOf(server, 0, id);
    const shown = findDestination(table?.get(serviceKey(id)), wanted);
    if (shown === undefined) continue;
    const { weight, connections = noConnections, traffic = noTraffic } = shown;
    sum =
      sum === null
        ? { weight, connections, traffic }
        : {
            weight: sum.weight,
            connections: addConnections(sum.connections, connections),
            traffic: addTraffic(sum.traffic, traffic),
          };
  }
  return sum;
}
