import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endProcesses, wasKilled } from './end-processes.ts';

/** A process that ends when it is told to. */
function stoppable(name: string, told: string[]) {
  let end: () => void = () => undefined;
  return {
    end: () => end(),
    stop: (_mode: 'release', timeoutMs?: number) => {
      told.push(timeoutMs === undefined ? name : `${name} within ${timeoutMs}`);
      return new Promise<void>((resolve) => {
        end = () => {
          told.push(`${name} ended`);
          resolve();
        };
      });
    },
  };
}

describe('the end of the processes', () => {
  it('is that of vrrp first, whose addresses the services answer at', async () => {
    const told: string[] = [];
    const [vrrp, lvs, bfd] = ['vrrp', 'lvs', 'bfd'].map((name) => stoppable(name, told));
    if (vrrp === undefined || lvs === undefined || bfd === undefined) throw new Error('three');
    const ended = endProcesses(vrrp, [lvs, bfd], 600_000);
    await Promise.resolve();
    expect(told).toEqual(['vrrp']);
    vrrp.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['vrrp', 'vrrp ended', 'lvs', 'bfd']);
    lvs.end();
    bfd.end();
    await ended;
  });

  it('does not wait for a vrrp process that hangs, and hurries then', async () => {
    const told: string[] = [];
    const [vrrp, lvs] = [stoppable('vrrp', told), stoppable('lvs', told)];
    const ended = endProcesses(vrrp, [{ stop: async (mode, timeoutMs) => lvs.stop(mode, timeoutMs) }], 1);
    await expect.poll(() => told, { timeout: 60_000 }).toEqual(['vrrp', 'lvs within 2000']);
    lvs.end();
    vrrp.end();
    await ended;
  });
});

describe('a process that was killed', () => {
  let directory = '';
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'kf-end-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is known by the number that it left in its pid file', () => {
    expect(wasKilled(directory, 'vrrp')).toBe(false);
    writeFileSync(join(directory, 'vrrp.pid'), '');
    expect(wasKilled(directory, 'vrrp')).toBe(false);
    // More than Linux gives.
    writeFileSync(join(directory, 'vrrp.pid'), '99999999\n');
    expect(wasKilled(directory, 'vrrp')).toBe(true);
    writeFileSync(join(directory, 'vrrp.pid'), `${process.pid}\n`);
    expect(wasKilled(directory, 'vrrp')).toBe(false);
  });
});
