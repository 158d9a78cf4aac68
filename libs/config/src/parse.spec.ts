import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DiagnosticKind,
  type Limits,
  VOCABULARY,
  filesInMemory,
  formatDiagnostic,
  isUsable,
  parseKeepalivedConfig,
} from './index.ts';

function parse(
  text: string,
  more: { configId?: string; files?: Record<string, string>; limits?: Partial<Limits> } = {},
) {
  return parseKeepalivedConfig({
    file: '/etc/keepalived/keepalived.conf',
    text,
    ...(more.configId === undefined ? {} : { configId: more.configId }),
    ...(more.limits === undefined ? {} : { limits: more.limits }),
    ...(more.files === undefined ? {} : { loader: filesInMemory(more.files) }),
  });
}

const instance = (inner: string) => `vrrp_instance V {\n interface eth0\n virtual_router_id 7\n ${inner}\n}\n`;
const service = (inner: string, real = '') =>
  `virtual_server 192.0.2.1 80 {\n protocol TCP\n ${inner}\n real_server 192.0.2.10 80 {\n ${real}\n }\n}\n`;

describe('a diagnostic of each kind', () => {
  const vip = 'virtual_ipaddress {\n 192.0.2.1\n }';
  const cases: [DiagnosticKind, string, number, number][] = [
    ['unmatched-quote', 'global_defs {\n router_id "a b\n}\n', 2, 12],
    ['line-too-long', `${'x'.repeat(1024)}\n`, 1, 1],
    ['binary-line', 'ab\0c\n', 1, 3],
    ['include', 'includem none.conf\n', 1, 1],
    ['expansion-limit', '$A=x${A}\nglobal_defs {\n router_id ${A}\n}\n', 3, 2],
    ['bad-repeat', '~SEQ(a, 1, 0, 3) x\n', 1, 1],
    ['undefined-name', 'global_defs {\n router_id ${NODE}\n}\n', 2, 12],
    ['unexpected-open', '{\n}\n', 1, 1],
    ['unexpected-close', '\n  }\n', 2, 3],
    ['missing-close', 'global_defs {\n', 1, 13],
    ['unexpected-block', 'global_defs {\n router_id a {\n }\n}\n', 2, 14],
    ['missing-block', 'global_defs\n', 1, 1],
    ['unknown-keyword', 'global_defs {\n router_idd a\n}\n', 2, 2],
    ['not-implemented', 'global_defs {\n enable_dbus\n}\n', 2, 2],
    ['deprecated', 'global_defs {\n lvs_flush_onstop\n}\n', 2, 2],
    ['missing-parameter', instance(`${vip}\n priority`), 7, 10],
    ['extra-parameter', instance(`${vip}\n nopreempt 1`), 7, 12],
    ['bad-value', instance(`${vip}\n priority high`), 7, 11],
    ['out-of-range', instance(`${vip}\n priority 256`), 7, 11],
    ['adjusted', instance(`${vip}\n advert_int 1.5`), 7, 2],
    ['ignored', instance(`${vip}\n state MASTER\n nopreempt`), 8, 2],
    ['duplicate', instance(vip) + instance(vip), 8, 1],
    ['missing-setting', 'vrrp_instance V {\n interface eth0\n}\n', 1, 1],
    ['more', `global_defs {\n${' x\n'.repeat(1002)}}\n`, 1002, 2],
    ['unresolved-reference', instance(`${vip}\n track_script {\n  chk\n }`), 8, 3],
  ];

  it.each(cases)('%s is reported where it stands', (kind, text, line, column) => {
    const found = parse(text).diagnostics.find((diagnostic) => diagnostic.kind === kind);
    expect(found).toMatchObject({ file: '/etc/keepalived/keepalived.conf', line, column });
  });

  it('reads like a compiler message', () => {
    const [first] = parse('vrrp_instanc V {\n}\n').diagnostics;
    expect(first && formatDiagnostic(first)).toBe(
      '/etc/keepalived/keepalived.conf:1:1: warning: unknown keyword "vrrp_instanc" is skipped with its block up to line 2 (did you mean "vrrp_instance"?) [unknown-keyword]',
    );
  });
});

describe('blocks', () => {
  it('may open on the keyword line, on the next one, and share lines with text', () => {
    const spread = 'vrrp_instance V\n{ interface eth0\nvirtual_router_id 7\nvirtual_ipaddress { 192.0.2.1 } }';
    const { config, diagnostics } = parse(spread);
    expect(diagnostics).toEqual([]);
    expect(config.vrrpInstances).toMatchObject([
      { name: 'V', virtualRouterId: 7, addresses: [{ address: '192.0.2.1' }] },
    ]);
  });

  it('skips an unknown block as a whole and goes on after it', () => {
    const { config, diagnostics } = parse(
      `local_address_group g {\n 192.0.2.7 {\n }\n}\n${instance('no_virtual_ipaddress')}`,
    );
    expect(diagnostics.map(({ kind }) => kind)).toEqual(['unknown-keyword']);
    expect(config.vrrpInstances).toHaveLength(1);
  });

  it('says where a keyword belongs that stands in the wrong block', () => {
    const { diagnostics } = parse('global_defs {\n virtual_router_id 3\n}\n');
    expect(diagnostics).toMatchObject([{ kind: 'unknown-keyword', hint: 'it belongs in vrrp_instance' }]);
  });

  it('says of a definition that comes too late that it does', () => {
    const { diagnostics } = parse('$LATE\n$LATE=global_defs {}\n');
    expect(diagnostics).toMatchObject([{ kind: 'unknown-keyword', hint: 'nothing above this line defines it' }]);
  });

  it('guesses the missing brace when a block of the top level stands inside another', () => {
    const { diagnostics } = parse('vrrp_instance A {\n interface eth0\nvrrp_instance B {\n}\n');
    expect(diagnostics.map(({ kind }) => kind)).toContain('missing-close');
    expect(diagnostics.find(({ kind }) => kind === 'unknown-keyword')?.hint).toContain('is a "}" missing above?');
  });

  it('does not take names that objects inherit for keywords', () => {
    expect(parse('constructor x\ntoString\n__proto__ {\n}\n').diagnostics.map(({ kind }) => kind)).toEqual([
      'unknown-keyword',
      'unknown-keyword',
      'unknown-keyword',
    ]);
  });
});

describe('a missing parameter', () => {
  it('is an error of its line and nothing more', () => {
    const result = parse(instance('no_virtual_ipaddress\n priority\n advert_int 2'));
    expect(isUsable(result)).toBe(false);
    expect(result.config.vrrpInstances).toMatchObject([{ priority: 100, advertInterval: 2_000_000 }]);
  });
});

describe('the vocabulary', () => {
  it('has 365 names, includes not counted', () => {
    expect(new Set(Object.values(VOCABULARY).flat()).size).toBe(365);
  });

  it.each(Object.keys(VOCABULARY))('has a row in the grammar for each keyword of %s', (block) => {
    for (const keyword of VOCABULARY[block] ?? []) {
      const kinds = parse(wrapped(block, keyword)).diagnostics.map(({ kind }) => kind);
      expect(kinds, keyword).not.toContain('unknown-keyword');
    }
  });

  function wrapped(block: string, keyword: string): string {
    const real = (inner: string) => service('', inner);
    switch (block) {
      case 'the top level':
        return `${keyword} x\n{\n}\n`;
      case 'authentication':
      case 'auth_hmac':
        return instance(`${block} {\n ${keyword} 1\n }`);
      case 'virtual_server':
        return service(`${keyword} 1`);
      case 'real_server':
        return real(`${keyword} 1`);
      case 'a checker':
        return real(`TCP_CHECK {\n ${keyword} 1\n }`);
      case 'HTTP_GET and SSL_GET':
        return real(`SSL_GET {\n ${keyword} 1\n }`);
      case 'url':
        return real(`HTTP_GET {\n url {\n ${keyword} 1\n }\n }`);
      default:
        return block.endsWith('_CHECK') ? real(`${block} {\n ${keyword} 1\n }`) : `${block} x {\n ${keyword} 1\n}\n`;
    }
  }
});

describe('any text', () => {
  const word = fc.constantFrom(...Object.values(VOCABULARY).flat());
  const odd = fc.constantFrom(
    '{',
    '}',
    '\n',
    ' ',
    '"',
    "'",
    '\\',
    '#',
    '!',
    '@',
    '@x ',
    '$A',
    '${A}',
    '$A=',
    '~SEQ(',
    '~LST({a,b},',
    ')',
    ',',
    '0',
    '-1',
    '1.5',
    '192.0.2.1/24',
    '2001:db8::1',
    'include x',
    '\r',
    '\0',
  );
  const text = fc
    .array(fc.oneof(word, odd, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 120 })
    .map((parts) => parts.join(' '));

  it('gives a model and diagnostics with positions, and throws nothing', () => {
    fc.assert(
      fc.property(text, (input) => {
        const { config, diagnostics } = parse(input);
        expect(config.vrrpInstances).toBeInstanceOf(Array);
        const lines = input.split('\n').length;
        for (const { line, column, message } of diagnostics) {
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(lines);
          expect(column).toBeGreaterThan(0);
          expect(message).not.toBe('');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is read to an end although its definitions explode', () => {
    const lines = Array.from({ length: 30 }, (_, i) => `$D${i}= \\\n$D${i + 1} \\\n$D${i + 1}\n`);
    const { diagnostics } = parse(`${lines.join('')}$D30=x\n$D0\n`, { limits: { expandedLines: 20_000 } });
    expect(diagnostics.map(({ kind }) => kind)).toContain('expansion-limit');
  });
});
