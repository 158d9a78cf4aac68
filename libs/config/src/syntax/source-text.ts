import type { Position } from '../diagnostics.ts';

/** From `index` on, characters count up from `column`, or all came from it by substitution. */
interface Run {
  readonly index: number;
  readonly column: number;
  readonly substituted: boolean;
}

/** A piece of one line that still knows, for each character, the column of the file it came from. */
export class SourceText {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** Column of the first character while nothing was substituted, which nearly no line has. */
  readonly #first: number;
  /** In the order of their indexes; the first has index 0 or less. */
  readonly #runs: readonly Run[] | undefined;

  private constructor(file: string, line: number, text: string, first: number, runs: readonly Run[] | undefined) {
    this.file = file;
    this.line = line;
    this.text = text;
    this.#first = first;
    this.#runs = runs;
  }

  /** A line as the file has it, or what begins at a column of it. */
  static written(file: string, line: number, text: string, column = 1): SourceText {
    return new SourceText(file, line, text, column, undefined);
  }

  /** Text from elsewhere, which takes the place of what stands at one column. */
  static substituted(file: string, line: number, text: string, column: number): SourceText {
    return new SourceText(file, line, text, 1, [{ index: 0, column, substituted: true }]);
  }

  column(index: number): number {
    if (this.#runs === undefined) return this.#first + index;
    let column = 1;
    for (const run of this.#runs) {
      if (run.index > index && run.index > 0) break;
      column = run.substituted ? run.column : run.column + index - run.index;
    }
    return column;
  }

  position(index = 0): Position {
    return { file: this.file, line: this.line, column: this.column(index) };
  }

  slice(start: number, end = this.text.length): SourceText {
    if (start === 0 && end === this.text.length) return this;
    const text = this.text.slice(start, end);
    if (this.#runs === undefined) return new SourceText(this.file, this.line, text, this.#first + start, undefined);
    return new SourceText(this.file, this.line, text, 1, this.#runsFrom(start, 0));
  }

  trim(): SourceText {
    const start = this.text.length - this.text.trimStart().length;
    return this.slice(start, Math.max(start, this.text.trimEnd().length));
  }

  /** Every character of the replacement gets the column where the replaced part began. */
  replace(start: number, end: number, replacement: string): SourceText {
    const runs = [
      ...this.#allRuns().filter(({ index }) => index < start),
      { index: start, column: this.column(start), substituted: true },
      ...this.#runsFrom(end, start + replacement.length),
    ];
    const text = this.text.slice(0, start) + replacement + this.text.slice(end);
    return new SourceText(this.file, this.line, text, 1, runs);
  }

  #allRuns(): readonly Run[] {
    return this.#runs ?? [{ index: 0, column: this.#first, substituted: false }];
  }

  /** The runs of the text from `start`, for a text in which it stands at `target`. */
  #runsFrom(start: number, target: number): Run[] {
    const runs = this.#allRuns();
    const later = runs.filter(({ index }) => index > start);
    const current = runs.findLast(({ index }) => index <= start);
    return [
      { index: target, column: this.column(start), substituted: current?.substituted ?? false },
      ...later.map((run) => ({ ...run, index: run.index - start + target })),
    ];
  }
}
