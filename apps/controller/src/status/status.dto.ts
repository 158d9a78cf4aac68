import { z } from 'zod';
import { count, time } from '../common/dto.ts';
import { operationDto, toOperation } from '../operations/operation.dto.ts';
import { routerDto, toRouter } from '../routers/router.dto.ts';
import { serviceDto, toService } from '../services/service.dto.ts';
import type { Status } from './status.service.ts';

export const statusDto = z
  .object({
    nodes: count,
    nodesCurrent: count,
    routers: z.array(routerDto),
    services: z.array(serviceDto),
    operations: z.array(operationDto).describe('under way'),
    controller: z.string(),
    version: z.string(),
    now: time,
  })
  .meta({ id: 'Status' });

export function toStatus(status: Status): z.infer<typeof statusDto> {
  return {
    nodes: status.nodes,
    nodesCurrent: status.nodesCurrent,
    routers: status.routers.map(toRouter),
    services: status.services.map(toService),
    operations: status.operations.map(toOperation),
    controller: status.controller,
    version: status.version,
    now: status.now.toISOString(),
  };
}
