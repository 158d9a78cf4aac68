import { commandLine } from '../grammar/command-words.ts';
import type { Account, Command } from '../grammar/readers.ts';
import type { Micros } from '../model/parts.ts';

/** One statement; a nested list is the contents of the block it opens. */
export type Line = string | readonly [string, readonly Line[]];

const INDENT = '    ';
/** Under keepalived's limit of 1023 a line, whatever it is indented by. */
const MAX_INDENTED = 900;

export function formatLines(lines: readonly Line[], depth = 0): string {
  return lines
    .map((line) => {
      const [head, block] = typeof line === 'string' ? [line, undefined] : line;
      const indent = head.length > MAX_INDENTED ? '' : INDENT.repeat(depth);
      if (block === undefined) return `${indent}${head}\n`;
      return `${indent}${head} {\n${formatLines(block, depth + 1)}${indent}}\n`;
    })
    .join('');
}

/** The line, unless there is nothing to say. */
export function when(condition: boolean, ...lines: readonly Line[]): readonly Line[] {
  return condition ? lines : [];
}

/** A keyword with its value, where there is one. */
export function optional<T>(keyword: string, value: T | undefined, text: (value: T) => string): readonly Line[] {
  return value === undefined ? [] : [`${keyword} ${text(value)}`];
}

export function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}

const MICROS = 1_000_000;
const DECIMALS = 6;

/** Microseconds as seconds, without needless zeros. */
export function secondsText(micros: Micros): string {
  const fraction = String(micros % MICROS)
    .padStart(DECIMALS, '0')
    .replace(/0+$/, '');
  return `${Math.floor(micros / MICROS)}${fraction === '' ? '' : `.${fraction}`}`;
}

const PLAIN = /^[\w.:/,+*%=-]+$/;
/** What would be read as an include where a line begins with it. */
const RESERVED = /^include/;

/** A word that is read back as it is. A quote of it can only stand behind a backslash, as it did where it came from. */
export function wordText(text: string): string {
  if (PLAIN.test(text) && !RESERVED.test(text)) return text;
  // A backslash would keep the closing quote from closing.
  const tail = /\\*$/.exec(text)?.[0] ?? '';
  return `"${text.slice(0, text.length - tail.length)}"${tail}`;
}

export function wordsText(words: readonly string[]): string {
  return words.map(wordText).join(' ');
}

/** A command line in double quotes, with its user and group. */
export function commandText({ argv, user, group }: Command): string {
  return [
    `"${commandLine(argv)}"`,
    ...[user, group].flatMap((name) => (name === undefined ? [] : [wordText(name)])),
  ].join(' ');
}

export function accountText({ user, group }: Account): string {
  return wordsText(group === undefined ? [user] : [user, group]);
}
