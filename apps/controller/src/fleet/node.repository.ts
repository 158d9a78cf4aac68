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

  /** When nodes were last heard, all or none. */
  async heard(nodes: readonly { readonly name: string; readonly lastHeardAt: Date }[]): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      for (const { name, lastHeardAt } of nodes) {
        const heard = { last_heard_at: lastHeardAt.getTime() };
        await transaction.updateTable('nodes').set(heard).where('name', '=', name).execute();
      }
    });
  }

  /** What the node told stays in the event log. */
  async remove(name: string): Promise<void> {
    await this.#database.deleteFrom('nodes').where('name', '=', name).execute();
  }

  all(): Promise<NodeRow[]> {
    return this.#database.selectFrom('nodes').selectAll().execute();
  }
}
