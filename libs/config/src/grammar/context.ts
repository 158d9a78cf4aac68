import type { Diagnostics, Position } from '../diagnostics.ts';
import type { Statement } from '../syntax/tree.ts';
import type { Word } from '../syntax/words.ts';

/** What a parameter says, and where. */
export type Found = Pick<Word, 'text' | 'at'>;

/** The parameters of one statement, taken from left to right; what is wrong with them is reported where it stands. */
export class Arguments {
  readonly diagnostics: Diagnostics;
  readonly statement: Statement;
  #next: number;
  #failed = false;

  /** `first` is 0 for an item of a block of items, whose first word is no keyword. */
  constructor(statement: Statement, diagnostics: Diagnostics, first: 0 | 1 = 1) {
    this.statement = statement;
    this.diagnostics = diagnostics;
    this.#next = first;
  }

  get keyword(): Word {
    return this.statement.words[0];
  }

  /** Where the statement begins. */
  get at(): Position {
    return this.keyword.at;
  }

  peek(): Word | undefined {
    return this.statement.words[this.#next];
  }

  take(): Word | undefined {
    const word = this.statement.words[this.#next];
    if (word !== undefined) this.#next++;
    return word;
  }

  /** The next word if it is this one. */
  takeIf(text: string): boolean {
    if (this.peek()?.text !== text) return false;
    this.#next++;
    return true;
  }

  /** The next word; without one, the lack of `what` is reported. */
  need(what: string): Word | undefined {
    const word = this.take();
    if (word === undefined) this.missing(what);
    return word;
  }

  missing(what: string): void {
    this.#failed = true;
    const last = this.statement.words.at(-1) ?? this.keyword;
    const at = { ...last.at, column: last.at.column + last.text.length };
    this.diagnostics.error('missing-parameter', at, `"${this.keyword.text}" ends here, ${what} is expected after it`);
  }

  bad(word: Found, expected: string): undefined {
    this.#failed = true;
    this.diagnostics.error(
      'bad-value',
      word.at,
      `found "${word.text}", expected ${expected} for "${this.keyword.text}"`,
    );
  }

  outOfRange(word: Found, range: string): undefined {
    this.#failed = true;
    this.diagnostics.warning(
      'out-of-range',
      word.at,
      `"${this.keyword.text}" takes ${range}, not ${word.text}, and is left out`,
    );
  }

  /** What is left over has no effect; that is reported unless something before it was wrong. */
  finish(): void {
    const extra = this.take();
    if (extra !== undefined && !this.#failed) {
      this.diagnostics.warning(
        'extra-parameter',
        extra.at,
        `"${extra.text}" and what follows it on the line have no effect: "${this.keyword.text}" takes no more parameters`,
      );
    }
    this.#next = this.statement.words.length;
  }
}
