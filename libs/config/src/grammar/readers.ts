import { type Family, type IpAddress, familyOf, parseIp } from '@keepfleet/wire';
import { type CommandProblem, commandWords } from './command-words.ts';
import type { Arguments, Found } from './context.ts';
import { type Form, described, syntax } from './form.ts';

/** Takes a value from the parameters. Undefined means that it was wrong, that this is reported, and that nothing is to be set. */
export interface Reader<T> {
  (args: Arguments): T | undefined;
  readonly form?: Form;
}

/** keepalived's longest time: 2^32 - 1 µs counted in seconds with six decimals. */
export const MAX_SECONDS = 4_294.967295;
const MICROS = 1_000_000;

export function integer(low: number, high: number): Reader<number> {
  const what = `a number from ${low} to ${high}`;
  return described({ kind: 'integer', low, high }, (args: Arguments) => {
    const word = args.need(what);
    return word === undefined ? undefined : wholeNumber(args, word, low, high);
  });
}

/** Decimal seconds to whole microseconds; keepalived takes up to six decimals. */
export function seconds(low: number, high = MAX_SECONDS): Reader<number> {
  return described({ kind: 'seconds', low, high }, (args: Arguments) => {
    const word = args.need('a time in seconds');
    if (word === undefined) return undefined;
    if (!/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(word.text)) return args.bad(word, 'a time in seconds');
    const value = Math.round(Number(word.text) * MICROS);
    if (value >= low * MICROS && value <= high * MICROS) return value;
    return args.outOfRange(word, `${low} to ${high} seconds`);
  });
}

/** `on|off|true|false|yes|no`; without a value it is true. */
export const boolean = described({ kind: 'boolean' }, (args: Arguments): boolean | undefined => {
  const word = args.take();
  if (word === undefined || /^(on|true|yes)$/.test(word.text)) return true;
  if (/^(off|false|no)$/.test(word.text)) return false;
  return args.bad(word, 'on, off, true, false, yes or no');
});

/** A keyword whose presence is its value. */
export const flag = described({ kind: 'none' }, (): true => true);

export function word(what: string): Reader<string> {
  return described({ kind: 'text', what }, (args: Arguments) => args.need(what)?.text);
}

export function oneOf<T extends string>(...choices: readonly T[]): Reader<T> {
  const what = choices.join(' or ');
  return described({ kind: 'choice', choices }, (args: Arguments) => {
    const found = args.need(what);
    if (found === undefined) return undefined;
    return choices.find((choice) => choice === found.text) ?? args.bad(found, choices.join(', '));
  });
}

export const vrrpVersion = described({ kind: 'choice', choices: ['2', '3'] }, (args: Arguments): 2 | 3 | undefined => {
  const found = oneOf('2', '3')(args);
  return found === undefined ? undefined : found === '3' ? 3 : 2;
});

/** All words to the end of the line. */
export const words = described({ kind: 'words' }, (args: Arguments): readonly string[] => {
  const found: string[] = [];
  for (let next = args.take(); next !== undefined; next = args.take()) found.push(next.text);
  return found;
});

export const address = described({ kind: 'address' }, (args: Arguments): IpAddress | undefined => {
  const found = args.need('an IP address');
  if (found === undefined) return undefined;
  const parsed = parseIp(found.text);
  return parsed.ok ? parsed.value : args.bad(found, 'an IP address');
});

/** As keepalived does for sources, a prefix length is taken and has no meaning. */
export const addressWithoutPrefix = described({ kind: 'address' }, (args: Arguments): IpAddress | undefined => {
  const found = args.need('an IP address');
  if (found === undefined) return undefined;
  const parsed = parseIp(found.text.replace(/\/\d{1,3}$/, ''));
  return parsed.ok ? parsed.value : args.bad(found, 'an IP address');
});

export function multicast(family: Family): Reader<IpAddress> {
  return described({ kind: 'multicast', family }, (args: Arguments) => {
    const found = args.peek();
    const value = address(args);
    if (value === undefined || found === undefined) return undefined;
    const fits = familyOf(value) === family && /^(ff|22[4-9]\.|23\d\.)/.test(value);
    return fits ? value : args.bad(found, `an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} multicast address`);
  });
}

export const anyMulticast = described({ kind: 'multicast' }, (args: Arguments): IpAddress | undefined => {
  const family = args.peek()?.text.includes(':') === true ? 'ipv6' : 'ipv4';
  return multicast(family)(args);
});

/** A port, or 0 when the line ends first. */
export function optionalPort(args: Arguments): number | undefined {
  return args.peek() === undefined ? 0 : anyPort(args);
}

const anyPort = integer(0, 65_535);

const MAX_INTERFACE_NAME = 15;

export const interfaceName = described({ kind: 'interface' }, (args: Arguments): string | undefined => {
  const found = args.need('the name of an interface');
  if (found === undefined) return undefined;
  const fits = found.text.length <= MAX_INTERFACE_NAME && !/[\s/]/.test(found.text) && found.text !== '';
  return fits ? found.text : args.bad(found, `an interface name of 1 to ${MAX_INTERFACE_NAME} characters`);
});

/** A value that may be left out. */
export function optional<T>(reader: Reader<T>, otherwise: T): Reader<T> {
  const optional: Reader<T> = (args) => (args.peek() === undefined ? otherwise : reader(args));
  return reader.form === undefined ? optional : described({ ...reader.form, optional: true }, optional);
}

/** A program with its arguments, and the user it runs as. */
export interface Command {
  readonly argv: readonly string[];
  readonly user?: string;
  readonly group?: string;
}

const EXPECTED_OF_COMMAND: Readonly<Record<CommandProblem, string>> = {
  'open-quote': 'a command whose inner quotes are closed',
  'open-escape': 'a command that does not end in a backslash',
  'not-utf8': 'a command whose escapes make UTF-8',
};

/**
 * One word, quoted when it has blanks, that holds the program and its arguments; a user and a group may follow.
 */
export const command = described({ kind: 'command' }, (args: Arguments): Command | undefined => {
  const line = args.need('a command');
  if (line === undefined) return undefined;
  const found = commandWords(line.text);
  if ('problem' in found) return args.bad(line, EXPECTED_OF_COMMAND[found.problem]);
  const { words: argv, cut } = found;
  if (argv.length === 0) return args.bad(line, 'a command');
  if (cut) args.diagnostics.warning('ignored', line.at, 'what is behind the escape of a NUL byte has no effect');
  const user = args.take()?.text;
  const group = args.take()?.text;
  return { argv, ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }) };
});

/** Who a program runs as. */
export interface Account {
  readonly user: string;
  readonly group?: string;
}

export const account = syntax('USER [GROUP]', 'nobody nogroup', (args: Arguments) => {
  const user = args.need('a user')?.text;
  const group = args.take()?.text;
  return user === undefined ? undefined : { user, ...(group === undefined ? {} : { group }) };
});

export function wholeNumber(args: Arguments, found: Found, low: number, high: number): number | undefined {
  if (!/^[+-]?\d+$/.test(found.text)) return args.bad(found, `a number from ${low} to ${high}`);
  const value = Number(found.text);
  if (value >= low && value <= high) return value === 0 ? 0 : value;
  return args.outOfRange(found, `${low} to ${high}`);
}
