import koffi, { type node } from 'koffi';

/**
 * Calls `drain` on the event loop while a descriptor is readable. `drain` reads a bounded number of messages and
 * returns; what is left wakes the loop again after timers and other descriptors had their turn, so that a flood on one
 * socket starves nothing.
 */
export class ReadableWatch {
  readonly #drain: () => void;
  readonly #handle: node.PollHandle;
  readonly #onPoll: (status: number) => void;
  #scheduled = false;
  #closed = false;

  constructor(fd: number, drain: () => void) {
    this.#drain = drain;
    this.#onPoll = (status) => this.#schedule(status);
    // The handle lives as long as its callback is registered; nothing else needs to hold this object.
    this.#handle = koffi.node.poll(fd, this.#onPoll as unknown as () => void);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Must come before the descriptor is closed. False when it was closed before. */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#handle.close();
    return true;
  }

  /**
   * The poll callback runs outside of a JavaScript task: promises it settles would wait, exceptions would get lost.
   * An immediate runs in the same turn of the loop, as a task of its own.
   */
  #schedule(status: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#closed) return;
      // A pending socket error (netlink overrun) stops the poll handle; reading it from the socket clears it.
      try {
        this.#drain();
      } finally {
        if (status < 0 && !this.#closed) this.#handle.start(this.#onPoll as unknown as () => void);
      }
    });
  }
}
