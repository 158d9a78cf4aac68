import type { Diagnostics, Position } from '../diagnostics.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { ReadingMemory } from './reading-memory.ts';
import { type Bodies, type KnownBlock, RepeatedBlocks } from './repeated-blocks.ts';
import type { SourceText } from './source-text.ts';
import { type Piece, type Word, pieces } from './words.ts';

/** A keyword, or the item of a block of items, with its parameters and its block if it has one. */
export interface Statement {
  readonly words: readonly [Word, ...Word[]];
  block?: Block | undefined;
}

export interface Block {
  readonly open: Piece;
  /** Missing when the file ends before the block does. */
  lastLine: number | undefined;
  readonly statements: Statement[];
  /** Of a block that may occur often, or again at the next reading; once that is known, `statements` is empty. */
  known: KnownBlock | undefined;
}

interface OpenBlock {
  readonly block: Block;
  readonly owner: Statement | undefined;
  /** Of the diagnostics before it. */
  readonly count: number;
}

/** The blocks that are read once for all with the same text. */
const REPEATED = 'real_server';
/** Those around them, which are read once for all readings that find them where they were. */
const REMEMBERED = 'virtual_server';

const MAX_NAMED_BLOCKS = 4;

/** All of {@link topStatements}. */
export function buildTree(lines: Iterable<SourceText>, diagnostics: Diagnostics): readonly Statement[] {
  return [...topStatements(lines, diagnostics)];
}

/**
 * Lines to statements and blocks, without any knowledge of keywords: this is what lets an unknown keyword be skipped
 * together with its block. A `{` belongs to the statement before it, on the same line or on an earlier one. A statement
 * of the top level comes as soon as it is whole, so that a large file is never in memory as a tree. Of `bodies`
 * one that was read before, or of which `memory` knows, is skipped.
 */
export function* topStatements(
  lines: Iterable<SourceText>,
  diagnostics: Diagnostics,
  deepest = DEFAULT_LIMITS.blockDepth,
  bodies?: Bodies,
  memory?: ReadingMemory,
): Generator<Statement> {
  const open: OpenBlock[] = [];
  const repeatedBlocks = new RepeatedBlocks();
  let tooDeep = 0;
  /** What a `{` would belong to; at the top level it is not handed out yet. */
  let last: Statement | undefined;
  for (const line of lines) {
    const found = pieces(line, diagnostics);
    // By indexes: there are tens of thousands of lines, and what iterates makes an object a step.
    for (let i = 0; i < found.length; i++) {
      const piece = found[i];
      if (piece === undefined) continue;
      if (piece.kind === 'word') {
        const words = wordsFrom(found, i);
        i += words.length - 1;
        if (open.length === 0 && last !== undefined) yield last;
        last = statementOf(words, open[open.length - 1]?.block);
        continue;
      }
      if (piece.kind === 'open') {
        if (open.length >= deepest) {
          if (tooDeep++ === 0) reportDepth(piece.at, deepest, diagnostics);
          continue;
        }
        const { count } = diagnostics;
        const block: Block = { open: piece, lastLine: undefined, statements: [], known: undefined };
        if (last === undefined) {
          diagnostics.error(
            'unexpected-open',
            piece.at,
            'found "{" where a keyword is expected; what it encloses is skipped',
          );
        } else last.block = block;
        // What follows on the line of the brace is not in the text that comes after it.
        if (i === found.length - 1 && bodies !== undefined && last !== undefined) {
          const keyword = last.words[0].text;
          if (open.length === 1 && keyword === REPEATED) block.known = repeatedBlocks.next(bodies);
          else if (open.length === 0 && keyword === REMEMBERED) block.known = memory?.next(bodies, piece.at);
          if (block.known?.isKnown === true) {
            block.lastLine = bodies.skip(block.known.body, block.known.lines);
            if (open.length === 0) yield last;
            last = undefined;
            continue;
          }
        }
        open.push({ block, owner: last, count });
        last = undefined;
        continue;
      }
      if (tooDeep > 0) {
        tooDeep--;
        continue;
      }
      const closed = open.pop();
      if (closed === undefined) {
        diagnostics.error(
          'unexpected-close',
          piece.at,
          'found "}" but no block is open',
          'remove it, or look above for a missing "{"',
        );
        if (last !== undefined) yield last;
      } else {
        closed.block.lastLine = piece.at.line;
        // What was said of its text has to be said again where it stands again.
        if (diagnostics.count !== closed.count) closed.block.known = undefined;
        if (open.length === 0 && closed.owner !== undefined) yield closed.owner;
      }
      last = undefined;
    }
  }
  const innermost = open.at(-1);
  if (innermost !== undefined) reportOpen(open, innermost.block.open.at, diagnostics);
  const unfinished = open.length === 0 ? last : open[0]?.owner;
  if (unfinished !== undefined) yield unfinished;
}

/** The words from there to a brace or the end of the line. */
function wordsFrom(found: readonly Piece[], start: number): readonly Word[] {
  let end = start;
  while (found[end]?.kind === 'word') end++;
  return found.slice(start, end);
}

function reportDepth(at: Position, deepest: number, diagnostics: Diagnostics): void {
  diagnostics.error(
    'unexpected-open',
    at,
    `blocks are nested more than ${deepest} deep; those within count as one with what they hold`,
    'look above for missing "}"',
  );
}

function statementOf(words: readonly Word[], block: Block | undefined): Statement | undefined {
  if (!isFilled(words)) return undefined;
  // A field that comes later would change the shape that V8 knows.
  const statement: Statement = { words, block: undefined };
  block?.statements.push(statement);
  return statement;
}

function isFilled(words: readonly Word[]): words is readonly [Word, ...Word[]] {
  return words.length > 0;
}

function reportOpen(
  open: readonly { readonly owner: Statement | undefined }[],
  at: Position,
  diagnostics: Diagnostics,
): void {
  const names = open.slice(0, MAX_NAMED_BLOCKS).map(
    ({ owner }) =>
      owner?.words
        .slice(0, 2)
        .map((word) => word.text)
        .join(' ') ?? '{',
  );
  diagnostics.error(
    'missing-close',
    at,
    `the file ends inside ${open.length === 1 ? 'the block' : `${open.length} blocks`} "${names.join('" > "')}"${open.length > MAX_NAMED_BLOCKS ? ' …' : ''}`,
    'add the missing "}"; a file that was cut while it was written looks the same',
  );
}
