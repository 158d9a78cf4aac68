import { describe, expect, it } from 'vitest';
import { Diagnostics } from '../diagnostics.ts';
import { filesInMemory } from './files.ts';
import { isMissing } from './include.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { Preprocessor } from './preprocess.ts';

const limits = { ...DEFAULT_LIMITS, expandedLines: 10_000, includes: 1_000 };

function read(text: string, files: Record<string, string> = {}, configId = 'l1') {
  const diagnostics = new Diagnostics();
  const preprocessor = new Preprocessor(
    {
      configId,
      loader: filesInMemory(files),
      environment: { SECRET: 's3' },
      random: (low) => low,
      allIncludes: false,
      limits,
    },
    diagnostics,
  );
  const lines = [...preprocessor.lines('/etc/k/main.conf', text)];
  return { lines, texts: lines.map((line) => line.text), kinds: diagnostics.all().map(({ kind }) => kind) };
}

describe('comments', () => {
  it.each([
    ['a # b', ['a']],
    ['a ! b', ['a']],
    ['auth_pass abc!def', ['auth_pass abc']],
    ['x "a # b ! c" d # e', ['x "a # b ! c" d']],
    ['regex a\\#b\\!c', ['regex a#b!c']],
    ["# it's a comment", []],
    ['   ', []],
    ['a\r', ['a']],
  ])('%j', (text, expected) => {
    expect(read(text).texts).toEqual(expected);
  });
});

describe('conditional lines', () => {
  it.each([
    ['@l1 yes', ['yes']],
    ['@l2 no', []],
    ['@^l2 yes', ['yes']],
    ['@^l1 no', []],
    ['@l1 @^l2 both', ['both']],
    ['@l1', []],
    ['@l1 $A=1\n@l2 $A=2\nx $A', ['x 1']],
  ])('%j', (text, expected) => {
    expect(read(text).texts).toEqual(expected);
  });

  it('drops the further lines of a definition that is for another node', () => {
    expect(read('@l2 $A= \\\n a \\\n b\nc').texts).toEqual(['c']);
  });
});

describe('definitions', () => {
  it.each([
    ['$A=x y\n$A z', ['x y z']],
    ['$A=1\nb${A}c', ['b1c']],
    ['$A=1\nb$Ac', ['b$Ac']],
    ['$A=1\n$A=2\n$A', ['2']],
    ['$A=$B\n$B=late\n$A', ['late']],
    ['x $NONE', ['x $NONE']],
    ['$OFF=${_HASH}\n$OFF a\nb', ['b']],
    ['a ${_BANG} b', ['a']],
    ['x ${_PWD} ${_INSTANCE}', ['x /etc/k l1']],
    ['x ${_ENV SECRET} ${_RANDOM 3 9} ${_RANDOM 9 4} ${_RANDOM a}', ['x s3 3 4 ${_RANDOM a}']],
    ['$T= \\\n a ${N} { \\\n @l2 b \\\n @l1 c \\\n }\n$N=5\n$T\nd', ['a 5 {', 'c', '}', 'd']],
    ['$T=first \\\n second\nx $T', ['x first', 'second']],
    ['$T= \\\n a # why \\\n # b \\\n \\\n c\n$T', ['a', 'c']],
    ['# no line of its own \\\na', ['a']],
    ['a \\\nb', ['a \\', 'b']],
  ])('%j', (text, expected) => {
    expect(read(text).texts).toEqual(expected);
  });

  it('of several lines end the line that uses them, with a word about the rest', () => {
    expect(read('$T= \\\n a \\\n b\n$T c')).toMatchObject({ texts: ['a', 'b'], kinds: ['ignored'] });
  });

  it('gives what a definition brings the position of its use', () => {
    const { lines } = read('$NAME=abc\n  router_id $NAME end');
    expect(lines[0]?.position(lines[0].text.indexOf('abc'))).toEqual({ file: '/etc/k/main.conf', line: 2, column: 13 });
    expect(lines[0]?.position(lines[0].text.indexOf('end'))).toMatchObject({ line: 2, column: 19 });
  });
});

describe('repetitions', () => {
  it.each([
    ['~SEQ(i, 3) r${i}', ['r1', 'r2', 'r3']],
    ['~SEQ(i, 3, 1) r${i}', ['r3', 'r2', 'r1']],
    ['~SEQ(i, 0, 5, 10) r${i}', ['r0', 'r5', 'r10']],
    ['~SEQx(i, 0x0e, 0x10) r${i}', ['re', 'rf', 'r10']],
    ['~SEQ(i, 0x9, 012) r${i}', ['r9', 'r10']],
    ['~SEQ (i, -010, -7) r${i}', ['r-8', 'r-7']],
    ['~LST(n, a, b) x $n', ['x a', 'x b']],
    ['~LST({n,m}, {a,1}, {b}) x${n}${m}', ['xa1', 'xb']],
    ['~SEQ(i, 2) ~SEQ(j, ${i}) ${i}.${j}', ['1.1', '2.1', '2.2']],
    ['$LAST=2\n~SEQ(i, $LAST) r${i}', ['r1', 'r2']],
    ['$T= \\\n a${i} \\\n b${i}\n~SEQ(i, 2) $T', ['a1', 'b1', 'a2', 'b2']],
    ['~SEQ(i, 2) $V=v${i}\nx $V', ['x v2']],
  ])('%j', (text, expected) => {
    expect(read(text).texts).toEqual(expected);
  });

  it.each([
    ...['~SEQ(i, 1, -1, 3) x', '~SEQ(1, 3) x', '~SEQ(i) x', '~SEQ(i, a) x', '~SEQ(i, 3 x', '~SEQ(i, 08, 9) x'],
    ...['~SEQ(i, 0x, 2) x', '~SEQx(i, -1, 2) x', '~SEQx(i, 2, -1) x'],
    ...['~LST(1, a) x', '~LST(n) x', '~LST(n, {a,b}) x', '~LST({n,m}, {a,b,c}) x'],
  ])('refuses %j', (text) => {
    expect(read(text)).toMatchObject({ texts: [], kinds: ['bad-repeat'] });
  });

  it('ends a runaway sequence', () => {
    expect(read('~SEQ(i, 999999999) $NOTHING=\nend')).toMatchObject({ texts: ['end'], kinds: ['expansion-limit'] });
  });
});

describe('includes', () => {
  const files = { '/etc/k/a.conf': 'a', '/etc/k/sub/b.conf': 'include c.conf', '/etc/k/sub/c.conf': 'c', '/x': 'x' };

  it.each([
    ['include a.conf', ['a']],
    ['include /x', ['x']],
    ['include sub/b.conf', ['c']],
    ['@l1 include a.conf', ['a']],
    ['@l2 include a.conf', []],
    ['block {\ninclude a.conf\n}', ['block {', 'a', '}']],
    ['include ${_PWD}/*.conf', ['a']],
    ['include none*', []],
    ['include {a,{a,a}}.conf', ['a', 'a', 'a']],
    ['include "a.conf"', ['a']],
  ])('%j', (text, expected) => {
    expect(read(text, files)).toMatchObject({ texts: expected, kinds: [] });
  });

  it.each([
    ['include none', 'warning'],
    ['includer none', 'warning'],
    ['include {/x,none}', 'warning'],
    ['includer {/x,none}', 'warning'],
    ['includem none', 'error'],
    ['includem {/x,none}', 'warning'],
    ['includew none*', 'error'],
    ['includew none', 'error'],
    ['includew {/x,none}', 'warning'],
    ['includeb {/x,none}', 'error'],
    ['includeb none', 'warning'],
    ['includea none', 'error'],
    ['includea none*', 'error'],
    ['include_check match\ninclude none', 'error'],
    ['include_check read\ninclude none', 'warning'],
    ['include_check match\ninclude_check read\ninclude none', 'warning'],
    ['include_check read +match\ninclude none', 'error'],
    ['include_check\ninclude_check -match -wildcard_match\ninclude none', 'warning'],
    ['include_check wildcard_match\ninclude none', 'warning'],
    ['include_check wildcard_match\ninclude none*', 'error'],
    ['include_check read match\ninclude none', 'warning'],
    ['include_check +read +match\ninclude none', 'error'],
  ])('%s without a match is a matter of %s', (text, severity) => {
    const diagnostics = new Diagnostics();
    const options = {
      ...{ configId: '', loader: filesInMemory(files), environment: {} },
      ...{ random: () => 0, allIncludes: false, limits },
    };
    const lines = [...new Preprocessor(options, diagnostics).lines('/etc/k/m', text)];
    expect(lines.filter((line) => line.text !== 'x' && !line.text.startsWith('include_check'))).toEqual([]);
    expect(diagnostics.all()).toMatchObject([{ kind: 'include', severity }]);
  });

  it.each([
    ['none', true],
    ['nodir/*.conf', true],
    ['sub/*.none', false],
    ['*.none', false],
    ['/*.none', false],
    ['sub*/none.conf', true],
    ['x*/none.conf', false],
    ['s*/y*.conf', false],
  ])('of %s, which nothing matches, it is %s that something is missing', (pattern, missing) => {
    expect(isMissing(pattern, (path) => ['sub', 'sub*'].includes(path))).toBe(missing);
  });

  it('end where files include each other twice', () => {
    const { kinds } = read('include /loop', { '/loop': 'include /loop\ninclude /loop' });
    expect(new Set(kinds)).toEqual(new Set(['include']));
    expect(kinds.length).toBeLessThan(1_001);
  });

  it('ends a file that includes itself', () => {
    expect(read('include /loop', { '/loop': 'include /loop' }).kinds).toEqual(['include']);
  });
});
