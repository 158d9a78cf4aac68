import { Inject, Injectable } from '@nestjs/common';
import type { fleet } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { CLOCK } from '../common/tokens.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { serviceViews } from './service-view.ts';

@Injectable()
export class ServicesService {
  readonly #state: FleetState;
  readonly #clock: Clock;

  constructor(@Inject(FleetState) state: FleetState, @Inject(CLOCK) clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  list(): fleet.FleetVirtualService[] {
    const now = this.#clock.now();
    return serviceViews(this.#state.records(), now);
  }
}
