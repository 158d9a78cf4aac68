import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventSpool, MAX_SPOOLED_EVENTS } from './spool.ts';

let directory = '';
const event = (message: string) => ({
  at: '2026-01-01T00:00:00Z',
  severity: 'info' as const,
  kind: 'vrrp.state',
  subject: 'VI_1',
  message,
  attributes: {},
});
const from = (seq: number, incarnation = 'i1') => ({
  ...event(`e${seq}`),
  origin: { role: 'vrrp' as const, incarnation, seq },
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-spool-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the event spool', () => {
  it('keeps what is not acknowledged over a restart, in order, under the same epoch', () => {
    const spool = new EventSpool(directory);
    for (const message of ['a', 'b', 'c']) spool.append(event(message));
    spool.acknowledge(1);
    const again = new EventSpool(directory);
    expect(again.epoch).toBe(spool.epoch);
    expect(again.after(0, 10).map((one) => [one.sequence, one.message])).toEqual([
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(again.append(event('d'))?.sequence).toBe(4);
  });

  it('takes each event of a process once, also after a restart', () => {
    const spool = new EventSpool(directory);
    spool.append(from(1));
    spool.append(from(2));
    expect(spool.append(from(2))).toBeUndefined();
    spool.acknowledge(2);
    const again = new EventSpool(directory);
    expect(again.taken('vrrp', 'i1')).toBe(2);
    expect(again.append(from(2))).toBeUndefined();
    expect(again.append(from(1, 'i2'))?.sequence).toBe(3);
  });

  it('remembers what was taken also when it crashed before it could save its place', () => {
    const spool = new EventSpool(directory);
    spool.append(from(1));
    expect(new EventSpool(directory).taken('vrrp', 'i1')).toBe(1);
  });

  it('cuts a torn last line off and says so', () => {
    const spool = new EventSpool(directory);
    spool.append(event('a'));
    appendFileSync(join(directory, 'events.jsonl'), '{"sequence":2,"at"');
    const again = new EventSpool(directory);
    expect(again.after(0, 10)).toHaveLength(1);
    expect(again.problems[0]).toContain('18 bytes');
    again.append(event('b'));
    expect(new EventSpool(directory).after(0, 10).map((one) => one.message)).toEqual(['a', 'b']);
  });

  it('stays small when everything is acknowledged', () => {
    const spool = new EventSpool(directory);
    for (let i = 0; i < 5_000; i++) spool.append(event('x'));
    spool.acknowledge(5_000);
    const again = new EventSpool(directory);
    expect(again.after(0, 10)).toEqual([]);
    expect(again.last).toBe(5_000);
  });

  it('begins a new epoch when its memory is damaged', () => {
    const spool = new EventSpool(directory);
    spool.append(event('a'));
    writeFileSync(join(directory, 'meta.json'), 'garbage');
    const again = new EventSpool(directory);
    expect(again.epoch).not.toBe(spool.epoch);
    expect(again.after(0, 10)).toEqual([]);
    expect(again.problems[0]).toContain('damaged');
  });

  it('ignores an acknowledgement of what it never had', () => {
    const spool = new EventSpool(directory);
    spool.append(event('a'));
    spool.acknowledge(9);
    expect(spool.after(0, 10)).toHaveLength(1);
  });

  it('works in memory where nothing can be written, and writes all of it once it can', () => {
    const path = join(directory, 'spool');
    writeFileSync(path, 'a file where a directory is needed');
    const spool = new EventSpool(path);
    spool.append(event('a'));
    expect(spool.after(0, 10)).toHaveLength(1);
    expect(spool.problems.join()).toContain('kept in memory only');
    rmSync(path);
    while (spool.problems.some((problem) => problem.includes('in memory'))) spool.append(event('b'));
    expect(spool.problems).toEqual([]);
    expect(new EventSpool(path).after(0, 9_999)).toEqual(spool.after(0, 9_999));
  });

  it('has no gap in its file after the disk has refused events', () => {
    const spool = new EventSpool(directory);
    spool.append(event('a'));
    // A line that cannot be written, then a file that cannot be replaced.
    const blocker = join(directory, 'events.jsonl.new');
    mkdirSync(blocker);
    spool.beginAnew();
    expect(spool.problems.join()).toContain('events.jsonl cannot be written');
    rmSync(blocker, { recursive: true });
    for (const message of ['b', 'c']) spool.append(event(message));
    spool.close();
    expect(new EventSpool(directory).after(0, 10).map((one) => one.sequence)).toEqual([1, 2, 3]);
  });

  it('numbers what is pending anew under a new epoch when the controller is ahead of it', () => {
    const spool = new EventSpool(directory);
    for (const message of ['a', 'b', 'c']) spool.append(event(message));
    spool.acknowledge(1);
    const { epoch } = spool;
    spool.beginAnew();
    expect(spool.epoch).not.toBe(epoch);
    const again = new EventSpool(directory);
    expect(again.epoch).toBe(spool.epoch);
    expect(again.after(0, 10).map((one) => [one.sequence, one.message])).toEqual([
      [1, 'b'],
      [2, 'c'],
    ]);
  });

  it('stays bounded on disk and in memory while no controller takes anything', () => {
    const line = (sequence: number) => JSON.stringify({ sequence, ...event('x') });
    const lines = Array.from({ length: MAX_SPOOLED_EVENTS }, (_, index) => line(index + 1));
    writeFileSync(join(directory, 'events.jsonl'), `${lines.join('\n')}\n`);
    const full = statSync(join(directory, 'events.jsonl')).size;
    const spool = new EventSpool(directory);
    for (let i = 0; i < MAX_SPOOLED_EVENTS / 10 + 10; i++) spool.append(event('x'));
    expect(statSync(join(directory, 'events.jsonl')).size).toBeLessThan(1.01 * full);
    expect(spool.lost).toBe(MAX_SPOOLED_EVENTS / 10 + 1_000);
    expect(spool.after(0, MAX_SPOOLED_EVENTS)).toHaveLength(MAX_SPOOLED_EVENTS - 990);
    expect(readFileSync(join(directory, 'events.jsonl'), 'latin1').startsWith(line(1))).toBe(false);
  });

  it('wakes its reader at each event', () => {
    const spool = new EventSpool(directory);
    let woken = 0;
    const stop = spool.onAppend(() => (woken += 1));
    spool.append(event('a'));
    stop();
    spool.append(event('b'));
    expect(woken).toBe(1);
  });
});
