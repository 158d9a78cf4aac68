import { type Result, err, ok } from '@keepfleet/wire';

/** Where net-snmp's master agent listens unless told otherwise. */
export const DEFAULT_MASTER = 'unix:/var/agentx/master';

/** RFC 2741 section 8.1.1. */
const AGENTX_PORT = 705;

export type MasterAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface MasterAddressError {
  readonly kind: 'bad-master-address';
  readonly text: string;
}

/** The spellings of net-snmp's `agentXSocket`: `unix:/path`, `/path`, `tcp:host[:port]`, `tcp6:[address]:port`. */
export function parseMasterAddress(text: string): Result<MasterAddress, MasterAddressError> {
  const path = /^(?:unix:)?(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return ok({ kind: 'unix', path });
  const tcp = /^tcp6?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = tcp?.[1] ?? tcp?.[2];
  const port = Number(tcp?.[3] ?? AGENTX_PORT);
  return host === undefined || port < 1 || port > 65535
    ? err({ kind: 'bad-master-address', text })
    : ok({ kind: 'tcp', host, port });
}
