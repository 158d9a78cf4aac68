import { familyOf } from '@keepfleet/wire';
import type { Diagnostics, Position } from '../diagnostics.ts';
import type { BfdSettings } from '../grammar/bfd-instance.ts';
import type { Named } from '../grammar/root.ts';
import type { BfdInstance, SyncGroup, VrrpInstance } from './model.ts';
import { place } from './resolve-vrrp.ts';

const MILLISECOND = 1_000;
const ANY_HOPS = 255;

/** BFD instances that can run; one that cannot is reported and left out. */
export function resolveBfd(drafts: readonly Named<BfdSettings>[], diagnostics: Diagnostics): readonly BfdInstance[] {
  const names = new Map<string, Position>();
  const paths = new Map<string, BfdInstance>();
  return drafts.flatMap((draft) => {
    const { name, at } = draft;
    const first = names.get(name);
    if (first !== undefined) {
      diagnostics.error('duplicate', at, `bfd_instance ${name} is there already, at ${place(first)}`);
      return [];
    }
    names.set(name, at);
    const instance = resolveInstance(draft, diagnostics);
    if (instance === undefined) return [];
    const path = `${instance.multihop} ${instance.source ?? ''} ${instance.neighbor}`;
    const other = paths.get(path);
    if (other !== undefined) {
      diagnostics.error(
        'duplicate',
        draft.places.neighbor ?? at,
        `the neighbour ${instance.neighbor} of bfd_instance ${name} is that of ${other.name}, at ${place(other.at)}`,
        'give the two a source_ip each, or leave one out',
      );
      return [];
    }
    paths.set(path, instance);
    return [instance];
  });
}

function resolveInstance(draft: Named<BfdSettings>, diagnostics: Diagnostics): BfdInstance | undefined {
  const { name, at, set, places } = draft;
  const { neighbor, source } = set;
  if (neighbor === undefined) {
    diagnostics.error('missing-setting', at, `bfd_instance ${name} has no neighbor_ip`, 'add: neighbor_ip ADDRESS');
    return undefined;
  }
  if (source !== undefined && familyOf(source) !== familyOf(neighbor)) {
    diagnostics.error(
      'bad-value',
      places.source ?? at,
      `source_ip ${source} of bfd_instance ${name} is of another family than its neighbor_ip ${neighbor}`,
    );
    return undefined;
  }
  const { ttl } = set;
  const most = ttl ?? (familyOf(neighbor) === 'ipv4' ? 255 : 64);
  // keepalived keeps it in eight bits without a sign.
  const hops = set.maxHops === -1 ? ANY_HOPS : (set.maxHops ?? 0);
  const maxHops = hops === ANY_HOPS ? hops : Math.min(hops, most);
  if (maxHops < hops)
    diagnostics.warning(
      'adjusted',
      places.maxHops ?? at,
      `max_hops ${hops} of bfd_instance ${name} is more than its ttl, ${most}, which is taken`,
    );
  const everybody = set.forVrrp !== true && set.forChecker !== true;
  return {
    name,
    at,
    neighbor,
    ...(source === undefined ? {} : { source }),
    minRx: set.minRx ?? 10 * MILLISECOND,
    minTx: set.minTx ?? 10 * MILLISECOND,
    idleTx: set.idleTx ?? 1_000 * MILLISECOND,
    multiplier: set.multiplier ?? 5,
    passive: set.passive ?? false,
    ...(ttl === undefined ? {} : { ttl }),
    maxHops,
    multihop: set.multihop ?? false,
    weight: set.weight?.weight ?? 0,
    reverse: set.weight?.reverse ?? false,
    forVrrp: everybody || set.forVrrp === true,
    forChecker: everybody || set.forChecker === true,
  };
}

/** The trackers of instances and groups by the instances that tell VRRP; what is tracked and does not is reported. */
export function checkBfdTracking(
  owners: readonly (VrrpInstance | SyncGroup)[],
  instances: readonly BfdInstance[],
  diagnostics: Diagnostics,
): void {
  const known = new Map(instances.map((instance) => [instance.name, instance]));
  for (const owner of owners) {
    for (const { name, at } of owner.trackBfd) {
      const instance = known.get(name);
      if (instance === undefined)
        diagnostics.warning(
          'unresolved-reference',
          at,
          `${owner.name} tracks ${name}, but there is no usable bfd_instance ${name}`,
        );
      else if (!instance.forVrrp)
        diagnostics.warning(
          'unresolved-reference',
          at,
          `${owner.name} tracks ${name}, but bfd_instance ${name} is for checkers only`,
          `add to bfd_instance ${name}: vrrp`,
        );
    }
  }
}
