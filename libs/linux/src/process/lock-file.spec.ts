import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockPidFile } from './lock-file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-linux-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a pid file', () => {
  it('belongs to one holder, and to the next after release', () => {
    const path = join(directory, 'a.pid');
    const first = lockPidFile(path);
    expect(readFileSync(path, 'latin1')).toBe(`${process.pid}\n`);
    expect(lockPidFile(path)).toEqual({ kind: 'held', pid: process.pid });
    if (first.kind === 'locked') first.release();
    expect(readFileSync(path, 'latin1')).toBe('');
    const second = lockPidFile(path);
    expect(second.kind).toBe('locked');
    if (second.kind === 'locked') second.release();
  });

  it('of a process that crashed is taken over', () => {
    const path = join(directory, 'a.pid');
    writeFileSync(path, '4194304999\n');
    const lock = lockPidFile(path);
    expect(lock.kind).toBe('locked');
    expect(readFileSync(path, 'latin1')).toBe(`${process.pid}\n`);
    if (lock.kind === 'locked') lock.release();
  });
});
