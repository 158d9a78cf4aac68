import { type Result, err, familyOf, ok } from '@keepfleet/wire';
import { authenticationProblem } from './authentication.ts';
import type { VirtualRouterSettings, VrrpSettings } from './settings.ts';

export interface SettingsError {
  readonly kind: 'bad-settings';
  readonly instance: string;
  readonly field: string;
  readonly reason: string;
}

/** Whether a virtual router could run with these settings; the first thing that is wrong otherwise. */
export function checkSettings(settings: VrrpSettings): Result<VrrpSettings, SettingsError> {
  const names = new Set<string>();
  const identities = new Map<string, string>();
  for (const instance of settings.instances) {
    const wrong = instanceProblem(instance);
    if (wrong !== undefined) return err({ kind: 'bad-settings', instance: instance.name, ...wrong });
    if (names.has(instance.name))
      return err({ kind: 'bad-settings', instance: instance.name, field: 'name', reason: 'two instances have it' });
    names.add(instance.name);
    const identity = `${instance.interface}/${instance.family}/${instance.vrid}`;
    const other = identities.get(identity);
    if (other !== undefined) {
      const reason = `${instance.vrid} is also instance ${other}'s on ${instance.interface} (${instance.family})`;
      return err({ kind: 'bad-settings', instance: instance.name, field: 'vrid', reason });
    }
    identities.set(identity, instance.name);
  }
  const wrong = groupProblem(settings);
  if (wrong !== undefined) return err({ kind: 'bad-settings', ...wrong });
  return ok(settings);
}

function groupProblem({ instances, syncGroups = [] }: VrrpSettings) {
  const groupOf = new Map<string, string>();
  for (const { name, members } of syncGroups) for (const member of members) groupOf.set(member, name);
  for (const instance of instances) {
    const group = groupOf.get(instance.name);
    if (group === instance.syncGroup) continue;
    const reason = `${instance.syncGroup ?? 'none'} here, but it is a member of ${group ?? 'none'}`;
    return { instance: instance.name, field: 'syncGroup', reason };
  }
  return undefined;
}

const MAX_V2_SECONDS = 255;
const MAX_V3_CENTISECONDS = 4095;
const MAX_ADDRESSES = 255;

function instanceProblem(instance: VirtualRouterSettings): { field: string; reason: string } | undefined {
  const whole = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;
  if (!whole(instance.vrid, 1, 255)) return { field: 'vrid', reason: `${instance.vrid} is not in 1..255` };
  if (!whole(instance.priority, 1, 255)) return { field: 'priority', reason: `${instance.priority} is not in 1..255` };
  if (instance.interface === '') return { field: 'interface', reason: 'is empty' };
  if (instance.version === 2 && instance.family === 'ipv6')
    return { field: 'version', reason: 'VRRP version 2 has no IPv6' };
  const [unit, highest] = instance.version === 2 ? [1_000_000, MAX_V2_SECONDS] : [10_000, MAX_V3_CENTISECONDS];
  if (!whole(instance.advertInterval / unit, 1, highest))
    return {
      field: 'advertInterval',
      reason: `${instance.advertInterval} µs is not 1..${highest} times ${unit} µs (version ${instance.version})`,
    };
  if (!whole(instance.downTimerAdverts, 1, 100))
    return { field: 'downTimerAdverts', reason: `${instance.downTimerAdverts} is not in 1..100` };
  const wrong = authenticationProblem(instance);
  if (wrong !== undefined) return wrong;
  return addressProblem(instance);
}

function addressProblem(instance: VirtualRouterSettings): { field: string; reason: string } | undefined {
  const seen = new Set<string>();
  let advertised = 0;
  for (const { address, prefix, interface: name, advertised: inAdverts } of instance.addresses) {
    const longest = familyOf(address) === 'ipv4' ? 32 : 128;
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > longest)
      return { field: 'addresses', reason: `${address}/${prefix}: the prefix is not in 0..${longest}` };
    if (seen.has(`${name} ${address}`))
      return { field: 'addresses', reason: `${address} is on ${name} more than once` };
    seen.add(`${name} ${address}`);
    if (!inAdverts) continue;
    advertised++;
    if (familyOf(address) !== instance.family)
      return { field: 'addresses', reason: `${address} cannot be advertised by an ${instance.family} instance` };
  }
  return advertised > MAX_ADDRESSES
    ? { field: 'addresses', reason: `${advertised} advertised addresses; an advert holds ${MAX_ADDRESSES}` }
    : undefined;
}
