/** What PCRE has and no regular expression of JavaScript is, or what is none at all. */
export class PatternRefusal extends Error {}

export interface PcreOptions {
  /** Letters of ASCII are of both cases. */
  readonly caseless: boolean;
  readonly dotall: boolean;
  readonly multiline: boolean;
  readonly extended: boolean;
  readonly dollarEndOnly: boolean;
  readonly noAutoCapture: boolean;
  readonly allowEmptyClass: boolean;
  /** Groups may share a name. */
  readonly dupNames: boolean;
  /** `\u` and `\x` with their digits as JavaScript has them, and letters without. */
  readonly altBsux: boolean;
  /** A character is one thing to repeat, and not its octets. */
  readonly utf: boolean;
  /** Where a match begins counts, which `\K` moves. */
  readonly offsetsCount: boolean;
}

/** What holds in a group, and changes by `(?s)`. */
interface Mode {
  readonly caseless: boolean;
  readonly dotall: boolean;
  readonly multiline: boolean;
  readonly extended: boolean;
}

/** Octets of a class, as the inside of one. */
type Atom = { readonly octet: number } | { readonly set: string };

const START = '(?<![^])';
const END = '(?![^])';
const VERTICAL = '\\x0a-\\x0d\\x85';
const HORIZONTAL = '\\x09\\x20\\xa0';
const SPACE = '\\x09-\\x0d\\x20';

const POSIX: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: '0-9A-Za-z',
  space: SPACE,
  blank: '\\x09\\x20',
  cntrl: '\\x00-\\x1f\\x7f',
  graph: '!-~',
  print: '\\x20-~',
  upper: 'A-Z',
  lower: 'a-z',
  word: '0-9A-Z_a-z',
  xdigit: '0-9A-Fa-f',
  punct: '!-\\/:-@\\[-`{-~',
  ascii: '\\x00-\\x7f',
};

/** The sets that an escape stands for, in a class and outside of one. */
const SETS: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Z_a-z', s: SPACE, h: HORIZONTAL, v: VERTICAL };
const CONTROLS: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };

/**
 * The source of the regular expression of JavaScript, without flags, that finds in a text of octets what the PCRE pattern does.
 * Throws {@link PatternRefusal} for what has no equal.
 */
export function fromPcre(pattern: string, options: PcreOptions): string {
  return new Translation(pattern, options).all();
}

class Translation {
  readonly #text: string;
  readonly #options: PcreOptions;
  readonly #names = new Set<string>();
  readonly #shared = new Set<string>();
  #at = 0;
  #groups = 0;
  /** To be there when all has been read. */
  readonly #wanted: { readonly group: number | string; readonly written: string }[] = [];

  constructor(text: string, options: PcreOptions) {
    this.#text = text;
    this.#options = options;
  }

  all(): string {
    const source = this.#group({ ...this.#options });
    if (this.#at < this.#text.length) throw new PatternRefusal('it has a ) without its (');
    for (const { group, written } of this.#wanted) {
      if (typeof group === 'string' && this.#shared.has(group))
        throw new PatternRefusal(`${written} refers to more than one group`);
      if (typeof group === 'number' ? group < 1 || group > this.#groups : !this.#names.has(group))
        throw new PatternRefusal(`${written} refers to a group that is not there`);
    }
    return source;
  }

  /** Alternatives to the end of the group, which stays. */
  #group(outer: Mode): string {
    let mode = outer;
    let source = '';
    let repeatable = false;
    while (this.#at < this.#text.length && this.#peek() !== ')') {
      const begun = this.#at;
      const options = this.#match(/\(\?(\^?[a-zA-Z]*(?:-[a-zA-Z]*)?)\)/y);
      if (options !== undefined) {
        mode = this.#mode(mode, options[1] ?? '');
        continue;
      }
      if (mode.extended && this.#match(/\s+|#[^\n]*/y) !== undefined) continue;
      if (this.#match(/\(\?#[^)]*\)/y) !== undefined) continue;
      const quantifier = this.#match(/[*+?]|\{\d+(?:,\d*)?\}/y);
      if (quantifier !== undefined) {
        if (!repeatable) throw new PatternRefusal(`there is nothing before ${quantifier[0]} that could be repeated`);
        if (this.#peek() === '+')
          throw new PatternRefusal(`possessive quantifiers such as ${quantifier[0]}+ have no equal here`);
        source += quantifier[0] + (this.#match(/\?/y)?.[0] ?? '');
        repeatable = false;
        continue;
      }
      const item = this.#item(mode);
      source += item;
      // An end of a quotation, or a word of no width that JavaScript does not repeat.
      if (item !== '') repeatable = !/^(?:\||\^|\$|\\[bB]|\(\?<?[=!])/.test(item);
      if (this.#at === begun) throw new PatternRefusal(`it cannot be read from ${this.#text.slice(begun)} on`);
    }
    return source;
  }

  #item(mode: Mode): string {
    const character = this.#take();
    switch (character) {
      case '\\':
        return this.#escape(mode);
      case '[':
        return this.#class(mode);
      case '(':
        return this.#bracket(mode);
      case '.':
        return mode.dotall ? '[^]' : '[^\\n]';
      case '^':
        // Not behind a line feed that ends the text.
        return mode.multiline ? `(?:${START}|(?<=\\n)(?=[^]))` : '^';
      case '$':
        if (mode.multiline) return '(?![^\\n])';
        return this.#options.dollarEndOnly ? '$' : `(?=\\n?${END})`;
      case '|':
        return '|';
      default:
        return this.#literal(character, mode);
    }
  }

  #bracket(mode: Mode): string {
    if (this.#peek() === '*') throw new PatternRefusal('verbs such as (*...) have no equal here');
    if (this.#match(/\?/y) === undefined) {
      if (this.#options.noAutoCapture) return `(?:${this.#inside(mode)}`;
      this.#groups++;
      return `(${this.#inside(mode)}`;
    }
    const look = this.#match(/<?[=!]/y);
    if (look !== undefined) return `(?${look[0]}${this.#inside(mode)}`;
    const named = this.#match(/P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)'/y);
    if (named !== undefined) {
      const name = named[1] ?? named[2] ?? '';
      this.#groups++;
      if (this.#names.has(name)) {
        if (!this.#options.dupNames) throw new PatternRefusal(`two groups have the name ${name}`);
        this.#shared.add(name);
        return `(${this.#inside(mode)}`;
      }
      this.#names.add(name);
      return `(?<${name}>${this.#inside(mode)}`;
    }
    const referred = this.#match(/P=([A-Za-z_]\w*)\)/y);
    if (referred !== undefined) return this.#reference(referred[1] ?? '', `(?${referred[0]}`, mode);
    const options = this.#match(/(\^?[a-zA-Z]*(?:-[a-zA-Z]*)?):/y);
    if (options !== undefined) return `(?:${this.#inside(this.#mode(mode, options[1] ?? ''))}`;
    const begin = this.#text.slice(this.#at - 2, this.#at + 1);
    throw new PatternRefusal(`groups that begin with ${begin} have no equal here`);
  }

  #inside(mode: Mode): string {
    const source = this.#group(mode);
    if (this.#match(/\)/y) === undefined) throw new PatternRefusal('it has a ( without its )');
    return `${source})`;
  }

  #mode(before: Mode, letters: string): Mode {
    const [on = '', off = ''] = letters.replace('^', '').split('-');
    // Which of the quantifiers is greedy says only where a match ends.
    const unknown = /[^imsxU]/.exec(on + off)?.[0];
    if (unknown !== undefined) throw new PatternRefusal(`the option (?${unknown}) has no equal here`);
    if ((on + off).includes('U') && this.#options.offsetsCount)
      throw new PatternRefusal('the option (?U) has no equal here beside regex_min_offset and regex_max_offset');
    const none = { caseless: false, dotall: false, multiline: false, extended: false };
    const start = letters.startsWith('^') ? none : before;
    const now = (letter: string, value: boolean) => (value || on.includes(letter)) && !off.includes(letter);
    return {
      caseless: now('i', start.caseless),
      dotall: now('s', start.dotall),
      multiline: now('m', start.multiline),
      extended: now('x', start.extended),
    };
  }

  #escape(mode: Mode): string {
    const quoted = this.#match(/Q([^]*?)(?:\\E|$)/y);
    if (quoted !== undefined)
      return Array.from(quoted[1] ?? '', (character) => this.#literal(character, mode)).join('');
    const octet = this.#octetEscape();
    if (octet !== undefined) return oneOctet(octet, mode);
    const set = this.#setEscape();
    if (set !== undefined) return `[${set}]`;
    const number = this.#match(/[1-9]\d*/y);
    if (number !== undefined) {
      if (number[0].length > 1 && Number(number[0]) > this.#groups)
        throw new PatternRefusal(`\\${number[0]} may be a reference or an octal number; write \\g{...} or \\x{...}`);
      return this.#reference(Number(number[0]), `\\${number[0]}`, mode);
    }
    const grouped = this.#match(/g(?:\{([-+]?\d+)\}|([-+]?\d+)|\{([A-Za-z_]\w*)\})/y);
    if (grouped !== undefined) {
      const [all, braced, plain, name] = grouped;
      const text = braced ?? plain;
      if (text === undefined) return this.#reference(name ?? '', `\\${all}`, mode);
      const far = Number(text);
      const ahead = text.startsWith('-') ? this.#groups + 1 : text.startsWith('+') ? this.#groups : 0;
      return this.#reference(ahead + far, `\\${all}`, mode);
    }
    const named = this.#match(/k(?:\{([A-Za-z_]\w*)\}|<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/y);
    if (named !== undefined) return this.#reference(named[1] ?? named[2] ?? named[3] ?? '', `\\${named[0]}`, mode);
    const letter = this.#take();
    switch (letter) {
      case 'b':
      case 'B':
        return `\\${letter}`;
      case 'E':
        return '';
      case 'A':
        return START;
      case 'z':
        return END;
      case 'Z':
        return `(?=\\n?${END})`;
      case 'N':
        if (this.#peek() === '{') break;
        return '[^\\n]';
      case 'R':
        // CR LF is one line end, and is not cut in two.
        return `(?:\\r\\n|(?!\\r\\n)[${VERTICAL}])`;
      case 'K':
        if (!this.#options.offsetsCount) return '';
        throw new PatternRefusal('\\K has no equal here beside regex_min_offset and regex_max_offset');
      case '':
        throw new PatternRefusal('it ends with a backslash');
      default:
        if (!/[0-9A-Za-z]/.test(letter)) return this.#literal(letter, mode);
    }
    throw new PatternRefusal(`the escape \\${letter} has no equal here, or is none`);
  }

  /** One that stands for an octet, in a class and outside of one. */
  #octetEscape(): number | undefined {
    const control = this.#match(/[aefnrt]/y);
    if (control !== undefined) return CONTROLS[control[0]];
    if (this.#options.altBsux) {
      const found = this.#match(/u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})/y);
      if (found !== undefined) return checked(parseInt(found[1] ?? found[2] ?? '', 16), found[0]);
      const plain = this.#match(/[uUx]/y);
      if (plain !== undefined) return plain[0].charCodeAt(0);
    }
    const hexadecimal = this.#match(/x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2})(?!\{))/y);
    if (hexadecimal !== undefined)
      return checked(parseInt(`0${hexadecimal[1] ?? hexadecimal[2] ?? ''}`, 16), hexadecimal[0]);
    const octal = this.#match(/o\{([0-7]+)\}|0([0-7]{0,2})/y);
    if (octal !== undefined) return checked(parseInt(`0${octal[1] ?? octal[2] ?? ''}`, 8), octal[0]);
    const key = this.#match(/c([\x20-\x7e])/y);
    return key === undefined ? undefined : (key[1] ?? '').toUpperCase().charCodeAt(0) ^ 0x40;
  }

  /** One that stands for a set of octets, as the inside of a class. */
  #setEscape(): string | undefined {
    const kind = this.#match(/[dwshvDWSHV]/y)?.[0];
    if (kind !== undefined) {
      const set = SETS[kind.toLowerCase()] ?? '';
      return kind === kind.toLowerCase() ? set : otherThan(set);
    }
    const property = this.#match(/([pP])(?:\{(\^?)([\w ]+)\}|([A-Z]))/y);
    if (property === undefined) return undefined;
    const set = octetsOf(property[3] ?? property[4] ?? '', `\\${property[0]}`);
    return (property[1] === 'P') === (property[2] === '^') ? set : otherThan(set);
  }

  #reference(group: number | string, written: string, mode: Mode): string {
    if (mode.caseless) throw new PatternRefusal(`${written} where both cases count has no equal here`);
    this.#wanted.push({ group, written });
    return typeof group === 'number' ? `(?:\\${group})` : `\\k<${group}>`;
  }

  #class(mode: Mode): string {
    const negated = this.#match(/\^/y) !== undefined;
    let source = '';
    for (let first = !this.#options.allowEmptyClass; ; first = false) {
      if (this.#at >= this.#text.length) throw new PatternRefusal('it has a [ without its ]');
      if (!first && this.#match(/\]/y) !== undefined)
        return `[${negated ? '^' : ''}${mode.caseless && source !== '' ? bothCases(source) : source}]`;
      const from = this.#atom();
      if (from === undefined) continue;
      if ('set' in from) {
        if (this.#match(/-(?!\])/y) !== undefined) throw new PatternRefusal('a range of a class begins with a set');
        source += from.set;
        continue;
      }
      source += octetSource(from.octet);
      if (this.#match(/-(?!\])/y) === undefined) continue;
      const to = this.#atom();
      if (to === undefined || 'set' in to) throw new PatternRefusal('a range of a class ends with no octet');
      if (to.octet < from.octet) throw new PatternRefusal('a range of a class has its ends the wrong way round');
      source += `-${octetSource(to.octet)}`;
    }
  }

  /** Undefined for what stands for nothing. */
  #atom(): Atom | undefined {
    const posix = this.#match(/\[:(\^?)(\w+):\]/y);
    if (posix !== undefined) {
      const set = POSIX[posix[2] ?? ''];
      if (set === undefined) throw new PatternRefusal(`there is no class ${posix[0]}`);
      return { set: posix[1] === '^' ? otherThan(set) : set };
    }
    const collating = this.#match(/\[([.=])[^\]]*\1\]/y);
    if (collating !== undefined) throw new PatternRefusal(`${collating[0]} has no equal here`);
    const character = this.#take();
    if (character > '\x7f' && !this.#options.utf) return { set: literal(character) };
    if (character !== '\\') return { octet: single(character) };
    const octet = this.#octetEscape();
    if (octet !== undefined) return { octet };
    const set = this.#setEscape();
    if (set !== undefined) return { set };
    if (this.#match(/Q\\E|E/y) !== undefined) return undefined;
    const letter = this.#take();
    if (letter === 'b') return { octet: 8 };
    if (letter === '') throw new PatternRefusal('it ends with a backslash');
    const octal = /[1-7]/.test(letter) ? (this.#match(/[0-7]{0,2}/y)?.[0] ?? '') : undefined;
    if (octal !== undefined) return { octet: checked(parseInt(letter + octal, 8), letter + octal) };
    if (/[0-9A-Za-z]/.test(letter))
      throw new PatternRefusal(`the escape \\${letter} has no equal in a class, or is none`);
    return { octet: single(letter) };
  }

  #literal(character: string, mode: Mode): string {
    if (character <= '\x7f') return oneOctet(character.charCodeAt(0), mode);
    const octets = literal(character);
    return this.#options.utf ? `(?:${octets})` : octets;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  /** Empty at the end. */
  #take(): string {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) return '';
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }

  /** What comes next, when it is of the sticky pattern. */
  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }
}

/** Beyond ASCII the octets of UTF-8, as they are in the file and in a page. */
function literal(character: string): string {
  return encodeURIComponent(character.replace(/\p{Surrogate}/gu, '?'))
    .toLowerCase()
    .replaceAll('%', '\\x');
}

function single(character: string): number {
  if (character > '\x7f')
    throw new PatternRefusal(
      `${character} in a class would be any of its octets; write it outside, as in (?:a|${character})`,
    );
  return character.charCodeAt(0);
}

function octetSource(octet: number): string {
  const character = String.fromCharCode(octet);
  if (/[ !"#%&',:;<=>@_`~0-9A-Za-z]/.test(character)) return character;
  return octet > 0x20 && octet < 0x7f ? `\\${character}` : `\\x${octet.toString(16).padStart(2, '0')}`;
}

/** Outside of a class. Without a locale PCRE knows the cases of ASCII only. */
function oneOctet(octet: number, { caseless }: Mode): string {
  const character = String.fromCharCode(octet);
  return caseless && /[A-Za-z]/.test(character)
    ? `[${character.toLowerCase()}${character.toUpperCase()}]`
    : octetSource(octet);
}

/** The inside of a class with the other case of each letter. */
function bothCases(set: string): string {
  const within = new RegExp(`[${set}]`);
  const has = (octet: number) => within.test(String.fromCharCode(octet));
  return ranges((octet) => has(octet) || (/[A-Za-z]/.test(String.fromCharCode(octet)) && has(octet ^ 0x20)));
}

function checked(octet: number, written: string): number {
  if (octet <= 0xff) return octet;
  throw new PatternRefusal(`\\${written} is more than an octet; write the octets of its UTF-8`);
}

/** All other octets than those of the set. */
function otherThan(set: string): string {
  const within = new RegExp(`[${set}]`);
  return ranges((octet) => !within.test(String.fromCharCode(octet)));
}

/** Without PCRE's UTF mode an octet has the properties of the character of this number. */
function octetsOf(property: string, written: string): string {
  for (const name of [property, `Script=${property}`])
    try {
      const within = new RegExp(`\\p{${name}}`, 'u');
      return ranges((octet) => within.test(String.fromCharCode(octet)));
    } catch {
      continue;
    }
  throw new PatternRefusal(`the property ${written} has no equal here`);
}

function ranges(has: (octet: number) => boolean): string {
  let source = '';
  for (let first = 0; first < 0x100; first++) {
    if (!has(first)) continue;
    let last = first;
    while (last < 0xff && has(last + 1)) last++;
    source += octetSource(first) + (last > first ? `-${octetSource(last)}` : '');
    first = last;
  }
  return source;
}
