import type { Diagnostics } from '../diagnostics.ts';
import type { ConfigDraft } from '../grammar/root.ts';
import type { KeepalivedConfig, SyncGroup, VrrpInstance } from './model.ts';
import { checkNftables } from './nftables-checks.ts';
import { checkSharedServices } from './shared-services.ts';

/** What is right by itself and has no effect, or cannot be, beside something else; the model has it as it was written. */
export function crossChecks(config: KeepalivedConfig, draft: ConfigDraft, diagnostics: Diagnostics): void {
  checkNftables(config, draft, diagnostics);
  checkSharedServices(config, diagnostics);
  const groups = new Map(config.syncGroups.flatMap((group) => group.members.map((member) => [member, group])));
  for (const instance of config.vrrpInstances) {
    checkOwnInterface(instance, diagnostics);
    const group = groups.get(instance.name);
    if (group !== undefined) checkMember(instance, group, diagnostics);
  }
  for (const group of config.syncGroups) checkOwners(group, config.vrrpInstances, diagnostics);
  for (const { target, places, set, at } of draft.virtualServers) {
    if (target.kind !== 'fwmark' || set.protocol === undefined) continue;
    const message = `fwmark ${target.mark}: a mark has no protocol, so this has no effect`;
    diagnostics.warning('ignored', places.protocol ?? at, message);
  }
}

function checkOwnInterface(
  { name, interface: own, trackInterfaces, trackPrimary }: VrrpInstance,
  diagnostics: Diagnostics,
): void {
  for (const tracked of trackInterfaces) {
    if (tracked.name !== own || !trackPrimary) continue;
    diagnostics.warning('ignored', tracked.at, `${name} tracks its own interface ${own}, which it does anyway`);
  }
}

/** A weight would part the members, so it counts only where the group asks for it. */
function checkMember(instance: VrrpInstance, group: SyncGroup, diagnostics: Diagnostics): void {
  if (group.trackingWeight) return;
  for (const { name, weight = 0, at } of instance.trackInterfaces) {
    if (weight === 0) continue;
    diagnostics.warning(
      'ignored',
      at,
      `${instance.name}: the weight of ${name} has no effect in the sync group ${group.name}`,
      'write sync_group_tracking_weight in the group if it should',
    );
  }
}

/** Members that own their addresses are masters whatever the others are. */
function checkOwners(group: SyncGroup, instances: readonly VrrpInstance[], diagnostics: Diagnostics): void {
  const members = instances.filter(({ name }) => group.members.includes(name));
  const owners = members.filter(({ priority }) => priority === 255);
  if (owners.length > 0 && owners.length < members.length) {
    diagnostics.warning(
      'ignored',
      group.at,
      `the sync group ${group.name} has members of priority 255 (${owners.map(({ name }) => name).join(', ')}) and others, so none begins as master`,
      'give all of them priority 255, or none',
    );
  }
  for (const tracked of group.trackInterfaces) {
    const twice = members.filter(
      ({ trackInterfaces, trackPrimary, interface: own }) =>
        (trackPrimary && own === tracked.name) || trackInterfaces.some(({ name }) => name === tracked.name),
    );
    if (twice.length === 0) continue;
    diagnostics.warning(
      'duplicate',
      tracked.at,
      `${tracked.name} is tracked by the sync group ${group.name} and by ${twice.map(({ name }) => name).join(', ')}`,
      'the group is enough',
    );
  }
}
