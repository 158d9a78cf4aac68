import { describe, expect, it } from 'vitest';
import { compiledPattern } from './pattern.ts';

function found(pattern: string, text: string, options: readonly string[] = []): boolean | string {
  const compiled = compiledPattern(pattern, options);
  return 'reason' in compiled ? compiled.reason : new RegExp(compiled.source, compiled.flags).test(text);
}

// Each checked against PCRE2 10.42, without its UTF mode.
type Vector = [pattern: string, text: string, options?: readonly string[]];
const matching: Vector[] = [
  ['^OK$', 'OK\n'],
  ['^OK\\R\\z', 'OK\r\n'],
  ['OK\\n$', 'OK\n'],
  ['O\\x{4B}', 'OK'],
  ['\\x4f\\o{113}', 'OK'],
  ['[[:upper:]_]+K', 'OK'],
  ['[[:^lower:]]', 'K'],
  ['[]x]', ']'],
  ['[^]x]', 'y'],
  ['[a\\-z]', '-'],
  ['[a-]', '-'],
  ['[\\b]', '\b'],
  ['[$.(*]{3}', '.(*'],
  ['\\QO.K\\E+', 'O.KK'],
  ['\\Q(\\E', '('],
  ['O\\KK', 'OK'],
  ['O\\h*K', 'O \tK'],
  ['O\\NK', 'O-K'],
  ['\\p{Lu}K', 'OK'],
  ['\\pL\\P{^L}', 'OK'],
  ['[\\p{Nd}x]', '7'],
  ['(?<n>O)\\g{n}', 'OO'],
  ["(?'n'O)\\k{n}(?P=n)", 'OOO'],
  ['(O)(K)\\g{-1}\\g1', 'OKKO'],
  ['(O)(?:\\1)1', 'OO1'],
  ['O{,2}K', 'O{,2}K'],
  ['a{2,}b{1}', 'aab'],
  ['{"ok":true}', '{"ok":true}'],
  ['O(?#a word)K', 'OK'],
  ['(?i:o)K', 'OK'],
  ['(?i)o(k|x)', 'OK'],
  ['(?i)o(?-i:K)', 'OK'],
  ['a(?s).b', 'a\nb'],
  ['^(?i)ok', 'OK'],
  ['x|(?i)y', 'Y'],
  ['a(?i)b|c', 'C'],
  ['(?i)[[:upper:]]\\x{4f}[Z-a]', 'aoA'],
  ['o(?-i)k', 'Ok', ['caseless']],
  ['(?U)a+b', 'aab'],
  ['(?<n>a)(?<n>b)(c)\\3', 'abcc', ['dupnames']],
  ['\\u0041[\\u0042]\\x43\\U\\x4', 'ABCUx4', ['alt_bsux']],
  ['^[äö]+$', '\xc3\xa4\xb6'],
  ['(?x) O K # both', 'OK'],
  ['O K', 'OK', ['extended']],
  ['a.b', 'a\nb', ['dotall']],
  ['a.b', 'a\rb'],
  ['^b$', 'a\nb\nc', ['multiline']],
  ['(?m)^b', 'a\nb'],
  ['\\Aa', 'a\nb', ['multiline']],
  ['a\\Z', 'a\n'],
  ['ä+', 'x\xc3\xa4'],
  ['^ä{2}$', '\xc3\xa4\xc3\xa4', ['utf']],
  ['\\e\\a\\cA', '\x1b\x07\x01'],
  ['\\-\\/\\_\\#', '-/_#'],
  ['(?=O)OK(?!x)(?<=K)(?<!x)', 'OK'],
  ['a|b|', ''],
];
const missing: Vector[] = [
  ['x|(?i)y', 'X'],
  ['(x|(?i)y)|z', 'Z'],
  ['(?i)[^a]', 'A'],
  ['o(?-i)k', 'OK', ['caseless']],
  ['ä', '\xe3\xa4', ['caseless']],
  ['^b', 'a\nb'],
  ['a$', 'a\nb'],
  ['a\\z', 'a\n'],
  ['a$', 'a\n', ['dollar_end_only']],
  ['a.b', 'a\nb'],
  ['\\Ab', 'a\nb', ['multiline']],
  ['^\\z', 'a\n', ['multiline']],
  ['\\R\\n', '\r\n'],
  ['\\s', '\xa0'],
  ['\\bK', 'OK'],
  ['[[:upper:]_]', 'k'],
  ['\\p{Lu}', 'k'],
  ['(?i:o)k', 'OK'],
];
const refused: readonly (readonly [pattern: string, reason: RegExp])[] = [
  ['O\\XK', /the escape \\X/],
  ['O\\yK', /the escape \\y/],
  ['\\N{U+41}', /the escape \\N/],
  ['[\\R]', /the escape \\R/],
  ['\\x{20ac}', /more than an octet/],
  ['\\p{Nonsense}', /the property/],
  ['[[:nonsense:]]', /no class \[:nonsense:\]/],
  ['[[.a.]]', /no equal/],
  ['[z-a]', /wrong way round/],
  ['[\\d-z]', /begins with a set/],
  ['[a-\\d]', /ends with no octet/],
  ['[abc', /without its \]/],
  ['(', /without its \)/],
  [')', /without its \(/],
  ['a++', /possessive/],
  ['*a', /nothing before \*/],
  ['(?>a)', /groups that begin with/],
  ['(?R)', /groups that begin with|no equal/],
  ['(a)(?1)', /groups that begin with/],
  ['(?(1)a|b)', /groups that begin with/],
  ['(*ANY)a', /verbs/],
  ['(?i)(a)\\1', /both cases/],
  ['(?J)a', /option \(\?J\)/],
  ['(a)\\2', /not there/],
  ['\\k<n>', /not there/],
  ['(?<n>a)(?<n>b)', /two groups/],
  ['(a)\\12', /octal/],
  ['a\\', /backslash/],
];

describe('a PCRE pattern', () => {
  it.each(matching)('%j is found in %j', (pattern, text, options) => {
    expect(found(pattern, text, options)).toBe(true);
  });

  it.each(missing)('%j is not found in %j', (pattern, text, options) => {
    expect(found(pattern, text, options)).toBe(false);
  });

  it.each(refused)('%j is refused with the reason', (pattern, reason) => {
    expect(found(pattern, '')).toMatch(reason);
  });

  it('with a name for two groups is refused where the name is referred to', () => {
    expect(found('(?<n>a)|(?<n>b)\\k<n>', '', ['dupnames'])).toMatch(/more than one group/);
  });

  it('with more than an octet by its number is refused', () => {
    expect(found('\\u20ac', '', ['alt_bsux'])).toMatch(/more than an octet/);
  });

  it('with \\K is refused where it counts where a match begins', () => {
    expect(compiledPattern('O\\KK', [], true)).toMatchObject({ reason: expect.stringMatching(/\\K/) as unknown });
  });
});
