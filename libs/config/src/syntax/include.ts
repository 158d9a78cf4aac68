/** What an include insists on. */
export interface IncludeRules {
  /** Every file that is there can be read. */
  readonly read: boolean;
  /** A file, or the directory of a pattern with wildcards, is there. */
  readonly match: boolean;
  /** Something matches a pattern with wildcards. */
  readonly wildcard: boolean;
  /** Where something matches, or some of `{a,b}` could, nothing is missing. */
  readonly braces: boolean;
}

export const NOTHING: IncludeRules = { read: false, match: false, wildcard: false, braces: false };
export const EVERYTHING: IncludeRules = { read: true, match: true, wildcard: true, braces: true };

/** `include` itself goes by include_check. */
const RULES = new Map<string, IncludeRules | 'as include_check says'>([
  ['include', 'as include_check says'],
  ['includer', { ...NOTHING, read: true }],
  ['includem', { ...NOTHING, read: true, match: true }],
  ['includew', { ...NOTHING, read: true, match: true, wildcard: true }],
  ['includeb', { ...NOTHING, read: true, braces: true }],
  ['includea', EVERYTHING],
]);

export interface Include {
  readonly keyword: string;
  readonly rules: IncludeRules;
}

/** A line that is an include, with what it insists on, or undefined when it is something else. */
export function includeOf(text: string, checks: IncludeRules): Include | undefined {
  if (!text.startsWith('include')) return undefined;
  const keyword = /^\S+/.exec(text)?.[0] ?? '';
  const rules = RULES.get(keyword);
  if (rules === undefined) return undefined;
  return { keyword, rules: typeof rules === 'string' ? checks : rules };
}

const CHECKS = { read: 'read', match: 'match', wildcard_match: 'wildcard', brace_match: 'braces' } as const;
export const INCLUDE_CHECKS: readonly string[] = Object.keys(CHECKS);

/**
 * The rules of `include` behind an `include_check` line: everything without words; a bare first word begins anew, with
 * `read` as well; `+` and `-` change one rule. A bare word behind others has no effect.
 */
export function includeChecks(text: string, before: IncludeRules): IncludeRules | undefined {
  const [keyword, ...words] = text.split(/\s+/);
  if (keyword !== 'include_check') return undefined;
  if (words.length === 0) return EVERYTHING;
  let rules = before;
  for (const [index, word] of words.entries()) {
    const bare = !/^[+-]/.test(word);
    if (bare && index > 0) continue;
    if (bare) rules = { ...NOTHING, read: true };
    const name = word.replace(/^[+-]/, '');
    const check = Object.entries(CHECKS).find(([known]) => known === name)?.[1];
    if (check !== undefined) rules = { ...rules, [check]: !word.startsWith('-') };
  }
  return rules;
}

/**
 * Whether it is a file or a directory that is not there, of a pattern that nothing matches, and not only one that could be:
 * the directory of the first wildcard, or a name behind the last one.
 */
export function isMissing(pattern: string, exists: (pattern: string) => boolean): boolean {
  const wildcards = [...pattern.matchAll(/[*?[]/g)];
  const [first, last] = [wildcards[0]?.index, wildcards.at(-1)?.index];
  if (first === undefined) return true;
  const directory = pattern.slice(0, Math.max(0, pattern.lastIndexOf('/', first)));
  if (directory !== '' && !exists(directory)) return true;
  const behind = pattern.indexOf('/', last);
  return behind >= 0 && exists(pattern.slice(0, behind));
}

/** More alternatives than this are left as they are, so that `{a,b}{a,b}…` does not double without end. */
const MAX_ALTERNATIVES = 256;

/** A pattern for each of `{a,b}`, nested ones too; braces that do not pair stay as they are. */
export function alternatives(pattern: string): readonly string[] {
  let found = [pattern];
  for (let i = 0; i < found.length && found.length <= MAX_ALTERNATIVES;) {
    const expanded = expandFirst(found[i] ?? '');
    if (expanded === undefined) i++;
    else found = [...found.slice(0, i), ...expanded, ...found.slice(i + 1)];
  }
  return found.slice(0, MAX_ALTERNATIVES);
}

function expandFirst(pattern: string): readonly string[] | undefined {
  const open = pattern.indexOf('{');
  if (open < 0) return undefined;
  const parts: string[] = [''];
  let depth = 0;
  for (let i = open; i < pattern.length; i++) {
    const character = pattern[i] ?? '';
    if (character === '{' && depth++ === 0) continue;
    if (character === '}' && --depth === 0) {
      return parts.map((part) => pattern.slice(0, open) + part + pattern.slice(i + 1));
    }
    if (character === ',' && depth === 1) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return undefined;
}
