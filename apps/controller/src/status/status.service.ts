import { Inject, Injectable } from '@nestjs/common';
import { fleet } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { CLOCK, OPTIONS } from '../common/tokens.ts';
import { NodesService } from '../nodes/nodes.service.ts';
import type { Operation } from '../operations/operation.ts';
import { OperationsService } from '../operations/operations.service.ts';
import type { Options } from '../options.ts';
import { RoutersService } from '../routers/routers.service.ts';
import { ServicesService } from '../services/services.service.ts';
import { version } from '../version.ts';

export interface Status extends Omit<fleet.FleetStatus, 'operations' | 'now'> {
  readonly operations: readonly Operation[];
  readonly now: Date;
}

@Injectable()
export class StatusService {
  readonly #nodes: NodesService;
  readonly #routers: RoutersService;
  readonly #services: ServicesService;
  readonly #operations: OperationsService;
  readonly #clock: Clock;
  readonly #options: Options;

  constructor(
    @Inject(NodesService) nodes: NodesService,
    @Inject(RoutersService) routers: RoutersService,
    @Inject(ServicesService) services: ServicesService,
    @Inject(OperationsService) operations: OperationsService,
    @Inject(CLOCK) clock: Clock,
    @Inject(OPTIONS) options: Options,
  ) {
    this.#nodes = nodes;
    this.#routers = routers;
    this.#services = services;
    this.#operations = operations;
    this.#clock = clock;
    this.#options = options;
  }

  status(): Status {
    const nodes = this.#nodes.freshnesses();
    return {
      nodes: nodes.length,
      nodesCurrent: nodes.filter((each) => each === fleet.Freshness.CURRENT).length,
      routers: this.#routers.list(),
      services: this.#services.list(),
      operations: this.#operations.active(),
      controller: this.#options.name,
      version,
      now: this.#clock.now(),
    };
  }
}
