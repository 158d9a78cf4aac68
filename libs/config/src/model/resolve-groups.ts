import type { Diagnostics, Position } from '../diagnostics.ts';
import type { GlobalSettings } from '../grammar/global-defs.ts';
import type { ConfigDraft } from '../grammar/root.ts';
import type { Draft } from '../grammar/rows.ts';
import type { SyncGroup, TrackFile, TrackProcess, VrrpInstance, VrrpScript } from './model.ts';
import type { TrackedName } from './parts.ts';
import { notifyCommands, place } from './resolve-vrrp.ts';

const SECOND = 1_000_000;

/** Sync groups of the instances that exist; one without any is reported and left out. */
export function resolveGroups(
  config: ConfigDraft,
  instances: readonly VrrpInstance[],
  diagnostics: Diagnostics,
): readonly SyncGroup[] {
  const known = new Set(instances.map((instance) => instance.name));
  const groupOf = new Map<string, string>();
  const names = new Map<string, Position>();
  const globals: Draft<GlobalSettings> = config.globals;
  return config.groups.flatMap(({ name, at, set }) => {
    const first = names.get(name);
    if (first !== undefined) {
      diagnostics.error('duplicate', at, `vrrp_sync_group ${name} is there already, at ${place(first)}`);
      return [];
    }
    names.set(name, at);
    const members = (set.members ?? []).flatMap((member) => {
      const other = groupOf.get(member.name);
      if (!known.has(member.name)) {
        diagnostics.warning(
          'unresolved-reference',
          member.at,
          `${name}: there is no usable vrrp_instance ${member.name}; the group goes on without it`,
        );
        return [];
      }
      if (other !== undefined) {
        diagnostics.error('duplicate', member.at, `${member.name} is in the sync group ${other} already`);
        return [];
      }
      groupOf.set(member.name, name);
      return [member.name];
    });
    if (members.length === 0) {
      diagnostics.warning(
        'ignored',
        at,
        `the sync group ${name} has no instance and is dropped`,
        'name its instances in a block: group { NAME … }, one a line',
      );
      return [];
    }
    if (members.length === 1) {
      diagnostics.warning(
        'ignored',
        at,
        `the sync group ${name} has one instance only, so there is nothing to keep together`,
      );
    }
    return [
      {
        name,
        at,
        members,
        trackInterfaces: set.trackInterfaces ?? [],
        trackScripts: set.trackScripts ?? [],
        trackFiles: set.trackFiles ?? [],
        trackProcesses: set.trackProcesses ?? [],
        trackBfd: set.trackBfd ?? [],
        trackingWeight: set.trackingWeight ?? false,
        notify: notifyCommands(set),
        smtpAlert: set.smtpAlert ?? globals.set.smtpAlertVrrp ?? globals.set.smtpAlert ?? false,
      },
    ];
  });
}

/** Scripts that have a command; one that nothing tracks is kept and reported. */
export function resolveScripts(
  config: ConfigDraft,
  instances: readonly VrrpInstance[],
  groups: readonly SyncGroup[],
  diagnostics: Diagnostics,
): readonly VrrpScript[] {
  const tracked = new Set(
    [...instances, ...groups].flatMap((owner) => owner.trackScripts.map((script) => script.name)),
  );
  const names = new Map<string, Position>();
  return config.scripts.flatMap(({ name, at, set }) => {
    const first = names.get(name);
    if (first !== undefined) {
      diagnostics.error('duplicate', at, `vrrp_script ${name} is there already, at ${place(first)}`);
      return [];
    }
    names.set(name, at);
    if (set.command === undefined) {
      diagnostics.error('missing-setting', at, `vrrp_script ${name} has no script`, 'add: script "COMMAND"');
      return [];
    }
    if (!tracked.has(name)) {
      diagnostics.warning('ignored', at, `nothing tracks vrrp_script ${name}, so it does not run`);
    }
    const interval = set.interval ?? SECOND;
    return [
      {
        name,
        at,
        command: { ...(set.user ?? {}), ...set.command },
        interval,
        timeout: set.timeout === undefined || set.timeout === 0 ? interval : set.timeout,
        weight: set.weight?.weight ?? 0,
        reverse: set.weight?.reverse ?? false,
        rise: set.rise ?? 1,
        fall: set.fall ?? 1,
        initiallyFailed: set.initiallyFailed ?? false,
      },
    ];
  });
}

interface Tracked {
  readonly scripts: readonly VrrpScript[];
  readonly files: readonly TrackFile[];
  readonly processes: readonly TrackProcess[];
}

/** Reports what is tracked and does not exist. Interfaces are the system's, so they are not looked up here. */
export function checkTracking(
  owners: readonly (VrrpInstance | SyncGroup)[],
  { scripts, files, processes }: Tracked,
  diagnostics: Diagnostics,
): void {
  const names = (list: readonly { readonly name: string }[]) => new Set(list.map(({ name }) => name));
  const [scriptNames, fileNames, processNames] = [names(scripts), names(files), names(processes)];
  for (const owner of owners) {
    report(owner.name, 'vrrp_script', owner.trackScripts, scriptNames, diagnostics);
    report(owner.name, 'track_file', owner.trackFiles, fileNames, diagnostics);
    report(owner.name, 'vrrp_track_process', owner.trackProcesses, processNames, diagnostics);
  }
}

function report(
  owner: string,
  kind: string,
  tracked: readonly TrackedName[],
  known: ReadonlySet<string>,
  diagnostics: Diagnostics,
): void {
  for (const { name, at } of tracked) {
    if (known.has(name)) continue;
    diagnostics.warning('unresolved-reference', at, `${owner} tracks ${name}, but there is no usable ${kind} ${name}`);
  }
}
