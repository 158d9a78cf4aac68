import { randomUUID } from 'node:crypto';
import type { LvsCommand, LvsOutcome } from '@keepfleet/ipvs';
import { agent, model } from '@keepfleet/rpc';
import { parseIp } from '@keepfleet/wire';
import type { Outcome } from '../link/index.ts';
import type { SetOutcome } from '../snmp/index.ts';
import { type Override, type OverrideChange, overrideChangeSchema, overrideTarget } from '../settings/override.ts';
import { errorText } from '../error-text.ts';
import { fromWireChange } from './node-state.ts';
import type { GossipDesk } from './gossip-desk.ts';
import { factsAbout } from './host-facts.ts';
import type { OverrideStore } from './override-store.ts';

/** Results kept so that a command sent twice is carried out once. */
const REMEMBERED_RESULTS = 1_000;

/** How long the answer to an SNMP SET waits for the state that shows it. */
const SHOWN_TIMEOUT_MS = 1_000;
/** And how long that and coming into force may take together: after 4 s a SET counts as failed, and is undone. */
const SET_ANSWER_MS = 3_500;

const succeeded = { done: true, detail: '' } as const;

/** What commands need of the node. */
export interface CommandTarget {
  readonly overrides: OverrideStore;
  /** Says why the change cannot be meant for this node, or undefined. */
  refusalOf(change: OverrideChange): string | undefined;
  /** The value that the configuration gives to what the change changes, in the same shape. */
  configured(change: OverrideChange): OverrideChange | undefined;
  /** Applies configuration and overrides anew; the answer says what is not in force yet, and why. */
  apply(): Promise<string | undefined>;
  /** Resolves when the state is that of what is in force, or after so many milliseconds. */
  shown(timeoutMs: number): Promise<void>;
  relinquish(instance: string): Promise<Outcome>;
  announce(instance: string): Promise<Outcome>;
  /** Of one service, or of all. */
  zeroCounters(service: string | undefined): Promise<Outcome>;
  instances(): readonly string[];
  countConnections(command: LvsCommand): Promise<LvsOutcome>;
  /** What `@ID` lines of its configuration are compared with. */
  readonly configId: string;
  /** Undefined while this node does not gossip. */
  readonly gossip: GossipDesk | undefined;
  noteOverride(what: 'set' | 'cleared', override: Override, actor: string, reason: string): void;
}

/** Carries out what the controller and SNMP managers ask for; overrides are on disk before they are in force. */
export class Commands {
  readonly #target: CommandTarget;
  readonly #results = new Map<string, Promise<agent.CommandResult>>();

  constructor(target: CommandTarget) {
    this.#target = target;
  }

  /** Never rejects: a failure is a result that says why. */
  carryOut(command: agent.Command): Promise<agent.CommandResult> {
    const known = this.#results.get(command.id);
    // Without an id nothing is known about what was asked before.
    if (known !== undefined && command.id !== '') return known;
    const result = this.#carryOut(command).then(
      (outcome) => ({ id: command.id, connections: [], ...outcome }),
      (error: unknown) => ({ id: command.id, done: false, detail: errorText(error), connections: [] }),
    );
    this.#results.set(command.id, result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > REMEMBERED_RESULTS && oldest !== undefined) this.#results.delete(oldest);
    return result;
  }

  async #carryOut(
    command: agent.Command,
  ): Promise<
    Pick<agent.CommandResult, 'done' | 'detail'> &
      Partial<Pick<agent.CommandResult, 'connections' | 'facts' | 'gossip' | 'keys'>>
  > {
    const { body, deadline, actor, reason } = command;
    if (deadline !== undefined && deadline.getTime() < Date.now()) {
      return {
        done: false,
        detail: `its deadline ${deadline.toISOString()} has passed by this node's clock; nothing was done`,
      };
    }
    switch (body?.$case) {
      case undefined:
        return { done: false, detail: 'a command that this version of the agent does not know; upgrade the agent' };
      case 'setOverride':
        return this.#setOverride(body.value.override, actor, reason);
      case 'clearOverride':
        return this.#clearOverride(body.value, actor, reason);
      case 'relinquish':
        return this.#relinquish(body.value.instance);
      case 'announce':
        return answer(await this.#target.announce(body.value.instance));
      case 'zeroCounters':
        return answer(await this.#target.zeroCounters(body.value.service === '' ? undefined : body.value.service));
      case 'countConnections':
        return this.#countConnections(body.value);
      case 'gatherFacts':
        return { ...succeeded, facts: await this.#facts(body.value) };
      case 'examineGossip':
        return { ...succeeded, gossip: await this.#gossip().examine() };
      case 'changeGossipKeys':
        return { ...succeeded, keys: await this.#gossip().changeKeys({ ...body.value, actor }, 'controller') };
      case 'forgetMember':
        this.#gossip().forget({ ...body.value, actor });
        return succeeded;
    }
  }

  #gossip(): GossipDesk {
    const { gossip } = this.#target;
    if (gossip === undefined) throw new Error('this node does not gossip');
    return gossip;
  }

  async #setOverride(wire: model.Override | undefined, actor: string, reason: string) {
    if (wire?.change === undefined) return { done: false, detail: 'an override without a change' };
    const change = overrideChangeSchema.safeParse(fromWireChange(wire.change));
    if (!change.success)
      return { done: false, detail: `bad value: ${change.error.issues.map((issue) => issue.message).join(', ')}` };
    const refusal = this.#target.refusalOf(change.data);
    if (refusal !== undefined) return { done: false, detail: refusal };
    if (wire.expiresAt !== undefined && wire.expiresAt.getTime() <= Date.now()) {
      const detail = `it has expired at ${wire.expiresAt.toISOString()} by this node's clock; nothing was changed`;
      return { done: false, detail };
    }
    const override: Override = {
      id: wire.id === '' ? randomUUID() : wire.id,
      source: 'controller',
      actor: wire.actor || actor,
      reason: wire.reason || reason,
      at: (wire.at ?? new Date()).toISOString(),
      ...(wire.expiresAt === undefined ? {} : { expiresAt: wire.expiresAt.toISOString() }),
      change: withCanonicalAddress(change.data),
    };
    this.#target.overrides.set(override);
    this.#target.noteOverride('set', override, override.actor, override.reason);
    return applied(await this.#target.apply());
  }

  async #clearOverride(request: agent.ClearOverride, actor: string, reason: string) {
    const now = new Date();
    const { overrides } = this.#target;
    const cleared =
      request.id === ''
        ? request.matching?.change && overrides.clearTarget(fromWireChange(request.matching.change), now)
        : overrides.clearById(request.id, now);
    if (cleared === undefined) return { done: true, detail: 'there was no such override' };
    this.#target.noteOverride('cleared', cleared, actor, reason);
    return applied(await this.#target.apply());
  }

  async #relinquish(instance: string) {
    const instances = instance === '' ? this.#target.instances() : [instance];
    const outcomes = await Promise.all(instances.map((name) => this.#target.relinquish(name)));
    const refusals = outcomes.flatMap((outcome, i) => (outcome.ok ? [] : [`${instances[i]}: ${outcome.reason}`]));
    return { done: refusals.length === 0, detail: refusals.join('; ') };
  }

  async #countConnections({ address, port }: agent.CountConnections) {
    const outcome = await this.#target.countConnections({
      kind: 'connections',
      address,
      ...(port === 0 ? {} : { port }),
    });
    if (!outcome.ok) return { done: false, detail: outcome.reason };
    const connections = outcome.services.map((one) => ({
      key: `${one.service} ${one.server}`,
      activeConnections: one.active,
      inactiveConnections: one.inactive,
      persistentConnections: one.persistent,
      statistics: undefined,
    }));
    const outOf = outcome.services.filter(({ weight }) => weight === null).map(({ service }) => service);
    const detail = outOf.length === 0 ? '' : `not in the pool of ${outOf.join(', ')}, where nothing is counted`;
    return { done: true, detail, connections };
  }

  async #facts(names: agent.GatherFacts): Promise<model.HostFacts> {
    const facts = await factsAbout(names);
    return {
      configId: this.#target.configId,
      interfaces: facts.interfaces ?? [],
      users: facts.users ?? {},
      groups: facts.groups ?? {},
      programs: Object.fromEntries(
        Object.entries(facts.programs ?? {}).map(([name, fact]) => [
          name,
          {
            path: fact.state === 'missing' ? '' : fact.path,
            executable: fact.state === 'executable',
            writableByOthers: (fact.state === 'executable' ? fact.writableByOthers : undefined) ?? '',
          },
        ]),
      ),
    };
  }

  /** All of the changes of one SET or none; `undo` puts back the overrides that were there before. */
  async setBySnmp(changes: readonly OverrideChange[], actor: string): Promise<SetOutcome> {
    const refusal = changes.map((change) => this.#target.refusalOf(change)).find((one) => one !== undefined);
    if (refusal !== undefined) return { ok: false, reason: refusal };
    const now = new Date();
    const began = performance.now();
    const targets = new Set(changes.map(overrideTarget));
    const before = this.#target.overrides.list(now).filter(({ change }) => targets.has(overrideTarget(change)));
    // Others may have been set or cleared meanwhile, and stay so.
    const putBack = () => {
      for (const change of changes) {
        const taken = this.#target.overrides.clearTarget(change, new Date());
        if (taken !== undefined) this.#target.noteOverride('cleared', taken, actor, 'SNMP SET undone');
      }
      for (const override of before) {
        this.#target.overrides.set(override);
        this.#target.noteOverride('set', override, actor, 'SNMP SET undone');
      }
      return this.#target.apply();
    };
    try {
      for (const change of changes) this.#setOneBySnmp(change, actor, now);
    } catch (error) {
      await putBack();
      return { ok: false, reason: errorText(error) };
    }
    const missing = await this.#target.apply();
    if (missing === undefined) {
      // Who reads what was just set is not to see what was before.
      const left = began + SET_ANSWER_MS - performance.now();
      await this.#target.shown(Math.max(0, Math.min(SHOWN_TIMEOUT_MS, left)));
      return { ok: true, undo: async () => void (await putBack()) };
    }
    // The manager has waited long enough: what was before is on its way, and comes into force as soon as it can.
    void putBack();
    return { ok: false, reason: missing };
  }

  /** Setting what the configuration says anyway is taken as the wish to have no override. */
  #setOneBySnmp(change: OverrideChange, actor: string, now: Date): void {
    const reason = 'SNMP SET';
    if (JSON.stringify(this.#target.configured(change)) === JSON.stringify(change)) {
      const cleared = this.#target.overrides.clearTarget(change, now);
      if (cleared !== undefined) this.#target.noteOverride('cleared', cleared, actor, reason);
      return;
    }
    const override: Override = { id: randomUUID(), source: 'snmp', actor, reason, at: now.toISOString(), change };
    this.#target.overrides.set(override);
    this.#target.noteOverride('set', override, actor, reason);
  }
}

function answer(outcome: Outcome) {
  return outcome.ok ? succeeded : { done: false, detail: outcome.reason };
}

function applied(missing: string | undefined) {
  return { done: missing === undefined, detail: missing ?? '' };
}

/** Real servers are found by text, so an address has to have its one spelling. */
function withCanonicalAddress(change: OverrideChange): OverrideChange {
  if (change.kind !== 'drain-server') return change;
  const address = parseIp(change.address);
  return address.ok ? { ...change, address: address.value } : change;
}
