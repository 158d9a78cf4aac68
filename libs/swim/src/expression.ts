/**
 * Whether a text holds a match of a query's expression. Of Go's regular expressions these are understood: plain
 * characters, `.`, a backslash before a sign, `*`, `+` and `?` after one of them, `^` and `$` at the ends, `|` between
 * whole alternatives. Anything else matches nothing: the expression comes from the network, and the host's own engine
 * would let it run for ever.
 */
export function matchesExpression(expression: string, text: string): boolean {
  if (expression.length > MAX_EXPRESSION) return false;
  return expression.split('|').some((alternative) => {
    const pattern = parse(alternative);
    return pattern !== undefined && search(pattern, text);
  });
}

const MAX_EXPRESSION = 256;

interface Step {
  /** The character wanted; undefined for any. */
  readonly character: string | undefined;
  readonly least: 0 | 1;
  readonly repeats: boolean;
}

interface Pattern {
  readonly steps: readonly Step[];
  readonly fromStart: boolean;
  readonly toEnd: boolean;
}

function parse(alternative: string): Pattern | undefined {
  const fromStart = alternative.startsWith('^');
  const toEnd = alternative.endsWith('$') && !alternative.endsWith('\\$');
  const body = alternative.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined);
  const steps: Step[] = [];
  let read = 0;
  for (const [token, quoted, plain, sign] of body.matchAll(/(?:\\(.)|([^\\]))([*+?]?)/gsu)) {
    const special = quoted === undefined && /[()[\]{}^$*+?]/.test(plain ?? '');
    if (special || /[a-z\d]/i.test(quoted ?? '')) return undefined;
    read += token.length;
    steps.push({
      character: plain === '.' ? undefined : (quoted ?? plain),
      least: sign === '*' || sign === '?' ? 0 : 1,
      repeats: sign === '*' || sign === '+',
    });
  }
  return read === body.length ? { steps, fromStart, toEnd } : undefined;
}

/** All possible positions in the pattern at once, so that the time is pattern × text and no more. */
function search({ steps, fromStart, toEnd }: Pattern, text: string): boolean {
  let positions = new Set<number>();
  const reach = (position: number, into: Set<number>) => {
    into.add(position);
    for (let at = position; steps[at]?.least === 0; at++) into.add(at + 1);
  };
  reach(0, positions);
  const done = (set: Set<number>) => set.has(steps.length);
  if (!toEnd && done(positions)) return true;
  for (const character of text) {
    const next = new Set<number>();
    for (const at of positions) {
      const step = steps[at];
      if (step === undefined || (step.character !== undefined && step.character !== character)) continue;
      reach(at + 1, next);
      if (step.repeats) reach(at, next);
    }
    if (!fromStart) reach(0, next);
    positions = next;
    if (!toEnd && done(positions)) return true;
  }
  return done(positions);
}
