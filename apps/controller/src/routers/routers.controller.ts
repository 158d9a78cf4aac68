import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Answers } from '../rest/openapi.ts';
import { routerListDto, toRouter } from './router.dto.ts';
import { RoutersService } from './routers.service.ts';

@ApiTags('fleet')
@Controller('v1/routers')
export class RoutersController {
  readonly #routers: RoutersService;

  constructor(@Inject(RoutersService) routers: RoutersService) {
    this.#routers = routers;
  }

  @Get()
  @Answers(200, routerListDto)
  listVirtualRouters() {
    return { routers: this.#routers.list().map(toRouter) };
  }
}
