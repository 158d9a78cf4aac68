import type { GlobalSettings } from '../grammar/global-defs.ts';
import type { InstanceSettings } from '../grammar/vrrp-instance.ts';
import type { GarpSettings } from './model.ts';

const SECOND = 1_000_000;

/** Announcements of addresses: an instance's own settings, else those of global_defs. */
export function resolveGarp(
  set: Partial<InstanceSettings>,
  globals: Partial<GlobalSettings>,
  strict: boolean,
): GarpSettings {
  const least = globals.minGarp === true;
  const masterDelay = set.garpMasterDelay ?? globals.garpMasterDelay ?? (least ? 0 : 5 * SECOND);
  const masterRepeat = set.garpMasterRepeat ?? globals.garpMasterRepeat ?? (least ? 1 : 5);
  const extra = set.garpExtraInterfaces ?? globals.garpExtraInterfaces;
  return {
    masterDelay,
    masterRepeat,
    masterRefresh: set.garpMasterRefresh ?? globals.garpMasterRefresh ?? 0,
    masterRefreshRepeat: set.garpMasterRefreshRepeat ?? globals.garpMasterRefreshRepeat ?? 1,
    // Not the instance's own master delay: keepalived's preset is made of global_defs alone.
    lowerPriorityDelay:
      set.garpLowerPriorityDelay ??
      globals.garpLowerPriorityDelay ??
      globals.garpMasterDelay ??
      (least ? 0 : 5 * SECOND),
    lowerPriorityRepeat: strict
      ? 0
      : (set.garpLowerPriorityRepeat ?? globals.garpLowerPriorityRepeat ?? globals.garpMasterRepeat ?? (least ? 1 : 5)),
    extraInterval: extra?.interval ?? 0,
    extraOnAll: extra?.all ?? false,
    arpInterval: globals.garpInterval ?? 0,
    neighbourInterval: globals.gnaInterval ?? 0,
  };
}
