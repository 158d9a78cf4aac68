import type { Diagnostics, Position } from '../diagnostics.ts';
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

/** What stands between the braces of a block, where each of its lines means the same wherever it is. */
export interface Body {
  readonly text: string;
  /** Where the brace that closes it stands. */
  readonly close: Position;
  /** Index of what follows that line. */
  readonly next: number;
}

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
        this.plain = !DIRECTIVE.test(value.text);
        return { done: false, value };
      }
      this.plain = false;
      const value = this.#marked(text.slice(start, end).replace(/\r+$/, ''));
      if (value !== undefined) return { done: false, value };
    }
    return { done: true, value: undefined };
  }

  /** The body of the block that the line handed out last opens at its end, if it is of ASCII words and braces alone. */
  body(): Body | undefined {
    const text = this.#text;
    const start = this.#start;
    if (!this.plain || text.charCodeAt(start - 2) !== OPEN) return undefined;
    const limit = Math.min(this.#specialFrom(start), start + this.#lineBytes - 1, text.length);
    let lines = 0;
    let lineStart = start;
    for (let [i, depth] = [start, 1]; i < limit; i++) {
      const code = text.charCodeAt(i);
      if (code === NEWLINE) {
        lines++;
        lineStart = i + 1;
      } else if (code === OPEN) depth++;
      else if (code === CLOSE && --depth === 0) {
        if (text.charCodeAt(i + 1) !== NEWLINE) return undefined;
        const line = this.#number + lines + 1;
        const close = { file: this.#file, line, column: i - lineStart + 1 };
        return { text: text.slice(start, i), close, next: i + 2 };
      }
    }
    return undefined;
  }

  /** Goes on behind the block whose body it is. */
  skip({ close, next }: Body): void {
    this.#number = close.line;
    this.#start = next;
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
  let [from, to] = [start, end];
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return SourceText.written(file, line, text.slice(from, to), from - start + 1);
}

/** Whether a body has a line of which the preprocessor takes notice. */
export function hasDirective({ text }: Body): boolean {
  return ANY_DIRECTIVE.test(text);
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
