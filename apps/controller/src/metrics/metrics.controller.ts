import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog } from '../events/event-log.ts';
import { MetricsService } from './metrics.service.ts';

@ApiTags('controller')
@Controller()
export class MetricsController {
  readonly #metrics: MetricsService;
  readonly #events: EventLog;

  constructor(@Inject(MetricsService) metrics: MetricsService, @Inject(EventLog) events: EventLog) {
    this.#metrics = metrics;
    this.#events = events;
  }

  @Get('metrics')
  @ApiResponse({ status: 200, description: 'Prometheus text', content: { 'text/plain': {} } })
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    await reply.header('content-type', this.#metrics.contentType).send(await this.#metrics.text());
  }

  /** Answers when the store answers. */
  @Get('healthz')
  @ApiResponse({ status: 200, description: 'the store answers', content: { 'text/plain': {} } })
  async healthz(@Res() reply: FastifyReply): Promise<void> {
    await this.#events.latest({}, 1);
    await reply.header('content-type', 'text/plain; charset=utf-8').send('ok\n');
  }
}
