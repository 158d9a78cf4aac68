/** What a backslash stands for with the characters behind it. */
const ESCAPE = /\\(x[\dA-Fa-f]+|[0-7]{1,3}|c[^]|[^])/;
const EVERY_ESCAPE = new RegExp(ESCAPE, 'g');
const ESCAPE_HERE = new RegExp(ESCAPE, 'y');
const NAMED: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', E: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
};
const MAX_ASCII = 0x7f;
/** Stands in a word for an escape that has no character: no argument of a program may have it. */
export const NO_CHARACTER = '\0';

/**
 * The program and its arguments of a command line, as keepalived takes them: escapes are resolved once in the whole line,
 * and then blanks part the words, either quote keeps them together, and escapes count once more, in quotes too. An escape of
 * 0 or beyond ASCII gives NO_CHARACTER.
 */
export function commandWords(text: string): readonly string[] {
  const line = text.replace(EVERY_ESCAPE, (_whole, escape: string) => characterOf(escape));
  const found: string[] = [];
  let current: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const character = line[i] ?? '';
    ESCAPE_HERE.lastIndex = i;
    const [whole, escape] = character === '\\' ? (ESCAPE_HERE.exec(line) ?? []) : [];
    if (whole !== undefined && escape !== undefined) {
      current = (current ?? '') + characterOf(escape);
      i += whole.length - 1;
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      current ??= '';
    } else if (character === quote) quote = '';
    else if (quote === '' && /[ \t\n\v\f\r]/.test(character)) {
      if (current !== undefined) found.push(current);
      current = undefined;
    } else current = (current ?? '') + character;
  }
  return current === undefined ? found : [...found, current];
}

/** A line of which commandWords gives these words again, to stand in double quotes; without NO_CHARACTER in them. */
export function commandLine(argv: readonly string[]): string {
  const word = (text: string) =>
    text === ''
      ? "''"
      : text
          .replace(/[ "'\\]/g, '\\$&')
          // Three digits, so that none behind them is taken for one more.
          .replace(/[\t\n\v\f\r]/g, (control) => `\\${control.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return argv.map(word).join(' ').replace(/["\\]/g, '\\$&');
}

function characterOf(escape: string): string {
  const code = codeOf(escape);
  if (code === undefined) return NAMED[escape] ?? escape;
  return code === 0 || code > MAX_ASCII ? NO_CHARACTER : String.fromCharCode(code);
}

function codeOf(escape: string): number | undefined {
  if (/^[0-7]/.test(escape)) return Number.parseInt(escape, 8) & 0xff;
  if (escape.length === 1) return undefined;
  // As many digits as there are, of which the last two count.
  return escape.startsWith('x') ? Number.parseInt(escape.slice(-2).replace('x', ''), 16) : escape.charCodeAt(1) & 0x1f;
}
