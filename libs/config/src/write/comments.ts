import { Diagnostics } from '../diagnostics.ts';
import { commentStart } from '../syntax/comment.ts';
import { SourceText } from '../syntax/source-text.ts';
import { pieces } from '../syntax/words.ts';

/** A line of code with the blocks around it. */
interface CodeLine {
  /** Index of the line in its text. */
  readonly index: number;
  /** What opens the blocks around it, outermost first: `vrrp_instance VI_1`. */
  readonly within: readonly string[];
  /** Its words, or `}`. */
  readonly words: readonly string[];
}

interface Comment {
  readonly text: string;
  /** Stood behind code on the same line. */
  readonly trailing: boolean;
  /** The code it stood before or behind; undefined at the end of the file. */
  readonly of: CodeLine | undefined;
}

const INDENT = '    ';
/** With its comment a line has to stay below keepalived's 1024 bytes. */
const MAX_WITH_COMMENT = 300;

/**
 * The written text with the comments of the source it was made from. A comment goes where its line went: before the same
 * statement of the same block, or before the next thing that is left of it. Every comment of the source is kept.
 */
export function keepComments(written: string, source: string): string {
  const lines = written.split('\n');
  const code = codeLines(lines).lines;
  const finder = new PlaceFinder(code);
  const before = new Map<number, string[]>();
  const behind = new Map<number, string[]>();
  for (const comment of commentsOf(source.split('\n'))) {
    const found = comment.of === undefined ? undefined : finder.find(comment.of);
    const line = found?.exact === true && comment.trailing ? lines[found.index] : undefined;
    const fits =
      line !== undefined && !behind.has(found?.index ?? -1) && line.length + comment.text.length < MAX_WITH_COMMENT;
    const list = fits ? behind : before;
    const index = found?.index ?? lines.length - 1;
    list.set(index, [...(list.get(index) ?? []), comment.text]);
  }
  return lines
    .flatMap((line, i) => {
      const indent = /^ */.exec(line)?.[0] ?? '';
      const inner = line.trim() === '}' ? `${indent}${INDENT}` : indent;
      const trailing = (behind.get(i) ?? []).map((text) => ` ${text}`).join('');
      return [...(before.get(i) ?? []).map((text) => `${inner}${text}`), `${line}${trailing}`];
    })
    .join('\n');
}

function commentsOf(lines: readonly string[]): readonly Comment[] {
  const { lines: code, comments } = codeLines(lines);
  const last = new Map(code.map((line) => [line.index, line]));
  let next = 0;
  return comments.map(({ index, text }) => {
    const own = code.find((line) => line.index === index && line.words[0] !== '}') ?? last.get(index);
    while ((code[next]?.index ?? Infinity) < index) next++;
    return { text, trailing: own !== undefined, of: own ?? code[next] };
  });
}

/** A text line by line, without any of its preprocessing: comments stay where they were written. */
function codeLines(lines: readonly string[]): {
  lines: readonly CodeLine[];
  comments: readonly { index: number; text: string }[];
} {
  const found: CodeLine[] = [];
  const comments: { index: number; text: string }[] = [];
  const open: string[] = [];
  let last = '';
  for (const [index, line] of lines.entries()) {
    const start = commentStart(line);
    if (start !== undefined) comments.push({ index, text: line.slice(start).trim() });
    const text = SourceText.written('', index + 1, start === undefined ? line : line.slice(0, start));
    let words: string[] = [];
    const finish = () => {
      if (words.length === 0) return;
      last = words.join(' ');
      found.push({ index, within: [...open], words });
      words = [];
    };
    for (const piece of pieces(text, new Diagnostics())) {
      if (piece.kind === 'word') words.push(piece.text);
      else if (piece.kind === 'open') {
        finish();
        open.push(last);
        last = '';
      } else {
        finish();
        found.push({ index, within: [...open], words: ['}'] });
        open.pop();
      }
    }
    finish();
  }
  return { lines: found, comments };
}

interface Place {
  readonly index: number;
  /** It is the same statement. */
  readonly exact: boolean;
}

/** Finds where lines of a source went in what was written. */
class PlaceFinder {
  readonly #exact = new Map<string, number>();
  readonly #keyword = new Map<string, number>();

  constructor(code: readonly CodeLine[]) {
    for (const { index, within, words } of code) {
      const block = within.join('\n');
      // The first of several that are the same.
      for (const [map, key] of [
        [this.#exact, `${block}\n\n${words.join(' ')}`],
        [this.#keyword, `${block}\n\n${withoutPrefix(words[0] ?? '')}`],
      ] as const)
        if (!map.has(key)) map.set(key, index);
    }
  }

  /** The same statement, one of the same keyword, the end of its block, or the same of the block around that. */
  find({ within, words }: CodeLine): Place | undefined {
    const block = within.join('\n');
    const same =
      this.#exact.get(`${block}\n\n${words.join(' ')}`) ??
      this.#keyword.get(`${block}\n\n${withoutPrefix(words[0] ?? '')}`);
    if (same !== undefined) return { index: same, exact: true };
    const end = this.#exact.get(`${block}\n\n}`);
    if (end !== undefined && within.length > 0) return { index: end, exact: false };
    const outer = within.at(-1);
    if (outer === undefined) return undefined;
    const place = this.find({ index: 0, within: within.slice(0, -1), words: outer.split(' ') });
    return place === undefined ? undefined : { index: place.index, exact: false };
  }
}

/** An address is written with the length of its prefix, whether the source had it or not. */
function withoutPrefix(word: string): string {
  return /^[\da-f.:]+\/\d+$/i.test(word) ? word.slice(0, word.indexOf('/')) : word;
}
