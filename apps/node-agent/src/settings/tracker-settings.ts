import type {
  GarpGroup as GarpGroupModel,
  InterfaceDelay as InterfaceDelayModel,
  KeepalivedConfig,
  SyncGroup,
  TrackFile,
  TrackProcess,
  TrackedName,
  VrrpInstance,
  VrrpScript,
} from '@keepfleet/config';
import { micros } from '@keepfleet/machine';
import type {
  FifoSettings,
  FileTrackerSettings,
  GarpGroup,
  InterfaceDelay,
  ProcessTrackerSettings,
  ScriptTrackerSettings,
  TrackedObject,
  TrackerType,
  VrrpSettings,
} from '@keepfleet/vrrp';

interface Known {
  readonly name: string;
  readonly weight: number;
  readonly reverse: boolean;
}

/**
 * The scripts, files, processes and BFD sessions of an instance and of its group. A group keeps its members together, so weights, which
 * would part them, count only with sync_group_tracking_weight. What does not exist is left out: it was reported.
 */
export function trackedObjects(
  instance: VrrpInstance,
  group: SyncGroup | undefined,
  { scripts, trackFiles, trackProcesses, bfdInstances }: KeepalivedConfig,
): { trackers?: readonly TrackedObject[] } {
  const weightsCount = group === undefined || group.trackingWeight;
  const of = (
    type: TrackerType,
    known: readonly Known[],
    own: readonly TrackedName[],
    shared: readonly TrackedName[],
  ) => {
    const names = new Set(own.map(({ name }) => name));
    return [...own, ...shared.filter(({ name }) => !names.has(name))].flatMap((tracked): TrackedObject[] => {
      const object = known.find(({ name }) => name === tracked.name);
      if (object === undefined) return [];
      const weight = tracked.weight ?? object.weight;
      const reverse = tracked.weight === undefined ? object.reverse : tracked.reverse;
      return [{ type, name: tracked.name, weight, ...(reverse ? { reverse } : {}) }];
    });
  };
  const sessions = bfdInstances.filter(({ forVrrp }) => forVrrp);
  const trackers = [
    ...of('script', scripts, instance.trackScripts, group?.trackScripts ?? []),
    ...of('file', trackFiles, instance.trackFiles, group?.trackFiles ?? []),
    ...of('process', trackProcesses, instance.trackProcesses, group?.trackProcesses ?? []),
    ...of('bfd', sessions, instance.trackBfd, group?.trackBfd ?? []),
  ].filter(({ weight }) => weightsCount || weight === 0);
  return trackers.length === 0 ? {} : { trackers };
}

/** What belongs to the process and not to an instance; lists that are empty are missing. */
export function supportSettings(config: KeepalivedConfig): Partial<VrrpSettings> {
  const { scriptUser, notifyFifo, vrrpNotifyFifo, delayAfterBoot, notifyOnReload, enableScriptSecurity } =
    config.globalDefs;
  const scripts = config.scripts.map(scriptSettings);
  const files = config.trackFiles.map(fileSettings);
  const processes = config.trackProcesses.map(processSettings);
  const interfaceDelays = config.interfaceDelays.map(delaySettings);
  const garpGroups = config.garpGroups.map(garpGroupSettings);
  const notifyFifos: FifoSettings[] = [notifyFifo, vrrpNotifyFifo].flatMap((fifo) => {
    if (fifo === undefined) return [];
    const { path, owner, script } = fifo;
    return [{ path, ...(owner ?? {}), ...(script === undefined ? {} : { script }) }];
  });
  return {
    ...(delayAfterBoot === 0 ? {} : { delayAfterBoot: micros(delayAfterBoot) }),
    ...(scripts.length === 0 ? {} : { scripts }),
    ...(files.length === 0 ? {} : { files }),
    ...(processes.length === 0 ? {} : { processes }),
    ...(interfaceDelays.length === 0 ? {} : { interfaceDelays }),
    ...(garpGroups.length === 0 ? {} : { garpGroups }),
    ...(config.trackGroups.length === 0 ? {} : { trackGroups: config.trackGroups }),
    ...(notifyFifos.length === 0 ? {} : { notifyFifos }),
    ...(notifyOnReload ? { notifyOnReload } : {}),
    ...(scriptUser === undefined ? {} : { scriptUser }),
    ...(enableScriptSecurity ? { scriptSecurity: true } : {}),
  };
}

function scriptSettings(script: VrrpScript): ScriptTrackerSettings {
  const { name, command, rise, fall, initiallyFailed } = script;
  const [interval, timeout] = [micros(script.interval), micros(script.timeout)];
  return { name, command, interval, timeout, rise, fall, initiallyFailed };
}

function fileSettings({ name, path, initial }: TrackFile): FileTrackerSettings {
  return { name, path, ...(initial === undefined ? {} : { initial }) };
}

function processSettings(tracked: TrackProcess): ProcessTrackerSettings {
  const { name, command, parameters, fullCommand, quorum, quorumMax } = tracked;
  const most = quorumMax === undefined ? {} : { quorumMax };
  const [forkDelay, terminateDelay] = [micros(tracked.forkDelay), micros(tracked.terminateDelay)];
  return { name, command, parameters, fullCommand, quorum, ...most, forkDelay, terminateDelay };
}

function delaySettings({ interface: name, up, down }: InterfaceDelayModel): InterfaceDelay {
  return { interface: name, up: micros(up), down: micros(down) };
}

function garpGroupSettings({ interfaces, arpInterval, neighbourInterval }: GarpGroupModel): GarpGroup {
  return {
    interfaces,
    ...(arpInterval === undefined ? {} : { interval: micros(arpInterval) }),
    ...(neighbourInterval === undefined ? {} : { gnaInterval: micros(neighbourInterval) }),
  };
}
