import { readFileSync, renameSync } from 'node:fs';
import { z } from 'zod';
import { type Override, type OverrideChange, overrideSchema, overrideTarget } from '../settings/override.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { errorText } from '../error-text.ts';

const fileSchema = z.object({ version: z.literal(1), overrides: z.array(overrideSchema) });

/**
 * The overrides of this node, on disk before they take effect. A set or clear that cannot be stored throws and changes
 * nothing, so that what a peer was told is in force is in force after a restart too.
 */
export class OverrideStore {
  readonly #path: string;
  #overrides: readonly Override[];
  /** A file that could be neither read nor put aside is not written over: it may hold what the operator needs. */
  readonly #locked: boolean;
  /** What was wrong with the file at start, for the node's problems. */
  readonly problem: string | undefined;

  constructor(path: string) {
    this.#path = path;
    const loaded = load(path);
    this.#overrides = loaded.overrides;
    this.problem = loaded.problem;
    this.#locked = loaded.locked;
  }

  list(now: Date): readonly Override[] {
    return this.#overrides.filter((override) => !isExpired(override, now));
  }

  /** The earliest expiry still ahead, so that the owner can apply the settings anew then. */
  nextExpiry(now: Date): Date | undefined {
    const times = this.list(now).flatMap((override) =>
      override.expiresAt === undefined ? [] : [Date.parse(override.expiresAt)],
    );
    return times.length === 0 ? undefined : new Date(Math.min(...times));
  }

  /** Adds the override in place of any with the same target. */
  set(override: Override): void {
    const target = overrideTarget(override.change);
    this.#save([...this.#overrides.filter((other) => overrideTarget(other.change) !== target), override]);
  }

  /** Removes the override with this id; gives it back, or undefined when there is none. */
  clearById(id: string, now: Date): Override | undefined {
    return this.#clear((override) => override.id === id, now);
  }

  /** Removes the override with the target of `change`; its value does not matter. */
  clearTarget(change: OverrideChange, now: Date): Override | undefined {
    const target = overrideTarget(change);
    return this.#clear((override) => overrideTarget(override.change) === target, now);
  }

  /** Removes and gives back what has expired since it was last asked. */
  takeExpired(now: Date): readonly Override[] {
    const expired = this.#overrides.filter((override) => isExpired(override, now));
    if (expired.length > 0) this.#save(this.list(now));
    return expired;
  }

  #clear(matches: (override: Override) => boolean, now: Date): Override | undefined {
    const found = this.list(now).find(matches);
    if (found !== undefined) this.#save(this.#overrides.filter((override) => override !== found));
    return found;
  }

  #save(overrides: readonly Override[]): void {
    if (this.#locked) throw new Error(this.problem);
    writeFileAtomically(this.#path, `${JSON.stringify({ version: 1, overrides }, undefined, 2)}\n`);
    this.#overrides = overrides;
  }
}

function isExpired(override: Override, now: Date): boolean {
  return override.expiresAt !== undefined && Date.parse(override.expiresAt) <= now.getTime();
}

interface Loaded {
  readonly overrides: readonly Override[];
  readonly problem: string | undefined;
  readonly locked: boolean;
}

/** A damaged file is put aside, never overwritten: its overrides are not in force, and the node says so. */
function load(path: string): Loaded {
  const without = (problem: string | undefined, locked = false): Loaded => ({ overrides: [], problem, locked });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return without(undefined);
    const problem = `overrides: ${path} cannot be read (${errorText(error)}); NO override is in force and none can be set: mend that, then restart the agent`;
    return without(problem, true);
  }
  const parsed = fileSchema.safeParse(parseJson(text));
  if (parsed.success) return { overrides: parsed.data.overrides, problem: undefined, locked: false };
  const aside = `${path}.damaged`;
  const why = parseJson(text) === undefined ? 'it is no JSON, perhaps cut off' : z.prettifyError(parsed.error);
  const damaged = `overrides: ${path} is damaged (${why})`;
  try {
    renameSync(path, aside);
    return without(`${damaged}; it was moved to ${aside} and NO override is in force: check it and set them again`);
  } catch (error) {
    const problem = `${damaged} and cannot be put aside (${errorText(error)}); NO override is in force and none can be set: move it away, then restart the agent`;
    return without(problem, true);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
