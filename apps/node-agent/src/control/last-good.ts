import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { errorText } from '../error-text.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { type Configuration, type ConfigurationTexts, textHashOf } from './configuration.ts';

const loadedFile = z.union([
  z.object({ path: z.string(), text: z.string() }),
  z.object({ path: z.string(), unreadable: z.string() }),
]);
const schema = z.object({
  /** Of the text: earlier agents, which may come back, know no other. */
  hash: z.string(),
  /** Missing where one of them wrote it. */
  meaningHash: z.string().optional(),
  at: z.iso.datetime(),
  file: z.string(),
  text: z.string(),
  loads: z.array(z.array(loadedFile)),
});

export interface LastGood extends ConfigurationTexts {
  readonly hash: string;
  /** When it was put in force, ISO 8601. */
  readonly at: string;
}

/** The secrets of a configuration are in it. */
const OWNER_ONLY = 0o600;

/**
 * The last configuration that was put in force and kept, with its includes and its hash, in the state directory; beside
 * it, the hash of the text of one that was taken back because nobody confirmed it.
 */
export class LastGoodStore {
  readonly #path: string;
  readonly #unconfirmedPath: string;
  /** What keeps the file from being read or written. */
  problem: string | undefined;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'last-good.json');
    this.#unconfirmedPath = join(stateDirectory, 'unconfirmed.hash');
  }

  /** Undefined where there is none, or where it is damaged, which `problem` says then. */
  read(): LastGood | undefined {
    if (!existsSync(this.#path)) return undefined;
    try {
      const kept = schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
      if (textHashOf(kept) !== kept.hash) throw new Error('its hash is not that of its text');
      this.problem = undefined;
      return { ...kept, hash: kept.meaningHash ?? kept.hash };
    } catch (error) {
      this.problem = `the last good configuration ${this.#path} cannot be used: ${errorText(error)}; the next reload writes it anew`;
      return undefined;
    }
  }

  /** Keeps a configuration; a full disk is reported and stops nothing. */
  write({ hash, textHash, texts }: Pick<Configuration, 'hash' | 'textHash' | 'texts'>, at: Date): void {
    const kept = { hash: textHash, meaningHash: hash, at: at.toISOString(), ...texts };
    this.#attempt(() => writeFileAtomically(this.#path, `${JSON.stringify(kept)}\n`, OWNER_ONLY));
  }

  /** The textHash of a configuration that waits for its confirmation, or that never got it. */
  get unconfirmed(): string | undefined {
    try {
      return readFileSync(this.#unconfirmedPath, 'utf8').trim();
    } catch {
      // No file is the usual case, and one that cannot be read says as much as none.
      return undefined;
    }
  }

  set unconfirmed(hash: string | undefined) {
    this.#attempt(() => {
      if (hash === undefined) rmSync(this.#unconfirmedPath, { force: true });
      else writeFileAtomically(this.#unconfirmedPath, `${hash}\n`, OWNER_ONLY);
    });
  }

  #attempt(write: () => void): void {
    try {
      write();
      this.problem = undefined;
    } catch (error) {
      this.problem = `the last good configuration cannot be kept on disk: ${errorText(error)}`;
    }
  }
}
