import type { Diagnostics, Position } from '../diagnostics.ts';
import type { ConfigDraft } from '../grammar/root.ts';
import type { GarpGroup, NotifyFifo, TrackFile, TrackGroup, TrackProcess, VrrpInstance } from './model.ts';
import { place } from './resolve-vrrp.ts';

const DEFAULT_FILE_WEIGHT = 1;

/** Files that have a path. */
export function resolveFiles({ trackFiles }: ConfigDraft, diagnostics: Diagnostics): readonly TrackFile[] {
  return distinct('track_file', trackFiles, diagnostics).flatMap(({ name, at, set }) => {
    if (set.path === undefined) {
      diagnostics.error('missing-setting', at, `track_file ${name} has no file`, 'add: file PATH');
      return [];
    }
    const { weight = DEFAULT_FILE_WEIGHT, reverse = false } = set.weight ?? {};
    const initial = set.initial === undefined ? {} : { initial: set.initial };
    return [{ name, at, path: set.path, weight, reverse, ...initial }];
  });
}

/** Processes that have a program. */
export function resolveProcesses({ processes }: ConfigDraft, diagnostics: Diagnostics): readonly TrackProcess[] {
  return distinct('vrrp_track_process', processes, diagnostics).flatMap(({ name, at, set }) => {
    if (set.command === undefined) {
      diagnostics.error('missing-setting', at, `vrrp_track_process ${name} has no process`, 'add: process COMMAND');
      return [];
    }
    const { weight = 0, reverse = false } = set.weight ?? {};
    const { command, parameters = 'exact', quorum = 1, quorumMax, forkDelay = 0, terminateDelay = 0 } = set;
    const most = quorumMax === undefined ? {} : { quorumMax };
    const fullCommand = set.fullCommand ?? false;
    return [
      { name, at, command, parameters, weight, reverse, quorum, ...most, forkDelay, terminateDelay, fullCommand },
    ];
  });
}

export function resolveGarpGroups({ garpGroups }: ConfigDraft, diagnostics: Diagnostics): readonly GarpGroup[] {
  const groupOf = new Map<string, Position>();
  return garpGroups.flatMap(({ at, set }) => {
    const named = [...(set.interface === undefined ? [] : [set.interface]), ...(set.interfaces ?? [])];
    const interfaces = named.filter((name) => {
      const other = groupOf.get(name);
      if (other === undefined) groupOf.set(name, at);
      else diagnostics.warning('duplicate', at, `${name} is in the garp_group at ${place(other)} already`);
      return other === undefined;
    });
    if (interfaces.length === 0) {
      diagnostics.warning('ignored', at, 'a garp_group without interfaces has no effect', 'add: interface NAME');
      return [];
    }
    const arp = set.interval === undefined ? {} : { arpInterval: set.interval };
    const neighbour = set.gnaInterval === undefined ? {} : { neighbourInterval: set.gnaInterval };
    return [{ interfaces, ...arp, ...neighbour }];
  });
}

/** The instances of each group that there are; a line of a group that there is not has no effect. */
export function resolveTrackGroups(
  { trackGroups, staticAddresses, staticRoutes, staticRules }: ConfigDraft,
  instances: readonly VrrpInstance[],
  diagnostics: Diagnostics,
): readonly TrackGroup[] {
  const names = new Set(trackGroups.map(({ name }) => name));
  const lines = [
    ...staticAddresses,
    ...[...staticRoutes, ...staticRules].map(({ at, entry }) => ({ at, trackGroup: entry.trackGroup })),
  ];
  for (const { at, trackGroup } of lines)
    if (trackGroup !== undefined && !names.has(trackGroup))
      diagnostics.warning('ignored', at, `there is no track_group ${trackGroup}, so nothing follows from this line`);
  return trackGroups.map(({ name, at, set }) => {
    const members = (set.instances ?? []).filter((member) => {
      const known = instances.some((one) => one.name === member);
      if (!known) diagnostics.warning('ignored', at, `track_group ${name}: there is no vrrp_instance ${member}`);
      return known;
    });
    return { name, instances: members };
  });
}

/** A pipe with the script beside it. */
export function resolveFifo(fifo: NotifyFifo | undefined, script: NotifyFifo['script']): NotifyFifo | undefined {
  if (fifo === undefined) return undefined;
  return script === undefined ? fifo : { ...fifo, script };
}

function distinct<T extends { readonly name: string; readonly at: Position }>(
  kind: string,
  drafts: readonly T[],
  diagnostics: Diagnostics,
): T[] {
  const names = new Map<string, Position>();
  return drafts.filter(({ name, at }) => {
    const first = names.get(name);
    if (first !== undefined) diagnostics.error('duplicate', at, `${kind} ${name} is there already, at ${place(first)}`);
    else names.set(name, at);
    return first === undefined;
  });
}
