import { Inject, Injectable } from '@nestjs/common';
import { type fleet, model } from '@keepfleet/rpc';
import { checkWords } from '../common/audit.ts';
import type { Clock } from '../common/clock.ts';
import { RefusedError } from '../common/refusal.ts';
import { CLOCK } from '../common/tokens.ts';
import { EventLog } from '../events/event-log.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { freshness } from '../fleet/node-record.ts';
import { NodeRepository } from '../fleet/node.repository.ts';
import { nodeViews } from './node-view.ts';

@Injectable()
export class NodesService {
  readonly #state: FleetState;
  readonly #repository: NodeRepository;
  readonly #events: EventLog;
  readonly #clock: Clock;

  constructor(
    @Inject(FleetState) state: FleetState,
    @Inject(NodeRepository) repository: NodeRepository,
    @Inject(EventLog) events: EventLog,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.#state = state;
    this.#repository = repository;
    this.#events = events;
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

  /** A node that is gone for good is no longer waited for; should it connect again, it is a node as any other. */
  async forget({ name, actor, reason }: fleet.ForgetNodeRequest): Promise<void> {
    checkWords(actor, reason);
    const record = this.#state.record(name);
    if (record === undefined) throw new RefusedError({ kind: 'not-found', message: `no node ${name}` });
    if (record.stream !== undefined) {
      const message = `${name} is connected; end its agent first, or it would be back at once`;
      throw new RefusedError({ kind: 'conflict', message });
    }
    this.#state.remove(name);
    try {
      await this.#repository.remove(name);
    } catch (error) {
      if (this.#state.record(name) === undefined) this.#state.put(record);
      throw error;
    }
    await this.#events.write({
      node: name,
      severity: model.Severity.WARNING,
      kind: 'node.forgotten',
      subject: name,
      message: `${name} is forgotten, by ${actor}${reason === '' ? '' : `: ${reason}`}; it was last heard at ${record.lastHeardAt.toISOString().slice(0, 19)}Z`,
      attributes: { actor, reason },
    });
  }
}
