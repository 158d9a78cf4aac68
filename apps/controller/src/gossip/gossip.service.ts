import { Inject, Injectable } from '@nestjs/common';
import { type agent, fleet, gossip } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { RefusedError } from '../common/refusal.ts';
import { CLOCK } from '../common/tokens.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { freshness, isConnected } from '../fleet/node-record.ts';
import { CommandDesk } from '../link/command-desk.ts';
import { wireRouter } from '../routers/router-claims.ts';
import { FleetOwnership } from './fleet-ownership.ts';
import { memberRows, merged } from './gossip-view.ts';

/** A check-up takes up to six seconds at the agent, a change of keys fifteen where members are slow to answer. */
const ANSWER_TIMEOUT_MS = 20_000;
/** Agents that are asked for a check-up at a time: one side of a partition does not know what the other sees. */
const MOST_DOCTORS = 3;

/** The fleet's gossip as its nodes see it; what has to be asked in the fleet itself is asked by an agent that is connected. */
@Injectable()
export class GossipService {
  readonly #state: FleetState;
  readonly #desk: CommandDesk;
  readonly #ownership: FleetOwnership;
  readonly #clock: Clock;

  constructor(
    @Inject(FleetState) state: FleetState,
    @Inject(CommandDesk) desk: CommandDesk,
    @Inject(FleetOwnership) ownership: FleetOwnership,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.#state = state;
    this.#desk = desk;
    this.#ownership = ownership;
    this.#clock = clock;
  }

  members(): gossip.ListMembersResponse {
    const now = this.#clock.now();
    const members = memberRows(this.#state.records(), now);
    return { source: 'controller', members, health: 0, queued: 0, encrypted: false, counters: {} };
  }

  async examine(): Promise<gossip.ExamineResponse> {
    const nodes = this.#connected().slice(0, MOST_DOCTORS);
    const results = await Promise.all(
      nodes.map((node) => this.#command(node, '', { $case: 'examineGossip', value: {} }).catch(reasonOf)),
    );
    const answers = results.flatMap((result) => (typeof result === 'string' ? [] : (result.gossip ?? [])));
    if (answers.length === 0) throw unavailable(`no agent could ask the others: ${results.map(wordOf).join('; ')}`);
    return merged(answers);
  }

  async changeKeys(request: gossip.ChangeKeysRequest): Promise<gossip.ChangeKeysResponse> {
    const [node = ''] = this.#connected();
    const { keys } = await this.#command(node, request.actor, { $case: 'changeGossipKeys', value: request });
    if (keys === undefined) throw unavailable(`the agent of ${node} did not say what became of it`);
    return keys;
  }

  async forget(request: gossip.ForgetMemberRequest): Promise<void> {
    const [node = ''] = this.#connected();
    await this.#command(node, request.actor, { $case: 'forgetMember', value: request });
  }

  claims(): gossip.ListClaimsResponse {
    const now = { instant: performance.now() * 1000, wall: this.#clock.now() };
    return { source: 'controller', routers: this.#ownership.routers().map((router) => wireRouter(router, now)) };
  }

  /** Nodes that can be asked, those first whose state is current. */
  #connected(): string[] {
    const now = this.#clock.now();
    const connected = this.#state.records().filter((record) => isConnected(record, now));
    if (connected.length === 0)
      throw unavailable(
        'no agent is connected that could be asked; `keepfleet --agent` asks the agent of a node itself',
      );
    return connected
      .sort((a, b) => Number(freshness(b, now) === CURRENT) - Number(freshness(a, now) === CURRENT))
      .map(({ name }) => name);
  }

  #command(node: string, actor: string, body: NonNullable<agent.Command['body']>): Promise<agent.CommandResult> {
    return this.#desk.ask(node, actor, body, ANSWER_TIMEOUT_MS);
  }
}

const CURRENT = fleet.Freshness.CURRENT;

function unavailable(message: string): RefusedError {
  return new RefusedError({ kind: 'unavailable', message });
}

function reasonOf(error: unknown): string {
  if (error instanceof RefusedError) return error.message;
  throw error;
}

function wordOf(result: string | agent.CommandResult): string {
  return typeof result === 'string' ? result : 'an answer without a word about gossip';
}
