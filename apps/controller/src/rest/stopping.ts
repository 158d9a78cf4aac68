import { Injectable } from '@nestjs/common';

/** Ends answers that would otherwise never end, so that the controller can stop. */
@Injectable()
export class Stopping {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    this.#controller.abort();
  }
}
