import { type agent, fleet, type model } from '@keepfleet/rpc';
import type { NodeRecord } from '../fleet/node-record.ts';
import { freshness } from '../fleet/node-record.ts';
import { routerViews } from '../routers/router-view.ts';
import { sameTarget } from './change.ts';

/** The fleet at one moment, as operations decide by it. */
export class Picture {
  readonly now: Date;
  readonly records: readonly NodeRecord[];
  readonly #result: (command: string) => agent.CommandResult | undefined;
  #routers: fleet.FleetVirtualRouter[] | undefined;

  constructor(
    now: Date,
    records: readonly NodeRecord[],
    result: (command: string) => agent.CommandResult | undefined = () => undefined,
  ) {
    this.now = now;
    this.records = records;
    this.#result = result;
  }

  get routers(): readonly fleet.FleetVirtualRouter[] {
    this.#routers ??= routerViews(this.records, this.now);
    return this.#routers;
  }

  record(name: string): NodeRecord | undefined {
    return this.records.find((record) => record.name === name);
  }

  isCurrent(record: NodeRecord | undefined): boolean {
    return record !== undefined && freshness(record, this.now) === fleet.Freshness.CURRENT;
  }

  result(command: string): agent.CommandResult | undefined {
    return this.#result(command);
  }

  /** Why nothing can be said or done about the node. Without durations, so that it stays the same while it lasts. */
  absence(name: string): string {
    const record = this.record(name);
    if (record === undefined) return `${name} never connected`;
    return `${name} is not connected, last heard at ${record.lastHeardAt.toISOString().slice(0, 19)}Z; it goes on when ${name} returns`;
  }
}

export function overridesOf(record: NodeRecord): readonly model.Override[] {
  return record.state?.rest.overrides ?? [];
}

export function hasOverride(record: NodeRecord, change: model.Override['change']): boolean {
  return overridesOf(record).some((override) => sameTarget(override.change, change));
}

/** The services and real servers of a node that a predicate picks. */
export function serversOf(
  record: NodeRecord,
  pick: (server: model.RealServer, service: model.VirtualService) => boolean,
): {
  readonly service: model.VirtualService;
  readonly server: model.RealServer;
  readonly countedAt: Date | undefined;
}[] {
  return [...(record.state?.services.values() ?? [])].flatMap((service) =>
    service.realServers
      .filter((server) => pick(server, service))
      .map((server) => ({ service, server, countedAt: record.state?.countedAt.get(service.key) })),
  );
}
