import { Controller, Get, Headers, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Answers, Queries, reference } from '../rest/openapi.ts';
import { Stopping } from '../rest/stopping.ts';
import { ZodPipe } from '../rest/zod-pipe.ts';
import { EventLog } from './event-log.ts';
import { contentType, eventStream } from './event-stream.ts';
import { eventDto, eventListDto, eventQuery, eventStreamQuery, toEvent } from './event.dto.ts';

@ApiTags('events')
@Controller('v1/events')
export class EventsController {
  readonly #events: EventLog;
  readonly #stopping: Stopping;

  constructor(@Inject(EventLog) events: EventLog, @Inject(Stopping) stopping: Stopping) {
    this.#events = events;
    this.#stopping = stopping;
  }

  @Get()
  @Queries(eventQuery)
  @Answers(200, eventListDto, 400)
  async listEvents(@Query(new ZodPipe(eventQuery)) query: z.infer<typeof eventQuery>) {
    const page = query.latest
      ? await this.#events.latest(filterOf(query), query.limit)
      : await this.#events.list(query.after, filterOf(query), query.limit);
    return { events: page.events.map(toEvent), next: page.next };
  }

  /** Never ends. `Last-Event-ID`, which browsers send when they come back, is the same as `after`. */
  @Get('stream')
  @Queries(eventStreamQuery)
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'the position to resume after' })
  @ApiResponse({
    status: 200,
    description: 'text/event-stream when accepted, else one JSON text a line; an empty line means nothing',
    content: { 'text/event-stream': {}, 'application/x-ndjson': { schema: reference(eventDto) } },
  })
  async streamEvents(
    @Query(new ZodPipe(eventStreamQuery)) query: z.infer<typeof eventStreamQuery>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const resumed = /^\d{1,15}$/.test(lastEventId ?? '') ? Number(lastEventId) : query.after;
    const gone = new AbortController();
    // Of the answer, not of the connection: that of a HEAD is over at once.
    reply.raw.once('close', () => gone.abort());
    const from = resumed === undefined ? { latest: query.latest ?? 0 } : { after: resumed };
    const abort = AbortSignal.any([gone.signal, this.#stopping.signal]);
    const format = (request.headers.accept ?? '').includes('text/event-stream') ? 'sse' : 'ndjson';
    const stream = eventStream(this.#events.watch(from, filterOf(query), abort), format);
    await reply
      .header('content-type', contentType(format))
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(stream);
  }
}

function filterOf(query: { readonly node?: string | undefined; readonly kind?: string | undefined }) {
  return {
    ...(query.node === undefined ? {} : { node: query.node }),
    ...(query.kind === undefined ? {} : { kind: query.kind }),
  };
}
