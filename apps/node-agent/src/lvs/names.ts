import type { RealServerTraits, VirtualServerTraits } from '@keepfleet/ipvs';

// The names of services and servers that keepalived uses in its pipe, its mails and its log.

/** As much of a service as tells which of its group's it is: of the settings, or of the configuration. */
interface Ranked {
  readonly key: string;
  readonly target: { readonly kind: 'group'; readonly name: string } | { readonly kind: 'address' | 'fwmark' };
}

/** Of services of groups, how many of the same group are before each in the file; by their keys. */
export function groupRanks(services: readonly Ranked[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const ranks = new Map<string, number>();
  for (const { key, target } of services) {
    if (target.kind !== 'group') continue;
    const rank = counts.get(target.name) ?? 0;
    counts.set(target.name, rank + 1);
    ranks.set(key, rank);
  }
  return ranks;
}

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
