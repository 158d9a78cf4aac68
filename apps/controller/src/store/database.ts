// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- a program that imports only this file needs it too
/// <reference path="./better-sqlite3.d.ts" />
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { type DatabaseConnection, type Driver, Kysely, SqliteDialect, SqliteDriver, sql } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import type { Schema } from './schema.ts';

export type Database = Kysely<Schema>;

/** A controller that is told to stop, and its successor started at once, overlap by a moment. */
const LOCK_TIMEOUT_MS = 2_000;

/** Opens the store and brings its tables up to date. */
export async function openDatabase(stateDir: string): Promise<Database> {
  mkdirSync(stateDir, { recursive: true, mode: 0o750 });
  const sqlite = new Sqlite(join(stateDir, 'controller.sqlite'), { timeout: LOCK_TIMEOUT_MS });
  // Before anything else takes a lock: two controllers on one store would each undo what the other knows.
  sqlite.pragma('locking_mode = EXCLUSIVE');
  sqlite.pragma('journal_mode = WAL');
  // An acknowledged event must survive a power cut, so each commit reaches the disk.
  sqlite.pragma('synchronous = FULL');
  const database = new Kysely<Schema>({ dialect: new Dialect(sqlite) });
  const migrator = new Migrator({ db: database, provider: { getMigrations: () => Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await database.destroy();
    throw error;
  }
  return database;
}

class Dialect extends SqliteDialect {
  readonly #sqlite: Sqlite;

  constructor(sqlite: Sqlite) {
    super({ database: sqlite });
    this.#sqlite = sqlite;
  }

  override createDriver(): Driver {
    return new ToldDriver(this.#sqlite);
  }
}

/** On a full disk SQLite rolls back by itself; rolling back once more would fail, and hide what had happened. */
class ToldDriver extends SqliteDriver {
  readonly #sqlite: Sqlite;

  constructor(sqlite: Sqlite) {
    super({ database: sqlite });
    this.#sqlite = sqlite;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#sqlite.inTransaction) await super.rollbackTransaction(connection);
  }
}

const migrations: Record<string, Migration> = {
  '0001-nodes-events-operations': {
    async up(db: Kysely<unknown>) {
      await sql`create table nodes (
        name text primary key, labels text not null, version text not null, epoch text not null, started_at integer,
        remote_address text not null, last_heard_at integer not null) strict`.execute(db);
      await sql`create table events (
        position integer primary key autoincrement, node text not null, epoch text not null, sequence integer not null,
        received_at integer not null, at integer, severity integer not null, kind text not null, subject text not null,
        message text not null, attributes text not null, unique (node, epoch, sequence)) strict`.execute(db);
      await sql`create table event_marks (
        node text not null, epoch text not null, through integer not null, primary key (node, epoch)) strict`.execute(
        db,
      );
      await sql`create table operations (
        number integer primary key autoincrement, id text not null unique, kind text not null, target text not null,
        change text not null, actor text not null, reason text not null, phase integer not null, steps text not null,
        blocked text not null, result text not null, created_at integer not null, deadline integer not null,
        ended_at integer, forced integer not null, revision integer not null, idempotency_key text unique,
        fingerprint text not null) strict`.execute(db);
      await sql`create index operations_phase on operations (phase)`.execute(db);
    },
  },
};
