import { Inject, Injectable } from '@nestjs/common';
import { fleet } from '@keepfleet/rpc';
import type { Insertable, Selectable } from 'kysely';
import { z } from 'zod';
import { DATABASE } from '../common/tokens.ts';
import type { Database } from '../store/database.ts';
import type { OperationRow } from '../store/schema.ts';
import { changeSchema } from './change.ts';
import type { Operation } from './operation.ts';

export interface KeyedOperation {
  readonly operation: Operation;
  readonly fingerprint: string;
}

export interface OperationPage {
  readonly operations: readonly Operation[];
  /** Where the older ones go on, 0 when there are none. */
  readonly next: number;
}

const phases = new Map<number, fleet.OperationPhase>(
  Object.values(fleet.OperationPhase).map((phase) => [phase, phase]),
);

const phaseSchema = z.number().transform((value) => phases.get(value) ?? fleet.OperationPhase.UNSPECIFIED);
const dateSchema = z
  .number()
  .nullable()
  .transform((value) => (value === null ? undefined : new Date(value)));

const stepsSchema = z.array(
  z.object({
    key: z.string(),
    name: z.string(),
    phase: phaseSchema,
    detail: z.string(),
    startedAt: dateSchema,
    endedAt: dateSchema,
  }),
);

@Injectable()
export class OperationRepository {
  readonly #database: Database;

  constructor(@Inject(DATABASE) database: Database) {
    this.#database = database;
  }

  async insert(operation: Operation, key: string | undefined, fingerprint: string): Promise<void> {
    const row = { ...toRow(operation), idempotency_key: key ?? null, fingerprint };
    await this.#database.insertInto('operations').values(row).execute();
  }

  async update(operation: Operation): Promise<void> {
    const { id, ...columns } = toRow(operation);
    await this.#database.updateTable('operations').set(columns).where('id', '=', id).execute();
  }

  async byId(id: string): Promise<Operation | undefined> {
    const row = await this.#database.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : fromRow(row);
  }

  async byKey(key: string): Promise<KeyedOperation | undefined> {
    const row = await this.#database
      .selectFrom('operations')
      .selectAll()
      .where('idempotency_key', '=', key)
      .executeTakeFirst();
    return row === undefined ? undefined : { operation: fromRow(row), fingerprint: row.fingerprint };
  }

  async active(): Promise<Operation[]> {
    const { PENDING, RUNNING } = fleet.OperationPhase;
    const rows = await this.#database
      .selectFrom('operations')
      .selectAll()
      .where('phase', 'in', [PENDING, RUNNING])
      .orderBy('number')
      .execute();
    return rows.map(fromRow);
  }

  /** Newest first; `before` is the `next` of the page before, 0 for the first. */
  async page(before: number, limit: number): Promise<OperationPage> {
    let query = this.#database.selectFrom('operations').selectAll().orderBy('number', 'desc').limit(limit);
    if (before > 0) query = query.where('number', '<', before);
    const rows = await query.execute();
    return { operations: rows.map(fromRow), next: rows.length === limit ? (rows.at(-1)?.number ?? 0) : 0 };
  }
}

function toRow(operation: Operation): Omit<Insertable<OperationRow>, 'number' | 'idempotency_key' | 'fingerprint'> & {
  id: string;
} {
  const steps = operation.steps.map((step) => ({
    ...step,
    startedAt: step.startedAt?.getTime() ?? null,
    endedAt: step.endedAt?.getTime() ?? null,
  }));
  return {
    id: operation.id,
    kind: operation.change.kind,
    target: 'node' in operation.change ? operation.change.node : operation.change.address,
    change: JSON.stringify(operation.change),
    actor: operation.actor,
    reason: operation.reason,
    phase: operation.phase,
    steps: JSON.stringify(steps),
    blocked: operation.blocked,
    result: operation.result,
    created_at: operation.createdAt.getTime(),
    deadline: operation.deadline.getTime(),
    ended_at: operation.endedAt?.getTime() ?? null,
    forced: operation.forced ? 1 : 0,
    revision: operation.revision,
  };
}

function fromRow(row: Selectable<OperationRow>): Operation {
  return {
    id: row.id,
    change: changeSchema.parse(JSON.parse(row.change)),
    actor: row.actor,
    reason: row.reason,
    phase: phases.get(row.phase) ?? fleet.OperationPhase.UNSPECIFIED,
    steps: stepsSchema.parse(JSON.parse(row.steps)),
    blocked: row.blocked,
    result: row.result,
    createdAt: new Date(row.created_at),
    deadline: new Date(row.deadline),
    endedAt: row.ended_at === null ? undefined : new Date(row.ended_at),
    forced: row.forced === 1,
    revision: row.revision,
  };
}
