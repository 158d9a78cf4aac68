import { INCLUDE_CHECKS } from '../syntax/include.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { integer, optional, word } from './readers.ts';
import { type Draft, type Row, type Table, fixes, sets } from './rows.ts';

/** What `global_defs` says of reading the configuration anew, as written; '' where a keyword has no path. */
export interface ReloadSettings {
  reloadCheck: string;
  reloadTimeFile: string;
  reloadRepeat: boolean;
  reloadFile: string;
}

const LONGEST = 0xffff_ffff;

/** The preprocessor has acted on these when their line went by; here their words are checked. */
function acted<T>(form: NonNullable<Row<Draft<T>>['form']>, read: (args: Arguments) => void): Row<Draft<T>> {
  return { implemented: true, form, read: (_target, args) => read(args) };
}

const includeCheckForm = syntax('[[+|-]read|match|wildcard_match|brace_match …]', 'match +read', (args: Arguments) => {
  for (let word = args.take(), first = true; word !== undefined; word = args.take(), first = false) {
    const bare = !/^[+-]/.test(word.text);
    if (!INCLUDE_CHECKS.includes(word.text.replace(/^[+-]/, ''))) args.bad(word, INCLUDE_CHECKS.join(', '));
    else if (bare && !first)
      args.diagnostics.warning(
        'ignored',
        word.at,
        `"${word.text}" behind another has no effect: write "+${word.text}"`,
      );
  }
});
const seed = integer(0, LONGEST);

export function reloadRows<T extends ReloadSettings>(): Table<Draft<T>> {
  return {
    reload_check_config: sets<T, 'reloadCheck'>('reloadCheck', optional(word('a path'), '')),
    reload_time_file: sets<T, 'reloadTimeFile'>('reloadTimeFile', word('a path')),
    reload_repeat: fixes<T, 'reloadRepeat'>('reloadRepeat', true),
    reload_file: sets<T, 'reloadFile'>('reloadFile', optional(word('a path'), '')),
    include_check: acted(includeCheckForm.form, includeCheckForm),
    random_seed: acted({ kind: 'integer', low: 0, high: LONGEST }, seed),
  };
}
