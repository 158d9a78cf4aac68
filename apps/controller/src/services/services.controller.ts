import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Answers } from '../rest/openapi.ts';
import { serviceListDto, toService } from './service.dto.ts';
import { ServicesService } from './services.service.ts';

@ApiTags('fleet')
@Controller('v1/services')
export class ServicesController {
  readonly #services: ServicesService;

  constructor(@Inject(ServicesService) services: ServicesService) {
    this.#services = services;
  }

  @Get()
  @Answers(200, serviceListDto)
  listVirtualServices() {
    return { services: this.#services.list().map(toService) };
  }
}
