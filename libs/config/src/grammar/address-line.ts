import { type IpAddress, familyOf, formatIp, ipBytes, parseIp } from '@keepfleet/wire';
import type { VirtualAddress } from '../model/parts.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { interfaceName, wholeNumber } from './readers.ts';

/** An address line before the interface without `dev` is known. */
export type AddressLine = Omit<VirtualAddress, 'interface'> & {
  readonly interface?: string;
  /** On an interface with the router's MAC address, on top of the one it names. */
  readonly ownVmac?: boolean;
};

type Mutable = { -readonly [K in keyof AddressLine]: AddressLine[K] };
type Option = (line: Mutable, args: Arguments) => unknown;

const MAX_LABEL = 15;

const OPTIONS: Readonly<Record<string, Option>> = {
  dev: (line, args) => keep(interfaceName(args), (value) => (line.interface = value)),
  scope: (line, args) => keep(scope(args), (value) => (line.scope = value)),
  label(line, args) {
    const label = args.need('a label');
    if (label === undefined) return;
    if (label.text.length > MAX_LABEL) args.bad(label, `a label of at most ${MAX_LABEL} characters`);
    else line.label = label.text;
  },
  brd: broadcast,
  broadcast,
  peer: (line, args) => keep(addressWithPrefix(args), (value) => (line.peer = value)),
  preferred_lft(line, args) {
    const found = args.need('a number of seconds or forever');
    if (found === undefined) return;
    const value = found.text === 'forever' ? 'forever' : wholeNumber(args, found, 0, 0xffff_fffe);
    if (value !== undefined) line.preferredLifetime = value;
  },
  home: (line) => (line.home = true),
  '-nodad': (line) => (line.noDad = false),
  mngtmpaddr: (line) => (line.manageTemporary = true),
  noprefixroute: (line) => (line.noPrefixRoute = true),
  autojoin: (line) => (line.autoJoin = true),
  no_track: (line) => (line.tracked = false),
  use_vmac: (line) => (line.ownVmac = true),
  track_group: (line, args) => keep(args.need('a name')?.text, (value) => (line.trackGroup = value)),
};

/** `ADDR[/len] [dev IF] [brd ADDR|+|-] [scope S] [label L] …`; undefined when the address itself cannot be used. */
export const addressLine = syntax(
  'IP[/LENGTH] [dev INTERFACE] [brd IP|+|-] [scope SCOPE] [label LABEL] [peer IP[/LENGTH]] …',
  '192.0.2.1/24 dev eth0',
  (args: Arguments): AddressLine | undefined => {
    const { at } = args;
    const first = addressWithPrefix(args);
    if (first === undefined) return undefined;
    const family = familyOf(first.address);
    const line: Mutable = {
      ...first,
      noDad: true,
      home: false,
      manageTemporary: false,
      noPrefixRoute: false,
      autoJoin: false,
      tracked: true,
      preferredLifetime: family === 'ipv6' && first.prefixLength === 128 ? 0 : 'forever',
      at,
    };
    for (let word = args.take(); word !== undefined; word = args.take()) {
      const option = Object.hasOwn(OPTIONS, word.text) ? OPTIONS[word.text] : undefined;
      if (option === undefined) {
        args.diagnostics.warning(
          'unknown-keyword',
          word.at,
          `unknown word "${word.text}" after the address ${line.address}`,
          'known are dev, brd, scope, label, peer, home, -nodad, mngtmpaddr, noprefixroute, autojoin, no_track, preferred_lft',
        );
        continue;
      }
      option(line, args);
      if (family === 'ipv6' && /^(scope|label)$/.test(word.text)) {
        args.diagnostics.warning('ignored', word.at, `${word.text} has no effect on the IPv6 address ${line.address}`);
        delete line[word.text === 'scope' ? 'scope' : 'label'];
      }
    }
    return line;
  },
);

/** `ADDR` or `ADDR/len`; a missing length is the longest one. */
export function addressWithPrefix(args: Arguments): { address: IpAddress; prefixLength: number } | undefined {
  const word = args.need('an address');
  if (word === undefined) return undefined;
  const [text = '', prefix, ...more] = word.text.split('/');
  const parsed = parseIp(text);
  if (!parsed.ok || more.length > 0) return args.bad(word, 'an IP address with an optional /prefix length');
  const longest = familyOf(parsed.value) === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return { address: parsed.value, prefixLength: longest };
  if (!/^\d+$/.test(prefix) || Number(prefix) > longest) return args.bad(word, `a prefix length of 0 to ${longest}`);
  return { address: parsed.value, prefixLength: Number(prefix) };
}

const SCOPES: Readonly<Record<string, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };

function scope(args: Arguments): number | undefined {
  const found = args.need('a scope');
  if (found === undefined) return undefined;
  if (Object.hasOwn(SCOPES, found.text)) return SCOPES[found.text];
  if (!/^\d+$/.test(found.text)) return args.bad(found, `${Object.keys(SCOPES).join(', ')} or a number`);
  if (Number(found.text) <= 255) return Number(found.text);
  return args.outOfRange(found, 'a scope of 0 to 255');
}

function broadcast(line: Mutable, args: Arguments): void {
  const word = args.need('a broadcast address, + or -');
  if (word === undefined) return;
  if (familyOf(line.address) === 'ipv6' || line.peer !== undefined) {
    args.diagnostics.warning('ignored', word.at, 'a broadcast address has no effect on IPv6 or with a peer');
    return;
  }
  if (word.text === '+' || word.text === '-') {
    line.broadcast = edgeOfNetwork(line.address, line.prefixLength, word.text === '+' ? 1 : 0);
    return;
  }
  const parsed = parseIp(word.text);
  if (parsed.ok && familyOf(parsed.value) === 'ipv4') line.broadcast = parsed.value;
  else args.bad(word, 'an IPv4 address, + or -');
}

/** The address of a network whose host bits are all 1 or all 0. */
function edgeOfNetwork(address: IpAddress, prefixLength: number, bit: 0 | 1): IpAddress {
  const bytes = ipBytes(address);
  for (let i = prefixLength; i < bytes.length * 8; i++) {
    const mask = 0x80 >> (i % 8);
    const byte = bytes[i >> 3] ?? 0;
    bytes[i >> 3] = bit === 1 ? byte | mask : byte & ~mask;
  }
  return formatIp(bytes);
}

function keep<T>(value: T | undefined, store: (value: T) => void): void {
  if (value !== undefined) store(value);
}
