/** The package brings no types; this is what the store uses of it. */
declare module 'better-sqlite3' {
  import type { SqliteDatabase } from 'kysely';

  interface Options {
    readonly timeout?: number;
  }

  interface Database extends SqliteDatabase {
    readonly inTransaction: boolean;
    pragma(source: string, options?: { simple?: boolean }): unknown;
  }

  const Database: new (path: string, options?: Options) => Database;
  export default Database;
}
