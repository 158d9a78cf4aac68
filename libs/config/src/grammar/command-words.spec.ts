import { describe, expect, it } from 'vitest';
import { commandWords, lostEscapes, patternLine, patternText } from './command-words.ts';

describe('the words of a command line', () => {
  // What a script got that keepalived 2.2.7 ran from the same line.
  it.each([
    [String.raw`r \"a b\" c`, ['a b', 'c']],
    [String.raw`r 'a b' c`, ['a b', 'c']],
    [String.raw`r a\\\\b`, ['a\\b']],
    [String.raw`r \\\"a b\\\" c`, ['"a', 'b"', 'c']],
    [String.raw`r a\'b c\'d`, ['ab cd']],
    [String.raw`r a\ b`, ['a', 'b']],
    [String.raw`r 'a'b`, ['ab']],
    [String.raw`r '' x`, ['', 'x']],
    [String.raw`r a\tb`, ['a', 'b']],
    [String.raw`r a\qb \\x`, ['aqb', 'x']],
    [String.raw`r \"a\" \"b c\"d`, ['a', 'b cd']],
    [String.raw`r \x41 \101 a\nb`, ['A', 'A', 'a', 'b']],
    [String.raw`r 'it \"s' x`, ['it "s', 'x']],
    [String.raw`r 'a\\b'`, ['a\b']],
    [String.raw`r a\\tb \\n`, ['a\tb', '\n']],
    [String.raw`r a\tb c\\d "e\\f"`, ['a', 'b', 'cd', 'e\f']],
    [String.raw`r 'a\\\\b' \"c\\\\d\"`, ['a\\b', 'c\\d']],
    [String.raw`r \"a\\\\\\\"b\"`, ['a\\"b']],
    [String.raw`r \q \- \$ \# \! \x4`, ['q', '-', '$', '#', '!', '\x04']],
    [String.raw`r \\12a \\1234`, ['\na', 'S4']],
    [
      String.raw`r \\a \\b \\e \\E \\f \\v \\r \\cA \\ca`,
      ['\x07', '\b', 'e', '\x1b', '\f', '\v', '\r', '\x01', '\x01'],
    ],
    [String.raw`r \\ca \\c[z \\c1`, ['\x01', '\x1bz', '\x11']],
    // Bytes, two of which are a character.
    [String.raw`r \xc3\xa9 \\xc3\\xa9 \303\\251 é \é`, ['é', 'é', 'é', 'é', 'é']],
    [String.raw`r \\xf0\\x9f\\x98\\x80`, ['\u{1f600}']],
    [String.raw`r \42a b\042 'a'\\''b' c`, ['a b', "a'b", 'c']],
  ])('of %s are what keepalived gives its script', (line, words) => {
    expect(commandWords(line)).toEqual({ words: ['r', ...words], cut: false });
  });

  it.each([
    [String.raw`r a\000b c`, ['a']],
    [String.raw`r \0 c`, []],
    [String.raw`r \400 x`, []],
    [String.raw`r \\c\0 x`, ['c']],
    [String.raw`r a\\000b c`, ['a', 'c']],
    [String.raw`r 'a\\0b' c`, ['a', 'c']],
    [String.raw`r a \\0 c`, ['a', '', 'c']],
    [String.raw`r a\\0bc'd e' f`, ['a', 'f']],
  ])('of %s end at the NUL byte, as for keepalived', (line, words) => {
    expect(commandWords(line)).toEqual({ words: ['r', ...words], cut: true });
  });

  it.each([
    ['open-quote', String.raw`r 'a b`],
    ['open-quote', String.raw`r a\" b`],
    ['open-quote', String.raw`r 'a\0b' c`],
    ['open-quote', String.raw`r \x22a b\x22 c`],
    ['open-escape', String.raw`r x\\`],
    ['open-escape', 'r x\\'],
    ['not-utf8', String.raw`r \xff`],
    ['not-utf8', String.raw`r \777`],
    ['not-utf8', String.raw`r \x4a1`],
    ['not-utf8', String.raw`r \xc3`],
    ['not-utf8', String.raw`r \\cé`],
  ])('there are none but a problem %s in %s', (problem, line) => {
    expect(commandWords(line)).toEqual({ problem });
  });

  it('takes half a surrogate pair for a character that is not known', () => {
    expect(commandWords('r \ud800')).toEqual({ words: ['r', '\ufffd'], cut: false });
  });
});

describe('a regular expression in a line', () => {
  it.each([
    ['O\\\\x{4B}', 'O\\x{4B}'],
    ['a\\.b\\n', 'a.b\n'],
    ['\\\\d+', '\\d+'],
    ['\\d', 'd'],
    ['\\xe4', '\\x{e4}'],
  ])('%j is %j after escapes', (text, pattern) => {
    expect(patternText(text)).toBe(pattern);
    expect(patternText(patternLine(pattern))).toBe(pattern);
  });

  it('loses what only PCRE knows', () => {
    expect(lostEscapes('\\d\\\\d\\n\\.\\w\\-\\(\\b')).toEqual(['\\d', '\\.', '\\w', '\\(', '\\b']);
  });
});
