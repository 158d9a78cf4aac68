import type { Diagnostics } from '../diagnostics.ts';
import { withoutComment, withoutEscapes } from './comment.ts';
import { DEFINITION, type DefinitionValue, type Reference, references } from './definitions.ts';
import { type FileLoader, directoryOf } from './files.ts';
import {
  EVERYTHING,
  type Include,
  type IncludeRules,
  NOTHING,
  alternatives,
  includeChecks,
  includeOf,
  isMissing,
} from './include.ts';
import { HIDDEN_BACKSLASH, PhysicalLines, continuation, fits, isOpenDefinition, unclosed } from './physical-lines.ts';
import type { Limits } from './limits.ts';
import { type Random, repeatableRandom } from './random.ts';
import type { Bodies } from './repeated-blocks.ts';
import { type Bindings, isRepeat, parametersEnd, readRepeat } from './repeat.ts';
import { SourceText } from './source-text.ts';

/** Substitutions that may lie behind one line; a definition that uses itself ends here. */
const MAX_SUBSTITUTIONS = 1_000;
/** Upper end of a `${_RANDOM}` that names none. */
const MAX_RANDOM = 32_767;

export interface PreprocessOptions {
  /** What `@ID` lines are compared with, and `${_INSTANCE}`. */
  readonly configId: string;
  readonly loader: FileLoader;
  /** Values of `${_ENV NAME}`. */
  readonly environment: Readonly<Record<string, string>>;
  /** A number of the closed range, for `${_RANDOM}`. */
  readonly random: (low: number, high: number) => number;
  /** Every include must find and read all it names, until an include_check says otherwise: keepalived's -e. */
  readonly allIncludes: boolean;
  readonly limits: Limits;
}

/** A line with the variables of the repetitions around it. */
interface Pending {
  readonly text: SourceText;
  readonly bindings: Bindings | undefined;
}

/** Lines still to be read: those of a definition or the rounds of a repetition. */
interface Frame {
  readonly lines: Iterator<Pending>;
  readonly substitutions: number;
}

/**
 * Turns files into the lines the grammar reads: comments gone, includes in place, `@id` lines chosen, `$NAME` replaced,
 * `~SEQ` and `~LST` written out. Definitions are replaced where they are used, as late as possible, so a value may name
 * what is defined only later or by the repetition around it.
 */
export class Preprocessor implements Bodies {
  readonly #options: PreprocessOptions;
  readonly #diagnostics: Diagnostics;
  readonly #definitions = new Map<string, DefinitionValue>();
  readonly #reportedNames = new Set<string>();
  /** Every file read so far, as written. */
  readonly sources = new Map<string, string>();
  /** Where the line handed out last comes from, if it is as its file has it. */
  #plain: PhysicalLines | undefined;
  #expandedLines = 0;
  #includes = 0;
  #includeChecks: IncludeRules;
  /** From `random_seed` on. */
  #seeded: Random | undefined;

  constructor(options: PreprocessOptions, diagnostics: Diagnostics) {
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#includeChecks = options.allIncludes ? EVERYTHING : NOTHING;
  }

  /** The body of the block that the line handed out last opens, where its lines have nothing to be replaced. */
  body(): string | undefined {
    return this.#plain?.body();
  }

  bodyAgain(body: string): string | undefined {
    return this.#plain?.bodyAgain(body);
  }

  skip(body: string, lines: number): number | undefined {
    return this.#plain?.skip(body, lines);
  }

  /** The lines of a file with everything that it includes. */
  *lines(file: string, text: string, depth = 0): Generator<SourceText> {
    this.sources.set(file, text);
    const source = new PhysicalLines(file, text, this.#options.limits.lineBytes, this.#diagnostics);
    for (let next = source.next(); next.done !== true; next = source.next()) {
      const first = next.value;
      if (source.plain) {
        if (first.text !== '') {
          this.#plain = source;
          yield first;
          this.#plain = undefined;
        }
        continue;
      }
      const stack: Frame[] = [{ lines: [{ text: first, bindings: undefined }].values(), substitutions: 0 }];
      while (stack.length > 0) {
        const frame = stack[stack.length - 1];
        const next = frame?.lines.next();
        if (frame === undefined || next === undefined || next.done === true) stack.pop();
        else yield* this.#process(next.value, frame.substitutions, stack, source, depth);
      }
    }
  }

  /** One line to none, one, or frames of several; each round of the loop is one step of keepalived's order. */
  *#process(
    { text, bindings }: Pending,
    substitutionsBefore: number,
    stack: Frame[],
    source: Iterator<SourceText>,
    depth: number,
  ): Generator<SourceText> {
    let line = text.trim();
    // Only a definition asks whether a comment hides a backslash.
    if (line.text.endsWith(HIDDEN_BACKSLASH) && !isOpenDefinition(line.text)) line = line.slice(0, -1).trim();
    let substitutions = substitutionsBefore;
    while (line.text !== '') {
      if (line.text.startsWith('@')) {
        const chosen = this.#conditional(line);
        if (chosen === undefined) {
          // The other lines of a definition that is not wanted are no lines of their own.
          if (isOpenDefinition(line.text)) continuation(source, line);
          return;
        }
        line = chosen;
        continue;
      }
      if (isRepeat(line.text)) {
        this.#repeat(line, bindings, substitutions, stack);
        return;
      }
      const definition = DEFINITION.exec(line.text);
      if (definition !== null) {
        this.#define(definition[1] ?? '', definition[2] ?? '', line, source, bindings);
        return;
      }
      const reference = this.#firstReference(line, bindings);
      if (reference === undefined) break;
      const [head = '', ...more] = reference.value;
      substitutions++;
      if (substitutions > MAX_SUBSTITUTIONS || !this.#mayExpand(line, more.length)) {
        if (substitutions > MAX_SUBSTITUTIONS)
          this.#diagnostics.error('expansion-limit', line.position(), `$${reference.name} is defined by itself`);
        return;
      }
      const from = line;
      const end = more.length > 0 ? line.text.length : reference.end;
      if (line.text.slice(reference.end, end).trim() !== '') {
        this.#diagnostics.warning(
          'ignored',
          line.position(reference.end),
          `what follows $${reference.name} is dropped: a definition of several lines ends the line that uses it`,
        );
      }
      line = withoutComment(line.replace(reference.start, end, head));
      if (!fits(line, this.#options.limits.lineBytes, this.#diagnostics)) return;
      if (more.length > 0) {
        const column = from.column(reference.start);
        stack.push({ lines: furtherLines(more, from, column, bindings), substitutions });
      }
    }
    if (line.text === '') return;
    const include = includeOf(line.text, this.#includeChecks);
    if (include !== undefined) {
      yield* this.#include(line, include, depth);
      return;
    }
    this.#includeChecks = includeChecks(line.text, this.#includeChecks) ?? this.#includeChecks;
    const seed = /^random_seed\s+(\d{1,10})\s*$/.exec(line.text)?.[1];
    if (seed !== undefined) this.#seeded = repeatableRandom(Number(seed));
    yield withoutEscapes(line);
  }

  /** The rest of an `@ID` or `@^ID` line, or undefined when it is for other nodes. */
  #conditional(line: SourceText): SourceText | undefined {
    const match = /^@(\^?)(\S*)\s*/.exec(line.text);
    const same = match?.[2] === this.#options.configId;
    return same === (match?.[1] === '^') ? undefined : line.slice(match?.[0].length ?? line.text.length);
  }

  #define(name: string, value: string, line: SourceText, source: Iterator<SourceText>, bindings: Bindings | undefined) {
    const lines = isOpenDefinition(line.text) ? [unclosed(value), ...continuation(source, line)] : [value];
    // A repetition's variables end with it, so a definition inside keeps their values of now.
    this.#definitions.set(name, bindings === undefined ? lines : lines.map((text) => bound(text, bindings)));
  }

  /** Parameters may hold definitions; what follows them is replaced round by round. */
  #repeat(line: SourceText, bindings: Bindings | undefined, substitutions: number, stack: Frame[]): void {
    let current = line;
    for (let used = substitutions; used <= MAX_SUBSTITUTIONS; used++) {
      const close = parametersEnd(current.text);
      const reference = this.#firstReference(current, bindings, close < 0 ? current.text.length : close);
      if (reference === undefined || reference.value.length > 1) break;
      current = current.replace(reference.start, reference.end, reference.value[0] ?? '');
      if (!fits(current, this.#options.limits.lineBytes, this.#diagnostics)) return;
    }
    const repeat = readRepeat(current.text);
    if (!repeat.ok) {
      this.#diagnostics.error('bad-repeat', line.position(), `${current.text.split('(')[0]}: ${repeat.error}`);
      return;
    }
    const rest = current.slice(repeat.value.rest).trim();
    if (substitutions >= MAX_SUBSTITUTIONS) {
      this.#diagnostics.error('expansion-limit', line.position(), 'repetitions are nested too deeply');
      return;
    }
    stack.push({
      lines: this.#rounds(repeat.value.rounds, rest, bindings),
      substitutions: substitutions + 1,
    });
  }

  *#rounds(rounds: Iterable<Bindings>, rest: SourceText, outer: Bindings | undefined): Generator<Pending> {
    for (const round of rounds) {
      if (!this.#mayExpand(rest, 1)) return;
      yield { text: rest, bindings: outer === undefined ? round : new Map([...outer, ...round]) };
    }
  }

  #firstReference(
    line: SourceText,
    bindings: Bindings | undefined,
    before = line.text.length,
  ): (Reference & { value: DefinitionValue }) | undefined {
    if (!line.text.includes('$')) return undefined;
    for (const reference of references(line.text)) {
      if (reference.start >= before) return undefined;
      const value = this.#valueOf(reference, line, bindings);
      if (value !== undefined) return { ...reference, value };
      this.#reportUndefined(reference, line);
    }
    return undefined;
  }

  #valueOf(reference: Reference, line: SourceText, bindings: Bindings | undefined): DefinitionValue | undefined {
    const variable = bindings?.get(reference.name);
    if (variable !== undefined) return [variable];
    if (reference.braced) {
      if (reference.name === '_PWD') return [directoryOf(line.file)];
      if (reference.name === '_INSTANCE') return [this.#options.configId];
      if (reference.name === '_HASH') return ['#'];
      if (reference.name === '_BANG') return ['!'];
      if (reference.name === '_RANDOM') return this.#randomValue(reference.parameters);
      if (reference.name === '_ENV') return this.#environmentValue(reference.parameters[0]);
    }
    return this.#definitions.get(reference.name);
  }

  #randomValue(parameters: readonly string[]): DefinitionValue | undefined {
    const [low = 0, high = MAX_RANDOM] = parameters.map(Number);
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high)) return undefined;
    return [String((this.#seeded ?? this.#options.random)(Math.min(low, high), Math.max(low, high)))];
  }

  #environmentValue(name: string | undefined): DefinitionValue | undefined {
    const { environment } = this.#options;
    const value = name !== undefined && Object.hasOwn(environment, name) ? environment[name] : undefined;
    return value === undefined ? undefined : [value];
  }

  #reportUndefined(reference: Reference, line: SourceText): void {
    const key = `${line.file}:${line.line}:${reference.name}`;
    if (!reference.braced || this.#reportedNames.has(key)) return;
    this.#reportedNames.add(key);
    this.#diagnostics.warning(
      'undefined-name',
      line.position(reference.start),
      `\${${reference.name}} is not defined and stays as it is`,
    );
  }

  /** Files stand where their include stands, inside a block too. */
  *#include(line: SourceText, { keyword, rules }: Include, depth: number): Generator<SourceText> {
    const pattern = line.text
      .slice(keyword.length)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    const at = line.position();
    const { limits } = this.#options;
    if (pattern === '') {
      this.#diagnostics.error('missing-parameter', at, `${keyword} needs the path of a file`);
      return;
    }
    if (depth >= limits.includeDepth) {
      this.#diagnostics.error(
        'include',
        at,
        `includes are nested more than ${limits.includeDepth} deep at "${pattern}"`,
      );
      return;
    }
    const report = (isError: boolean, message: string) =>
      this.#diagnostics[isError ? 'error' : 'warning']('include', at, `${keyword}: ${message}`);
    const { loader } = this.#options;
    const exists = (path: string) => loader.exists?.(path, line.file) ?? true;
    const paths = alternatives(pattern);
    const missing: string[] = [];
    let nothing = true;
    for (const path of paths) {
      if (++this.#includes > limits.includes) {
        if (this.#includes === limits.includes + 1)
          report(true, `there are more than ${limits.includes} includes; the rest is left out`);
        return;
      }
      const files = loader.load(path, line.file);
      if (files.length > 0) nothing = false;
      else if (isMissing(path, exists)) missing.push(`"${path}"`);
      for (const file of files) {
        if (!('unreadable' in file)) yield* this.lines(file.path, file.text, depth + 1);
        else report(rules.read, `cannot read "${file.path}": ${file.unreadable}`);
      }
    }
    if (missing.length > 0)
      report(nothing && paths.length === 1 ? rules.match : rules.braces, `no file matches ${missing.join(', ')}`);
    // A directory for later files is a usual thing, unless the file says otherwise.
    else if (nothing && rules.wildcard) report(true, `no file matches "${pattern}"`);
  }

  #mayExpand(line: SourceText, count: number): boolean {
    const before = this.#expandedLines;
    const most = this.#options.limits.expandedLines;
    this.#expandedLines += count;
    if (this.#expandedLines <= most) return true;
    if (before <= most) {
      this.#diagnostics.error(
        'expansion-limit',
        line.position(),
        `definitions and repetitions make more than ${most} lines; the rest is dropped`,
      );
    }
    return false;
  }
}

function* furtherLines(
  texts: readonly string[],
  { file, line }: SourceText,
  column: number,
  bindings: Bindings | undefined,
): Generator<Pending> {
  for (const text of texts) yield { text: SourceText.substituted(file, line, text, column), bindings };
}

function bound(text: string, bindings: Bindings): string {
  let result = text;
  for (const reference of references(text).toReversed()) {
    const value = bindings.get(reference.name);
    if (value !== undefined) result = result.slice(0, reference.start) + value + result.slice(reference.end);
  }
  return result;
}
