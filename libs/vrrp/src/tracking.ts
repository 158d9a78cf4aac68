import type { IpAddress } from '@keepfleet/wire';
import type { FaultCause, InterfaceState, TrackerInput, TrackerState } from './messages.ts';
import type {
  TrackedInterface,
  TrackedObject,
  TrackerType,
  VirtualAddress,
  VirtualRouterSettings,
} from './settings.ts';

/** The address owner: its priority is 255 and nothing changes it (RFC 9568 section 5.2.4). */
export const OWNER_PRIORITY = 255;
const HIGHEST_TRACKED = 254;

/** What a file says at or below this is a fault. */
const LEAST_FILE_WEIGHT = -254;

export type Interfaces = ReadonlyMap<string, InterfaceState>;

/** What the trackers said last, by {@link trackerKey}. */
export type Trackers = ReadonlyMap<string, Pick<TrackerInput, 'state' | 'value'>>;

export function trackerKey(type: TrackerType, name: string): string {
  return `${type} ${name}`;
}

/** The base priority and the weights of what is tracked, kept in 1..254. */
export function effectivePriority(settings: VirtualRouterSettings, interfaces: Interfaces, trackers: Trackers): number {
  // A drained router must stay below everybody, so nothing may lift it.
  if (settings.priority === OWNER_PRIORITY || settings.standing === 'last-resort') return settings.priority;
  let priority = settings.priority;
  for (const tracked of settings.trackInterfaces) {
    priority += adjustment(tracked.weight ?? 0, tracked.reverse, isUp(tracked.name, interfaces));
  }
  for (const tracked of settings.trackers ?? []) priority += trackerWeight(tracked, trackers);
  return Math.min(Math.max(priority, 1), HIGHEST_TRACKED);
}

export interface Circumstances {
  readonly settings: VirtualRouterSettings;
  readonly interfaces: Interfaces;
  readonly trackers: Trackers;
  readonly group: { readonly fault?: string } | undefined;
  readonly staticMissing: string | undefined;
}

/** Everything that forbids the instance to take part, most fundamental first. */
export function faultCauses(
  { settings, interfaces, trackers, group, staticMissing }: Circumstances,
  source: IpAddress | undefined,
  deaf: boolean,
): FaultCause[] {
  const causes: FaultCause[] = [];
  const own = interfaces.get(settings.interface);
  if (own === undefined) causes.push({ kind: 'interface-missing', interface: settings.interface });
  else if (!own.up && !settings.dontTrackPrimary)
    causes.push({ kind: 'interface-down', interface: settings.interface });
  const made = settings.virtualInterface?.name;
  if (made !== undefined && own !== undefined && !interfaces.has(made))
    causes.push({ kind: 'interface-missing', interface: made });
  for (const tracked of settings.trackInterfaces.filter(isHard)) {
    if (tracked.name === settings.interface && !settings.dontTrackPrimary) continue;
    const state = interfaces.get(tracked.name);
    if (state === undefined && !(tracked.reverse ?? false))
      causes.push({ kind: 'tracked-interface-missing', interface: tracked.name });
    else if ((state?.up ?? false) === (tracked.reverse ?? false))
      causes.push({ kind: 'tracked-interface-down', interface: tracked.name });
  }
  for (const tracked of settings.trackers ?? []) {
    const { type: tracker, name } = tracked;
    if (failed(tracked, trackers)) causes.push({ kind: 'tracker-down', tracker, name });
    else if (tracked.weight === 0 && stateOf(tracked, trackers) === 'unknown')
      causes.push({ kind: 'tracker-unknown', tracker, name });
  }
  if (own !== undefined && source === undefined)
    causes.push({ kind: 'no-source-address', interface: settings.interface });
  if (settings.needsPeers === true) causes.push({ kind: 'no-unicast-peer', interface: settings.interface });
  if (own !== undefined && deaf) causes.push({ kind: 'no-socket', interface: settings.interface });
  if (staticMissing !== undefined) causes.push({ kind: 'static-missing', entry: staticMissing });
  if (group?.fault !== undefined)
    causes.push({ kind: 'group-member', group: settings.syncGroup ?? '', instance: group.fault });
  return causes;
}

/** Whether it puts a running instance in fault. */
export function isFailure(cause: FaultCause): boolean {
  return cause.kind !== 'tracker-unknown';
}

export function sameCauses(a: readonly FaultCause[], b: readonly FaultCause[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Where adverts come from: as configured, or the interface's primary address (IPv6: link-local, RFC 9568 section 5.1.2.1). */
export function sourceAddress(
  settings: VirtualRouterSettings,
  interfaces: Interfaces,
  virtual: ReadonlySet<IpAddress>,
): IpAddress | undefined {
  const configured = settings.unicast?.source ?? settings.mcastSource;
  const own = interfaces.get(settings.interface)?.addresses;
  if (configured !== undefined) {
    const there = settings.trackSource !== true || own?.some((one) => one.address === configured) === true;
    return there ? configured : undefined;
  }
  return own?.find(({ address, tentative }) => {
    if (virtual.has(address) || tentative === true) return false;
    if (settings.family === 'ipv4') return !address.includes(':');
    return settings.unicast === undefined ? isLinkLocal(address) : address.includes(':');
  })?.address;
}

export function isUp(name: string, interfaces: Interfaces): boolean {
  return interfaces.get(name)?.up ?? false;
}

/** Whether the kernel has the address. */
export function isInstalled(address: VirtualAddress, interfaces: Interfaces): boolean {
  const known = interfaces.get(address.interface)?.addresses ?? [];
  return known.some((one) => one.address === address.address && one.prefix === address.prefix);
}

/** What a tracker adds to the priority. */
function trackerWeight(tracked: TrackedObject, trackers: Trackers): number {
  if (tracked.weight === 0) return 0;
  const state = stateOf(tracked, trackers);
  if (state === 'unknown') return 0;
  // What is a fault already need not lower the priority too.
  if (tracked.type === 'file') return failed(tracked, trackers) ? 0 : fileWeight(tracked, trackers);
  return adjustment(tracked.weight, tracked.reverse, state === 'up');
}

/** As in keepalived a positive weight counts while it is good and a negative one while it is not; `reverse` turns its sign. */
function adjustment(weight: number, reverse: boolean | undefined, good: boolean): number {
  if (good !== weight > 0) return 0;
  return reverse === true ? -weight : weight;
}

function failed(tracked: TrackedObject, trackers: Trackers): boolean {
  const state = stateOf(tracked, trackers);
  if (state === 'unknown') return false;
  if (tracked.weight === 0) return (state === 'down') !== (tracked.reverse ?? false);
  return tracked.type === 'file' && fileWeight(tracked, trackers) <= LEAST_FILE_WEIGHT;
}

function fileWeight({ type, name, weight, reverse }: TrackedObject, trackers: Trackers): number {
  return (trackers.get(trackerKey(type, name))?.value ?? 0) * (reverse === true ? -weight : weight);
}

function stateOf({ type, name }: TrackedObject, trackers: Trackers): TrackerState {
  return trackers.get(trackerKey(type, name))?.state ?? 'unknown';
}

function isHard(tracked: TrackedInterface): boolean {
  return (tracked.weight ?? 0) === 0;
}

function isLinkLocal(address: IpAddress): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address);
}
