import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelOptionsLeft } from '@keepfleet/ipvs';
import { z } from 'zod';
import { writeFileAtomically } from '../control/atomic-file.ts';
import type { Log } from '../log.ts';
import { type MarksLeft, noMarks } from './address-marks.ts';

const seconds = z.int().nonnegative();
const mark = z.int().min(1).max(0xffff_ffff);
const schema = z.object({
  services: z.array(z.string()),
  /** Missing in a file of an older version. */
  options: z
    .object({
      daemons: z.array(z.enum(['master', 'backup'])),
      timeouts: z.object({ tcp: seconds, tcpFin: seconds, udp: seconds }).nullable(),
    })
    .default({ daemons: [], timeouts: null }),
  /** The same. */
  marks: z
    .object({ first: mark.nullable(), given: z.record(z.string(), mark), tables: z.array(z.string()) })
    .default({ first: null, given: {}, tables: [] }),
});

/** What a run leaves to the next one. */
export interface Owned {
  readonly services: readonly string[];
  readonly options: KernelOptionsLeft;
  readonly marks: MarksLeft;
}

export const nothingOwned: Owned = { services: [], options: { daemons: [], timeouts: null }, marks: noMarks };

/**
 * The services that this process put into the kernel, the sync daemons that it started, the timeouts that were there
 * before, and the marks and tables of nftables_ipvs, kept in the run directory: like the kernel's tables, and unlike the
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
  read(): Owned {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return nothingOwned;
      this.#log.warn(
        { err: error, path: this.#path },
        'the list of own services cannot be read; services that the configuration no longer names stay in the kernel, remove them with ipvsadm',
      );
      return nothingOwned;
    }
  }

  /** A list that cannot be written costs only the tidying after a crash: IPVS itself goes on. */
  write(owned: Owned): void {
    try {
      writeFileAtomically(this.#path, `${JSON.stringify(owned)}\n`);
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
