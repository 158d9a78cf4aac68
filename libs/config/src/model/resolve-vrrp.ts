import { type Family, type IpAddress, familyOf, ip } from '@keepfleet/wire';
import type { Diagnostics, Position } from '../diagnostics.ts';
import type { GlobalSettings } from '../grammar/global-defs.ts';
import type { Named } from '../grammar/root.ts';
import type { Draft } from '../grammar/rows.ts';
import type { AddressLine } from '../grammar/address-line.ts';
import { type InstanceSettings, instanceFamily } from '../grammar/vrrp-instance.ts';
import { AddressPlacing } from './address-placing.ts';
import { checkStrict } from './strict-mode.ts';
import type { NotifyCommands, VrrpInstance } from './model.ts';
import type { VirtualAddress } from './parts.ts';
import { resolveGarp } from './resolve-garp.ts';
import { InterfaceNames, resolveVirtualInterface } from './resolve-vmac.ts';
import { RulePriorities } from './rule-priorities.ts';

const SECOND = 1_000_000;
const CENTISECOND = 10_000;
const MAX_V3_INTERVAL = 40_950_000;
const MAX_ADVERTISED = 255;
const LEAST_WINDOW = 5 * SECOND;
export const MULTICAST_GROUP4 = ip('224.0.0.18');
export const MULTICAST_GROUP6 = ip('ff02::12');

type GlobalDraft = Draft<GlobalSettings>;
type InstanceDraft = Named<InstanceSettings>;

/** What the instances of a file share. */
interface Surroundings {
  readonly globals: GlobalDraft;
  readonly interfaceNames: InterfaceNames;
  readonly priorities: RulePriorities;
}

/** Instances with every default in place; one that cannot run is reported and left out. */
export function resolveInstances(
  drafts: readonly InstanceDraft[],
  globals: GlobalDraft,
  diagnostics: Diagnostics,
): readonly VrrpInstance[] {
  const instances: VrrpInstance[] = [];
  const names = new Map<string, Position>();
  const routers = new Map<string, VrrpInstance>();
  const interfaceNames = new InterfaceNames(globals.set.vmacPrefix, globals.set.vmacAddressPrefix);
  const priorities = new RulePriorities();
  for (const draft of drafts) {
    const first = names.get(draft.name);
    if (first !== undefined) {
      diagnostics.error('duplicate', draft.at, `vrrp_instance ${draft.name} is there already, at ${place(first)}`);
      continue;
    }
    names.set(draft.name, draft.at);
    const instance = resolveInstance(draft, { globals, interfaceNames, priorities }, diagnostics);
    if (instance === undefined) continue;
    const router = `${instance.interface} ${instance.family} ${instance.virtualRouterId}`;
    const other = routers.get(router);
    if (other !== undefined) {
      diagnostics.error(
        'duplicate',
        draft.places.virtualRouterId ?? draft.at,
        `virtual_router_id ${instance.virtualRouterId} of ${instance.name} is that of ${other.name} on ${instance.interface} (${instance.family}), at ${place(other.at)}`,
        'give each instance of one interface and family its own number',
      );
      continue;
    }
    routers.set(router, instance);
    instances.push(instance);
  }
  return instances;
}

const UNICAST_ONLY = [
  ['unicastTtl', 'unicast_ttl'],
  ['checkUnicastSource', 'check_unicast_src'],
  ['oldUnicastChecksum', 'old_unicast_checksum'],
] as const;

function resolveInstance(
  draft: InstanceDraft,
  { globals, interfaceNames, priorities }: Surroundings,
  diagnostics: Diagnostics,
): VrrpInstance | undefined {
  const { set, places, name, at } = draft;
  const { virtualRouterId } = set;
  const ownInterface = set.interface ?? set.vmac?.base ?? set.ipvlan?.base;
  if (ownInterface === undefined)
    diagnostics.error('missing-setting', at, `${name} has no interface`, 'add: interface NAME');
  if (virtualRouterId === undefined)
    diagnostics.error('missing-setting', at, `${name} has no virtual_router_id`, 'add: virtual_router_id 1..255');
  if (ownInterface === undefined || virtualRouterId === undefined) return undefined;

  const family = instanceFamily(set);
  const strict = set.strict ?? globals.set.strict ?? false;
  const version = resolveVersion(draft, globals, family, diagnostics);
  const priority = set.priority ?? (set.state === 'MASTER' ? 255 : 100);
  const state = strict ? undefined : set.state;
  let initialState: VrrpInstance['initialState'] =
    (state ?? (priority === 255 ? 'MASTER' : 'BACKUP')) === 'MASTER' ? 'master' : 'backup';
  const warn = (field: keyof InstanceSettings, message: string, hint?: string) =>
    diagnostics.warning('ignored', places[field] ?? at, `${name}: ${message}`, hint);

  let preempt = set.preempt ?? true;
  let preemptDelay = set.preemptDelay ?? 0;
  if (initialState === 'master' && !preempt) {
    warn('preempt', 'nopreempt has no effect with state MASTER', 'write state BACKUP on every node');
    preempt = true;
  }
  if (preemptDelay > 0 && (initialState === 'master' || strict)) {
    warn('preemptDelay', `preempt_delay has no effect with ${strict ? 'strict mode' : 'state MASTER'}`);
    preemptDelay = 0;
  }

  const virtualInterface = resolveVirtualInterface(
    { name, virtualRouterId, family, source: set.multicastSource, at: places.vmac ?? places.ipvlan ?? at },
    {
      vmac: set.vmac,
      ipvlan: set.ipvlan,
      transmitBase: set.transmitBase ?? false,
      strict,
      unicast: (set.unicastPeers ?? []).length > 0,
    },
    interfaceNames,
    diagnostics,
  );
  const placing = new AddressPlacing({
    ownInterface,
    family,
    virtualRouterId,
    virtualInterface,
    everywhere: set.vmacAddresses === true && set.vmac !== undefined,
    names: interfaceNames,
  });
  const { addresses, excluded } = placeAddresses(draft, placing, family, diagnostics);
  if (addresses.length === 0 && set.noAddresses !== true) {
    diagnostics.warning(
      'missing-setting',
      at,
      `${name} has no virtual_ipaddress; it will elect a master and carry nothing`,
      'add one, or no_virtual_ipaddress if that is meant',
    );
  }
  const unicastPeers = (set.unicastPeers ?? []).filter((peer) => {
    if (familyOf(peer.address) === family) return true;
    diagnostics.error(
      'bad-value',
      peer.at,
      `${name}: the unicast peer ${peer.address} is not ${family} like the instance`,
    );
    return false;
  });
  if (unicastPeers.length === 0 && (set.unicastSource ?? set.unicastPeers) !== undefined) {
    warn(
      set.unicastSource === undefined ? 'unicastPeers' : 'unicastSource',
      'there is no unicast_peer, so adverts go to the multicast group',
      'name the peers',
    );
  }
  if (unicastPeers.length === 0)
    for (const [field, keyword] of UNICAST_ONLY)
      if (set[field] !== undefined) warn(field, `${keyword} has no effect without unicast_peer`);
  if (strict) checkStrict(set, { priority, version, family, first: addresses[0]?.address }, warn);
  if (set.forceIpv6 === true && family === 'ipv4') warn('forceIpv6', 'native_ipv6 has no effect with IPv4 addresses');
  for (const field of ['unicastSource', 'multicastSource', 'multicastGroup'] as const) {
    const value = set[field];
    if (value !== undefined && familyOf(value) !== family)
      diagnostics.error('bad-value', places[field] ?? at, `${name}: ${value} is not ${family} like the instance`);
  }
  const sameFamily = (address: IpAddress | undefined) =>
    address !== undefined && familyOf(address) === family ? address : undefined;
  const source = sameFamily(
    unicastPeers.length > 0 ? (set.unicastSource ?? set.multicastSource) : (set.multicastSource ?? set.unicastSource),
  );
  const authentication = resolveAuthentication(draft, version, family, strict, warn);
  if (authentication?.type === 'AH' && initialState === 'master' && priority !== 255) {
    // Its sequence numbers must be heard before they can be continued.
    warn('state', 'state MASTER does not go with auth_type AH, so it begins as BACKUP');
    initialState = 'backup';
  }
  const advertInterval = resolveAdvertInterval(draft, version, diagnostics);
  const hmac = resolveHmac(draft, advertInterval, authentication?.type === 'AH', diagnostics);

  return {
    name,
    at,
    places: definedPlaces(places),
    interface: ownInterface,
    virtualRouterId,
    version,
    family,
    initialState,
    priority,
    advertInterval,
    ...(authentication === undefined ? {} : { authentication }),
    addresses,
    excludedAddresses: excluded,
    routes: set.routes ?? [],
    rules: (set.rules ?? []).map((rule) => priorities.complete(rule, diagnostics)),
    promoteSecondaries: set.promoteSecondaries ?? false,
    ...(hmac === undefined ? {} : { hmac }),
    ...(virtualInterface === undefined ? {} : { virtualInterface }),
    addressInterfaces: placing.made,
    unicastPeers,
    ...(source === undefined ? {} : { sourceAddress: source }),
    multicastGroup: sameFamily(set.multicastGroup) ?? defaultGroup(family, globals),
    unicastTtl: set.unicastTtl ?? 255,
    unicastFaultNoPeer: set.unicastFaultNoPeer ?? false,
    checkUnicastSource: set.checkUnicastSource ?? globals.set.checkUnicastSource ?? false,
    trackPrimary: set.trackPrimary ?? true,
    trackInterfaces: set.trackInterfaces ?? [],
    trackScripts: set.trackScripts ?? [],
    trackFiles: set.trackFiles ?? [],
    trackProcesses: set.trackProcesses ?? [],
    trackBfd: set.trackBfd ?? [],
    preempt,
    preemptDelay,
    accept: strict && version === 2 ? priority === 255 : (set.accept ?? (!strict || priority === 255)),
    strict,
    downTimerAdverts: strict ? 3 : (set.downTimerAdverts ?? globals.set.downTimerAdverts ?? 3),
    lowerPriorityNoAdvert: strict || (set.lowerPriorityNoAdvert ?? globals.set.lowerPriorityNoAdvert ?? false),
    higherPrioritySendAdvert:
      !strict && (set.higherPrioritySendAdvert ?? globals.set.higherPrioritySendAdvert ?? false),
    skipCheckAdvertAddresses: set.skipCheckAdvertAddresses ?? globals.set.skipCheckAdvertAddresses ?? false,
    trackSource: set.trackSource ?? false,
    oldUnicastChecksum: set.oldUnicastChecksum ?? 'auto',
    ...resolveTimerExpired(draft, preempt, warn),
    ownerIgnoreAdverts: strict || (set.ownerIgnoreAdverts ?? globals.set.ownerIgnoreAdverts ?? false),
    v3ChecksumAsV2: set.v3ChecksumAsV2 ?? globals.set.v3ChecksumAsV2 ?? false,
    garp: resolveGarp(set, globals.set, strict),
    notify: notifyCommands(set, globals.set.notifyPriorityChanges),
    smtpAlert: set.smtpAlert ?? globals.set.smtpAlertVrrp ?? globals.set.smtpAlert ?? false,
  };
}

function resolveTimerExpired(
  { set: { timerExpiredBackup } }: InstanceDraft,
  preempt: boolean,
  warn: (field: keyof InstanceSettings, message: string, hint?: string) => void,
): Pick<VrrpInstance, 'timerExpiredBackup'> {
  if (timerExpiredBackup === undefined) return {};
  if (!preempt) return { timerExpiredBackup };
  warn('timerExpiredBackup', 'timer_expired_backup has no effect without nopreempt', 'add nopreempt');
  return {};
}

function resolveVersion(draft: InstanceDraft, globals: GlobalDraft, family: Family, diagnostics: Diagnostics): 2 | 3 {
  const wanted = draft.set.version ?? globals.set.version ?? 2;
  if (family === 'ipv4') return wanted;
  if (draft.set.version === 2) {
    diagnostics.warning(
      'adjusted',
      draft.places.version ?? draft.at,
      `${draft.name}: IPv6 has no VRRP version 2, version 3 is used`,
    );
  }
  return 3;
}

function resolveAdvertInterval(draft: InstanceDraft, version: 2 | 3, diagnostics: Diagnostics): number {
  const wanted = draft.set.advertInterval ?? SECOND;
  const step = version === 2 ? SECOND : CENTISECOND;
  const longest = version === 2 ? 255 * SECOND : MAX_V3_INTERVAL;
  const interval = Math.min(longest, Math.max(step, Math.round(wanted / step) * step));
  if (interval !== wanted) {
    diagnostics.warning(
      'adjusted',
      draft.places.advertInterval ?? draft.at,
      `${draft.name}: version ${version} cannot advertise every ${wanted / SECOND} s, ${interval / SECOND} s is used`,
      version === 2 ? 'version 2 has whole seconds' : 'version 3 has steps of 0.01 s up to 40.95 s',
    );
  }
  return interval;
}

function resolveAuthentication(
  draft: InstanceDraft,
  version: 2 | 3,
  family: Family,
  strict: boolean,
  warn: (field: keyof InstanceSettings, message: string, hint?: string) => void,
): VrrpInstance['authentication'] {
  const { authType: type, authPassword: password } = draft.set;
  if (type === undefined && password === undefined) return undefined;
  const field = type === undefined ? 'authPassword' : 'authType';
  if (version === 3) {
    warn(field, 'authentication has no effect with version 3', 'remove the block, or write version 2');
    return undefined;
  }
  if (strict) {
    warn(field, 'authentication has no effect in strict mode');
    return undefined;
  }
  if (type === undefined) warn(field, 'auth_pass without auth_type is taken as PASS', 'add auth_type PASS');
  if (password === undefined || password === '') {
    warn(field, 'authentication without auth_pass has no effect', 'add auth_pass');
    return undefined;
  }
  if (type === 'AH' && family === 'ipv6') {
    warn('authType', 'AH has no effect over IPv6');
    return undefined;
  }
  return { type: type ?? 'PASS', password };
}

function resolveHmac(
  { set, places, name, at }: InstanceDraft,
  advertInterval: number,
  ah: boolean,
  diagnostics: Diagnostics,
): VrrpInstance['hmac'] {
  if (set.hmac === undefined) return undefined;
  const { keys = [], antiReplay = 'time', mode = 'enforce' } = set.hmac;
  const where = places.hmac ?? at;
  const activeKey = set.hmac.activeKey ?? keys[0]?.id;
  if (activeKey === undefined) {
    diagnostics.error('missing-setting', where, `${name}: auth_hmac has no key`, 'add: key 1 KEY');
    return undefined;
  }
  if (!keys.some(({ id }) => id === activeKey)) {
    diagnostics.error('unresolved-reference', where, `${name}: active_key ${activeKey} is none of the keys`);
    return undefined;
  }
  if (ah) {
    diagnostics.error('bad-value', where, `${name}: an advert has auth_hmac or AH, not both`, 'remove auth_type AH');
    return undefined;
  }
  const window = set.hmac.window ?? Math.max(3 * advertInterval, LEAST_WINDOW);
  return { keys, activeKey, window, antiReplay, mode };
}

function placeAddresses(
  draft: InstanceDraft,
  placing: AddressPlacing,
  family: Family,
  diagnostics: Diagnostics,
): { addresses: VirtualAddress[]; excluded: VirtualAddress[] } {
  const addresses: VirtualAddress[] = [];
  const excluded: VirtualAddress[] = [];
  const seen = new Set<string>();
  const isNew = (line: AddressLine) => {
    const key = `${line.address} ${line.interface ?? ''}`;
    if (seen.has(key)) {
      diagnostics.warning('duplicate', line.at, `${draft.name} has ${line.address} already; this line has no effect`);
      return false;
    }
    seen.add(key);
    return true;
  };
  const placed = (line: AddressLine) => placing.place(line);
  for (const line of draft.set.addresses ?? []) {
    if (familyOf(line.address) !== family) {
      diagnostics.error(
        'bad-value',
        line.at,
        `${draft.name}: ${line.address} is not ${family} like the first virtual address, and one advert carries one family`,
        'move it to virtual_ipaddress_excluded, where it follows the instance all the same',
      );
    } else if (isNew(line)) (addresses.length < MAX_ADVERTISED ? addresses : excluded).push(placed(line));
  }
  if (excluded.length > 0) {
    diagnostics.warning(
      'adjusted',
      draft.places.addresses ?? draft.at,
      `${draft.name}: an advert carries ${MAX_ADVERTISED} addresses, the last ${excluded.length} are taken as excluded`,
    );
  }
  excluded.push(...(draft.set.excludedAddresses ?? []).filter(isNew).map(placed));
  return { addresses, excluded };
}

/** The commands that are set, by their model names. */
export function notifyCommands(set: Partial<NotifyCommands>, tellsPriorities = false): NotifyCommands {
  const priorityChanges = set.priorityChanges ?? tellsPriorities;
  const { master, backup, fault, stop, deleted, any, masterHeardLowerPriority } = set;
  return {
    ...(master === undefined ? {} : { master }),
    ...(backup === undefined ? {} : { backup }),
    ...(fault === undefined ? {} : { fault }),
    ...(stop === undefined ? {} : { stop }),
    ...(deleted === undefined ? {} : { deleted }),
    ...(any === undefined ? {} : { any }),
    ...(masterHeardLowerPriority === undefined ? {} : { masterHeardLowerPriority }),
    ...(priorityChanges ? { priorityChanges } : {}),
  };
}

function defaultGroup(family: Family, globals: GlobalDraft): IpAddress {
  return family === 'ipv4'
    ? (globals.set.multicastGroup4 ?? MULTICAST_GROUP4)
    : (globals.set.multicastGroup6 ?? MULTICAST_GROUP6);
}

export function definedPlaces(places: Readonly<Partial<Record<string, Position>>>): Record<string, Position> {
  const defined: Record<string, Position> = {};
  for (const field in places) {
    const at = places[field];
    if (at !== undefined) defined[field] = at;
  }
  return defined;
}

export function place(at: Position): string {
  return `${at.file}:${at.line}:${at.column}`;
}
