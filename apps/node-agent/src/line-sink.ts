import { fstatSync, writeSync } from 'node:fs';
import { WRITABLE_BYTES, isWritable } from '@keepfleet/linux';

/** A UNIX socket takes any only while three quarters of its buffer, usually 208 KiB, are free. */
const SOCKET_BYTES = 65_536;

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

  /** `lossText` is a line of its own that tells of so many lost ones. */
  constructor(fd: number, lossText: (lines: number) => string) {
    this.#fd = fd;
    const kind = fstatSync(fd);
    this.#most = kind.isFile() ? Infinity : kind.isSocket() ? SOCKET_BYTES : WRITABLE_BYTES;
    this.#lossText = lossText;
  }

  write(line: string): void {
    if (!this.#isFlushed() || !isWritable(this.#fd)) {
      this.#lost += 1;
      return;
    }
    this.#rest = Buffer.from(this.#lost === 0 ? line : this.#lossText(this.#lost) + line);
    this.#lost = 0;
    this.#isFlushed();
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
