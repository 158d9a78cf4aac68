import type { RealServerTraits, VirtualServerTraits } from '@keepfleet/ipvs';

// The names of services and servers that keepalived uses in its pipe, its mails and its log.

export function virtualServerName({ target, protocol }: Pick<VirtualServerTraits, 'target' | 'protocol'>): string {
  switch (target.kind) {
    case 'address':
      return `[${target.address}]:${protocol}:${target.port}`;
    case 'fwmark':
      return `FWM ${target.fwmark}`;
    case 'group':
      return `[${target.name}]:${protocol}:0`;
  }
}

export function realServerName(
  { protocol }: Pick<VirtualServerTraits, 'protocol'>,
  { address, port }: Pick<RealServerTraits, 'address' | 'port'>,
): string {
  return `[${address}]:${protocol}:${port}`;
}
