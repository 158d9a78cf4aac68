import { type IpAddress, parseIp } from '@keepfleet/wire';
import { z } from 'zod';

/** `192.0.2.1`, `192.0.2.1:7946`, `2001:db8::1` or `[2001:db8::1]:7946`. */
export const endpointWithPort = (defaultPort: number) =>
  z.string().transform((text, context): { address: IpAddress; port: number } => {
    const found = readEndpoint(text, defaultPort);
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `found "${text}", expected an IP address, with :PORT if need be` });
    return z.NEVER;
  });

/** Undefined for what is none. */
export function readEndpoint(text: string, defaultPort: number): { address: IpAddress; port: number } | undefined {
  const bare = parseIp(text);
  if (bare.ok) return { address: bare.value, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = parseIp(match?.[1] ?? match?.[2] ?? '');
  const port = Number(match?.[3]);
  return address.ok && port >= 1 && port <= 65_535 ? { address: address.value, port } : undefined;
}
