import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../log.ts';
import { Ownership } from './ownership.ts';

let directory = '';
const log = createLog('lvs', 'silent');
const warn = vi.spyOn(log, 'warn');
const ownership = () => new Ownership(directory, log);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-ownership-'));
  warn.mockClear();
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the list of own services', () => {
  it('is there for the next process', () => {
    ownership().write(['tcp/192.0.2.1:80']);
    expect(ownership().read()).toEqual(['tcp/192.0.2.1:80']);
  });

  it('is empty where it is missing, and where it is damaged, which is told', () => {
    expect(ownership().read()).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
    writeFileSync(join(directory, 'lvs-services.json'), '{"services":["tcp');
    expect(ownership().read()).toEqual([]);
    expect(warn).toHaveBeenCalledOnce();
  });

  it('that cannot be written ends nothing and is told once', () => {
    const blocker = join(directory, 'lvs-services.json.new');
    mkdirSync(blocker);
    const list = ownership();
    list.write(['a']);
    list.write(['b']);
    expect(warn).toHaveBeenCalledOnce();
    rmSync(blocker, { recursive: true });
    list.write(['c']);
    expect(ownership().read()).toEqual(['c']);
  });
});
