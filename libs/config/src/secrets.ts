import type { Statement } from './syntax/tree.ts';
import { references } from './syntax/definitions.ts';

/** Stands for a secret; its length tells nothing of what it hides. */
export const MASK = '********';

/** Shorter ones occur in ordinary words and numbers, so they are masked only where they stand alone between quotes. */
const MIN_ANYWHERE = 4;

/** A keyword whose parameters nobody should read, from where it stands to the end of its line. */
const SECRET_WORD = /^(?:auth_?pass\w*|(?:smtp_)?password\w*|passphrase|community)$/i;
/** The key of auth_hmac is one, that of SSL a path. */
const KEY_PARAMETER = /^[^/]/;
const SECRET_ON_LINE =
  /(?:^|[\s"{}])(?:(?:auth_?pass\w*|(?:smtp_)?password\w*|passphrase|community)(?=[\s"{}]|$)|key(?=[ \t]+"?[^\s"/]))/i;
const DEFINITION_LINE = /^(\s*(?:@\S*\s+)*\$([A-Za-z_]\w*)=)(.*)$/;
const SECRET_NAME = /pass|secret|community|token|hmac|(?:^|_)key(?:_|$)/i;

/** The secrets of one configuration, and how texts about it hide them. */
export class Secrets {
  /** By their first characters, the longest first: a secret may be the beginning of another. */
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #short: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;

  private constructor(values: ReadonlySet<string>, names: ReadonlySet<string>) {
    const long = [...values].filter((value) => value.length >= MIN_ANYWHERE).sort((a, b) => b.length - a.length);
    const groups = new Map<string, string[]>();
    for (const value of long) {
      const start = value.slice(0, MIN_ANYWHERE);
      const group = groups.get(start);
      if (group === undefined) groups.set(start, [value]);
      else group.push(value);
    }
    this.#values = groups;
    this.#short = new Set([...values].filter((value) => value.length < MIN_ANYWHERE));
    this.#names = names;
  }

  /** `texts` are the files as written, `values` what {@link secretsPassing} saw of what became of them. */
  static of(values: Set<string>, texts: Iterable<string>): Secrets {
    const names = new Set<string>();
    const definitions = new Map<string, string[]>();
    for (const text of texts) collectFromText(text, values, names, definitions);
    // A definition that a secret is made of is one itself; the set grows while it is walked.
    for (const name of names) {
      for (const value of definitions.get(name) ?? []) {
        for (const reference of references(value)) names.add(reference.name);
        if (!value.includes('$')) addWords(value, values);
      }
    }
    return new Secrets(values, names);
  }

  /** A message about the configuration. */
  mask(text: string): string {
    let masked = '';
    let copied = 0;
    for (let i = 0; i < text.length; i++) {
      const found = this.#secretAt(text, i);
      if (found === undefined) continue;
      masked += text.slice(copied, i) + MASK;
      copied = i + found.length;
      i = copied - 1;
    }
    return masked + text.slice(copied);
  }

  /** A line of a file: what follows a secret's keyword is hidden to its end, since even its comment may be part of it. */
  maskLine(line: string): string {
    const definition = DEFINITION_LINE.exec(line);
    if (definition !== null && (this.#names.has(definition[2] ?? '') || SECRET_NAME.test(definition[2] ?? ''))) {
      return `${definition[1] ?? ''}${MASK}`;
    }
    const end = secretStart(line);
    return this.mask(end === undefined ? line : `${line.slice(0, end)} ${MASK}`);
  }

  #secretAt(text: string, i: number): string | undefined {
    const start = text.slice(i, i + MIN_ANYWHERE);
    const long = this.#values.get(start)?.find((value) => text.startsWith(value, i));
    if (long !== undefined || text[i - 1] !== '"') return long;
    const quoted = /^[^"]*(?=")/.exec(start)?.[0];
    return quoted !== undefined && this.#short.has(quoted) ? quoted : undefined;
  }
}

/** The text of a configuration without what its secret keywords say. */
export function maskSecrets(text: string): string {
  const lines = Secrets.of(new Set(), [text]);
  return text
    .split('\n')
    .map((line) => lines.maskLine(line))
    .join('\n');
}

/** Index behind the keyword whose parameters are secret. */
function secretStart(line: string): number | undefined {
  const match = SECRET_ON_LINE.exec(line);
  if (match === null) return undefined;
  const end = match.index + match[0].length;
  return line.slice(end).trim() === '' ? undefined : end;
}

/** Hands the statements on and keeps the secrets in them: nobody else holds all of a large file at once. */
export function* secretsPassing(statements: Iterable<Statement>, values: Set<string>): Generator<Statement> {
  let previous: Statement | undefined;
  for (const statement of statements) {
    if (previous !== undefined) collectFromStatement(previous, statement, values);
    yield statement;
    previous = statement;
  }
  if (previous !== undefined) collectFromStatement(previous, undefined, values);
}

/** Whether a word may be what {@link SECRET_WORD} or `key` is; most are not by their first character. */
function mayName(text: string): boolean {
  switch (text.charCodeAt(0) | 0x20) {
    case 0x61: // a
    case 0x63: // c
    case 0x6b: // k
    case 0x70: // p
      return true;
    default:
      return false;
  }
}

function collectFromStatement({ words, block }: Statement, next: Statement | undefined, values: Set<string>): void {
  const first = secretWord(words);
  if (first >= 0) {
    const parameters = words.slice(first + 1);
    for (const { text } of parameters) addWord(text, values);
    // The secret on a line of its own, or between braces, is taken for a keyword.
    const strays = parameters.length > 0 ? [] : [...(next?.words ?? []), ...wordsWithin(block?.statements)];
    for (const { text } of strays) if (!/^auth_/.test(text)) addWord(text, values);
  }
  const inner = block?.statements ?? [];
  for (let i = 0; i < inner.length; i++) {
    const statement = inner[i];
    if (statement !== undefined) collectFromStatement(statement, inner[i + 1], values);
  }
}

function secretWord(words: Statement['words']): number {
  for (let i = 0; i < words.length; i++) {
    const { text } = words[i] ?? words[0];
    if (!mayName(text)) continue;
    if (SECRET_WORD.test(text) || (text === 'key' && KEY_PARAMETER.test(words[i + 1]?.text ?? ''))) return i;
  }
  return -1;
}

function wordsWithin(statements: readonly Statement[] | undefined): Statement['words'][number][] {
  return (statements ?? []).flatMap(({ words }) => [...words]);
}

function collectFromText(
  text: string,
  values: Set<string>,
  names: Set<string>,
  definitions: Map<string, string[]>,
): void {
  for (const line of text.split('\n')) {
    const [, , name, value] = DEFINITION_LINE.exec(line) ?? [];
    if (name !== undefined && value !== undefined) {
      const before = definitions.get(name);
      if (before === undefined) definitions.set(name, [value]);
      else before.push(value);
      if (SECRET_NAME.test(name)) names.add(name);
    }
    const start = secretStart(line);
    if (start === undefined) continue;
    const rest = line.slice(start);
    for (const reference of references(rest)) names.add(reference.name);
    if (!rest.includes('$')) addWords(rest, values);
  }
}

/** The words of a text as written; of a quoted one what the quotes hold. */
function addWords(text: string, values: Set<string>): void {
  for (const match of text.matchAll(/"([^"]*)"?|([^\s"{}]+)/g)) addWord(match[1] ?? match[2] ?? '', values);
}

function addWord(text: string, values: Set<string>): void {
  if (text !== '' && text !== '\\') values.add(text);
}
