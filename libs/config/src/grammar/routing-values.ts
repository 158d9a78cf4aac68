import { type Family, type IpAddress, familyOf, ip, parseIp } from '@keepfleet/wire';
import type { Prefix, Range } from '../model/routing.ts';
import type { Arguments } from './context.ts';

// Values in route and rule lines. A number may be written as C does: 16, 0x10, 020.

export const KEEPALIVED_PROTOCOL = 18;
const MAX32 = 0xffff_ffff;

const TABLES: Names = { default: 253, main: 254, local: 255 };
const PROTOCOLS: Names = {
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  gated: 8,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dnrouted: 13,
  xorp: 14,
  ntk: 15,
  dhcp: 16,
  mrouted: 17,
  keepalived: 18,
  babel: 42,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
  eigrp: 192,
};
const SCOPES: Names = { global: 0, universe: 0, site: 200, link: 253, host: 254, nowhere: 255 };
const IP_PROTOCOLS: Names = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  sctp: 132,
};

type Names = Readonly<Record<string, number>>;

export function number(args: Arguments, what: string, high = MAX32, names: Names = {}): number | undefined {
  const word = args.need(what);
  if (word === undefined) return undefined;
  if (Object.hasOwn(names, word.text)) return names[word.text];
  const value = cNumber(word.text);
  if (value !== undefined && value <= high) return value;
  const known = Object.keys(names);
  return args.bad(
    word,
    known.length === 0 ? `${what} up to ${high}` : `${what}: a number up to ${high}, or ${known.join(', ')}`,
  );
}

export const table = (args: Arguments) => number(args, 'a table', MAX32, TABLES);
export const protocol = (args: Arguments) => number(args, 'a protocol', 255, PROTOCOLS);
export const scope = (args: Arguments) => number(args, 'a scope', 255, SCOPES);
export const ipProtocol = (args: Arguments) => number(args, 'an IP protocol', 255, IP_PROTOCOLS);
export const tos = (args: Arguments) => number(args, 'a type of service', 255);

/** `[FROM/]TO`, as the kernel keeps them. */
export function realms(args: Arguments): number | undefined {
  const word = args.need('realms');
  if (word === undefined) return undefined;
  const parts = word.text.split('/').map(cNumber);
  const [first, second] = parts;
  if (parts.length === 1 && first !== undefined && first <= 0xffff) return first;
  if (parts.length === 2 && first !== undefined && second !== undefined && first <= 0xffff && second <= 0xffff)
    return first * 0x1_0000 + second;
  return args.bad(word, 'realms: FROM/TO, each up to 65535');
}

/** `A` or `A-B`. */
export function range(args: Arguments, what: string, high: number): Range | undefined {
  const word = args.need(what);
  if (word === undefined) return undefined;
  const [low, top = low, ...more] = word.text.split('-').map(cNumber);
  if (low !== undefined && top !== undefined && more.length === 0 && low <= top && top <= high)
    return { low, high: top };
  return args.bad(word, `${what}: A or A-B up to ${high}`);
}

/** Milliseconds: `200ms`, `1s`; a bare number counts parts of one, `parts` to a millisecond. */
export function milliseconds(args: Arguments, parts: number): number | undefined {
  const word = args.need('a time');
  if (word === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|msecs?|s|secs?)?$/.exec(word.text);
  if (match === null) return args.bad(word, 'a time such as 200ms or 1s');
  if (match[2] === undefined) return Number(match[1]) / parts;
  return Number(match[1]) * (match[2].startsWith('s') ? 1000 : 1);
}

export function address(args: Arguments): IpAddress | undefined {
  const word = args.need('an address');
  if (word === undefined) return undefined;
  const parsed = parseIp(word.text);
  return parsed.ok ? parsed.value : args.bad(word, 'an IP address');
}

/** `ADDR[/LEN]`, `default`, `any` or `all`, which are all addresses of a family that something else tells. */
export function prefix(args: Arguments): Prefix | 'all' | undefined {
  const word = args.need('a prefix');
  if (word === undefined) return undefined;
  if (/^(default|any|all)$/.test(word.text)) return 'all';
  const [text = '', length, ...more] = word.text.split('/');
  const parsed = parseIp(text);
  if (!parsed.ok || more.length > 0) return args.bad(word, 'a prefix ADDRESS/LENGTH, default, any or all');
  const longest = familyOf(parsed.value) === 'ipv4' ? 32 : 128;
  const bits = length === undefined ? longest : cNumber(length);
  if (bits === undefined || bits > longest) return args.bad(word, `a prefix length of 0 to ${longest}`);
  return { address: parsed.value, length: bits };
}

export function allOf(family: Family): Prefix {
  return { address: ip(family === 'ipv4' ? '0.0.0.0' : '::'), length: 0 };
}

export function cNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,12}$/i.test(text)) return parseInt(text, 16);
  if (/^0[0-7]{1,12}$/.test(text)) return parseInt(text, 8);
  return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;
}
