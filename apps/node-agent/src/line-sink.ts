import { type Stats, copyFileSync, fstatSync, ftruncateSync, readFileSync, statSync, writeSync } from 'node:fs';
import { WRITABLE_BYTES, isWritable } from '@keepfleet/linux';

/** A UNIX socket takes any only while three quarters of its buffer, usually 208 KiB, are free. */
const SOCKET_BYTES = 65_536;
const NEWLINE = 10;

/** A log file of our own that is larger is set aside as FILE.1, which takes a few milliseconds. Both are in memory, on /run. */
export const LOG_FILE_LIMIT = 4 << 20;

/**
 * Lines to a descriptor, each written at once, so that the last one before a crash is there, or lost: a full disk, and a
 * pipe, a terminal or a journal that nobody reads at the moment, make nobody wait and take no memory. How many were lost
 * is told as soon as lines get through again.
 */
export class LineSink {
  readonly #fd: number;
  /** Bytes written at a time. A line in one piece is not mixed with those of other processes that write to the same file. */
  readonly #most: number;
  readonly #lossText: (lines: number) => string;
  /** The end of what was written in part; nothing else may come before it. */
  #rest: Uint8Array = new Uint8Array();
  #lost = 0;
  /** Where the descriptor is a file that nobody else writes to and that must not grow for ever, and how large it is. */
  readonly #ownFile: string | undefined;
  #size: number;

  /** `lossText` is a line of its own that tells of so many lost ones; `ownFile` counts only if it is what `fd` is. */
  constructor(fd: number, lossText: (lines: number) => string, ownFile?: string) {
    this.#fd = fd;
    const kind = fstatSync(fd);
    this.#size = kind.size;
    this.#ownFile = ownFile !== undefined && isFile(ownFile, kind) ? ownFile : undefined;
    this.#most = kind.isFile() ? Infinity : kind.isSocket() ? SOCKET_BYTES : WRITABLE_BYTES;
    this.#lossText = lossText;
  }

  write(line: string): void {
    if (!this.#isFlushed() || !isWritable(this.#fd)) {
      this.#lost += 1;
      return;
    }
    if (this.#ownFile !== undefined && this.#size + Buffer.byteLength(line) > LOG_FILE_LIMIT)
      this.#turnOver(this.#ownFile);
    this.#rest = Buffer.from(this.#lost === 0 ? line : this.#lossText(this.#lost) + line);
    this.#lost = 0;
    this.#size += this.#rest.length;
    this.#isFlushed();
  }

  /** The descriptor stays the same, since the runtime writes its last words to it. */
  #turnOver(path: string): void {
    this.#size = 0;
    let lost = 0;
    try {
      copyFileSync(path, `${path}.1`);
    } catch {
      // What has no place is given up: a full /run holds up more than a log.
      lost = linesOf(path);
    }
    try {
      ftruncateSync(this.#fd);
      this.#lost += lost;
    } catch {
      // Tried again after as many bytes more.
    }
  }

  /** Goes on with what was begun, as far as it is taken now. */
  #isFlushed(): boolean {
    try {
      while (this.#rest.length > 0 && isWritable(this.#fd))
        this.#rest = this.#rest.subarray(writeSync(this.#fd, this.#rest.subarray(0, this.#most)));
    } catch {
      // The disk is full, or its reader has gone: it is tried again with the next line.
    }
    return this.#rest.length === 0;
  }
}

function linesOf(path: string): number {
  try {
    return readFileSync(path).reduce((lines, byte) => lines + Number(byte === NEWLINE), 0);
  } catch {
    return 0;
  }
}

function isFile(path: string, { dev, ino }: Stats): boolean {
  try {
    const found = statSync(path);
    return found.dev === dev && found.ino === ino;
  } catch {
    return false;
  }
}
