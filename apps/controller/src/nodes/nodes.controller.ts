import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBody, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { Answers, Problems, reference } from '../rest/openapi.ts';
import { ZodPipe } from '../rest/zod-pipe.ts';
import { forgetRequestDto, nodeListDto, toNode } from './node.dto.ts';
import { NodesService } from './nodes.service.ts';

@ApiTags('fleet')
@Controller('v1/nodes')
export class NodesController {
  readonly #nodes: NodesService;

  constructor(@Inject(NodesService) nodes: NodesService) {
    this.#nodes = nodes;
  }

  @Get()
  @Answers(200, nodeListDto)
  listNodes() {
    return { nodes: this.#nodes.list().map(toNode) };
  }

  /** A node that is gone for good is no longer waited for or shown, unless it connects again. */
  @Post(':name/forget')
  @HttpCode(204)
  @ApiBody({ schema: reference(forgetRequestDto) })
  @ApiResponse({ status: 204, description: 'forgotten' })
  @Problems(400, 404, 409)
  async forgetNode(
    @Param('name') name: string,
    @Body(new ZodPipe(forgetRequestDto)) request: z.infer<typeof forgetRequestDto>,
  ): Promise<void> {
    await this.#nodes.forget({ name, ...request });
  }
}
