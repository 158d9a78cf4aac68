import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** What NestJS has to say, as lines of the one log. Its start-up chatter is for developers. */
export class NestLog implements LoggerService {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  log(message: unknown): void {
    this.#log.debug(String(message));
  }

  debug(message: unknown): void {
    this.#log.debug(String(message));
  }

  verbose(message: unknown): void {
    this.#log.debug(String(message));
  }

  warn(message: unknown): void {
    this.#log.warn(String(message));
  }

  error(message: unknown): void {
    this.#log.error(String(message));
  }

  fatal(message: unknown): void {
    this.#log.error(String(message));
  }
}
