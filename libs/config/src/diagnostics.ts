/** A place in a configuration file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * `error`: the text cannot mean what it says, so a running node should refuse the file as a whole. `warning`: the file is
 * usable, and the message says what is different from what its author may expect.
 */
export type Severity = 'error' | 'warning';

export type DiagnosticKind =
  /** A quote that its line does not close; the rest of the line is taken as quoted. */
  | 'unmatched-quote'
  /** A line over the limit of 1024 bytes, as written or after substitution; it is dropped. */
  | 'line-too-long'
  /** A line with a NUL byte; it is dropped. */
  | 'binary-line'
  /** An include that could not be read, matched nothing, or goes too deep. */
  | 'include'
  /** `$NAME` or `~SEQ`/`~LST` expands without end or beyond the limits; the line is dropped. */
  | 'expansion-limit'
  /** A `~SEQ` or `~LST` that cannot be read; the line is dropped. */
  | 'bad-repeat'
  /** `${NAME}` without a definition; it stays as written. */
  | 'undefined-name'
  /** A `{` that follows no keyword. */
  | 'unexpected-open'
  /** A `}` without its `{`. */
  | 'unexpected-close'
  /** The file ends inside a block. */
  | 'missing-close'
  /** A keyword that takes no block has one; it is skipped as a whole. */
  | 'unexpected-block'
  /** A keyword that takes a block has none. */
  | 'missing-block'
  /** A word that is no keyword here; it is skipped with its block as a whole. */
  | 'unknown-keyword'
  /** A keyword keepalived knows, read and checked here, without effect in Keepfleet yet. */
  | 'not-implemented'
  | 'deprecated'
  | 'missing-parameter'
  | 'extra-parameter'
  /** A parameter that is not of the form its keyword takes. */
  | 'bad-value'
  /** A number beyond its limits; the default is kept unless the message says otherwise. */
  | 'out-of-range'
  /** A value that is shortened, rounded or lowered to what can be. */
  | 'adjusted'
  /** Something well-formed that has no effect because of something else in the file. */
  | 'ignored'
  /** A name used twice where it must be unique. */
  | 'duplicate'
  /** A setting without which its block means nothing. */
  | 'missing-setting'
  /** A name that nothing in the file defines. */
  | 'unresolved-reference'
  /** An interface that the node does not have. */
  | 'host-interface'
  /** A user or a group that the node does not have. */
  | 'host-user'
  /** A user, group or program that was not looked up on the node. */
  | 'host-unknown'
  /** A program that the node does not have or cannot run. */
  | 'host-program'
  /** A program that runs as root and that others may change. */
  | 'host-security'
  /** There is more of this severity than is kept. */
  | 'more';

export interface Diagnostic extends Position {
  readonly severity: Severity;
  readonly kind: DiagnosticKind;
  /** What was found and what is expected. */
  readonly message: string;
  /** What to do about it, where that is known. */
  readonly hint?: string;
  /** The line as its file has it, with the secrets masked; missing where there is no such line. */
  readonly sourceLine?: string;
}

/** `file:line:column: severity: message (hint) [kind]`, the form editors and operators know from compilers. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, severity, message, hint, kind } = diagnostic;
  return `${file}:${line}:${column}: ${severity}: ${message}${hint === undefined ? '' : ` (${hint})`} [${kind}]`;
}

/** Of a long line, what is shown around the column. */
const MAX_SHOWN = 160;

/** As formatDiagnostic, with the line below it and a caret below the column. */
export function formatDiagnosticWithSource(diagnostic: Diagnostic): string {
  const { sourceLine, line, column } = diagnostic;
  const head = formatDiagnostic(diagnostic);
  if (sourceLine === undefined) return head;
  // Behind a masked secret the columns of the file mean nothing, so the caret stays at its end.
  const at = Math.min(column - 1, sourceLine.length);
  const start = at < MAX_SHOWN ? 0 : at - MAX_SHOWN / 2;
  const shown = sourceLine.slice(start, start + MAX_SHOWN);
  const indent = shown.slice(0, at - start).replace(/[^\t]/g, ' ');
  const number = String(line);
  return `${head}\n ${number} | ${shown}\n ${' '.repeat(number.length)} | ${indent}^`;
}

/** Adds to each diagnostic the line it is about, and takes the secrets and what could confuse a terminal out of both. */
export function withSourceLines(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  secrets: { mask(text: string): string; maskLine(line: string): string },
): readonly Diagnostic[] {
  const lines = new Map<string, readonly string[]>();
  return diagnostics.map(({ hint, ...diagnostic }) => {
    const { file, line, message } = diagnostic;
    const text = lines.get(file) ?? sources.get(file)?.split('\n') ?? [];
    lines.set(file, text);
    const found = text[line - 1];
    return {
      ...diagnostic,
      message: printable(secrets.mask(message)),
      ...(hint === undefined ? {} : { hint: printable(secrets.mask(hint)) }),
      ...(found === undefined ? {} : { sourceLine: printable(secrets.maskLine(found.replace(/\r+$/, ''))) }),
    };
  });
}

/** The text with a visible sign for each control character but the tab. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => (character === '\t' ? character : '\uFFFD'));
}

/** Kept of each severity: enough to work on, and a bound for a text that repeats a mistake a million times. */
export const MAX_DIAGNOSTICS = 1_000;

/** Collects diagnostics in the order they are found. */
export class Diagnostics {
  readonly #found: Diagnostic[] = [];
  /** What is in #found: a line that is read again and again is told of once. */
  readonly #told = new Set<string>();
  readonly #counts: Record<Severity, number> = { error: 0, warning: 0 };
  #count = 0;

  error(kind: DiagnosticKind, at: Position, message: string, hint?: string): void {
    this.#add('error', kind, at, message, hint);
  }

  warning(kind: DiagnosticKind, at: Position, message: string, hint?: string): void {
    this.#add('warning', kind, at, message, hint);
  }

  /** Whether one more of this severity would be kept; saves the work of wording it. */
  keeps(severity: Severity): boolean {
    return this.#counts[severity] < MAX_DIAGNOSTICS;
  }

  /** Of all that was found, whether it is kept or not. */
  get count(): number {
    return this.#count;
  }

  all(): readonly Diagnostic[] {
    return this.#found;
  }

  #add(severity: Severity, kind: DiagnosticKind, at: Position, message: string, hint: string | undefined): void {
    const { file, line, column } = at;
    this.#count++;
    const key = `${file}:${line}:${column}:${kind}:${message}`;
    if (this.#told.has(key)) return;
    if (this.keeps(severity)) this.#told.add(key);
    const count = ++this.#counts[severity];
    if (count > MAX_DIAGNOSTICS + 1) return;
    if (count === MAX_DIAGNOSTICS + 1) {
      const message = `there are more ${severity}s from here on; the first ${MAX_DIAGNOSTICS} are listed`;
      this.#found.push({ severity, kind: 'more', file, line, column, message });
      return;
    }
    this.#found.push({ severity, kind, file, line, column, message, ...(hint === undefined ? {} : { hint }) });
  }
}
