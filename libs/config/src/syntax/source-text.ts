import type { Position } from '../diagnostics.ts';

/** A piece of one line that still knows, for each character, the column of the file it came from. */
export class SourceText {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly #start: number;
  readonly #columns: readonly number[] | undefined;

  constructor(file: string, line: number, text: string, start = 1, columns?: readonly number[]) {
    this.file = file;
    this.line = line;
    this.text = text;
    this.#start = start;
    this.#columns = columns;
  }

  column(index: number): number {
    if (this.#columns === undefined) return this.#start + index;
    return this.#columns[Math.min(index, this.#columns.length - 1)] ?? this.#start;
  }

  position(index = 0): Position {
    return { file: this.file, line: this.line, column: this.column(index) };
  }

  slice(start: number, end = this.text.length): SourceText {
    return new SourceText(
      this.file,
      this.line,
      this.text.slice(start, end),
      this.column(start),
      this.#columns?.slice(start, end),
    );
  }

  trim(): SourceText {
    const start = this.text.length - this.text.trimStart().length;
    const end = this.text.trimEnd().length;
    return start === 0 && end === this.text.length ? this : this.slice(start, Math.max(start, end));
  }

  /** Every character of the replacement gets the column where the replaced part began. */
  replace(start: number, end: number, replacement: string): SourceText {
    const columns = Array.from({ length: start }, (_unused, i) => this.column(i));
    columns.push(...new Array<number>(replacement.length).fill(this.column(start)));
    for (let i = end; i < this.text.length; i++) columns.push(this.column(i));
    const text = this.text.slice(0, start) + replacement + this.text.slice(end);
    return new SourceText(this.file, this.line, text, this.column(0), columns);
  }
}
