import { agent, model } from '@keepfleet/rpc';

/**
 * What changed from one state to the next, or undefined when nothing did. Counters, statistics and connection counts
 * do not count as a change: they travel as samples.
 */
export function stateDelta(
  before: model.NodeState,
  now: model.NodeState,
  observedAt: Date,
): agent.StateDelta | undefined {
  const routers = changed(before.routers, now.routers, (router) => router.instance, routerText);
  const services = changed(before.services, now.services, (service) => service.key, serviceText);
  const rest = restOf(now);
  const restChanged = restText(before) !== restText(now);
  const delta: agent.StateDelta = {
    observedAt,
    routers: routers.upserts,
    removedRouters: routers.removed,
    services: services.upserts,
    removedServices: services.removed,
    rest: restChanged ? rest : undefined,
  };
  const changes =
    delta.routers.length + delta.removedRouters.length + delta.services.length + delta.removedServices.length;
  return changes > 0 || restChanged ? delta : undefined;
}

export function statisticsSample(state: model.NodeState, observedAt: Date): agent.StatisticsSample {
  return {
    observedAt,
    services: state.services.map((service) => ({
      service: service.key,
      total: service.statistics,
      realServers: service.realServers.map((server) => ({
        key: server.key,
        activeConnections: server.activeConnections,
        inactiveConnections: server.inactiveConnections,
        persistentConnections: server.persistentConnections,
        statistics: server.statistics,
      })),
    })),
    routers: Object.fromEntries(
      state.routers.flatMap((router) => (router.counters === undefined ? [] : [[router.instance, router.counters]])),
    ),
  };
}

function changed<T>(
  before: readonly T[],
  now: readonly T[],
  keyOf: (item: T) => string,
  textOf: (item: T) => string,
): { upserts: T[]; removed: string[] } {
  const old = new Map(before.map((item) => [keyOf(item), textOf(item)]));
  const keys = new Set(now.map(keyOf));
  return {
    upserts: now.filter((item) => old.get(keyOf(item)) !== textOf(item)),
    removed: [...old.keys()].filter((key) => !keys.has(key)),
  };
}

function routerText(router: model.VirtualRouter): string {
  return JSON.stringify(model.VirtualRouter.toJSON({ ...router, counters: undefined }));
}

function serviceText(service: model.VirtualService): string {
  const realServers = service.realServers.map((server) => ({
    ...server,
    statistics: undefined,
    activeConnections: 0,
    inactiveConnections: 0,
    persistentConnections: 0,
  }));
  return JSON.stringify(model.VirtualService.toJSON({ ...service, statistics: undefined, realServers }));
}

function restOf(state: model.NodeState): model.NodeState {
  return { ...state, routers: [], services: [] };
}

/** Memory changes all the time and is not news by itself. */
function restText(state: model.NodeState): string {
  const processes = state.processes.map((process) => ({ ...process, residentBytes: 0n }));
  return JSON.stringify(model.NodeState.toJSON({ ...restOf(state), processes }));
}
