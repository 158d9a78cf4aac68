import type { Diagnostics } from '../diagnostics.ts';
import { withoutComment } from './comment.ts';
import { SourceText } from './source-text.ts';

/** What makes a line more than words and braces between blanks. */
const SPECIAL = /["'#!\\$@~\0\r\u0080-\uffff]/g;

const NEWLINE = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What the preprocessor itself looks at. */
const DIRECTIVE = /^(?:include|random_seed)/;
const ANY_DIRECTIVE = /^\s*(?:include|random_seed)/m;

/** The lines of a file without their comments; lines that keepalived cannot hold are reported and left out. */
export class PhysicalLines implements Iterator<SourceText> {
  readonly #file: string;
  readonly #text: string;
  readonly #lineBytes: number;
  readonly #diagnostics: Diagnostics;
  #number = 0;
  #start = 0;
  /** Where the next special character is. */
  #special = -1;
  /** Whether the line handed out last has nothing for the preprocessor to do: most of a large file are such. */
  plain = false;

  constructor(file: string, text: string, lineBytes: number, diagnostics: Diagnostics) {
    this.#file = file;
    this.#text = text;
    this.#lineBytes = lineBytes;
    this.#diagnostics = diagnostics;
  }

  next(): IteratorResult<SourceText, undefined> {
    const text = this.#text;
    while (this.#start < text.length) {
      const start = this.#start;
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? text.length : newline;
      this.#number++;
      this.#start = end + 1;
      if (end - start < this.#lineBytes && end <= this.#specialFrom(start)) {
        const value = trimmed(this.#file, this.#number, text, start, end);
        this.plain = !isDirective(value.text);
        return { done: false, value };
      }
      this.plain = false;
      const value = this.#marked(text.slice(start, end).replace(/\r+$/, ''));
      if (value !== undefined) return { done: false, value };
    }
    return { done: true, value: undefined };
  }

  /**
   * What stands between the brace that ends the line handed out last and the end of the line of the brace that closes it,
   * if it is of ASCII words and braces alone: it means the same wherever it is.
   */
  body(): string | undefined {
    const text = this.#text;
    const start = this.#start;
    if (!this.#opens()) return undefined;
    const limit = Math.min(this.#specialFrom(start), text.length);
    let depth = 1;
    let lineStart = start;
    for (let i = start; i < limit; i++) {
      const code = text.charCodeAt(i);
      if (code === OPEN) depth++;
      else if (code === NEWLINE) lineStart = i + 1;
      else if (i - lineStart >= this.#lineBytes - 1) return undefined;
      else if (code === CLOSE && --depth === 0)
        return text.charCodeAt(i + 1) === NEWLINE ? text.slice(start, i + 2) : undefined;
    }
    return undefined;
  }

  bodyAgain(body: string): string | undefined {
    const start = this.#start;
    return this.#opens() && this.#text.startsWith(body, start)
      ? this.#text.slice(start, start + body.length)
      : undefined;
  }

  /** Goes on behind a body of so many lines; the answer is the number of the last. */
  skip(body: string, lines: number): number {
    this.#number += lines;
    this.#start += body.length;
    return this.#number;
  }

  #opens(): boolean {
    return this.plain && this.#text.charCodeAt(this.#start - 2) === OPEN;
  }

  #specialFrom(start: number): number {
    if (this.#special < start) {
      SPECIAL.lastIndex = start;
      this.#special = SPECIAL.test(this.#text) ? SPECIAL.lastIndex - 1 : Infinity;
    }
    return this.#special;
  }

  #marked(raw: string): SourceText | undefined {
    const line = SourceText.written(this.#file, this.#number, raw.replaceAll('\r', ' '));
    if (raw.includes('\0')) {
      const at = line.position(raw.indexOf('\0'));
      this.#diagnostics.error('binary-line', at, 'the line has a NUL byte and is dropped');
      return undefined;
    }
    return fits(line, this.#lineBytes, this.#diagnostics) ? marked(line) : undefined;
  }
}

/** A part of a text of ASCII alone, without the blanks around it. */
function trimmed(file: string, line: number, text: string, start: number, end: number): SourceText {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return SourceText.written(file, line, text.slice(from, to), from - start + 1);
}

/** Most lines are none by their first character. */
function isDirective(text: string): boolean {
  const code = text.charCodeAt(0);
  return (code === 0x69 || code === 0x72) && DIRECTIVE.test(text); // i, r
}

/** Whether a body has a line of which the preprocessor takes notice. */
export function hasDirective(body: string): boolean {
  return ANY_DIRECTIVE.test(body);
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** Whether keepalived could hold the line; that it could not is reported. */
export function fits(line: SourceText, lineBytes: number, diagnostics: Diagnostics): boolean {
  if (isShorter(line.text, lineBytes)) return true;
  diagnostics.error('line-too-long', line.position(), `the line has more than ${lineBytes - 1} bytes and is dropped`);
  return false;
}

/** Stands for a backslash that ends a line within its comment; no line holds a NUL otherwise. */
export const HIDDEN_BACKSLASH = '\0';

/** A line without its comment. The lines of a definition go on behind a comment too, if it ends with a backslash. */
function marked(line: SourceText): SourceText {
  const text = withoutComment(line);
  const hidden = line.text.trimEnd().endsWith('\\') && !text.text.endsWith('\\');
  return hidden ? text.replace(text.text.length, text.text.length, HIDDEN_BACKSLASH) : text;
}

function isOpen(text: string): boolean {
  return text.endsWith('\\') || text.endsWith(HIDDEN_BACKSLASH);
}

/** Whether a line begins a definition of several lines. */
export function isOpenDefinition(text: string): boolean {
  return isOpen(text) && /^(@\S*\s+)*\$\w+=/.test(text);
}

/** The line without the backslash that ends it. */
export function unclosed(text: string): string {
  return text.slice(0, -1).trimEnd();
}

/** The further lines of a definition whose first line ends with a backslash. */
export function continuation(source: Iterator<SourceText>, first: SourceText): string[] {
  const lines: string[] = [];
  for (let open = isOpen(first.text); open;) {
    const next = source.next();
    if (next.done === true) break;
    open = isOpen(next.value.text);
    lines.push(open ? unclosed(next.value.text) : next.value.text);
  }
  return lines;
}

function isShorter(text: string, limit: number): boolean {
  if (text.length * 3 < limit) return true;
  if (text.length >= limit) return false;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes < limit;
}
