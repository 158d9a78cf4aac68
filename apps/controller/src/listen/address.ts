import { isIP, BlockList } from 'node:net';
import { err, ok, type Result } from '@keepfleet/wire';

/** Where to listen: a TCP address or a UNIX socket. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** "127.0.0.1:7480", "[::1]:7480", "unix:/run/x.sock". A name other than localhost is not accepted: what it means may change. */
export function parseListenAddress(text: string): Result<ListenAddress, string> {
  if (text.startsWith('unix:/')) return ok({ kind: 'unix', path: text.slice('unix:'.length) });
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.['v6'] ?? match?.groups?.['v4'];
  const port = Number(match?.groups?.['port']);
  if (host === undefined || port > 65_535) return err('write ADDRESS:PORT, [IPv6-ADDRESS]:PORT or unix:/PATH');
  if (host === 'localhost') return ok({ kind: 'tcp', host: '127.0.0.1', port });
  if (isIP(host) === 0) return err(`"${host}" is not an IP address`);
  return ok({ kind: 'tcp', host, port });
}

/** Nobody but this machine reaches it. */
export function isLocal(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  return loopback.check(address.host, isIP(address.host) === 6 ? 'ipv6' : 'ipv4');
}

export function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
