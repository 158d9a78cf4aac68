import { closeSync, constants, existsSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ScriptRunner } from '../scripts/script-runner.ts';
import { NotifyFifo } from '../vrrp/notify-fifo.ts';
import { Fifo } from './fifo.ts';

const directory = mkdtempSync(join(tmpdir(), 'kf-fifo-'));
afterAll(() => rmSync(directory, { recursive: true }));
const nothing = () => undefined;
const log = { info: nothing, warn: nothing, error: nothing } as never;
let count = 0;
let path = '';
beforeEach(() => (path = join(directory, `${count++}`)));

const ofLvs = () => {
  const fifo = new Fifo({ path, owner: null, script: null, isShared: true }, log);
  fifo.open();
  return fifo;
};
const ofVrrp = () => new NotifyFifo({ path }, new ScriptRunner(), log);

/** What a reader of the name gets, after `write`. */
function read(write: () => void): string {
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    write();
    const buffer = Buffer.alloc(100);
    return buffer.toString('latin1', 0, readSync(reader, buffer));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return '';
    throw error;
  } finally {
    closeSync(reader);
  }
}

describe('a pipe that two processes write to', () => {
  it('has the lines of both after one of them made it anew', () => {
    const before = ofVrrp();
    const lvs = ofLvs();
    before.close();
    const vrrp = ofVrrp();
    const lines = read(() => {
      vrrp.write('INSTANCE\n');
      lvs.write('RS\n');
    });
    expect(lines).toBe('INSTANCE\nRS\n');
    lvs.close();
    expect(existsSync(path)).toBe(true);
    vrrp.close();
    expect(existsSync(path)).toBe(false);
  });

  it('is not taken from the other by the lvs process, though that made it', () => {
    const lvs = ofLvs();
    const vrrp = ofVrrp();
    lvs.close();
    const next = ofLvs();
    const lines = read(() => {
      next.write('RS\n');
      vrrp.write('INSTANCE\n');
    });
    expect(lines).toBe('RS\nINSTANCE\n');
  });

  it('is made again where somebody removed it', () => {
    const lvs = ofLvs();
    const vrrp = ofVrrp();
    rmSync(path);
    vrrp.write('INSTANCE\n');
    expect(read(() => lvs.write('RS\n'))).toBe('INSTANCE\nRS\n');
  });
});
