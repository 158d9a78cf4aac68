import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { model } from '@keepfleet/rpc';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsController } from '../metrics/metrics.controller.ts';
import { openDatabase, type Database } from '../store/database.ts';
import { EventLog } from './event-log.ts';
import { EventRepository } from './event.repository.ts';

const own = (message: string) => ({
  node: '',
  severity: model.Severity.INFO,
  kind: 'test.event',
  subject: 'test',
  message,
});

describe('the log of events', () => {
  let directory: string;
  let database: Database;
  let repository: EventRepository;
  let log: EventLog;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kf-controller-log-'));
    database = await openDatabase(directory);
    repository = new EventRepository(database);
    log = new EventLog(repository, { now: () => new Date(0) }, { keepEvents: 1000 });
  });
  afterEach(async () => {
    await database.destroy();
    rmSync(directory, { recursive: true });
  });

  const written = async (count: number) => {
    for (let i = 1; i <= count; i++) await log.write(own(`event ${i}`));
  };
  /** The first events that a watch gives, which would go on for ever. */
  async function watched(after: number, count: number): Promise<[position: number, message: string | undefined][]> {
    const abort = new AbortController();
    const seen: [number, string | undefined][] = [];
    for await (const { position, event } of log.watch({ after }, { kind: 'test.' }, abort.signal))
      if (seen.push([Number(position), event?.message]) === count) abort.abort();
    return seen;
  }

  it('tells one who comes back what was removed meanwhile, and goes on after it', async () => {
    await written(6);
    await repository.removeThrough(4);
    const missed = expect.stringMatching(/^2 events after position 2 had been removed/);
    const rest = [
      [5, 'event 5'],
      [6, 'event 6'],
    ];
    expect(await watched(2, 3)).toEqual([[4, missed], ...rest]);
    const page = await log.list(2, {}, 10);
    expect(page.events.map(({ position, event }) => [Number(position), event?.message])).toEqual([
      [4, missed],
      ...rest,
    ]);
    expect(page.next).toBe(6);
    // Whoever has read up to the gap, or begins with what there is, has missed nothing.
    expect(await watched(4, 2)).toEqual(rest);
    expect(await watched(0, 2)).toEqual(rest);
    expect((await log.list(6, {}, 10)).events).toEqual([]);
  });

  it('is read from its beginning by one who has read further than it goes: it is another', async () => {
    await written(1);
    const replaced = expect.stringContaining('the log ends at position 1, before 70');
    expect(await watched(70, 2)).toEqual([
      [0, replaced],
      [1, 'event 1'],
    ]);
  });

  it('is unwell while nothing can be written, and says how long that was', async () => {
    const health = async () => {
      let [status, text] = [0, ''];
      const reply = {
        status: (given: number) => ((status = given), reply),
        header: () => reply,
        send: (given: string) => ((text = given), reply),
      };
      await new MetricsController(undefined as never, log).healthz(reply as never);
      return [status, text];
    };
    expect(await health()).toEqual([200, 'ok\n']);
    await sql`pragma max_page_count = 1`.execute(database);
    const fill = async () => {
      for (;;) await log.write(own('x'));
    };
    await expect(fill()).rejects.toMatchObject({ code: 'SQLITE_FULL' });
    expect(await health()).toEqual([503, expect.stringContaining('full')]);
    await sql`pragma max_page_count = 1000000`.execute(database);
    expect(await health()).toEqual([200, 'ok\n']);
    const [told] = (await log.latest({ kind: 'store.' }, 2)).events;
    expect(told?.event).toMatchObject({ kind: 'store.recovered', message: expect.stringContaining('is full') });
    expect((await log.latest({ kind: 'store.' }, 2)).events.length).toBe(1);
  });
});
