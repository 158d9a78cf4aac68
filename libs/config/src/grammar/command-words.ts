/** What a backslash stands for with the characters behind it. */
const ESCAPE = /\\(x[\dA-Fa-f]+|[0-7]{1,3}|c[^]|[^])/;
const EVERY_ESCAPE = new RegExp(ESCAPE, 'g');
const ESCAPE_HERE = new RegExp(ESCAPE, 'y');
const NAMED: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', E: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
};
const NUL = '\0';

/** Why a command line has no words. */
export type CommandProblem =
  /** A quote inside that nothing closes. */
  | 'open-quote'
  /** A backslash with nothing behind it. */
  | 'open-escape'
  /** Escapes that make bytes which are no UTF-8: programs are given texts here. */
  | 'not-utf8';

export type CommandWords =
  | {
      readonly words: readonly string[];
      /** An escape of 0 ended the line or a word before its end. */
      readonly cut: boolean;
    }
  | { readonly problem: CommandProblem };

/**
 * The program and its arguments of a command line, as keepalived takes them: escapes are resolved once in the whole line,
 * and then blanks part the words, either quote keeps them together, and escapes count once more, in quotes too. An escape is
 * a byte, so that two make a character beyond ASCII; one of 0 ends the line the first time, the word the second.
 */
export function commandWords(text: string): CommandWords {
  const [line = '', ...behind] = bytesOf(text)
    .replace(EVERY_ESCAPE, (_whole, escape: string) => byteOf(escape))
    .split(NUL);
  const found: string[] = [];
  let current: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const character = line[i] ?? '';
    ESCAPE_HERE.lastIndex = i;
    const [whole, escape] = character === '\\' ? (ESCAPE_HERE.exec(line) ?? []) : [];
    if (whole !== undefined && escape !== undefined) {
      current = (current ?? '') + byteOf(escape);
      i += whole.length - 1;
    } else if (character === '\\') return { problem: 'open-escape' };
    else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      current ??= '';
    } else if (character === quote) quote = '';
    else if (quote === '' && /[ \t\n\v\f\r]/.test(character)) {
      if (current !== undefined) found.push(current);
      current = undefined;
    } else current = (current ?? '') + character;
  }
  if (quote !== '') return { problem: 'open-quote' };
  if (current !== undefined) found.push(current);
  const words: string[] = [];
  for (const bytes of found) {
    const word = textOf(bytes.split(NUL)[0] ?? '');
    if (word === undefined) return { problem: 'not-utf8' };
    words.push(word);
  }
  return { words, cut: behind.length > 0 || found.some((bytes) => bytes.includes(NUL)) };
}

/** A line of which commandWords gives these words again, to stand in double quotes. */
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

/** A regular expression after keepalived's escapes, of which it has its own besides PCRE's; one beyond ASCII becomes PCRE's. */
export function patternText(text: string): string {
  return text.replace(EVERY_ESCAPE, (_whole, escape: string) => {
    const code = codeOf(escape);
    return code === undefined || code <= 0x7f ? byteOf(escape) : `\\x{${code.toString(16)}}`;
  });
}

/** Escapes of PCRE that are none of keepalived's, which takes the letter alone. */
export function lostEscapes(text: string): readonly string[] {
  return [...text.matchAll(EVERY_ESCAPE)].flatMap(([whole, escape = '']) =>
    escape === 'b' || (/^[A-Za-z.^$*+?()[\]{}|]$/.test(escape) && NAMED[escape] === undefined) ? [whole] : [],
  );
}

/** What stands in double quotes for a pattern that is to be this one. */
export function patternLine(pattern: string): string {
  return pattern
    .replaceAll('\\', '\\\\')
    .replace(/["\x00-\x1f\x7f]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function byteOf(escape: string): string {
  const code = codeOf(escape);
  return code === undefined ? (NAMED[escape] ?? escape) : String.fromCharCode(code);
}

function codeOf(escape: string): number | undefined {
  if (/^[0-7]/.test(escape)) return Number.parseInt(escape, 8) & 0xff;
  if (escape.length === 1) return undefined;
  // As many digits as there are, of which the last two count.
  return escape.startsWith('x') ? Number.parseInt(escape.slice(-2).replace('x', ''), 16) : escape.charCodeAt(1) & 0x1f;
}

/** UTF-8, a character a byte. */
function bytesOf(text: string): string {
  // Half a surrogate pair has no UTF-8.
  return unescape(encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd')));
}

function textOf(bytes: string): string | undefined {
  if (!/[^\0-\x7f]/.test(bytes)) return bytes;
  try {
    return decodeURIComponent(bytes.replace(/[^]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`));
  } catch {
    return undefined;
  }
}
