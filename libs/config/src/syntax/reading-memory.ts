import type { Position } from '../diagnostics.ts';
import { hasDirective } from './physical-lines.ts';
import { type Bodies, type KnownBlock, knownBlock } from './repeated-blocks.ts';

/**
 * V8 holds the whole text of a reading for as long as a word of it is held. After so many texts all is read anew, from one;
 * more would spare a reading now and then, and cost a copy of a large file each.
 */
const MOST_TEXTS = 8;

/**
 * Which blocks of the top level stood where at the reading before: those that stand there still, letter by letter, are not
 * read again. Kept by whoever reads the same files time and again, and given to each of these readings.
 */
export class ReadingMemory {
  #before = new Map<string, KnownBlock>();
  #now = new Map<string, KnownBlock>();
  /** Readings of whose texts something is held. */
  #texts = 0;
  #readsAnew = false;

  /** Another reading begins. */
  begin(): void {
    if (this.#readsAnew) this.#texts++;
    this.#readsAnew = false;
    const isFull = this.#texts >= MOST_TEXTS;
    if (isFull) this.#texts = 0;
    this.#before = isFull ? new Map() : this.#now;
    this.#now = new Map();
  }

  /** The block that the line handed out last opens there. Undefined for a text that may mean something else the next time. */
  next(bodies: Bodies, { file, line }: Position): KnownBlock | undefined {
    const place = `${file}:${line}`;
    const before = this.#before.get(place);
    const again = before === undefined ? undefined : bodies.bodyAgain(before.body);
    const block = before !== undefined && again !== undefined ? before : this.#read(bodies.body());
    if (block === undefined) return undefined;
    if (again === undefined) this.#readsAnew = true;
    // A part of the text that is there now: the one before need not be held any more.
    block.body = again ?? block.body;
    this.#now.set(place, block);
    return block;
  }

  #read(body: string | undefined): KnownBlock | undefined {
    return body === undefined || hasDirective(body) ? undefined : knownBlock(body);
  }
}
