import { type IpAddress, type MacAddress, formatMac, parseIp } from '@keepfleet/wire';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { wholeNumber } from './readers.ts';

const MAX_INTERFACE_NAME = 15;

/** `use_vmac` as written. */
export interface VmacLine {
  readonly name?: string;
  readonly base?: string;
  /** Five octets, whose sixth is the number of the router, or all six. */
  readonly octets?: readonly number[];
  readonly group?: number;
}

/** `use_ipvlan` as written. */
export interface IpvlanLine {
  readonly name?: string;
  readonly base?: string;
  readonly address?: { readonly address: IpAddress; readonly prefixLength: number };
  readonly mode: 'bridge' | 'private' | 'vepa';
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const vmacLine = syntax(
  '[NAME] [INTERFACE] [MAC of 5 or 6 octets] [netlink_notify_msg] [group N]',
  'vrrp.7',
  (args: Arguments): VmacLine | undefined => {
    const line: Mutable<VmacLine> = {};
    for (let word = args.take(); word !== undefined; word = args.take()) {
      if (word.text === 'netlink_notify_msg') continue;
      if (word.text === 'group') {
        const found = args.need('a number');
        const group = found === undefined ? undefined : wholeNumber(args, found, 0, 0x7fff_ffff);
        if (group === undefined) return undefined;
        line.group = group;
      } else if (/^([0-9a-f]{1,2}:){4,5}[0-9a-f]{1,2}$/i.test(word.text))
        line.octets = word.text.split(':').map((octet) => parseInt(octet, 16));
      else if (!named(line, word.text)) return args.bad(word, 'a name, an interface or a MAC address');
    }
    return line;
  },
);

export const ipvlanLine = syntax(
  '[NAME] [INTERFACE] [IP[/LENGTH]] [bridge|private|vepa]',
  'ipv.7 bridge',
  (args: Arguments): IpvlanLine | undefined => {
    const line: Mutable<IpvlanLine> = { mode: 'bridge' };
    for (let word = args.take(); word !== undefined; word = args.take()) {
      const { text } = word;
      if (text === 'bridge' || text === 'private' || text === 'vepa') {
        line.mode = text;
        continue;
      }
      const [address = '', length] = text.split('/');
      const parsed = parseIp(address);
      if (parsed.ok) {
        const longest = parsed.value.includes(':') ? 128 : 32;
        const prefixLength = length === undefined ? longest : Number(length);
        if (!(prefixLength >= 0 && prefixLength <= longest))
          return args.bad(word, `a prefix length of 0 to ${longest}`);
        line.address = { address: parsed.value, prefixLength };
      } else if (!named(line, text)) return args.bad(word, 'a name, an interface, an address or a mode');
    }
    return line;
  },
);

/** The first plain word is the name, the second the interface. */
function named(line: { name?: string; base?: string }, text: string): boolean {
  if (text.length > MAX_INTERFACE_NAME || /[\s/]/.test(text)) return false;
  if (line.name === undefined) line.name = text;
  else if (line.base === undefined) line.base = text;
  else return false;
  return true;
}

/** RFC 9568 section 7.3: 00-00-5E-00-01-{VRID} for IPv4, 00-00-5E-00-02-{VRID} for IPv6. */
export function virtualMac(vrid: number, family: 'ipv4' | 'ipv6', octets: readonly number[] = []): MacAddress {
  const usual = [0, 0, 0x5e, 0, family === 'ipv4' ? 1 : 2, vrid];
  return formatMac(Uint8Array.from(usual, (octet, i) => octets[i] ?? octet));
}
