import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fleet } from '@keepfleet/rpc';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ClockWatch } from '../common/clock-watch.ts';
import { systemClock } from '../common/clock.ts';
import { EventLog } from '../events/event-log.ts';
import { EventRepository } from '../events/event.repository.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { fullStateRecord, helloRecord } from '../fleet/node-record.ts';
import { CommandDesk } from '../link/command-desk.ts';
import { openDatabase } from '../store/database.ts';
import { hello, nodeState, router } from '../trial/samples.ts';
import { OperationRepository } from './operation.repository.ts';
import { OperationsService } from './operations.service.ts';
import type { Operation } from './operation.ts';

/** A store whose disk is full. */
class FullRepository extends OperationRepository {
  override update(_: Operation): Promise<void> {
    return Promise.reject(new Error('SQLITE_FULL'));
  }
}

it('says that an operation has begun once it is kept, also when its first step cannot be', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kf-operations-'));
  const database = await openDatabase(directory);
  try {
    const log = pino({ level: 'silent' });
    const clock = new ClockWatch(systemClock, log);
    const state = new FleetState(clock);
    const stream = { id: 1, heartbeatMs: 60_000, remoteAddress: '', at: clock.now() };
    const full = { observedAt: clock.now(), state: nodeState({ routers: [router('L1')] }) };
    state.put(fullStateRecord(helloRecord(undefined, hello('L1'), stream), full, clock.now()));
    const events = new EventLog(new EventRepository(database), clock, { keepEvents: 1000 });
    const operations = new OperationsService(
      new FullRepository(database),
      state,
      new CommandDesk(clock),
      events,
      clock,
      log,
    );
    const { id, phase } = await operations.begin({
      change: { kind: 'set-priority', node: 'L1', instance: 'VI_1', priority: 7 },
      actor: 'alice',
      reason: '',
      deadlineSeconds: 0,
      force: false,
      dryRun: false,
      idempotencyKey: '',
    });
    expect(phase).toBe(fleet.OperationPhase.PENDING);
    expect(operations.active().map((each) => each.id)).toEqual([id]);
  } finally {
    await database.destroy();
    rmSync(directory, { recursive: true });
  }
});
