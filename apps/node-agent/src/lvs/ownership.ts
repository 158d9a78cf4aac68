import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../control/atomic-file.ts';
import type { Log } from '../log.ts';

const schema = z.object({ services: z.array(z.string()) });

/**
 * The services that this process put into the kernel, kept in the run directory: like the kernel's table, and unlike the
 * state directory, that ends with a restart of the machine.
 */
export class Ownership {
  readonly #path: string;
  readonly #log: Log;
  /** Why the list could not be written last time, so that each reason is one line. */
  #failure = '';

  constructor(runDirectory: string, log: Log) {
    this.#path = join(runDirectory, 'lvs-services.json');
    this.#log = log;
  }

  /** Nothing when there is no file, or one that cannot be read: then services that are not desired are left alone. */
  read(): readonly string[] {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))).services;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      this.#log.warn(
        { err: error, path: this.#path },
        'the list of own services cannot be read; services that the configuration no longer names stay in the kernel, remove them with ipvsadm',
      );
      return [];
    }
  }

  /** A list that cannot be written costs only the tidying after a crash: IPVS itself goes on. */
  write(services: readonly string[]): void {
    try {
      writeFileAtomically(this.#path, `${JSON.stringify({ services })}\n`);
      this.#failure = '';
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason === this.#failure) return;
      this.#failure = reason;
      this.#log.warn(
        { path: this.#path, reason },
        `the list of own services cannot be written (${reason}); IPVS goes on, but after a crash of this process services that are no longer configured would stay in the kernel: free space there`,
      );
    }
  }
}
