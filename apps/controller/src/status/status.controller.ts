import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Answers } from '../rest/openapi.ts';
import { statusDto, toStatus } from './status.dto.ts';
import { StatusService } from './status.service.ts';

@ApiTags('fleet')
@Controller('v1/status')
export class StatusController {
  readonly #status: StatusService;

  constructor(@Inject(StatusService) status: StatusService) {
    this.#status = status;
  }

  @Get()
  @Answers(200, statusDto)
  status() {
    return toStatus(this.#status.status());
  }
}
