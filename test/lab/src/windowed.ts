import { Writable } from 'node:stream';

/**
 * Bytes on the way to a guest that its steward has not yet confirmed. A terminal buffers 4096 bytes; when it is full,
 * user-mode-linux throttles the line and may never take it up again.
 */
export const windowBytes = 2048;

/** Writes no more than a window ahead of what the far end has confirmed. */
export class Windowed extends Writable {
  private readonly target: Writable;
  private underWay = 0;
  private waiting: { bytes: Buffer; done: () => void } | undefined;

  constructor(target: Writable) {
    super();
    this.target = target;
    target.on('error', (error) => this.destroy(error));
    target.on('close', () => this.destroy());
  }

  /** The far end has taken this many bytes out of the line. */
  confirm(bytes: number): void {
    this.underWay = Math.max(0, this.underWay - bytes);
    this.advance();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.waiting = { bytes: chunk, done };
    this.advance();
  }

  private advance(): void {
    if (this.waiting === undefined) return;
    const { bytes, done } = this.waiting;
    const piece = bytes.subarray(0, windowBytes - this.underWay);
    if (piece.length > 0) {
      this.underWay += piece.length;
      this.target.write(piece);
    }
    if (piece.length < bytes.length) {
      this.waiting = { bytes: bytes.subarray(piece.length), done };
      return;
    }
    this.waiting = undefined;
    done();
  }
}
