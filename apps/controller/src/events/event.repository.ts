import { Inject, Injectable } from '@nestjs/common';
import type { Insertable, Selectable } from 'kysely';
import { DATABASE } from '../common/tokens.ts';
import type { Database } from '../store/database.ts';
import type { EventRow } from '../store/schema.ts';

export type NewEventRow = Omit<Insertable<EventRow>, 'position'>;
export type StoredEventRow = Selectable<EventRow>;

export interface EventFilter {
  readonly node?: string;
  /** Prefix of the kind. */
  readonly kind?: string;
}

/** SQLite takes 32,766 values a statement; a row has ten. */
const ROWS_PER_INSERT = 1000;
/** No agent can name it (see link/intake.ts). */
const PROBE_EPOCH = '~probe';

@Injectable()
export class EventRepository {
  readonly #database: Database;

  constructor(@Inject(DATABASE) database: Database) {
    this.#database = database;
  }

  /** Stores what is not stored yet and moves the mark, both or neither; gives the number of new ones. */
  async append(node: string, epoch: string, rows: readonly NewEventRow[]): Promise<number> {
    const last = Math.max(...rows.map((row) => row.sequence));
    return this.#database.transaction().execute(async (transaction) => {
      let stored = 0n;
      for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
        const inserted = await transaction
          .insertInto('events')
          .values(rows.slice(from, from + ROWS_PER_INSERT))
          .onConflict((conflict) => conflict.columns(['node', 'epoch', 'sequence']).doNothing())
          .executeTakeFirst();
        stored += inserted.numInsertedOrUpdatedRows ?? 0n;
      }
      await transaction
        .insertInto('event_marks')
        .values({ node, epoch, through: last })
        .onConflict((conflict) =>
          conflict.columns(['node', 'epoch']).doUpdateSet({ through: last }).where('event_marks.through', '<', last),
        )
        .execute();
      return Number(stored);
    });
  }

  /** The last stored sequence of the epoch, 0 when there is none. */
  async through(node: string, epoch: string): Promise<number> {
    const mark = await this.#database
      .selectFrom('event_marks')
      .select('through')
      .where('node', '=', node)
      .where('epoch', '=', epoch)
      .executeTakeFirst();
    return mark?.through ?? 0;
  }

  after(position: number, filter: EventFilter, limit: number): Promise<StoredEventRow[]> {
    return this.#filtered(filter).where('position', '>', position).orderBy('position').limit(limit).execute();
  }

  /** The newest, oldest of them first. */
  async latest(filter: EventFilter, limit: number): Promise<StoredEventRow[]> {
    const rows = await this.#filtered(filter).orderBy('position', 'desc').limit(limit).execute();
    return rows.reverse();
  }

  /** The position of the newest event, 0 before the first. */
  async head(): Promise<number> {
    const row = await this.#database
      .selectFrom('events')
      .select('position')
      .orderBy('position', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row?.position ?? 0;
  }

  /** The position of the oldest event that is kept, or undefined before the first. */
  async oldest(): Promise<number | undefined> {
    const row = await this.#database
      .selectFrom('events')
      .select('position')
      .orderBy('position')
      .limit(1)
      .executeTakeFirst();
    return row?.position;
  }

  /** Writes something that means nothing, to its end on the disk: rejects with what the store says when it cannot. */
  async rewrite(): Promise<void> {
    const mark = { node: '', epoch: PROBE_EPOCH, through: 0 };
    await this.#database
      .insertInto('event_marks')
      .values(mark)
      .onConflict((conflict) => conflict.columns(['node', 'epoch']).doUpdateSet({ through: 0 }))
      .execute();
  }

  async removeThrough(position: number): Promise<void> {
    await this.#database.deleteFrom('events').where('position', '<=', position).execute();
  }

  #filtered(filter: EventFilter) {
    let query = this.#database.selectFrom('events').selectAll();
    if (filter.node !== undefined) query = query.where('node', '=', filter.node);
    if (filter.kind !== undefined) {
      query = query.where('kind', '>=', filter.kind).where('kind', '<', `${filter.kind}\u{10ffff}`);
    }
    return query;
  }
}
