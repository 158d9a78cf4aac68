import type { Diagnostics, Position } from '../diagnostics.ts';
import type { SourceText } from './source-text.ts';

export interface Word {
  readonly kind: 'word';
  readonly text: string;
  readonly quoted: boolean;
  readonly at: Position;
}

export type Piece = Word | { readonly kind: 'open' | 'close'; readonly at: Position };

/** Keywords that take a command line, in which single quotes count too. */
const COMMAND_KEYWORDS: ReadonlySet<string> = new Set([
  'script',
  'process',
  'misc_path',
  'quorum_up',
  'quorum_down',
  'notify',
  'notify_up',
  'notify_down',
  'notify_master',
  'notify_backup',
  'notify_fault',
  'notify_stop',
  'notify_deleted',
  'notify_master_rx_lower_pri',
  'notify_fifo_script',
  'vrrp_notify_fifo_script',
  'lvs_notify_fifo_script',
  'startup_script',
  'shutdown_script',
]);

/**
 * A line's words and braces. White space parts words; `"…"` keeps it, and a brace inside, together. A brace outside
 * quotes stands for itself wherever it is, except that of a `${NAME}` which nothing defined.
 */
export function pieces(line: SourceText, diagnostics: Diagnostics): readonly Piece[] {
  const { text } = line;
  const found: Piece[] = [];
  let word: { text: string; quoted: boolean; start: number } | undefined;
  let singleQuotes = false;
  const finishWord = () => {
    if (word === undefined) return;
    if (found.length === 0) singleQuotes = COMMAND_KEYWORDS.has(word.text);
    found.push({ kind: 'word', text: word.text, quoted: word.quoted, at: line.position(word.start) });
    word = undefined;
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (/\s/.test(character)) finishWord();
    else if (character === '"' || (character === "'" && singleQuotes)) {
      let close = text.indexOf(character, i + 1);
      while (close > 0 && text[close - 1] === '\\') close = text.indexOf(character, close + 1);
      if (close < 0) {
        diagnostics.error('unmatched-quote', line.position(i), `the quote ${character} is not closed on its line`);
        close = text.length;
      }
      word ??= { text: '', quoted: true, start: i };
      word.quoted = true;
      word.text += text.slice(i + 1, close);
      i = close;
    } else if (character === '$' && text[i + 1] === '{') {
      const end = /^\$\{\w*(?:[ \t]+\w+)*\}/.exec(text.slice(i))?.[0].length ?? 1;
      word ??= { text: '', quoted: false, start: i };
      word.text += text.slice(i, i + end);
      i += end - 1;
    } else if (character === '{' || character === '}') {
      finishWord();
      found.push({ kind: character === '{' ? 'open' : 'close', at: line.position(i) });
    } else {
      word ??= { text: '', quoted: false, start: i };
      word.text += character;
    }
  }
  finishWord();
  return found;
}
