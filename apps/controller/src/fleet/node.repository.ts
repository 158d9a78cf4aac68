import { Inject, Injectable } from '@nestjs/common';
import type { Database } from '../store/database.ts';
import type { NodeRow } from '../store/schema.ts';
import { DATABASE } from '../common/tokens.ts';

@Injectable()
export class NodeRepository {
  readonly #database: Database;

  constructor(@Inject(DATABASE) database: Database) {
    this.#database = database;
  }

  async save(row: NodeRow): Promise<void> {
    await this.#database
      .insertInto('nodes')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute();
  }

  async heard(name: string, at: Date): Promise<void> {
    await this.#database.updateTable('nodes').set({ last_heard_at: at.getTime() }).where('name', '=', name).execute();
  }

  all(): Promise<NodeRow[]> {
    return this.#database.selectFrom('nodes').selectAll().execute();
  }
}
