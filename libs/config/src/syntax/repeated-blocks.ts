import { hasDirective } from './physical-lines.ts';

/**
 * A block of words and braces alone. Who reads it and finds nothing to say keeps what it means; then it is known, and the next
 * with its text is not read.
 */
export interface KnownBlock {
  isKnown: boolean;
  /** What follows the brace that opens it, to the end of the line that closes it. */
  body: string;
  readonly lines: number;
}

export function knownBlock(body: string): KnownBlock {
  return { isKnown: false, body, lines: body.split('\n').length - 1 };
}

interface RepeatedBlock extends KnownBlock {
  /** The one that came after it last. */
  follower?: RepeatedBlock | undefined;
}

/** The bodies of the blocks in the source of the lines. */
export interface Bodies {
  /** That of the block which the line handed out last opens, where its lines have nothing to be replaced. */
  body(): string | undefined;
  /** That, if it is this one, which takes less time to tell. */
  bodyAgain(body: string): string | undefined;
  /** Goes on behind it; the answer is the number of its last line. */
  skip(body: string, lines: number): number | undefined;
}

/** A file whose blocks differ that much gains nothing, and should not be held twice. */
const MOST_TEXTS = 4_096;

/** The texts of the blocks that a large configuration repeats: those of real servers, of which it has tens of thousands. */
export class RepeatedBlocks {
  readonly #blocks = new Map<string, RepeatedBlock>();
  #last: RepeatedBlock | undefined;

  /** The block that the line handed out last opens. Undefined for a text that may mean something else where it stands next. */
  next(bodies: Bodies): RepeatedBlock | undefined {
    // The servers of a service are mostly those of the one before, or all the same.
    const follower = this.#last?.follower;
    if (follower !== undefined && bodies.bodyAgain(follower.body) !== undefined) return (this.#last = follower);
    const body = bodies.body();
    const block = body === undefined ? undefined : this.#of(body);
    if (this.#last !== undefined) this.#last.follower = block;
    return (this.#last = block);
  }

  #of(body: string): RepeatedBlock | undefined {
    const known = this.#blocks.get(body);
    if (known !== undefined || this.#blocks.size >= MOST_TEXTS || hasDirective(body)) return known;
    const block = knownBlock(body);
    this.#blocks.set(body, block);
    return block;
  }
}
