import type { Diagnostics, Position } from '../diagnostics.ts';
import type { SourceText } from './source-text.ts';

/** A word or a brace of a line. */
export class Piece {
  readonly kind: 'word' | 'open' | 'close';
  /** Of a quoted word, what the quotes hold. */
  readonly text: string;
  readonly quoted: boolean;
  readonly #line: SourceText;
  readonly #index: number;

  constructor(kind: Piece['kind'], text: string, quoted: boolean, line: SourceText, index: number) {
    this.kind = kind;
    this.text = text;
    this.quoted = quoted;
    this.#line = line;
    this.#index = index;
  }

  /** Made when it is asked for: of most pieces nobody does. */
  get at(): Position {
    return this.#line.position(this.#index);
  }

  isOnLineOf(other: Piece): boolean {
    return this.#line === other.#line;
  }
}

export type Word = Piece;

/** Keywords that take a command line, in which single quotes count too. */
const COMMAND_KEYWORDS: ReadonlySet<string> = new Set([
  'script',
  'process',
  'misc_path',
  'quorum_up',
  'quorum_down',
  'notify',
  'notify_up',
  'notify_down',
  'notify_master',
  'notify_backup',
  'notify_fault',
  'notify_stop',
  'notify_deleted',
  'notify_master_rx_lower_pri',
  'notify_fifo_script',
  'vrrp_notify_fifo_script',
  'lvs_notify_fifo_script',
  'startup_script',
  'shutdown_script',
]);

const OPEN = 0x7b;
const CLOSE = 0x7d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const DOLLAR = 0x24;

/**
 * A line's words and braces. White space parts words; `"…"` keeps it, and a brace inside, together. A brace outside
 * quotes stands for itself wherever it is, except that of a `${NAME}` which nothing defined.
 */
export function pieces(line: SourceText, diagnostics: Diagnostics): Piece[] {
  const plain = plainPieces(line);
  if (plain !== undefined) return plain;
  const { text } = line;
  const found: Piece[] = [];
  /** Where the current word begins, or -1; of it, what stands before `taken` is in `before`. */
  let start = -1;
  let before = '';
  let taken = 0;
  let quoted = false;
  let singleQuotes = false;
  const finishWord = (end: number) => {
    if (start < 0) return;
    const word = taken > start ? before + text.slice(taken, end) : text.slice(start, end);
    if (found.length === 0) singleQuotes = COMMAND_KEYWORDS.has(word);
    found.push(new Piece('word', word, quoted, line, start));
    start = -1;
    quoted = false;
  };
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isBlank(code)) finishWord(i);
    else if (code === OPEN || code === CLOSE) {
      finishWord(i);
      found.push(brace(code, line, i));
    } else {
      if (start < 0) {
        start = i;
        before = '';
        taken = i;
      }
      if (code === DOUBLE_QUOTE || (code === SINGLE_QUOTE && singleQuotes)) {
        const quote = text[i] ?? '';
        // A quote can stand in quotes in commands alone, behind a backslash; elsewhere keepalived finds it unmatched.
        let close = text.indexOf(quote, i + 1);
        while (singleQuotes && close > 0 && isEscaped(text, close)) close = text.indexOf(quote, close + 1);
        if (close < 0 || isEscaped(text, close)) {
          diagnostics.error('unmatched-quote', line.position(i), `the quote ${quote} is not closed on its line`);
          close = text.length;
        }
        before += text.slice(taken, i) + text.slice(i + 1, close);
        taken = close + 1;
        quoted = true;
        i = close;
      } else if (code === DOLLAR && text.charCodeAt(i + 1) === OPEN) {
        i += (/^\$\{\w*(?:[ \t]+\w+)*\}/.exec(text.slice(i))?.[0].length ?? 1) - 1;
      }
    }
  }
  finishWord(text.length);
  return found;
}

/** By an odd number of backslashes before it. */
function isEscaped(text: string, index: number): boolean {
  let start = index;
  while (text[start - 1] === '\\') start--;
  return (index - start) % 2 === 1;
}

function brace(code: number, line: SourceText, index: number): Piece {
  return code === OPEN ? new Piece('open', '{', false, line, index) : new Piece('close', '}', false, line, index);
}

/** Of a line without quotes and definitions, which nearly all of a large file are; undefined where there is one. */
function plainPieces(line: SourceText): Piece[] | undefined {
  const { text } = line;
  const found: Piece[] = [];
  let start = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE || code === DOLLAR) return undefined;
    const isBrace = code === OPEN || code === CLOSE;
    if (!isBrace && !isBlank(code)) {
      if (start < 0) start = i;
      continue;
    }
    if (start >= 0) found.push(new Piece('word', text.slice(start, i), false, line, start));
    start = -1;
    if (isBrace) found.push(brace(code, line, i));
  }
  if (start >= 0) found.push(new Piece('word', text.slice(start), false, line, start));
  return found;
}

/** White space as a regular expression's `\s` has it. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return code >= 0xa0 && /\s/.test(String.fromCharCode(code));
}
