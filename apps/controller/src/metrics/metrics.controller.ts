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

  /** Well when the store can be written: a full disk is read as ever, and loses what happens. */
  @Get('healthz')
  @ApiResponse({ status: 200, description: 'the store can be written', content: { 'text/plain': {} } })
  @ApiResponse({ status: 503, description: 'the store cannot be written, and why', content: { 'text/plain': {} } })
  async healthz(@Res() reply: FastifyReply): Promise<void> {
    const problem = await this.#events.check().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    await reply
      .status(problem === undefined ? 200 : 503)
      .header('content-type', 'text/plain; charset=utf-8')
      .send(problem === undefined ? 'ok\n' : `the store cannot be written: ${problem}\n`);
  }
}
