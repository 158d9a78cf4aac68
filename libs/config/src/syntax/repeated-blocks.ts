import { type Body, hasDirective } from './physical-lines.ts';

/** All blocks with one text. Who reads the first and finds nothing to say keeps what it means, and the others are not read. */
export interface RepeatedBlock {
  isKnown: boolean;
}

/** A file whose blocks differ that much gains nothing, and should not be held twice. */
const MOST_TEXTS = 4_096;

/** The texts of the blocks that a large configuration repeats: those of real servers, of which it has tens of thousands. */
export class RepeatedBlocks {
  readonly #blocks = new Map<string, RepeatedBlock>();

  /** Undefined for a text that may mean something else where it stands next. */
  of(body: Body): RepeatedBlock | undefined {
    const known = this.#blocks.get(body.text);
    if (known !== undefined || this.#blocks.size >= MOST_TEXTS || hasDirective(body)) return known;
    const block = { isKnown: false };
    this.#blocks.set(body.text, block);
    return block;
  }
}
