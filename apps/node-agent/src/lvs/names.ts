import type { RealServerTraits, VirtualServerTraits } from '@keepfleet/ipvs';

// The names of services and servers that keepalived uses in its pipe, its mails and its log.

/** `rank`: of a group, how many services of the same group are before it in the file. */
export function virtualServerName(
  { target, protocol }: Pick<VirtualServerTraits, 'target' | 'protocol'>,
  rank = 0,
): string {
  switch (target.kind) {
    case 'address':
      return `[${target.address}]:${protocol}:${target.port}`;
    case 'fwmark':
      return `FWM ${target.fwmark}`;
    case 'group':
      return `[${target.name}]:${rank}`;
  }
}

export function realServerName(
  { target, protocol }: Pick<VirtualServerTraits, 'target' | 'protocol'>,
  { address, port }: Pick<RealServerTraits, 'address' | 'port'>,
): string {
  return `[${address}]:${target.kind === 'fwmark' ? 'none' : protocol}:${port}`;
}
