import type { ConnectionSettings } from '@keepfleet/health';
import type { TcpSettings } from '@keepfleet/linux';
import { familyOf, ip } from '@keepfleet/wire';

const ANY = { ipv4: ip('0.0.0.0'), ipv6: ip('::') } as const;

/** Where to, and from where, in the words of the sockets. */
export function endsOf({
  address,
  port,
  bindAddress,
  bindPort,
  bindInterface,
  fwmark,
}: ConnectionSettings): TcpSettings {
  const source = bindAddress ?? (bindPort === null ? null : ANY[familyOf(address)]);
  return {
    destination: address,
    port,
    source: source === null ? undefined : { address: source, port: bindPort ?? 0 },
    device: bindInterface ?? undefined,
    mark: fwmark ?? undefined,
  };
}
