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
export function* references(text: string): Generator<Reference> {
  for (const match of text.matchAll(REFERENCE)) {
    const name = match[1] ?? match[3] ?? '';
    yield {
      start: match.index,
      end: match.index + match[0].length,
      name,
      parameters: (match[2] ?? '').split(/[ \t]+/).filter((word) => word !== ''),
      braced: match[1] !== undefined,
    };
  }
}
