import { fleet } from '@keepfleet/rpc';
import { targetText, type Change } from './change.ts';

/** A change of the fleet under way or ended. A value: each advance gives the next one. */
export interface Operation {
  readonly id: string;
  readonly change: Change;
  readonly actor: string;
  readonly reason: string;
  readonly phase: fleet.OperationPhase;
  readonly steps: readonly Step[];
  /** Why it does not go on at the moment; empty when it does. */
  readonly blocked: string;
  readonly result: string;
  readonly createdAt: Date;
  readonly deadline: Date;
  readonly endedAt: Date | undefined;
  readonly forced: boolean;
  readonly revision: number;
}

export interface Step {
  /** Tells the steps of one operation apart: "takeover/VI_1". */
  readonly key: string;
  readonly name: string;
  readonly phase: fleet.OperationPhase;
  readonly detail: string;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

export function plannedStep(key: string, name: string): Step {
  const phase = fleet.OperationPhase.PENDING;
  return { key, name, phase, detail: '', startedAt: undefined, endedAt: undefined };
}

export function isActive(operation: Operation): boolean {
  const { PENDING, RUNNING } = fleet.OperationPhase;
  return operation.phase === PENDING || operation.phase === RUNNING;
}

/** Ends the operation; steps that were not through end with it. */
export function ended(operation: Operation, phase: fleet.OperationPhase, result: string, at: Date): Operation {
  const steps = operation.steps.map((step) => (step.endedAt === undefined ? { ...step, phase, endedAt: at } : step));
  return { ...operation, phase, steps, result, blocked: '', endedAt: at };
}

/** The same on a clock that was set by so many milliseconds. */
export function shifted(operation: Operation, ms: number): Operation {
  const later = <T extends Date | undefined>(time: T) =>
    (time === undefined ? time : new Date(time.getTime() + ms)) as T;
  return {
    ...operation,
    steps: operation.steps.map((step) => ({
      ...step,
      startedAt: later(step.startedAt),
      endedAt: later(step.endedAt),
    })),
    createdAt: later(operation.createdAt),
    deadline: later(operation.deadline),
  };
}

export function operationView(operation: Operation, dryRun = false): fleet.Operation {
  return {
    id: operation.id,
    kind: operation.change.kind,
    target: targetText(operation.change),
    actor: operation.actor,
    reason: operation.reason,
    phase: operation.phase,
    steps: operation.steps.map(({ key: _key, ...step }) => step),
    blocked: operation.blocked,
    result: operation.result,
    createdAt: operation.createdAt,
    deadline: operation.deadline,
    endedAt: operation.endedAt,
    forced: operation.forced,
    dryRun,
    revision: BigInt(operation.revision),
  };
}
