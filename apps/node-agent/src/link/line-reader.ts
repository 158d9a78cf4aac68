/** Longest line that is taken: a configuration of tens of thousands of real servers fits several times. */
export const LINE_LIMIT = 64 << 20;

export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';

  constructor(limit: number) {
    super(`a line of more than ${limit} bytes`);
  }
}

/** Cuts a byte stream into lines. Bytes after the last line end wait for the rest. */
export class LineReader {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limit = LINE_LIMIT) {
    this.#limit = limit;
  }

  /** The lines that `chunk` completes. Throws {@link LineTooLong}; the stream is of no use after that. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(Buffer.concat(this.#parts, this.#length).toString('utf8'));
      this.#parts = [];
      this.#length = 0;
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#limit) throw new LineTooLong(this.#limit);
    if (part.length > 0) this.#parts.push(part);
  }
}
