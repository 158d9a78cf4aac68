import type { BfdSnapshot } from '@keepfleet/bfd';
import type { KeepalivedConfig, TrackedName } from '@keepfleet/config';
import { micros } from '@keepfleet/machine';
import type { MibRows, TrackedRow, TrackedRows } from '@keepfleet/mib';
import type { TrackerSnapshot, VrrpSnapshot } from '@keepfleet/vrrp';
import { scriptRow } from './mib-scripts.ts';

export interface TrackSources {
  readonly config: KeepalivedConfig;
  readonly vrrp: VrrpSnapshot | undefined;
  readonly vrrpIsStale: boolean;
  /** Undefined while its process has not been heard, or is silent. */
  readonly bfd: BfdSnapshot | undefined;
}

/** What instances and groups can track, with what was found last. */
export function trackObjects(given: TrackSources): Pick<MibRows, 'scripts' | 'files' | 'bfds' | 'processes'> {
  const { config, bfd } = given;
  return {
    scripts: config.scripts.map((script) => ({
      name: script.name,
      script: scriptRow(script.command),
      interval: micros(script.interval),
      timeout: micros(script.timeout),
      weight: script.weight,
      reverse: script.reverse,
      rise: script.rise,
      fall: script.fall,
      result: scriptResult(script.name, script.initiallyFailed, given),
    })),
    files: config.trackFiles.map(({ name, path, weight, reverse }) => ({
      name,
      path,
      weight,
      reverse,
      result: trackerOf('file', name, given)?.value ?? null,
    })),
    bfds: config.bfdInstances
      .filter(({ forVrrp }) => forVrrp)
      .map(({ name, weight, reverse }) => {
        const session = bfd?.sessions.find((one) => one.name === name);
        return { name, weight, reverse, up: session === undefined ? null : session.state === 'up' };
      }),
    processes: config.trackProcesses.map((tracked) => {
      const [path = '', ...parameters] = tracked.command;
      const found = trackerOf('process', tracked.name, given);
      return {
        name: tracked.name,
        path,
        parameters: parameters.length === 0 ? null : parameters.join(' '),
        parameterMatch: parameters.length === 0 ? 'none' : tracked.parameters,
        weight: tracked.weight,
        reverse: tracked.reverse,
        quorum: tracked.quorum,
        quorumMax: tracked.quorumMax ?? null,
        forkDelay: micros(tracked.forkDelay),
        terminateDelay: micros(tracked.terminateDelay),
        // Parameters are in the whole command line alone.
        fullCommand: tracked.fullCommand || parameters.length > 0,
        running: found?.value ?? null,
        up: found === undefined || found.state === 'unknown' ? null : found.state === 'up',
      };
    }),
  };
}

/** A tracked object as some router that tracks it sees it. */
function trackerOf(type: TrackerSnapshot['type'], name: string, { vrrp, vrrpIsStale }: TrackSources) {
  if (vrrpIsStale) return undefined;
  return vrrp?.instances.flatMap(({ trackers }) => trackers).find((one) => one.type === type && one.name === name);
}

/** As the routers that track it see it; null where none does, or where nothing is heard of them. */
function scriptResult(name: string, initiallyFailed: boolean, sources: TrackSources) {
  const tracker = trackerOf('script', name, sources);
  switch (tracker?.state) {
    case undefined:
      return null;
    case 'up':
      return 'good';
    case 'down':
      return 'bad';
    case 'unknown':
      return initiallyFailed ? 'initfailed' : 'init';
  }
}

export const NOTHING_TRACKED: TrackedRows = { interfaces: [], scripts: [], files: [], bfds: [], processes: [] };

interface Tracking {
  readonly trackInterfaces: readonly TrackedName[];
  readonly trackScripts: readonly TrackedName[];
  readonly trackFiles: readonly TrackedName[];
  readonly trackProcesses: readonly TrackedName[];
  readonly trackBfd: readonly TrackedName[];
}

interface Weighted {
  readonly name: string;
  readonly weight: number;
  readonly reverse: boolean;
}

/** What one instance or group tracks; a weight that it does not give is that of the object. */
export function trackedRows(
  tracking: Tracking,
  { scripts, trackFiles, bfdInstances, trackProcesses }: KeepalivedConfig,
  interfaceIndex: (name: string) => number | undefined,
): TrackedRows {
  const rows = (names: readonly TrackedName[], objects: readonly Weighted[] = []): TrackedRow[] =>
    names.map(({ name, weight, reverse }) => {
      const object = weight === undefined ? objects.find((one) => one.name === name) : undefined;
      return { name, weight: weight ?? object?.weight ?? 0, reverse: object?.reverse ?? reverse };
    });
  return {
    interfaces: rows(tracking.trackInterfaces).flatMap((row) => {
      const ifIndex = interfaceIndex(row.name);
      return ifIndex === undefined ? [] : [{ ...row, ifIndex }];
    }),
    scripts: rows(tracking.trackScripts, scripts),
    files: rows(tracking.trackFiles, trackFiles),
    bfds: rows(tracking.trackBfd, bfdInstances),
    processes: rows(tracking.trackProcesses, trackProcesses),
  };
}
