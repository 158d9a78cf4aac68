import { fromPcre } from './pcre.ts';

/** keepalived's names of PCRE2 options that have a meaning here. */
const WITH_EFFECT = [
  ...['caseless', 'dotall', 'multiline', 'extended', 'anchored'],
  ...['dollar_end_only', 'no_auto_capture', 'allow_empty_class', 'utf', 'dupnames', 'alt_bsux'],
];
/** These are as it is anyway, or only about speed. Texts are octets, whatever they mean. */
const WITHOUT_EFFECT = [
  'never_ucp',
  'never_utf',
  'no_auto_possess',
  'no_dotstar_anchor',
  'no_start_optimise',
  'match_unset_backref',
  'no_utf_check',
  'never_backslash_c',
];

/** The options of `regex_options` that are understood. */
export const PATTERN_OPTIONS: readonly string[] = [...WITH_EFFECT, ...WITHOUT_EFFECT];

/**
 * A PCRE pattern as the source and the flags of a regular expression of JavaScript, or why it cannot be one. `offsetsCount`:
 * it matters where a match begins.
 */
export function compiledPattern(
  pattern: string,
  options: readonly string[],
  offsetsCount = false,
): { readonly source: string; readonly flags: string } | { readonly reason: string } {
  const names = new Set(options);
  let rest = pattern;
  // Those that hold for the whole of it.
  for (let found = LEADING.exec(rest); found !== null; found = LEADING.exec(rest)) {
    for (const letter of found[1] ?? '') names.add(NAMES[letter] ?? '');
    rest = rest.slice(found[0].length);
  }
  try {
    const source = fromPcre(rest, {
      caseless: names.has('caseless'),
      dotall: names.has('dotall'),
      multiline: names.has('multiline'),
      extended: names.has('extended'),
      dollarEndOnly: names.has('dollar_end_only'),
      noAutoCapture: names.has('no_auto_capture'),
      allowEmptyClass: names.has('allow_empty_class'),
      utf: names.has('utf'),
      dupNames: names.has('dupnames'),
      altBsux: names.has('alt_bsux'),
      offsetsCount,
    });
    const flags = names.has('anchored') ? 'y' : '';
    new RegExp(source, flags);
    return { source, flags };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

const LEADING = /^\(\?([imsx]+)\)/;
const NAMES: Readonly<Record<string, string>> = { i: 'caseless', s: 'dotall', m: 'multiline', x: 'extended' };
