import { z } from 'zod';
import { count, maybeTime, time, timeText } from '../common/dto.ts';
import { phaseWord } from '../common/words.ts';
import { changeSchema, targetText } from './change.ts';
import type { Operation } from './operation.ts';

const phase = z.enum(['pending', 'running', 'succeeded', 'failed', 'cancelled']).meta({ id: 'OperationPhase' });

const stepDto = z
  .object({ name: z.string(), phase, detail: z.string(), startedAt: maybeTime, endedAt: maybeTime })
  .meta({ id: 'OperationStep' });

export const operationDto = z
  .object({
    id: z.string().describe('empty for a dry run'),
    kind: z.string(),
    target: z.string(),
    change: changeSchema,
    actor: z.string(),
    reason: z.string(),
    phase,
    steps: z.array(stepDto),
    blocked: z.string().describe('why it does not go on at the moment; empty when it does'),
    result: z.string(),
    createdAt: time,
    deadline: time,
    endedAt: maybeTime,
    forced: z.boolean(),
    dryRun: z.boolean(),
    revision: count.describe('counts up with each change; the ETag'),
  })
  .meta({ id: 'Operation' });

export const operationListDto = z
  .object({ operations: z.array(operationDto), next: count.describe('`before` of the next page, 0 at the end') })
  .meta({ id: 'OperationList' });

export const operationQuery = z.object({
  active: z.stringbool().default(false).describe('only those under way'),
  before: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

export const operationRequestDto = z
  .strictObject({
    change: changeSchema,
    actor: z.string(),
    reason: z.string().default('').describe('a drain needs one'),
    deadlineSeconds: z.int().min(0).default(0).describe('0 means one hour'),
    force: z.boolean().default(false),
    dryRun: z.boolean().default(false).describe('says what would be done, and does nothing'),
  })
  .meta({ id: 'OperationRequest' });

export const cancelRequestDto = z
  .strictObject({ actor: z.string(), reason: z.string().default('') })
  .meta({ id: 'CancelRequest' });

export function toOperation(operation: Operation): z.infer<typeof operationDto> {
  return {
    id: operation.id,
    kind: operation.change.kind,
    target: targetText(operation.change),
    change: operation.change,
    actor: operation.actor,
    reason: operation.reason,
    phase: phaseWord[operation.phase],
    steps: operation.steps.map((step) => ({
      name: step.name,
      phase: phaseWord[step.phase],
      detail: step.detail,
      startedAt: timeText(step.startedAt),
      endedAt: timeText(step.endedAt),
    })),
    blocked: operation.blocked,
    result: operation.result,
    createdAt: operation.createdAt.toISOString(),
    deadline: operation.deadline.toISOString(),
    endedAt: timeText(operation.endedAt),
    forced: operation.forced,
    dryRun: operation.id === '',
    revision: operation.revision,
  };
}
