import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Override } from '../settings/override.ts';
import { OverrideStore } from './override-store.ts';

const now = new Date('2026-01-01T00:00:00Z');
let directory = '';

function priority(id: string, value: number, expiresAt?: string): Override {
  return {
    id,
    source: 'local',
    actor: 'test',
    reason: 'r',
    at: now.toISOString(),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    change: { kind: 'vrrp-priority', instance: 'VI_1', priority: value },
  };
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-overrides-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the override store', () => {
  it('keeps overrides over a restart and replaces one of the same target', () => {
    const path = join(directory, 'overrides.json');
    const store = new OverrideStore(path);
    store.set(priority('a', 10));
    store.set(priority('b', 20));
    expect(new OverrideStore(path).list(now)).toEqual([priority('b', 20)]);
  });

  it('forgets what has expired and tells when the next one does', () => {
    const store = new OverrideStore(join(directory, 'overrides.json'));
    store.set(priority('a', 10, '2026-01-01T00:01:00Z'));
    expect(store.nextExpiry(now)).toEqual(new Date('2026-01-01T00:01:00Z'));
    expect(store.list(new Date('2026-01-01T00:01:00Z'))).toEqual([]);
  });

  it('gives an expired one back once, also after a restart', () => {
    const path = join(directory, 'overrides.json');
    const expiring = priority('a', 10, '2026-01-01T00:01:00Z');
    new OverrideStore(path).set(expiring);
    const store = new OverrideStore(path);
    expect(store.takeExpired(now)).toEqual([]);
    const later = new Date('2026-01-01T00:01:00Z');
    expect([store.takeExpired(later), store.takeExpired(later)]).toEqual([[expiring], []]);
    expect(new OverrideStore(path).takeExpired(later)).toEqual([]);
  });

  it('removes by id and by target, once', () => {
    const store = new OverrideStore(join(directory, 'overrides.json'));
    store.set(priority('a', 10));
    expect(store.clearById('a', now)?.id).toBe('a');
    expect(store.clearById('a', now)).toBeUndefined();
    store.set(priority('b', 10));
    expect(store.clearTarget({ kind: 'vrrp-priority', instance: 'VI_1', priority: 1 }, now)?.id).toBe('b');
  });

  it('changes nothing when the file cannot be written', () => {
    const path = join(directory, 'overrides.json');
    const store = new OverrideStore(path);
    store.set(priority('a', 10));
    mkdirSync(`${path}.new`);
    expect(() => store.set(priority('b', 20))).toThrow();
    expect(store.list(now)).toEqual([priority('a', 10)]);
  });

  it('puts a damaged file aside and says so', () => {
    const path = join(directory, 'overrides.json');
    writeFileSync(path, '{"version":1,');
    const store = new OverrideStore(path);
    expect(store.list(now)).toEqual([]);
    expect(store.problem).toContain('overrides.json.damaged');
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe('{"version":1,');
  });

  it('takes no override for whole whose time is none', () => {
    const path = join(directory, 'overrides.json');
    writeFileSync(path, JSON.stringify({ version: 1, overrides: [priority('a', 10, 'next week')] }));
    expect(new OverrideStore(path).problem).toContain('expiresAt');
  });

  it('leaves a file alone that it cannot read, and sets none over it', () => {
    const path = join(directory, 'overrides.json');
    mkdirSync(path);
    const store = new OverrideStore(path);
    expect(store.problem).toContain('cannot be read');
    expect(() => store.set(priority('a', 10))).toThrow('restart the agent');
    expect(store.list(now)).toEqual([]);
  });
});
