import type { Diagnostics } from '../diagnostics.ts';
import { withoutComment } from './comment.ts';
import { SourceText } from './source-text.ts';

/** What makes a line more than words and braces between blanks. */
const SPECIAL = /["'#!\\$@~\0\r\u0080-\uffff]/;

/** What the preprocessor itself looks at. */
const DIRECTIVE = /^(?:include|random_seed)/;

/** The lines of a file without their comments; lines that keepalived cannot hold are reported and left out. */
export function* physicalLines(
  file: string,
  text: string,
  lineBytes: number,
  diagnostics: Diagnostics,
): Generator<SourceText> {
  let number = 0;
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    number++;
    const written = text.slice(start, end);
    start = end + 1;
    if (written.length < lineBytes && !SPECIAL.test(written)) {
      yield SourceText.written(file, number, written).trim();
      continue;
    }
    const raw = written.replace(/\r+$/, '');
    const line = SourceText.written(file, number, raw.replaceAll('\r', ' '));
    if (raw.includes('\0')) {
      const at = line.position(raw.indexOf('\0'));
      diagnostics.error('binary-line', at, 'the line has a NUL byte and is dropped');
    } else if (fits(line, lineBytes, diagnostics)) yield marked(line);
  }
}

/** Whether a line has nothing for the preprocessor to do: most of a large file are such. */
export function isPlain(text: string): boolean {
  return !SPECIAL.test(text) && !DIRECTIVE.test(text);
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
