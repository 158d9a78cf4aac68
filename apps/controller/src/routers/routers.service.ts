import { Inject, Injectable } from '@nestjs/common';
import type { fleet } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { CLOCK } from '../common/tokens.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { routerViews } from './router-view.ts';

@Injectable()
export class RoutersService {
  readonly #state: FleetState;
  readonly #clock: Clock;

  constructor(@Inject(FleetState) state: FleetState, @Inject(CLOCK) clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  list(): fleet.FleetVirtualRouter[] {
    const now = this.#clock.now();
    return routerViews(this.#state.records(), now);
  }
}
