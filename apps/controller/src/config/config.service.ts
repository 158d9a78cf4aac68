import { Inject, Injectable } from '@nestjs/common';
import {
  type Diagnostic,
  type HostFacts,
  type ProgramFact,
  checkHost,
  filesInMemory,
  hostQuestions,
  isUsable,
  parseKeepalivedConfig,
} from '@keepfleet/config';
import type { fleet, model } from '@keepfleet/rpc';
import type { Clock } from '../common/clock.ts';
import { RefusedError } from '../common/refusal.ts';
import { CLOCK } from '../common/tokens.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { isConnected } from '../fleet/node-record.ts';
import { CommandDesk } from '../link/command-desk.ts';

/** A node looks at its disk and asks for users; on a busy one that takes a while. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Of what definitions and repetitions make: the fleet is looked after by the same thread. */
const EXPANDED_LINES = 200_000;

/** Judges configurations for nodes that this machine is none of. */
@Injectable()
export class ConfigService {
  readonly #state: FleetState;
  readonly #desk: CommandDesk;
  readonly #clock: Clock;

  constructor(
    @Inject(FleetState) state: FleetState,
    @Inject(CommandDesk) desk: CommandDesk,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.#state = state;
    this.#desk = desk;
    this.#clock = clock;
  }

  /** As the node would judge it at a reload now. Throws {@link RefusedError} for a node that cannot be asked. */
  async check(request: fleet.CheckConfigRequest): Promise<fleet.CheckConfigResponse> {
    const { node, file, text, includes } = request;
    this.#needConnected(node);
    const configId = request.configId || (await this.#facts(node, { users: [], groups: [], programs: [] })).configId;
    const result = parseKeepalivedConfig({
      file,
      text,
      loader: filesInMemory(includes),
      configId,
      limits: { expandedLines: EXPANDED_LINES },
    });
    const { users, groups, programs } = hostQuestions(result.config);
    const names = (uses: readonly { readonly name: string }[]) => [...new Set(uses.map(({ name }) => name))];
    const questions = { users: names(users), groups: names(groups), programs: names(programs) };
    const facts = hostFacts(await this.#facts(node, questions));
    const findings = [...result.diagnostics, ...result.withSource(checkHost(result.config, facts))];
    return { usable: isUsable(result), findings: findings.map(finding), configId };
  }

  #needConnected(node: string): void {
    const record = this.#state.records().find(({ name }) => name === node);
    if (record === undefined)
      throw new RefusedError({ kind: 'not-found', message: `the controller knows no node ${node}` });
    if (!isConnected(record, this.#clock.now()))
      throw new RefusedError({
        kind: 'unavailable',
        message: `the agent of ${node} is not connected, and only it knows what the node has`,
      });
  }

  async #facts(
    node: string,
    names: { users: string[]; groups: string[]; programs: string[] },
  ): Promise<model.HostFacts> {
    const { facts } = await this.#desk.ask(node, '', { $case: 'gatherFacts', value: names }, ANSWER_TIMEOUT_MS);
    if (facts === undefined)
      throw new RefusedError({ kind: 'unavailable', message: `the agent of ${node} gave no facts; upgrade it` });
    return facts;
  }
}

function hostFacts({ interfaces, users, groups, programs }: model.HostFacts): HostFacts {
  return {
    ...(interfaces.length === 0 ? {} : { interfaces }),
    users,
    groups,
    programs: Object.fromEntries(Object.entries(programs).map(([name, program]) => [name, programFact(program)])),
  };
}

function programFact({ path, executable, writableByOthers }: model.HostProgram): ProgramFact {
  if (path === '') return { state: 'missing' };
  if (!executable) return { state: 'not-executable', path };
  return { state: 'executable', path, ...(writableByOthers === '' ? {} : { writableByOthers }) };
}

function finding({ severity, hint = '', sourceLine = '', ...rest }: Diagnostic): fleet.ConfigFinding {
  return { ...rest, error: severity === 'error', hint, sourceLine };
}
