import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClockWatch } from '../common/clock-watch.ts';
import { systemClock } from '../common/clock.ts';
import { EventLog } from '../events/event-log.ts';
import { EventRepository } from '../events/event.repository.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { disconnectedRecord, helloRecord } from '../fleet/node-record.ts';
import { NodeRepository } from '../fleet/node.repository.ts';
import { openDatabase, type Database } from '../store/database.ts';
import type { NodeRow } from '../store/schema.ts';
import { hello } from '../trial/samples.ts';
import { NodesService } from './nodes.service.ts';

/** A store whose disk is full. */
class FullRepository extends NodeRepository {
  override remove(): Promise<void> {
    return Promise.reject(new Error('SQLITE_FULL'));
  }
}

const row: NodeRow = {
  name: 'L1',
  labels: '{}',
  version: '0.1.0',
  epoch: 'e1',
  started_at: null,
  remote_address: '',
  last_heard_at: 1,
};

describe('a node that connects while it is forgotten', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kf-nodes-'));
  const clock = new ClockWatch(systemClock, pino({ level: 'silent' }));
  let database: Database;
  let state: FleetState;

  const connected = (id: number) =>
    helloRecord(undefined, hello('L1'), { id, heartbeatMs: 60_000, remoteAddress: '', at: clock.now() });
  const service = (repository: NodeRepository) =>
    new NodesService(state, repository, new EventLog(new EventRepository(database), clock, { keepEvents: 10 }), clock);
  const request = { name: 'L1', actor: 'bob', reason: '' };

  beforeEach(async () => {
    database = await openDatabase(directory);
    state = new FleetState(clock);
    state.put(disconnectedRecord(connected(1)));
  });

  afterEach(async () => {
    await database.destroy();
    rmSync(directory, { recursive: true });
  });

  it('is known, and kept for the time after a restart', async () => {
    const repository = new NodeRepository(database);
    await repository.save(row);
    const forgotten = service(repository).forget(request);
    state.put(connected(2));
    await Promise.all([repository.save({ ...row, last_heard_at: 2 }), forgotten]);
    expect(state.record('L1')?.stream?.id).toBe(2);
    expect((await repository.all()).map(({ last_heard_at }) => last_heard_at)).toEqual([2]);
  });

  it('keeps its stream when the store fails', async () => {
    const forgotten = service(new FullRepository(database)).forget(request);
    state.put(connected(2));
    await expect(forgotten).rejects.toThrow('SQLITE_FULL');
    expect(state.record('L1')?.stream?.id).toBe(2);
  });
});
