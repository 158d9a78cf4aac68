import type { IpAddress } from '@keepfleet/wire';
import type { FaultCause, InterfaceState } from './messages.ts';
import type { TrackedInterface, VirtualAddress, VirtualRouterSettings } from './settings.ts';

/** The address owner: its priority is 255 and nothing changes it (RFC 9568 section 5.2.4). */
export const OWNER_PRIORITY = 255;
const HIGHEST_TRACKED = 254;

export type Interfaces = ReadonlyMap<string, InterfaceState>;

/** The base priority and the weights of the tracked interfaces, kept in 1..254. */
export function effectivePriority(settings: VirtualRouterSettings, interfaces: Interfaces): number {
  // A drained router must stay below everybody, so nothing may lift it.
  if (settings.priority === OWNER_PRIORITY || settings.standing === 'last-resort') return settings.priority;
  let priority = settings.priority;
  for (const tracked of settings.trackInterfaces) {
    const weight = tracked.weight ?? 0;
    const good = isUp(tracked.name, interfaces) !== (tracked.reverse ?? false);
    if (weight > 0 ? good : !good) priority += weight;
  }
  return Math.min(Math.max(priority, 1), HIGHEST_TRACKED);
}

/** Everything that forbids the instance to take part, most fundamental first. */
export function faultCauses(
  settings: VirtualRouterSettings,
  interfaces: Interfaces,
  source: IpAddress | undefined,
  deaf: boolean,
): FaultCause[] {
  const causes: FaultCause[] = [];
  const own = interfaces.get(settings.interface);
  if (own === undefined) causes.push({ kind: 'interface-missing', interface: settings.interface });
  else if (!own.up && !settings.dontTrackPrimary)
    causes.push({ kind: 'interface-down', interface: settings.interface });
  for (const tracked of settings.trackInterfaces.filter(isHard)) {
    if (tracked.name === settings.interface && !settings.dontTrackPrimary) continue;
    const state = interfaces.get(tracked.name);
    if (state === undefined && !(tracked.reverse ?? false))
      causes.push({ kind: 'tracked-interface-missing', interface: tracked.name });
    else if ((state?.up ?? false) === (tracked.reverse ?? false))
      causes.push({ kind: 'tracked-interface-down', interface: tracked.name });
  }
  if (own !== undefined && source === undefined)
    causes.push({ kind: 'no-source-address', interface: settings.interface });
  if (own !== undefined && deaf) causes.push({ kind: 'no-socket', interface: settings.interface });
  return causes;
}

export function sameCauses(a: readonly FaultCause[], b: readonly FaultCause[]): boolean {
  return (
    a.length === b.length && a.every((cause, i) => cause.kind === b[i]?.kind && cause.interface === b[i]?.interface)
  );
}

/** Where adverts come from: as configured, or the interface's primary address (IPv6: link-local, RFC 9568 section 5.1.2.1). */
export function sourceAddress(
  settings: VirtualRouterSettings,
  interfaces: Interfaces,
  virtual: ReadonlySet<IpAddress>,
): IpAddress | undefined {
  const configured = settings.unicast?.source ?? settings.mcastSource;
  if (configured !== undefined) return configured;
  return interfaces.get(settings.interface)?.addresses.find(({ address, tentative }) => {
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

function isHard(tracked: TrackedInterface): boolean {
  return (tracked.weight ?? 0) === 0;
}

function isLinkLocal(address: IpAddress): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address);
}
