import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const FILES = '/usr/share/snmp/mibs';
const MIBS = ['KEEPALIVED-MIB.txt', 'VRRP-MIB.txt', 'VRRPv3-MIB.txt'].map((name) => join(FILES, name));

const ACCESS: Readonly<Record<string, string>> = {
  noaccess: 'not-accessible',
  notifyonly: 'accessible-for-notify',
  readonly: 'read-only',
  readwrite: 'read-write',
};

const run = (program: string, ...words: readonly string[]) =>
  execFileSync(program, words, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SMIPATH: [FILES, join(ROOT, 'test/lab/mibs'), join(ROOT, 'node_modules/net-snmp/lib/mibs')].join(':'),
    },
  });

/** Our list, by object: the one that everything served is held against. */
const ours = new Map(
  readFileSync(join(ROOT, 'libs/mib/src/mib-objects.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' | '))
    .map(([, oid = '', name = '', syntax = '', access = '', status = '']) => [
      name,
      [oid, plain(syntax), access, status],
    ]),
);

/** Objects and tables of a MIB file, as libsmi reads it: it tells of rows that may be made at the row. */
function objectsOf(file: string): [string, string[]][] {
  const xml = run('smidump', '-f', 'xml', file).replace(/<description>[^]*?<\/description>/g, '');
  const found: [string, string[]][] = [];
  let access = ACCESS;
  for (const [, kind, name = '', oid = '', more = '', body = ''] of xml.matchAll(
    /<(scalar|table|row|column) name="(\w+)" oid="([\d.]+)"([^>]*)>([^]*?)(?=<\/?(?:scalar|table|row|column)\b)/g,
  )) {
    const status = /status="(\w+)"/.exec(more)?.[1] ?? '';
    if (kind === 'row') {
      access = more.includes('create="true"') ? { ...ACCESS, readwrite: 'read-create' } : ACCESS;
      const index = [...body.matchAll(/<(?:index|augments)\b[^>]*name="(\w+)"/g)].map(([, one]) => one).join(', ');
      found.push([found.pop()?.[0] ?? '', [oid, 'TABLE', index, status]]);
    } else if (kind === 'table') found.push([name, []]);
    else {
      const given = /<access>(\w+)</.exec(body)?.[1] ?? '';
      found.push([name, [oid, syntaxOf(body), (kind === 'column' ? access : ACCESS)[given] ?? given, status]]);
    }
  }
  return found;
}

function syntaxOf(text: string): string {
  const type = /<type module="[^"]*" name="(\w+)"/.exec(text)?.[1];
  if (type !== undefined) return type;
  const named = [...text.matchAll(/<namednumber name="(\w+)" number="(\d+)"/g)].map(
    ([, name, number]) => `${name}(${number})`,
  );
  if (named.length > 0) return plain(`INTEGER {${named.join(', ')}}`);
  const base = /<parent [^>]*name="(\w+)"/.exec(text)?.[1] ?? /<typedef basetype="(\w+)"/.exec(text)?.[1] ?? '';
  const ranges = [...text.matchAll(/<range min="(-?\d+)" max="(-?\d+)"/g)]
    .map(([, min, max]) => (min === max ? min : `${min}..${max}`))
    .join('|');
  if (ranges === '') return base;
  if (base === 'OctetString') return `OCTET STRING(SIZE(${ranges}))`;
  return base === 'InetAddress' ? `${base}(SIZE(${ranges}))` : `${base}(${ranges})`;
}

function plain(syntax: string): string {
  return syntax.replace(/\{(.*)\}/, (_, list: string) => `{${list.split(', ').sort(byNumber).join(', ')}}`);
}

function byNumber(a: string, b: string): number {
  return Number(/\((\d+)\)/.exec(a)?.[1]) - Number(/\((\d+)\)/.exec(b)?.[1]);
}

describe("Debian's MIB files", () => {
  it.each(MIBS)('%s has no error for smilint', (file) => {
    expect(run('smilint', '-l', '3', file)).toBe('');
  });

  it('are joined by KEEPFLEET-MIB, in which smilint finds nothing, with the places that we send', () => {
    expect(run('smilint', '-l', '6', join(ROOT, 'docs/mibs/KEEPFLEET-MIB.txt'))).toBe('');
    const nodes = run('smidump', '-f', 'identifiers', join(ROOT, 'docs/mibs/KEEPFLEET-MIB.txt'));
    const oidOf = (name: string) => new RegExp(`${name} +[a-z]+ +([\\d.]+)`).exec(nodes)?.[1];
    const mib = '1.3.6.1.4.1.8072.9999.9999.7946';
    expect(['kfMultiMaster', 'kfNoMaster', 'kfOneMaster', 'kfRouterMasters'].map(oidOf)).toEqual([
      `${mib}.0.1`,
      `${mib}.0.2`,
      `${mib}.0.3`,
      `${mib}.1.1.6`,
    ]);
  });

  it('have no object or table that our list lacks, or has with another place, type, range, access, status or index', () => {
    const files = MIBS.flatMap(objectsOf);
    const line = (name: string, words: readonly string[] | undefined) => `${name}: ${words?.join(' | ') ?? 'absent'}`;
    expect(files.map(([name]) => line(name, ours.get(name)))).toEqual(files.map(([name, words]) => line(name, words)));
    expect(files.length).toBeGreaterThan(500);
  });
});
