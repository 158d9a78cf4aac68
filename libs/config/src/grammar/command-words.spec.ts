import { describe, expect, it } from 'vitest';
import { NO_CHARACTER, commandWords } from './command-words.ts';

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
  ])('of %s are what keepalived gives its script', (line, words) => {
    expect(commandWords(line)).toEqual(['r', ...words]);
  });

  it.each([String.raw`r \0`, String.raw`r \400`, String.raw`r \\xff`, String.raw`r \x4a1`])(
    '%s has an escape that is no character here',
    (line) => {
      expect(commandWords(line).join('')).toContain(NO_CHARACTER);
    },
  );

  it('keeps a backslash with nothing behind it', () => {
    expect(commandWords('a\\')).toEqual(['a\\']);
  });
});
