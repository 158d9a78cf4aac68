import type { VrrpOutput } from './messages.ts';
import { type RoutingEntry, inRemovalOrder } from './routing.ts';
import { type VirtualAddress, type VirtualRouterSettings, inTableOrder } from './settings.ts';
import { type Interfaces, isInstalled } from './tracking.ts';

// What becomes of the addresses of a router that is not, or no longer, the master.

/** Rules and routes go before the addresses that they may need. */
export function removeAddresses({ addresses, routing = [] }: VirtualRouterSettings): VrrpOutput[] {
  return [
    ...removeRouting(routing),
    ...(addresses.length === 0
      ? []
      : [{ kind: 'remove-addresses', addresses: inTableOrder(addresses) } satisfies VrrpOutput]),
  ];
}

export function removeRouting(entries: readonly RoutingEntry[]): VrrpOutput[] {
  return entries.length === 0 ? [] : [{ kind: 'remove-routing', entries: inRemovalOrder(entries) }];
}

/** What a crash, or an earlier program, left on the interfaces of `addresses`. */
export function removeResidual(
  instance: string,
  addresses: readonly VirtualAddress[],
  interfaces: Interfaces,
): VrrpOutput[] {
  const residual = addresses.filter((one) => isInstalled(one, interfaces));
  if (residual.length === 0) return [];
  const events = residual.map((address) => ({ kind: 'residual-address-removed', instance, address }) as const);
  return [
    { kind: 'remove-addresses', addresses: residual },
    ...events.map((event) => ({ kind: 'event', event }) as const),
  ];
}
