/** What an include insists on; `include` itself insists on nothing. */
export interface IncludeRules {
  readonly keyword: string;
  /** Every file that matches can be read. */
  readonly read: boolean;
  /** Something matches. */
  readonly match: boolean;
  /** Something matches a pattern with wildcards. */
  readonly wildcard: boolean;
  /** Something matches a pattern with `{a,b}`. */
  readonly braces: boolean;
}

const NOTHING = { read: false, match: false, wildcard: false, braces: false };

const RULES: readonly IncludeRules[] = [
  { keyword: 'include', ...NOTHING },
  { keyword: 'includer', ...NOTHING, read: true },
  { keyword: 'includem', ...NOTHING, match: true },
  { keyword: 'includew', ...NOTHING, wildcard: true },
  { keyword: 'includeb', ...NOTHING, braces: true },
  { keyword: 'includea', read: true, match: true, wildcard: true, braces: true },
];

/** The rules of a line that is an include, or undefined when it is something else. */
export function includeRules(text: string): IncludeRules | undefined {
  if (!text.startsWith('include')) return undefined;
  const word = /^\S+/.exec(text)?.[0];
  return RULES.find((rules) => rules.keyword === word);
}
