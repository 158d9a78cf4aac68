import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keepalivedMib } from './keepalived-mib.ts';

/** Names of the entries (or of the scalars' parents) by table. */
const ENTRY: Readonly<Record<string, string>> = {
  global: 'global',
  mail: 'mail',
  lvsSyncDaemon: 'lvsSyncDaemon',
  lvsTimeouts: 'lvsTimeouts',
};

const WRITABLE = new Set(['vrrpInstanceBasePriority', 'vrrpInstancePreempt', 'realServerWeight']);

const objects = readFileSync(join(import.meta.dirname, 'keepalived-mib.columns.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' | '))
  .map(([entry = '', number = '', name = '', syntax = '', access = '']) => ({ entry, number, name, syntax, access }));

const served = keepalivedMib.flatMap((table) =>
  table.columns.map(({ number, name, syntax }) => ({
    entry: ENTRY[table.name] ?? table.name.replace(/Table$/, 'Entry'),
    number: String(number),
    name,
    syntax: plain(syntax),
  })),
);

describe('KEEPALIVED-MIB', () => {
  it('serves every accessible object of its tables, and nothing else, with the syntax of the MIB', () => {
    const wanted = objects.map(({ entry, number, name, syntax }) => ({ entry, number, name, syntax: plain(syntax) }));
    expect(served.map(key).sort()).toEqual(wanted.map(key).sort());
  });

  it('has its columns in ascending order', () => {
    for (const { name, columns } of keepalivedMib) {
      const numbers = columns.map(({ number }) => number);
      expect(numbers, name).toEqual(numbers.toSorted((a, b) => a - b));
    }
  });

  it('takes a SET for three objects, all of which the MIB has as read-write', () => {
    expect(new Set(keepalivedMib.flatMap(({ writable }) => writable))).toEqual(WRITABLE);
    for (const { name, access } of objects.filter((object) => WRITABLE.has(object.name))) {
      expect(access, name).toBe('read-write');
    }
  });
});

function key({ entry, number, name, syntax }: (typeof served)[number]): string {
  return `${entry} ${number} ${name} ${syntax}`;
}

/** Without the sub-range, and an enumeration in the order of its numbers. */
function plain(syntax: string): string {
  return syntax
    .replace(/ ?\(-?\d+\.\.\d+\)$/, '')
    .replace(/\{(.*)\}/, (_, list: string) => `{${list.split(', ').sort(byNumber).join(', ')}}`);
}

function byNumber(a: string, b: string): number {
  return Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]);
}
