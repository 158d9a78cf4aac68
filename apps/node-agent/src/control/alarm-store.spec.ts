import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlarmStore } from './alarm-store.ts';

describe('the alarms on disk', () => {
  let directory: string;
  let path: string;
  let warnings: string[];
  let store: AlarmStore;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kf-alarms-'));
    path = join(directory, 'alarms.json');
    warnings = [];
    store = new AlarmStore(path, { warn: (_about, message) => warnings.push(message) });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('are none at first, and then those that were written last', () => {
    expect(store.read()).toEqual([]);
    store.write(new Map([['1/ipv4/192.0.2.1', 'no-master']]));
    store.write(new Map([['2/ipv6/2001:db8::1', 'multi-master']]));
    expect(store.read()).toEqual([['2/ipv6/2001:db8::1', 'multi-master']]);
    expect(warnings).toEqual([]);
  });

  it.each(['', '{"version":1}', '{"version":1,"alarms":[["1/ipv4/","quiet"]]}'])('are none in a file of %j', (text) => {
    writeFileSync(path, text);
    expect(store.read()).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('alarms.json cannot be read')]);
  });

  it('that cannot be written are a warning, and no failure', () => {
    mkdirSync(path);
    store.write(new Map([['1/ipv4/192.0.2.1', 'no-master']]));
    expect(warnings).toEqual([expect.stringContaining('alarms.json cannot be written')]);
  });
});
