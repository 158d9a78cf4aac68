import { readFileSync } from 'node:fs';
import type { OwnershipVerdict } from '@keepfleet/swim';
import { z } from 'zod';
import { errorText } from '../error-text.ts';
import { writeFileAtomically } from './atomic-file.ts';

const fileSchema = z.object({
  version: z.literal(1),
  alarms: z.array(z.tuple([z.string(), z.enum(['multi-master', 'no-master'])])),
});

/**
 * What was told of virtual routers and not taken back, on disk: a restart in between leaves no alarm open for ever. What
 * cannot be read or written costs that alone, so it is logged and no failure.
 */
export class AlarmStore {
  readonly #path: string;
  readonly #log: { warn(about: object, message: string): void };

  constructor(path: string, log: { warn(about: object, message: string): void }) {
    this.#path = path;
    this.#log = log;
  }

  /** By the key of the router; nothing where there is no file. */
  read(): readonly (readonly [router: string, verdict: OwnershipVerdict])[] {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))).alarms;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        this.#warn(
          `cannot be read (${errorText(error)}): alarms of before the restart are not taken back by themselves`,
        );
      return [];
    }
  }

  write(alarms: ReadonlyMap<string, OwnershipVerdict>): void {
    try {
      writeFileAtomically(this.#path, `${JSON.stringify({ version: 1, alarms: [...alarms] })}\n`);
    } catch (error) {
      this.#warn(`cannot be written (${errorText(error)}): after a restart of the agent an open alarm stays open`);
    }
  }

  #warn(what: string): void {
    this.#log.warn({ file: this.#path }, `virtual routers: ${this.#path} ${what}`);
  }
}
