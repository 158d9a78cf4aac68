import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mibModules } from './mibs.ts';
import { oidText } from './oid.ts';
import { objectReference } from './object-reference.ts';
import { objectList } from './object-list.ts';

const WRITABLE = [
  'realServerWeight',
  'vrrpInstanceAccept',
  'vrrpInstanceBasePriority',
  'vrrpInstancePreempt',
  'vrrpInstancePromoteSecondaries',
];

const lines = readFileSync(join(import.meta.dirname, 'mib-objects.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' | '));
const wanted = lines
  .filter(([, , , syntax]) => syntax !== 'TABLE')
  .map(([module = '', oid = '', name = '', syntax = '', access = '', status = '']) =>
    [module, oid, name, plain(syntax), access, status].join(' | '),
  );

describe('the three MIBs', () => {
  it('have every object of the MIB files, and nothing else, with its syntax, access and status', () => {
    const served = objectList().map(({ module, oid, name, syntax, access, status }) =>
      [module, oidText(oid), name, plain(syntax), access, status].join(' | '),
    );
    expect(served.toSorted()).toEqual(wanted.toSorted());
  });

  it('count 432 objects of keepalived, 36 of VRRP-MIB and 32 of VRRPV3-MIB', () => {
    const of = (module: string) => objectList().filter((object) => object.module === module);
    expect(of('KEEPALIVED-MIB')).toHaveLength(432);
    expect(of('VRRP-MIB')).toHaveLength(36);
    expect(of('VRRPV3-MIB')).toHaveLength(32);
  });

  it('have the tables with the entries and indexes of the MIB files', () => {
    const tables = mibModules.flatMap(({ name: module, tables }) =>
      tables
        .filter(({ index }) => index.length > 0)
        .map(({ name, entry, index }) => [module, oidText(entry), name, 'TABLE', index.join(', '), 'current']),
    );
    const listed = lines.filter(([, , , syntax]) => syntax === 'TABLE');
    expect(tables.toSorted()).toEqual(listed.toSorted());
    expect(tables).toHaveLength(32);
  });

  it('have their columns in ascending order', () => {
    for (const { tables } of mibModules) {
      for (const { name, columns } of tables) {
        const numbers = columns.map(({ number }) => number);
        expect(numbers, name).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }
  });

  it('take a SET for five objects, all of which the MIB has as read-write', () => {
    const writable = mibModules.flatMap(({ tables }) => tables.flatMap((table) => table.writable));
    expect(writable.toSorted()).toEqual(WRITABLE);
    for (const object of objectList().filter(({ name }) => WRITABLE.includes(name))) {
      expect(object.access, object.name).toBe('read-write');
    }
  });
});

/** An enumeration in the order of its numbers. */
function plain(syntax: string): string {
  return syntax.replace(/\{(.*)\}/, (_, list: string) => `{${list.split(', ').sort(byNumber).join(', ')}}`);
}

function byNumber(a: string, b: string): number {
  return Number(/\((\d+)\)/.exec(a)?.[1]) - Number(/\((\d+)\)/.exec(b)?.[1]);
}

describe('docs/snmp.md', () => {
  it('is what the tables say', () => {
    const committed = readFileSync(join(import.meta.dirname, '../../../docs/snmp.md'), 'utf8');
    expect(committed, 'run npm run docs -w @keepfleet/mib').toBe(objectReference());
  });
});
