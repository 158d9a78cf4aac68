import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Logger } from 'pino';
import type { Clock } from './common/clock.ts';
import { ClockWatch } from './common/clock-watch.ts';
import { CLOCK, DATABASE, LOG, OPTIONS } from './common/tokens.ts';
import { ConfigService } from './config/config.service.ts';
import { EventLog } from './events/event-log.ts';
import { EventRepository } from './events/event.repository.ts';
import { EventsController } from './events/events.controller.ts';
import { FleetState } from './fleet/fleet-state.ts';
import { NodeRepository } from './fleet/node.repository.ts';
import { FleetOwnership } from './gossip/fleet-ownership.ts';
import { GossipService } from './gossip/gossip.service.ts';
import { FleetApi } from './grpc/fleet-api.ts';
import { AgentLink } from './link/agent-link.ts';
import { CommandDesk } from './link/command-desk.ts';
import { MetricsController } from './metrics/metrics.controller.ts';
import { MetricsService } from './metrics/metrics.service.ts';
import { NodesController } from './nodes/nodes.controller.ts';
import { NodesService } from './nodes/nodes.service.ts';
import { OperationRepository } from './operations/operation.repository.ts';
import { OperationsController } from './operations/operations.controller.ts';
import { OperationsService } from './operations/operations.service.ts';
import type { Options } from './options.ts';
import { ProblemFilter } from './rest/problem.filter.ts';
import { Stopping } from './rest/stopping.ts';
import { RoutersController } from './routers/routers.controller.ts';
import { RoutersService } from './routers/routers.service.ts';
import { ServicesController } from './services/services.controller.ts';
import { ServicesService } from './services/services.service.ts';
import { StatusController } from './status/status.controller.ts';
import { StatusService } from './status/status.service.ts';
import type { Database } from './store/database.ts';

export interface Given {
  readonly options: Options;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

@Module({})
export class AppModule {
  static with(given: Given): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        StatusController,
        NodesController,
        RoutersController,
        ServicesController,
        EventsController,
        OperationsController,
        MetricsController,
      ],
      providers: [
        { provide: OPTIONS, useValue: given.options },
        { provide: DATABASE, useValue: given.database },
        { provide: CLOCK, useValue: new ClockWatch(given.clock, given.log) },
        { provide: LOG, useValue: given.log },
        { provide: APP_FILTER, useClass: ProblemFilter },
        AgentLink,
        CommandDesk,
        ConfigService,
        EventLog,
        EventRepository,
        FleetApi,
        FleetOwnership,
        FleetState,
        GossipService,
        MetricsService,
        NodeRepository,
        NodesService,
        OperationRepository,
        OperationsService,
        RoutersService,
        ServicesService,
        StatusService,
        Stopping,
      ],
    };
  }
}
