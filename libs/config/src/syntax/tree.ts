import type { Diagnostics, Position } from '../diagnostics.ts';
import type { SourceText } from './source-text.ts';
import { type Word, pieces } from './words.ts';

/** A keyword, or the item of a block of items, with its parameters and its block if it has one. */
export interface Statement {
  readonly words: readonly [Word, ...Word[]];
  block?: Block;
}

export interface Block {
  readonly open: Position;
  /** Missing when the file ends before the block does. */
  close?: Position;
  readonly statements: Statement[];
}

const MAX_NAMED_BLOCKS = 4;

/**
 * Lines to statements and blocks, without any knowledge of keywords: this is what lets an unknown keyword be skipped
 * together with its block. A `{` belongs to the statement before it, on the same line or on an earlier one.
 */
export function buildTree(lines: Iterable<SourceText>, diagnostics: Diagnostics): readonly Statement[] {
  const root: Statement[] = [];
  const open: { block: Block; owner: Statement | undefined }[] = [];
  let last: Statement | undefined;
  for (const line of lines) {
    let words: Word[] = [];
    const finishStatement = () => {
      const [first, ...more] = words;
      words = [];
      if (first === undefined) return;
      last = { words: [first, ...more] };
      (open.at(-1)?.block.statements ?? root).push(last);
    };
    for (const piece of pieces(line, diagnostics)) {
      if (piece.kind === 'word') {
        words.push(piece);
        continue;
      }
      finishStatement();
      if (piece.kind === 'open') {
        const block: Block = { open: piece.at, statements: [] };
        if (last === undefined) {
          diagnostics.error(
            'unexpected-open',
            piece.at,
            'found "{" where a keyword is expected; what it encloses is skipped',
          );
        } else last.block = block;
        open.push({ block, owner: last });
        last = undefined;
      } else {
        const closed = open.pop();
        if (closed === undefined) {
          diagnostics.error(
            'unexpected-close',
            piece.at,
            'found "}" but no block is open',
            'remove it, or look above for a missing "{"',
          );
        } else closed.block.close = piece.at;
        last = undefined;
      }
    }
    finishStatement();
  }
  const innermost = open.at(-1);
  if (innermost !== undefined) {
    const names = open.slice(0, MAX_NAMED_BLOCKS).map(
      ({ owner }) =>
        owner?.words
          .slice(0, 2)
          .map((word) => word.text)
          .join(' ') ?? '{',
    );
    diagnostics.error(
      'missing-close',
      innermost.block.open,
      `the file ends inside ${open.length === 1 ? 'the block' : `${open.length} blocks`} "${names.join('" > "')}"${open.length > MAX_NAMED_BLOCKS ? ' …' : ''}`,
      'add the missing "}"; a file that was cut while it was written looks the same',
    );
  }
  return root;
}
