import { randomUUID } from 'node:crypto';
import { fleet, toJson } from '@keepfleet/rpc';
import type { Answer, Command, Console } from '../command.ts';
import type { Controller } from '../connection.ts';
import { exitCodes, Failure } from '../failure.ts';
import { lines, words } from '../text.ts';

export interface OperateOptions {
  readonly actor: string;
  readonly reason: string;
  readonly deadlineSeconds: number;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly detach: boolean;
}

/** Starts an operation and follows it to its end. Ctrl-C detaches; the operation goes on. */
export class OperateCommand implements Command {
  readonly #change: NonNullable<fleet.StartOperationRequest['change']>;
  readonly #options: OperateOptions;

  constructor(change: NonNullable<fleet.StartOperationRequest['change']>, options: OperateOptions) {
    this.#change = change;
    this.#options = options;
  }

  async run(controller: Controller, console: Console): Promise<Answer> {
    const { actor, reason, deadlineSeconds, force, dryRun, detach } = this.#options;
    const started = await controller.startOperation({
      change: this.#change,
      actor,
      reason,
      deadlineSeconds,
      force,
      dryRun,
      idempotencyKey: randomUUID(),
    });
    if (detach || dryRun) return answer(started);
    return followOperation(controller, console, started);
  }
}

/** Attaches to an operation that runs already. */
export class AttachCommand implements Command {
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  async run(controller: Controller, console: Console): Promise<Answer> {
    return followOperation(controller, console, await controller.operation(this.#id));
  }
}

export class CancelCommand implements Command {
  readonly #request: fleet.CancelOperationRequest;

  constructor(request: fleet.CancelOperationRequest) {
    this.#request = request;
  }

  async run(controller: Controller): Promise<Answer> {
    const operation = await controller.cancelOperation(this.#request);
    return { data: toJson(fleet.Operation, operation), text: operationText(operation) };
  }
}

async function followOperation(controller: Controller, console: Console, started: fleet.Operation): Promise<Answer> {
  let latest = started;
  let shown = '';
  const interrupted = new AbortController();
  const stop = console.onInterrupt(() => interrupted.abort());
  try {
    for await (const operation of controller.watchOperation(started.id, interrupted.signal)) {
      latest = operation;
      const text = progressText(operation);
      if (text !== shown) console.progress(text);
      shown = text;
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== exitCodes.unreachable) throw error;
    throw lostSight(started.id, error.message);
  } finally {
    stop();
  }
  if (latest.endedAt !== undefined) return answer(latest);
  if (!interrupted.signal.aborted) throw lostSight(started.id, 'the controller ended the stream');
  return {
    data: toJson(fleet.Operation, latest),
    exitCode: exitCodes.detached,
    text: `detached: operation ${latest.id} goes on; follow it with \`keepfleet operations attach ${latest.id}\`, end it with \`keepfleet operations cancel ${latest.id}\``,
  };
}

function lostSight(id: string, why: string): Failure {
  return new Failure(
    `lost sight of operation ${id}, which goes on when the controller does; follow it with \`keepfleet operations attach ${id}\` (${why})`,
    exitCodes.unreachable,
  );
}

function answer(operation: fleet.Operation): Answer {
  const failed = operation.phase === fleet.OperationPhase.FAILED || operation.phase === fleet.OperationPhase.CANCELLED;
  return {
    data: toJson(fleet.Operation, operation),
    text: operationText(operation),
    exitCode: failed ? exitCodes.failed : exitCodes.ok,
  };
}

function progressText(operation: fleet.Operation): string {
  const step = operation.steps.find((one) => one.phase === fleet.OperationPhase.RUNNING) ?? operation.steps.at(-1);
  const blocked = operation.blocked === '' ? '' : ` [blocked: ${operation.blocked}]`;
  return `${operation.kind} ${operation.target}: ${step === undefined ? words.phase(operation.phase) : `${step.name}: ${step.detail}`}${blocked}`;
}

function operationText(operation: fleet.Operation): string {
  return lines(
    `${operation.kind} ${operation.target}: ${operation.dryRun ? 'dry run, nothing was changed' : `${words.phase(operation.phase)} (operation ${operation.id})`}`,
    ...operation.steps.map(
      (step) => `  ${step.name}: ${words.phase(step.phase)}${step.detail === '' ? '' : `, ${step.detail}`}`,
    ),
    operation.blocked === '' ? undefined : `  blocked: ${operation.blocked}`,
    operation.result === '' ? undefined : `  ${operation.result}`,
  );
}
