import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../store/database.ts';
import { EventRepository, type NewEventRow } from './event.repository.ts';

const row = (sequence: number, message = ''): NewEventRow => ({
  node: 'L1',
  epoch: 'e1',
  sequence,
  received_at: 0,
  at: null,
  severity: 1,
  kind: 'vrrp.state',
  subject: 'VI_1',
  message,
  attributes: '{}',
});

describe('the stored events', () => {
  let directory: string;
  let database: Database;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kf-controller-store-'));
    database = await openDatabase(directory);
  });

  afterEach(async () => {
    await database.destroy();
    rmSync(directory, { recursive: true });
  });

  it('say that the disk is full, store nothing of what did not fit, and go on when there is room', async () => {
    const repository = new EventRepository(database);
    await repository.append('L1', 'e1', [row(1)]);
    // SQLite itself answers a file that may not grow as it answers a disk that is full.
    await sql`pragma max_page_count = 1`.execute(database);
    const large = [row(2), row(3, 'm'.repeat(100_000))];
    await expect(repository.append('L1', 'e1', large)).rejects.toMatchObject({ code: 'SQLITE_FULL' });
    expect(await repository.through('L1', 'e1')).toBe(1);
    expect(await repository.head()).toBe(1);
    await sql`pragma max_page_count = 1000000`.execute(database);
    expect(await repository.append('L1', 'e1', large)).toBe(2);
    expect(await repository.through('L1', 'e1')).toBe(3);
  });
});
