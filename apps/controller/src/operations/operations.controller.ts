import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Answers, Queries, reference } from '../rest/openapi.ts';
import { ZodPipe } from '../rest/zod-pipe.ts';
import { RefusedError } from '../common/refusal.ts';
import {
  cancelRequestDto,
  operationDto,
  operationListDto,
  operationQuery,
  operationRequestDto,
  toOperation,
} from './operation.dto.ts';
import { OperationsService } from './operations.service.ts';

@ApiTags('operations')
@Controller('v1/operations')
export class OperationsController {
  readonly #operations: OperationsService;

  constructor(@Inject(OperationsService) operations: OperationsService) {
    this.#operations = operations;
  }

  @Get()
  @Queries(operationQuery)
  @Answers(200, operationListDto, 400)
  async listOperations(@Query(new ZodPipe(operationQuery)) query: z.infer<typeof operationQuery>) {
    if (query.active) return { operations: this.#operations.active().slice(0, query.limit).map(toOperation), next: 0 };
    const page = await this.#operations.page(query.before, query.limit);
    return { operations: page.operations.map(toOperation), next: page.next };
  }

  @Get(':id')
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'the ETag that is known already' })
  @Answers(200, operationDto, 404)
  async operation(
    @Param('id') id: string,
    @Headers('if-none-match') known: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const operation = await this.#operations.byId(id);
    void reply.header('etag', etag(operation.revision));
    if (known === etag(operation.revision)) return void reply.status(304);
    return toOperation(operation);
  }

  /** 201 when it began, 200 for a dry run. */
  @Post()
  @ApiBody({ schema: reference(operationRequestDto) })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'the same key starts nothing twice' })
  @Answers(201, operationDto, 400, 404, 409, 422)
  async startOperation(
    @Body(new ZodPipe(operationRequestDto)) request: z.infer<typeof operationRequestDto>,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const operation = await this.#operations.begin({ ...request, idempotencyKey: key ?? '' });
    if (request.dryRun) void reply.status(200);
    else void reply.header('location', `/v1/operations/${operation.id}`).header('etag', etag(operation.revision));
    return toOperation(operation);
  }

  /** Stops waiting; what was done stays. */
  @Post(':id/cancel')
  @HttpCode(200)
  @ApiBody({ schema: reference(cancelRequestDto) })
  @ApiHeader({ name: 'If-Match', required: false, description: 'cancel only this revision' })
  @Answers(200, operationDto, 400, 404, 409, 412)
  async cancelOperation(
    @Param('id') id: string,
    @Body(new ZodPipe(cancelRequestDto)) request: z.infer<typeof cancelRequestDto>,
    @Headers('if-match') match: string | undefined,
  ) {
    return toOperation(await this.#operations.cancel(id, request.actor, request.reason, revisionOf(match)));
  }
}

function etag(revision: number): string {
  return `"${revision}"`;
}

function revisionOf(match: string | undefined): number | undefined {
  if (match === undefined || match === '*') return undefined;
  const revision = /^"(\d{1,15})"$/.exec(match)?.[1];
  if (revision === undefined)
    throw new RefusedError({ kind: 'invalid', message: 'If-Match is not an ETag of this API' });
  return Number(revision);
}
