/** A definition's value: one line, or several of which only the first joins the line that uses it. */
export type DefinitionValue = readonly string[];

/** A use of `$NAME` or `${NAME}` in a line. */
export interface Reference {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  /** The words after the name in `${_RANDOM 1 6}` and `${_ENV NAME}`. */
  readonly parameters: readonly string[];
  readonly braced: boolean;
}

// `$NAME` ends at a blank, a comma, a closing parenthesis or the end of the line; `${NAME}` may stand anywhere.
const REFERENCE = /\$(?:\{([A-Za-z_]\w*)((?:[ \t]+[^\s{}]+)*)\}|([A-Za-z_]\w*)(?=[ \t,)]|$))/g;

/** `$NAME=VALUE`; no blank may stand around the equals sign. */
export const DEFINITION = /^\$([A-Za-z_]\w*)=(.*)$/;

/** Every use in a text, defined or not, from left to right. */
export function references(text: string): readonly Reference[] {
  const found: Reference[] = [];
  REFERENCE.lastIndex = 0;
  for (let match = REFERENCE.exec(text); match !== null; match = REFERENCE.exec(text)) {
    found.push({
      start: match.index,
      end: match.index + match[0].length,
      name: match[1] ?? match[3] ?? '',
      parameters: match[2] === undefined || match[2] === '' ? NO_PARAMETERS : match[2].trim().split(/[ \t]+/),
      braced: match[1] !== undefined,
    });
  }
  return found;
}

const NO_PARAMETERS: readonly string[] = [];
