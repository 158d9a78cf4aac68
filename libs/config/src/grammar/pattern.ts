/** keepalived's names of PCRE2 options that have a meaning here, with the flag of JavaScript that they are. */
const FLAGS: Readonly<Record<string, string>> = {
  caseless: 'i',
  dotall: 's',
  multiline: 'm',
  utf: 'u',
};
/** These are as JavaScript has it anyway, or only about speed. */
const WITHOUT_EFFECT = [
  'never_ucp',
  'never_utf',
  'no_auto_capture',
  'no_auto_possess',
  'no_dotstar_anchor',
  'no_start_optimise',
  'match_unset_backref',
  'alt_bsux',
  'allow_empty_class',
  'dupnames',
  'dollar_end_only',
  'no_utf_check',
  'never_backslash_c',
];

/** The options of `regex_options` that are understood. */
export const PATTERN_OPTIONS: readonly string[] = [...Object.keys(FLAGS), 'extended', 'anchored', ...WITHOUT_EFFECT];

/** A PCRE pattern as the source and the flags of a regular expression of JavaScript, or why it cannot be one. */
export function compiledPattern(
  pattern: string,
  options: readonly string[],
): { readonly source: string; readonly flags: string } | { readonly reason: string } {
  let source = pattern;
  const names = new Set(options);
  // PCRE writes options in front of the pattern too.
  for (let inline = leadingOptions(source); inline !== undefined; inline = leadingOptions(source)) {
    for (const letter of inline.letters) {
      const name = { i: 'caseless', s: 'dotall', m: 'multiline', x: 'extended' }[letter];
      if (name !== undefined) names.add(name);
    }
    source = inline.rest;
  }
  if (names.has('extended')) source = withoutBlanks(source);
  source = source
    .replace(/\[\[:(\w+):\]\]/g, (all, name: string) => CLASSES[name] ?? all)
    .replace(/\\A/g, '^')
    .replace(/\\[zZ]/g, '$');
  const flags =
    [...names]
      .flatMap((name) => FLAGS[name] ?? [])
      .sort()
      .join('') + (names.has('anchored') ? 'y' : '');
  try {
    new RegExp(source, flags);
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
  return { source, flags };
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: '[A-Za-z]',
  digit: '\\d',
  alnum: '[A-Za-z0-9]',
  space: '\\s',
  upper: '[A-Z]',
  lower: '[a-z]',
  xdigit: '[0-9A-Fa-f]',
  punct: '[!-/:-@[-`{-~]',
};

function leadingOptions(source: string): { letters: string; rest: string } | undefined {
  const [all, letters] = /^\(\?([imsx]+)\)/.exec(source) ?? [];
  return all === undefined || letters === undefined ? undefined : { letters, rest: source.slice(all.length) };
}

/** Blanks and comments outside of classes have no meaning in an extended pattern. */
function withoutBlanks(source: string): string {
  return source.replace(/(\\[^]|\[(?:\\[^]|[^\]\\])*\])|\s+|#[^\n]*/g, (_, kept: string | undefined) => kept ?? '');
}
