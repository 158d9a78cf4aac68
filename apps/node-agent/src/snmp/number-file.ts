import { readFileSync } from 'node:fs';
import { KeptRowNumbers, type StoredRowNumbers } from '@keepfleet/mib';
import { z } from 'zod';
import { errorText } from '../error-text.ts';

const number = z.int().min(1).max(2_147_483_647);

const fileSchema = z.object({
  version: z.literal(1),
  lists: z.record(z.string(), z.object({ last: number, numbers: z.record(z.string(), number) })),
});

/** New numbers are gathered for this long before they are written. */
const WRITE_DELAY_MS = 1_000;

export interface NumberFileOptions {
  readonly path: string;
  readonly write: (path: string, text: string) => void;
  readonly warn: (message: string) => void;
}

/** The numbers of rows, on disk: an index stays with its object across reloads and restarts. */
export class NumberFile {
  readonly numbers: KeptRowNumbers;
  readonly #options: NumberFileOptions;
  #written: number;
  #timer: NodeJS.Timeout | undefined;
  #complained = false;

  constructor(options: NumberFileOptions) {
    this.#options = options;
    this.numbers = new KeptRowNumbers(this.#load());
    this.#written = this.numbers.revision;
  }

  /** To be called now and then; cheap when there is nothing new. */
  keep(): void {
    if (this.numbers.revision === this.#written) return;
    this.#timer ??= setTimeout(() => this.write(), WRITE_DELAY_MS);
    this.#timer.unref();
  }

  write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { revision } = this.numbers;
    if (revision === this.#written) return;
    try {
      this.#options.write(this.#options.path, `${JSON.stringify({ version: 1, lists: this.numbers.stored() })}\n`);
      this.#complained = false;
    } catch (error) {
      if (!this.#complained)
        this.#options.warn(
          `snmp: ${this.#options.path} cannot be written (${errorText(error)}): SNMP indexes may change at the next start`,
        );
      this.#complained = true;
    }
    // Also after a failure: the next new number tries again.
    this.#written = revision;
  }

  #load(): StoredRowNumbers {
    const { path, warn } = this.#options;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        warn(`snmp: ${path} cannot be read (${errorText(error)}): SNMP indexes are counted anew`);
      return {};
    }
    try {
      return fileSchema.parse(JSON.parse(text)).lists;
    } catch {
      warn(`snmp: ${path} is damaged and is replaced: SNMP indexes are counted anew`);
      return {};
    }
  }
}
