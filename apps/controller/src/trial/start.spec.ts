import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError, startController } from '../start.ts';
import { Stand } from './stand.ts';

describe('the start of the controller', () => {
  let stand: Stand;

  beforeEach(() => {
    stand = new Stand();
  });

  afterEach(() => stand.close());

  const started = () => startController(stand.options, { log: pino({ level: 'silent' }) });

  it('refuses a store that another controller has open, and takes it when that one is gone', async () => {
    await stand.start();
    await expect(started()).rejects.toThrow('another controller has the store open');
    await stand.stop();
    await (await started()).close();
  });

  it('says what to do about a damaged store', async () => {
    mkdirSync(stand.options.stateDir);
    writeFileSync(join(stand.options.stateDir, 'controller.sqlite'), 'no database'.repeat(1000));
    await expect(started()).rejects.toThrow(StartError);
    await expect(started()).rejects.toThrow('put controller.sqlite, -wal and -shm aside');
  });

  it('says so when a file is where its directory should be', async () => {
    mkdirSync(dirname(stand.options.stateDir), { recursive: true });
    writeFileSync(stand.options.stateDir, '');
    await expect(started()).rejects.toThrow('a file is in the place of that directory');
  });
});
