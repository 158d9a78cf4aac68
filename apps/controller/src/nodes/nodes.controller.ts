import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Answers } from '../rest/openapi.ts';
import { nodeListDto, toNode } from './node.dto.ts';
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
}
