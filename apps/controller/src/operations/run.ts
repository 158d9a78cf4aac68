import { type agent, fleet } from '@keepfleet/rpc';
import type { NodeRecord } from '../fleet/node-record.ts';
import { overrideChange } from './change.ts';
import { ended, plannedStep, type Operation, type Step } from './operation.ts';
import { hasOverride, overridesOf, type Picture } from './picture.ts';

export interface WantedCommand {
  readonly node: string;
  readonly command: agent.Command;
}

/**
 * One look at one operation: the kinds say what holds and what does not, and this turns it into steps, commands and
 * a next value. It remembers nothing but the operation, so a controller that restarts goes on where it was.
 */
export class Run {
  readonly picture: Picture;
  readonly commands: WantedCommand[] = [];
  readonly #blocks: string[] = [];
  #operation: Operation;

  constructor(operation: Operation, picture: Picture) {
    this.picture = picture;
    this.#operation = { ...operation, phase: fleet.OperationPhase.RUNNING };
  }

  get operation(): Operation {
    return this.#operation;
  }

  /** The operation after this look. */
  finish(): Operation {
    const operation = { ...this.#operation, blocked: this.#blocks.join('; ') };
    if (operation.endedAt !== undefined || this.picture.now < operation.deadline) {
      return operation.endedAt === undefined ? operation : { ...operation, blocked: '' };
    }
    const remains = operation.steps
      .filter((step) => step.endedAt === undefined)
      .map((step) => (step.detail === '' ? step.name : `${step.name} (${step.detail})`));
    const why = operation.blocked === '' ? '' : `; it was blocked: ${operation.blocked}`;
    const result = `the deadline passed; remains: ${remains.join(', ')}${why}. What was done stays`;
    return ended(operation, fleet.OperationPhase.FAILED, result, this.picture.now);
  }

  step(key: string): Step | undefined {
    return this.#operation.steps.find((step) => step.key === key);
  }

  isDone(key: string): boolean {
    return this.step(key)?.phase === fleet.OperationPhase.SUCCEEDED;
  }

  /** Adds a step that the plan could not know of. */
  ensure(key: string, name: string): void {
    if (this.step(key) !== undefined) return;
    this.#operation = { ...this.#operation, steps: [...this.#operation.steps, plannedStep(key, name)] };
  }

  waiting(key: string, detail: string): void {
    this.#change(key, (step) => ({
      ...step,
      phase: fleet.OperationPhase.RUNNING,
      detail,
      startedAt: step.startedAt ?? this.picture.now,
    }));
  }

  done(key: string, detail: string): void {
    this.#change(key, (step) => ({
      ...step,
      phase: fleet.OperationPhase.SUCCEEDED,
      detail,
      startedAt: step.startedAt ?? this.picture.now,
      endedAt: step.endedAt ?? this.picture.now,
    }));
  }

  /** The step cannot go on until something outside changes. */
  blocked(key: string, reason: string): void {
    this.waiting(key, reason);
    if (!this.#blocks.includes(reason)) this.#blocks.push(reason);
  }

  fail(result: string): void {
    this.#operation = ended(this.#operation, fleet.OperationPhase.FAILED, result, this.picture.now);
  }

  succeed(result: string): void {
    this.#operation = ended(this.#operation, fleet.OperationPhase.SUCCEEDED, result, this.picture.now);
  }

  /** Has the node carry a command out once; true when it has. A step with several commands names each by `part`. */
  told(key: string, node: string, body: agent.Command['body'], part = ''): boolean {
    const id = `${this.#operation.id}/${key}${part === '' ? '' : `/${part}`}`;
    const result = this.picture.result(id);
    if (result?.done === true) return true;
    if (result !== undefined) {
      this.fail(`${node} refused: ${result.detail}. What was done before stays`);
      return false;
    }
    const { deadline, actor, reason } = this.#operation;
    this.commands.push({ node, command: { id, deadline, actor, reason, body } });
    if (this.picture.isCurrent(this.picture.record(node))) this.waiting(key, `${node} is told`);
    else this.blocked(key, this.picture.absence(node));
    return false;
  }

  /** Puts the operation's override on the node; true when the node has said that it applies and its own state shows it. */
  override(key: string, record: NodeRecord): boolean {
    const { id, actor, reason, change, createdAt } = this.#operation;
    const override = { id, source: 'controller', actor, reason, at: createdAt, expiresAt: undefined };
    const body = {
      $case: 'setOverride',
      value: { override: { ...override, change: overrideChange(change) } },
    } as const;
    if (!this.told(key, record.name, body)) return false;
    return this.#shown(
      key,
      record,
      overridesOf(record).some((override) => override.id === id),
      'does not show it yet',
    );
  }

  /** Takes overrides of the same target off the node; true when the node's own state shows none. */
  cleared(key: string, record: NodeRecord): boolean {
    const change = overrideChange(this.#operation.change);
    const there = hasOverride(record, change);
    const untold = this.step(key)?.startedAt === undefined;
    if (untold && !there && this.picture.isCurrent(record)) return true;
    const matching = { id: '', source: '', actor: '', reason: '', at: undefined, expiresAt: undefined, change };
    if (!this.told(key, record.name, { $case: 'clearOverride', value: { id: '', matching } })) return false;
    return this.#shown(key, record, !there, 'still shows it');
  }

  #shown(key: string, record: NodeRecord, shown: boolean, notYet: string): boolean {
    if (!this.picture.isCurrent(record)) this.blocked(key, this.picture.absence(record.name));
    else if (!shown) this.waiting(key, `carried out; ${record.name} ${notYet}`);
    else return true;
    return false;
  }

  #change(key: string, change: (step: Step) => Step): void {
    const steps = this.#operation.steps.map((step) =>
      step.key === key && step.endedAt === undefined ? change(step) : step,
    );
    this.#operation = { ...this.#operation, steps };
  }
}
