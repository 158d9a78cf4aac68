import { type Family, type IpAddress, familyOf, ipBytes } from '@keepfleet/wire';
import { type Bytes, pinned } from '../libc.ts';
import { AF_INET, AF_INET6 } from './options.ts';

export const SOCKET_ADDRESS_LENGTH: Readonly<Record<Family, number>> = { ipv4: 16, ipv6: 28 };

/** `struct sockaddr_in` or `struct sockaddr_in6`; `scope` is an interface index and counts for link-local IPv6. */
export function writeSocketAddress(into: Bytes, address: IpAddress, port: number, scope: number): number {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  const family = familyOf(address);
  into.fill(0, 0, SOCKET_ADDRESS_LENGTH[family]);
  view.setUint16(0, family === 'ipv4' ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  into.set(ipBytes(address), family === 'ipv4' ? 4 : 8);
  if (family === 'ipv6') view.setUint32(24, scope, true);
  return SOCKET_ADDRESS_LENGTH[family];
}

export function socketAddress(address: IpAddress, port: number, scope = 0): Bytes {
  const bytes = pinned(SOCKET_ADDRESS_LENGTH[familyOf(address)]);
  writeSocketAddress(bytes, address, port, scope);
  return bytes;
}
