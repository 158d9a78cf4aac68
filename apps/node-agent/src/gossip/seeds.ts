import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Endpoint } from '@keepfleet/swim';
import { parseIp } from '@keepfleet/wire';
import { GossipError } from './errors.ts';

/** serf's and memberlist's port. */
export const DEFAULT_PORT = 7946;

export interface Seed {
  /** An address or a name to look up. */
  readonly host: string;
  readonly port: number;
}

/** `host`, `host:port`, `[IPv6]:port` or a bare IPv6 address. */
export function parseSeed(text: string): Seed {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? (isIP(text) === 6 ? text : '');
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === '' || port < 1 || port > 65_535)
    throw new GossipError(
      'bad-settings',
      `gossip: the seed "${text}" is not written as host, host:port or [IPv6]:port`,
    );
  return { host, port };
}

export function seedEndpoint({ host, port }: Seed): Endpoint | undefined {
  const address = parseIp(host);
  return address.ok ? { address: address.value, port } : undefined;
}

/** Every address that a seed's name has now. */
export async function lookUp({ host, port }: Seed): Promise<Endpoint[]> {
  const found = await lookup(host, { all: true });
  return found.flatMap(({ address }) => {
    const parsed = parseIp(address);
    return parsed.ok ? [{ address: parsed.value, port }] : [];
  });
}
