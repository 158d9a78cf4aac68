import { Inject, Injectable } from '@nestjs/common';
import type { fleet } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { CLOCK } from '../common/tokens.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { freshness } from '../fleet/node-record.ts';
import { nodeViews } from './node-view.ts';

@Injectable()
export class NodesService {
  readonly #state: FleetState;
  readonly #clock: Clock;

  constructor(@Inject(FleetState) state: FleetState, @Inject(CLOCK) clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  list(): fleet.Node[] {
    const now = this.#clock.now();
    return nodeViews(this.#state.records(), now);
  }

  /** Of every known node. */
  freshnesses(): fleet.Freshness[] {
    const now = this.#clock.now();
    return this.#state.records().map((record) => freshness(record, now));
  }
}
