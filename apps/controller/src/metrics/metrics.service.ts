import { Inject, Injectable } from '@nestjs/common';
import { fleet } from '@keepfleet/rpc';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { freshnessWord, healthWord, phaseWord } from '../common/words.ts';
import { EventLog } from '../events/event-log.ts';
import { AgentLink } from '../link/agent-link.ts';
import { NodesService } from '../nodes/nodes.service.ts';
import { OperationsService } from '../operations/operations.service.ts';
import { RoutersService } from '../routers/routers.service.ts';
import { ServicesService } from '../services/services.service.ts';
import { version } from '../version.ts';

/** What the controller knows, as numbers, read at the moment of the scrape. */
@Injectable()
export class MetricsService {
  readonly #registry = new Registry();

  constructor(
    @Inject(NodesService) nodes: NodesService,
    @Inject(RoutersService) routers: RoutersService,
    @Inject(ServicesService) services: ServicesService,
    @Inject(OperationsService) operations: OperationsService,
    @Inject(EventLog) events: EventLog,
    @Inject(AgentLink) link: AgentLink,
  ) {
    const healths = [...new Set(Object.values(healthWord))];
    const prefix = 'keepfleet_controller_';
    collectDefaultMetrics({ register: this.#registry, prefix });
    // Gauges by the name of counters, and no more than the sum of those by type.
    for (const what of ['handles', 'requests', 'resources'])
      this.#registry.removeSingleMetric(`${prefix}nodejs_active_${what}_total`);
    this.#gauge('build_info', 'Always 1; the version is a label.', 'version', [version], () => [version]);
    this.#gauge('agents_connected', 'Open agent streams.', undefined, [], () => Array.from({ length: link.connected }));
    const freshnesses = [...new Set(Object.values(freshnessWord))];
    this.#gauge('nodes', 'Known nodes by freshness of their state.', 'freshness', freshnesses, () =>
      nodes.freshnesses().map((each) => freshnessWord[each]),
    );
    this.#gauge('virtual_routers', 'Virtual routers by health.', 'health', healths, () =>
      routers.list().map((router) => healthWord[router.health]),
    );
    this.#gauge('virtual_services', 'Virtual services by health.', 'health', healths, () =>
      services.list().map((service) => healthWord[service.health]),
    );
    const { PENDING, RUNNING } = fleet.OperationPhase;
    this.#gauge(
      'operations_active',
      'Operations under way by phase.',
      'phase',
      [PENDING, RUNNING].map((each) => phaseWord[each]),
      () => operations.active().map((operation) => phaseWord[operation.phase]),
    );
    this.#counter(
      'operations_ended_total',
      'Operations that ended since the start, by phase.',
      'phase',
      () => operations.ended,
    );
    this.#counter(
      'events_stored_total',
      'Events stored since the start.',
      undefined,
      () => new Map([['', events.total]]),
    );
    this.#counter(
      'agent_streams_rejected_total',
      'Agent streams that were refused or ended for what they sent.',
      undefined,
      () => new Map([['', link.rejected]]),
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Counts the items that `read` gives, each by its label; labels without any are 0. */
  #gauge(
    name: string,
    help: string,
    label: string | undefined,
    all: readonly string[],
    read: () => (string | undefined)[],
  ): void {
    const gauge: Gauge = new Gauge({
      name: `keepfleet_${name}`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect: () => {
        const items = read();
        if (label === undefined) return gauge.set(items.length);
        for (const value of all) gauge.set({ [label]: value }, items.filter((item) => item === value).length);
      },
    });
  }

  #counter(name: string, help: string, label: string | undefined, read: () => ReadonlyMap<string, number>): void {
    const counter: Counter = new Counter({
      name: `keepfleet_${name}`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [value, total] of read()) counter.inc(label === undefined ? {} : { [label]: value }, total);
      },
    });
  }
}
