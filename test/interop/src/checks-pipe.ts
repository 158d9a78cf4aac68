import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readSync, rmSync } from 'node:fs';

const LOOK_MS = 100;

/** Everything that is written to a pipe, as its bytes are. */
export class PipeReader {
  readonly #path: string;
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  #text = '';
  #taken = 0;

  constructor(path: string) {
    this.#path = path;
    if (!existsSync(path)) execFileSync('mkfifo', [path]);
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#timer = setInterval(() => this.#read(), LOOK_MS);
  }

  get length(): number {
    this.#read();
    return this.#text.length;
  }

  /** All lines, each with its end. */
  lines(): string[] {
    this.#read();
    return linesOf(this.#text);
  }

  /** The lines since the last call. */
  take(): string[] {
    this.#read();
    const lines = linesOf(this.#text.slice(this.#taken));
    this.#taken = this.#text.length;
    return lines;
  }

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }

  #read(): void {
    const buffer = Buffer.alloc(65_536);
    try {
      for (let length = 1; length > 0;) {
        length = readSync(this.#fd, buffer);
        this.#text += buffer.toString('latin1', 0, length);
      }
    } catch {
      // Nothing more is in it.
    }
  }
}

function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/).filter((line) => line !== '');
}
