import type { SourceText } from './source-text.ts';

/**
 * The line without its comment. `#` and `!` begin a comment anywhere outside double quotes, in the middle of a word too
 * (a password `abc!def` is `abc`), unless a backslash stands before them.
 */
export function withoutComment(line: SourceText): SourceText {
  const start = commentStart(line.text);
  return (start === undefined ? line : line.slice(0, start)).trim();
}

/** Where the comment of a line begins, if it has one. */
export function commentStart(text: string): number | undefined {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '\\') i++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === '#' || character === '!')) return i;
  }
  return undefined;
}

/** The line with `\#` and `\!` outside double quotes as the characters they stand for; the last step before words. */
export function withoutEscapes(line: SourceText): SourceText {
  if (!/\\[#!]/.test(line.text)) return line;
  let current = line;
  let quoted = false;
  for (let i = 0; i < current.text.length; i++) {
    const character = current.text[i];
    if (character === '"') quoted = !quoted;
    if (character !== '\\') continue;
    if (!quoted && /[#!]/.test(current.text[i + 1] ?? '')) current = current.replace(i, i + 1, '');
    else i++;
  }
  return current;
}
