import { type agent, fleet, type model } from '@keepfleet/rpc';

/** Without a word for this many heartbeat intervals, what a node said is old. */
export const MISSED_HEARTBEATS = 3;

/**
 * What the controller knows of one node. Pure values: each function gives the record after one message. All times are
 * of the controller's clock; times in messages are brought over by the skew between the two clocks.
 */
export interface NodeRecord {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  readonly epoch: string;
  readonly startedAt: Date | undefined;
  readonly remoteAddress: string;
  /** Any message counts. */
  readonly lastHeardAt: Date;
  /** The agent's clock minus ours, in milliseconds. */
  readonly skewMs: number;
  readonly stream: OpenStream | undefined;
  /** Nothing is known before the first full state; after the stream ended it is the last known. */
  readonly state: KnownState | undefined;
  /** Events that never came: lost on the node before they were sent. */
  readonly gaps: readonly string[];
}

export interface OpenStream {
  readonly id: number;
  readonly heartbeatMs: number;
  /** Whether this stream has brought a full state; until then what is known is of an earlier one. */
  readonly stated: boolean;
}

export interface KnownState {
  /** The last time at which the agent said that this is so. */
  readonly confirmedAt: Date;
  readonly routers: ReadonlyMap<string, model.VirtualRouter>;
  readonly services: ReadonlyMap<string, model.VirtualService>;
  /** When each service's connections were counted. */
  readonly countedAt: ReadonlyMap<string, Date>;
  /** All of the state but routers and services. */
  readonly rest: model.NodeState;
}

const GAPS_SHOWN = 5;

export function helloRecord(
  before: NodeRecord | undefined,
  hello: agent.Hello,
  stream: { readonly id: number; readonly heartbeatMs: number; readonly remoteAddress: string; readonly at: Date },
): NodeRecord {
  return {
    name: hello.node,
    labels: hello.labels,
    version: hello.version,
    epoch: hello.epoch,
    startedAt: hello.startedAt,
    remoteAddress: stream.remoteAddress,
    lastHeardAt: stream.at,
    skewMs: hello.now === undefined ? 0 : hello.now.getTime() - stream.at.getTime(),
    stream: { id: stream.id, heartbeatMs: stream.heartbeatMs, stated: false },
    state: before?.state,
    gaps: before?.epoch === hello.epoch ? before.gaps : [],
  };
}

export function heardRecord(record: NodeRecord, at: Date): NodeRecord {
  return { ...record, lastHeardAt: at };
}

export function fullStateRecord(record: NodeRecord, message: agent.FullState, at: Date): NodeRecord {
  const state = message.state;
  if (state === undefined || record.stream === undefined) return record;
  const confirmedAt = ours(record, message.observedAt, at);
  return {
    ...record,
    stream: { ...record.stream, stated: true },
    state: {
      confirmedAt,
      routers: new Map(state.routers.map((router) => [router.instance, router])),
      services: new Map(state.services.map((service) => [service.key, service])),
      countedAt: new Map(state.services.map((service) => [service.key, confirmedAt])),
      rest: { ...state, routers: [], services: [] },
    },
  };
}

/** A delta before the full state has nothing to be applied to; the agent never sends one. */
export function deltaRecord(record: NodeRecord, delta: agent.StateDelta, at: Date): NodeRecord {
  const state = record.state;
  if (state === undefined || record.stream?.stated !== true) return record;
  const confirmedAt = ours(record, delta.observedAt, at);
  const routers = new Map(state.routers);
  for (const name of delta.removedRouters) routers.delete(name);
  for (const router of delta.routers) routers.set(router.instance, router);
  const services = new Map(state.services);
  const countedAt = new Map(state.countedAt);
  for (const key of delta.removedServices) {
    services.delete(key);
    countedAt.delete(key);
  }
  for (const service of delta.services) {
    services.set(service.key, service);
    countedAt.set(service.key, confirmedAt);
  }
  const rest = delta.rest === undefined ? state.rest : { ...delta.rest, routers: [], services: [] };
  return { ...record, state: { confirmedAt, routers, services, countedAt, rest } };
}

/** Counters of what is not in the state, or is gone since, have no place and are left out. */
export function statisticsRecord(record: NodeRecord, sample: agent.StatisticsSample, at: Date): NodeRecord {
  const state = record.state;
  if (state === undefined || record.stream?.stated !== true) return record;
  const observedAt = ours(record, sample.observedAt, at);
  const services = new Map(state.services);
  const countedAt = new Map(state.countedAt);
  for (const counted of sample.services) {
    const service = services.get(counted.service);
    if (service === undefined) continue;
    services.set(service.key, counts(service, counted));
    countedAt.set(service.key, observedAt);
  }
  const routers = new Map(state.routers);
  for (const [instance, counters] of Object.entries(sample.routers)) {
    const router = routers.get(instance);
    if (router !== undefined) routers.set(instance, { ...router, counters });
  }
  return { ...record, state: { ...state, routers, services, countedAt } };
}

/** "Nothing changed": what was sent is so as of now. Tells the skew anew, because clocks drift and are set. */
export function heartbeatRecord(record: NodeRecord, heartbeat: agent.Heartbeat, at: Date): NodeRecord {
  const skewMs = heartbeat.now === undefined ? record.skewMs : heartbeat.now.getTime() - at.getTime();
  if (record.state === undefined || record.stream?.stated !== true) return { ...record, skewMs };
  return { ...record, skewMs, state: { ...record.state, confirmedAt: at } };
}

export function gapRecord(record: NodeRecord, gap: string): NodeRecord {
  return { ...record, gaps: [...record.gaps, gap].slice(-GAPS_SHOWN) };
}

export function disconnectedRecord(record: NodeRecord): NodeRecord {
  return { ...record, stream: undefined };
}

/** The same on a clock that was set by so many milliseconds. */
export function shiftedRecord(record: NodeRecord, ms: number): NodeRecord {
  const later = (time: Date) => new Date(time.getTime() + ms);
  const { state } = record;
  return {
    ...record,
    lastHeardAt: later(record.lastHeardAt),
    skewMs: record.skewMs - ms,
    state: state && {
      ...state,
      confirmedAt: later(state.confirmedAt),
      countedAt: new Map([...state.countedAt].map(([key, time]) => [key, later(time)])),
    },
  };
}

export function isSilent(record: NodeRecord, now: Date): boolean {
  const stream = record.stream;
  return stream !== undefined && now.getTime() - record.lastHeardAt.getTime() > MISSED_HEARTBEATS * stream.heartbeatMs;
}

export function isConnected(record: NodeRecord, now: Date): boolean {
  return record.stream !== undefined && !isSilent(record, now);
}

export function freshness(record: NodeRecord, now: Date): fleet.Freshness {
  if (record.state === undefined) return fleet.Freshness.UNKNOWN;
  return record.stream?.stated === true && isConnected(record, now) ? fleet.Freshness.CURRENT : fleet.Freshness.STALE;
}

/** When what is shown of the node was so: of a node without a state, when it was last heard. */
export function observedAt(record: NodeRecord): Date {
  return record.state?.confirmedAt ?? record.lastHeardAt;
}

export function ageMs(record: NodeRecord, now: Date): bigint {
  return BigInt(Math.max(0, Math.round(now.getTime() - observedAt(record).getTime())));
}

/** An agent's time as a time of ours; nothing was observed after it was received. */
function ours(record: NodeRecord, observed: Date | undefined, received: Date): Date {
  if (observed === undefined) return received;
  return new Date(Math.min(received.getTime(), observed.getTime() - record.skewMs));
}

function counts(service: model.VirtualService, counted: agent.ServiceStatistics): model.VirtualService {
  const byKey = new Map(counted.realServers.map((server) => [server.key, server]));
  return {
    ...service,
    statistics: counted.total ?? service.statistics,
    realServers: service.realServers.map((server) => {
      const of = byKey.get(server.key);
      if (of === undefined) return server;
      return {
        ...server,
        activeConnections: of.activeConnections,
        inactiveConnections: of.inactiveConnections,
        persistentConnections: of.persistentConnections,
        statistics: of.statistics ?? server.statistics,
      };
    }),
  };
}
