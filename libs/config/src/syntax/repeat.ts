import { type Result, err, ok } from '@keepfleet/wire';

/** One round of a `~SEQ` or `~LST`: the values its variables have. */
export type Bindings = ReadonlyMap<string, string>;

export interface Repeat {
  /** Where the text to repeat begins. */
  readonly rest: number;
  readonly rounds: Iterable<Bindings>;
}

const HEAD = /^~(SEQx?|LST)[ \t]*\(/;
const NAME = /^[A-Za-z_]\w*$/;

/** Whether a line begins a repetition. */
export function isRepeat(text: string): boolean {
  return HEAD.test(text);
}

/** Index of the parenthesis that closes the parameters, or -1. */
export function parametersEnd(text: string): number {
  return text.indexOf(')');
}

/** `~SEQ(var[, start[, step]], end)`, `~SEQx(…)` in hexadecimal, `~LST(var, v…)` and `~LST({a,b}, {1,2}, …)`. */
export function readRepeat(text: string): Result<Repeat, string> {
  const kind = HEAD.exec(text)?.[1];
  const end = parametersEnd(text);
  if (kind === undefined || end < 0) return err('no closing parenthesis');
  const parameters = splitOutsideBraces(text.slice(text.indexOf('(') + 1, end));
  const rounds = kind === 'LST' ? listRounds(parameters) : sequenceRounds(parameters, kind === 'SEQx');
  return rounds.ok ? ok({ rest: end + 1, rounds: rounds.value }) : rounds;
}

function sequenceRounds(parameters: readonly string[], hexadecimal: boolean): Result<Iterable<Bindings>, string> {
  const [name = '', ...texts] = parameters;
  if (!NAME.test(name)) return err(`"${name}" is no variable name`);
  if (texts.length < 1 || texts.length > 3) return err('expected a variable, start, step and end');
  const numbers: number[] = [];
  for (const text of texts) {
    const value = numberOf(text);
    if (value === undefined) return err(`"${text}" is no number`);
    if (!Number.isSafeInteger(value)) return err(`"${text}" is too large`);
    numbers.push(value);
  }
  const last = numbers.at(-1) ?? 0;
  const first = numbers.length > 1 ? (numbers[0] ?? 1) : 1;
  const step = numbers.length === 3 ? (numbers[1] ?? 1) : first <= last ? 1 : -1;
  if (hexadecimal && (first < 0 || last < 0)) return err('~SEQx has no negative numbers');
  if (step === 0 || (first < last && step < 0) || (first > last && step > 0))
    return err(`step ${step} never leads from ${first} to ${last}`);
  return ok(countRounds(name, first, step, last, hexadecimal));
}

/** As C reads it: `0x1f` is hexadecimal, `017` octal. */
function numberOf(text: string): number | undefined {
  const [, sign, prefix = '', digits = ''] = /^([+-]?)(0x|0(?=.))?([0-9a-f]+)$/i.exec(text) ?? [];
  const base = prefix === '' ? 10 : prefix === '0' ? 8 : 16;
  const known = base === 10 ? /^\d+$/ : base === 8 ? /^[0-7]+$/ : /./;
  if (!known.test(digits)) return undefined;
  return parseInt(digits, base) * (sign === '-' ? -1 : 1);
}

function* countRounds(name: string, first: number, step: number, last: number, hexadecimal: boolean) {
  for (let value = first; step > 0 ? value <= last : value >= last; value += step)
    yield new Map([[name, hexadecimal ? value.toString(16) : String(value)]]);
}

function listRounds(parameters: readonly string[]): Result<Iterable<Bindings>, string> {
  const [head = '', ...values] = parameters;
  const names = unbraced(head);
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) return err(`"${wrong}" is no variable name`);
  if (values.length === 0) return err('expected a variable and its values');
  const tooMany = values.find((value) => unbraced(value).length > names.length);
  if (tooMany !== undefined) return err(`${tooMany} has more values than there are variables`);
  return ok(bindEach(names, head.startsWith('{'), values));
}

function* bindEach(names: readonly string[], several: boolean, values: readonly string[]) {
  for (const value of values) {
    const parts = several ? unbraced(value) : [value];
    yield new Map(names.map((name, i) => [name, parts[i] ?? '']));
  }
}

function unbraced(text: string): string[] {
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  return inner.split(',').map((part) => part.trim());
}

function splitOutsideBraces(text: string): string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (character === ',' && depth <= 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}
