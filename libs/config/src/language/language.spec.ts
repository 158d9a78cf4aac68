import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DiagnosticKind, Diagnostics } from '../diagnostics.ts';
import { type Row, readStatements } from '../grammar/rows.ts';
import { OWN_VOCABULARY, VOCABULARY, diffConfigs, isEmptyDiff, parseKeepalivedConfig } from '../index.ts';
import { SourceText } from '../syntax/source-text.ts';
import { buildTree } from '../syntax/tree.ts';
import { DEFAULTS, SINCE } from './defaults.ts';
import { right, rightValues, wrong } from './examples.ts';
import { grammarBlocks } from './language.ts';
import { completionJson, referenceMarkdown } from './reference.ts';

const DOCS = new URL('../../../../docs/', import.meta.url);
const blocks = grammarBlocks();

interface Entry {
  readonly block: string;
  readonly keyword: string;
  readonly row: Row<never>;
}

const entries = blocks.flatMap(({ name, table }) =>
  Object.entries(table).map(([keyword, row]): Entry => ({ block: name, keyword, row })),
);
const titled = (found: readonly Entry[]) => found.map((entry) => [`${entry.block} > ${entry.keyword}`, entry] as const);

/** What these say is about effects, or about what a block lacks as a whole. */
const BESIDE_THE_POINT: ReadonlySet<DiagnosticKind> = new Set(['not-implemented', 'deprecated', 'missing-setting']);

/** Reads lines as the contents of a block. */
function read({ block }: Entry, text: string) {
  const table = blocks.find(({ name }) => name === block)?.table ?? {};
  const at = { file: 't', line: 1, column: 1 };
  const diagnostics = new Diagnostics();
  const set: Record<string, unknown> = {};
  const target = {
    ...{ at, set, places: {}, globals: { at, set: {}, places: {} } },
    ...{
      instances: [],
      groups: [],
      scripts: [],
      trackFiles: [],
      bfdInstances: [],
      ssl: { at, set: {}, places: {} },
      virtualServers: [],
      virtualServerGroups: [],
    },
    ...{ processes: [], garpGroups: [], trackGroups: [], interfaceDelays: [] },
    ...{ staticAddresses: [], staticRoutes: [], staticRules: [] },
  };
  const lines = text.split('\n').map((line, i) => SourceText.written('t', i + 1, line));
  readStatements(table, target as never, buildTree(lines, diagnostics), diagnostics);
  const kinds = diagnostics.all().flatMap(({ kind }) => (BESIDE_THE_POINT.has(kind) ? [] : [kind]));
  return { set, kinds };
}

function statement({ keyword, row }: Entry, parameters: string): string {
  return `${keyword} ${parameters}${row.block === 'required' ? ' {\n}' : ''}`;
}

describe('the keyword', () => {
  it.each(titled(entries))('%s takes what its form says', (_title, entry) => {
    for (const parameters of right(entry.row.form)) {
      expect(read(entry, statement(entry, parameters)).kinds, `"${parameters}"`).toEqual([]);
    }
  });

  it.each(titled(entries.filter(({ row }) => wrong(row.form).length > 0)))(
    '%s reports what its form excludes, once, and goes on without it',
    (_title, entry) => {
      for (const [what, parameters, kind] of wrong(entry.row.form)) {
        const { kinds, set } = read(entry, statement(entry, parameters));
        expect(kinds, what).toEqual([kind]);
        if (entry.row.field !== undefined && kind !== 'extra-parameter') expect(set, what).toEqual({});
      }
    },
  );

  it.each(titled(entries.filter(({ row }) => row.firstCounts === true)))(
    '%s counts as it stands first when it is there twice, and the other is reported',
    (_title, entry) => {
      const [first = '', last = ''] = [right(entry.row.form)[0], right(entry.row.form).at(-1)];
      const twice = read(entry, `${statement(entry, first)}\n${statement(entry, last)}`);
      expect(twice).toEqual({ ...read(entry, statement(entry, first)), kinds: ['duplicate'] });
    },
  );

  it.each(titled(entries.filter(({ row }) => row.field !== undefined && row.firstCounts !== true)))(
    '%s counts as it stands last when it is there twice',
    (_title, entry) => {
      const values = right(entry.row.form);
      const [first = '', last = ''] = [values[0], values.at(-1)];
      const alone = read(entry, statement(entry, last));
      const twice = read(entry, `${statement(entry, first)}\n${statement(entry, last)}`);
      expect(twice).toEqual(alone);
      expect(Object.keys(alone.set)).toContain(entry.row.field);
    },
  );

  it.each(titled(entries.filter(({ row }) => row.field === undefined)))('%s may be there twice', (_title, entry) => {
    const once = statement(entry, right(entry.row.form)[0] ?? '');
    expect(read(entry, `${once}\n${once}`).kinds).toEqual([]);
  });

  it.each(titled(entries.filter(({ row }) => row.items !== undefined)))(
    '%s takes items of its form, one a line',
    (_title, entry) => {
      const { form, items } = entry.row;
      const lines = rightValues(items ?? { kind: 'none' }).filter((line) => line !== '');
      const text = `${entry.keyword} ${right(form)[0] ?? ''} {\n${lines.join('\n')}\n}`;
      expect(read(entry, text).kinds).toEqual([]);
    },
  );

  it.each(titled(entries.filter(({ row }) => row.block === 'required')))('%s needs its block', (_title, entry) => {
    expect(read(entry, `${entry.keyword} ${right(entry.row.form)[0] ?? ''}`).kinds).toEqual(['missing-block']);
  });

  it.each(titled(entries.filter(({ row }) => row.block === undefined)))('%s takes no block', (_title, entry) => {
    expect(read(entry, `${entry.keyword} ${right(entry.row.form).at(-1) ?? ''} {\n some\n}`).kinds).toEqual([
      'unexpected-block',
    ]);
  });
});

/** A file with one line in the block; undefined for blocks of which the model holds nothing. */
function fileWith(block: string, line: string): string | undefined {
  const put = (name: string) => (name === block ? `${line}\n` : '');
  const check = (name: string, rest: string) => `${name} {\n${put(name)}${rest}\n}\n`;
  const checks = [
    check('TCP_CHECK', ''),
    check('HTTP_GET', `url {\n${put('url')}\n}`),
    check('MISC_CHECK', 'misc_path /bin/true'),
    check('SMTP_CHECK', ''),
    check('DNS_CHECK', ''),
    check('UDP_CHECK', ''),
  ].join('');
  const text = `
global_defs {
${put('global_defs')}}
vrrp_script S {
script /bin/true
${put('vrrp_script')}}
vrrp_instance V4 {
interface eth0
virtual_router_id 7
track_script {
S
}
virtual_ipaddress {
192.0.2.1
}
${put('vrrp_instance')}}
vrrp_instance V6 {
interface eth0
virtual_router_id 7
virtual_ipaddress {
fe80::7
}
}
vrrp_sync_group G {
group {
V4
V6
}
${put('vrrp_sync_group')}}
static_ipaddress {
192.0.2.9
}
virtual_server 192.0.2.1 80 {
protocol TCP
${put('virtual_server')}real_server 192.0.2.10 80 {
${put('real_server')}${checks}}
real_server 192.0.2.11 80 {
}
}
`;
  return line !== '' && !text.includes(`${line}\n`) ? undefined : text;
}

function sameModel(entry: Entry, parameters: string): boolean {
  const model = (line: string) => parseKeepalivedConfig({ file: 't', text: fileWith(entry.block, line) ?? '' }).config;
  return isEmptyDiff(diffConfigs(model(''), model(statement(entry, parameters).trim())));
}

const written = entries.flatMap((entry) => {
  const value = DEFAULTS[entry.block]?.[entry.keyword];
  return typeof value === 'string' ? [[`${entry.block} > ${entry.keyword}`, value, entry] as const] : [];
});
const inModel = written.filter(
  ([, , entry]) => entry.row.field !== undefined && fileWith(entry.block, 'x 1') !== undefined,
);

describe('the default', () => {
  it.each(written)('of %s, %s, could be written', (_title, value, entry) => {
    expect(read(entry, statement(entry, value)).kinds).toEqual([]);
  });

  it.each(inModel)('of %s, %s, means the same written or not', (_title, value, entry) => {
    expect(sameModel(entry, value)).toBe(true);
  });

  // The quorum of the file is 1, and hysteresis must be below it; the others count only together with what is not there.
  const exempt =
    /hysteresis|reply_length|regex_min_offset|HTTP_GET > (enable_sni|tls_verify)|GRPC_CHECK > (enable_sni|tls_verify)/;
  it.each(inModel.filter(([title]) => !exempt.test(title)))(
    'of %s, %s, is not what every value means',
    (_title, _value, entry) => {
      expect(right(entry.row.form).some((other) => !sameModel(entry, other))).toBe(true);
    },
  );

  it('is given for keywords that there are', () => {
    const known = new Set(entries.map(({ block, keyword }) => `${block} > ${keyword}`));
    const given = Object.entries(DEFAULTS).flatMap(([block, values]) =>
      Object.keys(values).map((keyword) => `${block} > ${keyword}`),
    );
    expect(given.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('the language table', () => {
  it('has the whole vocabulary and nothing else', () => {
    const names = (all: readonly string[]) => [...new Set(all)].sort();
    expect(names(entries.map(({ keyword }) => keyword))).toEqual(
      names([...Object.values(VOCABULARY), ...Object.values(OWN_VOCABULARY)].flat()),
    );
  });

  it('dates keywords that there are', () => {
    const known = new Set(entries.flatMap(({ block, keyword }) => [keyword, `${block}:${keyword}`]));
    expect(Object.keys(SINCE).filter((name) => !known.has(name))).toEqual([]);
  });

  it.each([
    ['configuration.md', referenceMarkdown],
    ['completion/keepalived.json', completionJson],
  ])('is what docs/%s says; npm run docs -w @keepfleet/config writes it', (name, make) => {
    const path = new URL(name, DOCS);
    expect(existsSync(path) ? readFileSync(path, 'utf8') : '').toBe(make());
  });
});
