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

  constructor(runDirectory: string) {
    this.#path = join(runDirectory, 'lvs-services.json');
  }

  /** Nothing when there is no file, or one that cannot be read: then services that are not desired are left alone. */
  read(log: Log): readonly string[] {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))).services;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      log.warn(
        { err: error, path: this.#path },
        'the list of own services cannot be read; services that the configuration no longer names stay in the kernel, remove them with ipvsadm',
      );
      return [];
    }
  }

  write(services: readonly string[]): void {
    writeFileAtomically(this.#path, `${JSON.stringify({ services })}\n`);
  }
}
