/** "Something changed, look again": carries nothing, so a listener that missed ten signals has missed nothing. */
export class Signal {
  readonly #listeners = new Set<() => void>();

  raise(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Returns what ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves at the next signal, or with `false` when `abort` ends the wait. */
  next(abort: AbortSignal): Promise<boolean> {
    if (abort.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (raised: boolean) => {
        stop();
        abort.removeEventListener('abort', onAbort);
        resolve(raised);
      };
      const onAbort = () => end(false);
      const stop = this.subscribe(() => end(true));
      abort.addEventListener('abort', onAbort);
    });
  }
}
