import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import type { Diagnostics, Position } from '../diagnostics.ts';
import type { KnownBlock } from '../syntax/repeated-blocks.ts';
import type { TimingSettings } from '../grammar/checks.ts';
import type { ConfigDraft, TargetDraft, VirtualServerDraft } from '../grammar/root.ts';
import type { RealServerDraft, VirtualServerSettings } from '../grammar/virtual-server.ts';
import { type CheckSurroundings, resolveChecks } from './resolve-check.ts';
import { definedPlaces, place } from './resolve-vrrp.ts';
import type { Check } from './check.ts';
import type { BfdInstance } from './model.ts';
import type { Mutable } from './parts.ts';
import { resolveTrackFiles } from './track-file.ts';
import type {
  Forwarding,
  Protocol,
  RealServer,
  ServerTiming,
  VirtualServer,
  VirtualServerGroup,
} from './virtual-server.ts';

const SECOND = 1_000_000;
const DEFAULT_PERSISTENCE = 360 * SECOND;
const NAT: Forwarding = { method: 'nat' };
const NO_TIMING: ServerTiming = {};

type ServerDraft = VirtualServerDraft;

/** Groups under names of their own. */
export function resolveServerGroups(
  drafts: readonly VirtualServerGroup[],
  diagnostics: Diagnostics,
): readonly VirtualServerGroup[] {
  const groups = new Map<string, VirtualServerGroup>();
  for (const group of drafts) {
    const first = groups.get(group.name);
    if (first === undefined) groups.set(group.name, group);
    else
      diagnostics.error(
        'duplicate',
        group.at,
        `virtual_server_group ${group.name} is there already, at ${place(first.at)}`,
      );
  }
  return [...groups.values()];
}

/** Virtual servers with every default in place; one that cannot run is reported and left out. */
export function resolveVirtualServers(
  config: ConfigDraft,
  groups: readonly VirtualServerGroup[],
  bfdInstances: readonly BfdInstance[],
  diagnostics: Diagnostics,
): readonly VirtualServer[] {
  const known = new Map<string, VirtualServer>();
  const surroundings = {
    trackFiles: resolveTrackFiles(config.trackFiles),
    bfdInstances: new Set(bfdInstances.map(({ name }) => name)),
    logAllFailures: config.globals.set.checkerLogAllFailures ?? false,
  };
  const around = everythingAround(config, surroundings);
  return config.virtualServers.flatMap((draft) => {
    const before = resolvedBefore(draft, around);
    const { count } = diagnostics;
    const resolved = before ?? resolveVirtualServer(draft, config, surroundings, groups, diagnostics);
    if (resolved === undefined) return [];
    if (before === undefined && draft.block !== undefined && diagnostics.count === count)
      serversBefore.set(draft.block, { server: resolved, around });
    const key = resolved.target.kind === 'group' ? groupKey(resolved, known) : resolved.key;
    const server = key === resolved.key ? resolved : { ...resolved, key };
    const first = known.get(key);
    if (first !== undefined) {
      diagnostics.error(
        'duplicate',
        server.at,
        `virtual_server ${server.key} is there already, at ${place(first.at)}`,
        'put its real servers into that one',
      );
      return [];
    }
    known.set(server.key, server);
    return [server];
  });
}

/**
 * One group may be served over several protocols, as name servers are, and its marks for both families: those of two virtual
 * servers are services of their own then. A key that is taken is that of a virtual server that wants the same.
 */
function groupKey({ key, protocol, family }: VirtualServer, known: ReadonlyMap<string, VirtualServer>): string {
  const ofGroup = known.get(key);
  const ofProtocol = ofGroup === undefined || ofGroup.protocol === protocol ? key : `${key}/${protocol}`;
  const first = known.get(ofProtocol);
  return first === undefined || first.family === family ? ofProtocol : `${ofProtocol}/${family}`;
}

/** What the block of a service came to at an earlier reading, if there was nothing to say of it, and with what around it. */
const serversBefore = new WeakMap<KnownBlock, { readonly server: VirtualServer; readonly around: string }>();

/** The same object, by which all who have seen it know that nothing has changed. */
function resolvedBefore({ block, target, at }: ServerDraft, around: string): VirtualServer | undefined {
  const before = block === undefined ? undefined : serversBefore.get(block);
  if (before === undefined || before.around !== around) return undefined;
  const { server } = before;
  const isSame =
    target.kind === 'address' &&
    server.target.kind === 'address' &&
    server.target.address === target.address &&
    server.target.port === target.port &&
    place(server.at) === place(at);
  return isSame ? server : undefined;
}

/** All that a service of its own address takes from elsewhere in the file. */
function everythingAround({ globals }: ConfigDraft, { trackFiles, bfdInstances, logAllFailures }: CheckSurroundings) {
  const { smtpAlert, smtpAlertChecker, smtpServer } = globals.set;
  return JSON.stringify([
    smtpAlert,
    smtpAlertChecker,
    smtpServer !== undefined,
    trackFiles,
    [...bfdInstances],
    logAllFailures,
  ]);
}

function resolveVirtualServer(
  draft: ServerDraft,
  config: ConfigDraft,
  surroundings: CheckSurroundings,
  groups: readonly VirtualServerGroup[],
  diagnostics: Diagnostics,
): VirtualServer | undefined {
  const { set, places, at, target } = draft;
  if (target.kind === 'group' && !groups.some((group) => group.name === target.name)) {
    diagnostics.error('unresolved-reference', at, `there is no virtual_server_group ${target.name}`);
    return undefined;
  }
  const family = serverFamily(draft, groups);
  const protocol = resolveProtocol(draft, groups, diagnostics);
  const key = serverKey(target, protocol, family);
  const warn = (field: keyof VirtualServerSettings, kind: 'adjusted' | 'ignored', message: string, hint?: string) =>
    diagnostics.warning(kind, places[field] ?? at, `${key}: ${message}`, hint);

  const realServers = resolveRealServers(draft, family, config, surroundings, diagnostics, key);
  if (realServers.length === 0) {
    diagnostics.warning('ignored', at, `virtual_server ${key} has no real server and is left out`);
    return undefined;
  }
  const anyPort = target.kind === 'address' && target.port === 0;
  if (anyPort && set.persistenceTimeout === undefined)
    warn(
      'persistenceTimeout',
      'adjusted',
      'a service on every port must be persistent; 360 s is used',
      'add persistence_timeout',
    );
  const persistenceTimeout = set.persistenceTimeout ?? (anyPort ? DEFAULT_PERSISTENCE : undefined);
  if (set.onePacket === true && protocol !== 'udp' && target.kind !== 'fwmark')
    warn('onePacket', 'ignored', 'ops is for UDP and fwmark services only');

  const total = realServers.reduce((sum, server) => sum + server.weight, 0);
  let quorum = set.quorum ?? 1;
  if (quorum > total && total > 0) {
    warn('quorum', 'adjusted', `quorum ${quorum} can never be reached by weights of ${total}; ${total} is used`);
    quorum = total;
  }
  let hysteresis = set.hysteresis ?? 0;
  if (hysteresis >= quorum) {
    if (hysteresis > 0) warn('hysteresis', 'adjusted', `hysteresis must be below the quorum; ${quorum - 1} is used`);
    hysteresis = quorum - 1;
  }
  const sorryServer = resolveSorryServer(draft, family, diagnostics, warn);
  if (set.sorryServer === undefined) {
    if (set.sorryInhibit !== undefined)
      warn('sorryInhibit', 'ignored', 'sorry_server_inhibit has no effect without sorry_server');
    if (set.sorryForwarding !== undefined)
      warn('sorryForwarding', 'ignored', 'sorry_server_lvs_method has no effect without sorry_server');
  }
  if (set.hashed !== undefined && set.scheduler !== 'sh')
    warn('hashed', 'ignored', 'hashed has an effect with the scheduler sh only');
  if (set.family !== undefined && family !== undefined && set.family !== family)
    warn('family', 'ignored', `ip_family has no effect: its addresses are ${family}`);
  const { virtualHost, quorumUp, quorumDown, persistencePrefix, persistenceEngine, snmpName } = set;
  return {
    key,
    at,
    places: definedPlaces(places),
    target: target.kind === 'fwmark' ? { kind: 'fwmark', mark: target.mark, family: family ?? 'ipv4' } : target,
    ...(family === undefined ? {} : { family }),
    protocol,
    scheduler: set.scheduler ?? 'wlc',
    schedulerFlags: resolveFlags(set.schedulerFlags ?? [], diagnostics),
    onePacket: set.onePacket === true && (protocol === 'udp' || target.kind === 'fwmark'),
    forwarding: set.forwarding ?? NAT,
    delayLoop: set.delayLoop ?? 60 * SECOND,
    timing: timingAsWritten(set),
    weight: set.weight ?? 1,
    inhibitOnFailure: set.inhibitOnFailure ?? false,
    hashed: set.hashed ?? false,
    ...(snmpName === undefined ? {} : { snmpName }),
    ...(persistenceTimeout === undefined
      ? {}
      : {
          persistence: {
            timeout: persistenceTimeout,
            ...(persistencePrefix === undefined ? {} : { prefixLength: persistencePrefix }),
            ...(persistenceEngine === undefined ? {} : { engine: persistenceEngine }),
          },
        }),
    realServers,
    ...(sorryServer === undefined ? {} : { sorryServer }),
    quorum,
    hysteresis,
    ...(quorumUp === undefined ? {} : { quorumUp }),
    ...(quorumDown === undefined ? {} : { quorumDown }),
    alpha: set.alpha ?? false,
    omega: set.omega ?? false,
    haSuspend: set.haSuspend ?? false,
    ...(virtualHost === undefined ? {} : { virtualHost }),
    smtpAlert: set.smtpAlert ?? config.globals.set.smtpAlertChecker ?? config.globals.set.smtpAlert ?? false,
  };
}

function resolveFlags(flags: VirtualServerSettings['schedulerFlags'], diagnostics: Diagnostics): readonly string[] {
  return flags.flatMap(({ name, after, at }) => {
    const [scheduler = ''] = name.split('-');
    if (scheduler === 'flag' || scheduler === after) return [name];
    const hint = `write lvs_sched ${scheduler} before it`;
    diagnostics.warning('ignored', at, `${name} is for the scheduler ${scheduler}`, hint);
    return [];
  });
}

function resolveProtocol(
  draft: ServerDraft,
  groups: readonly VirtualServerGroup[],
  diagnostics: Diagnostics,
): Protocol {
  const { target, set, at } = draft;
  if (set.protocol !== undefined) return set.protocol;
  const markOnly =
    target.kind === 'fwmark' ||
    (target.kind === 'group' &&
      groups.find((group) => group.name === target.name)?.members.every((member) => member.kind === 'fwmark') === true);
  if (!markOnly) {
    diagnostics.warning(
      'missing-setting',
      at,
      `virtual_server ${target.kind === 'group' ? target.name : `${target.address} ${target.port}`} has no protocol, UDP is taken`,
      'add: protocol TCP',
    );
  }
  return 'udp';
}

function resolveSorryServer(
  { set, places, at: serviceAt, target }: ServerDraft,
  family: Family | undefined,
  diagnostics: Diagnostics,
  warn: (field: keyof VirtualServerSettings, kind: 'ignored', message: string) => void,
): VirtualServer['sorryServer'] {
  const { sorryServer } = set;
  if (sorryServer === undefined) return undefined;
  const forwarding = set.sorryForwarding ?? set.forwarding ?? NAT;
  if (family !== undefined && familyOf(sorryServer.address) !== family && forwarding.method !== 'tun') {
    warn('sorryServer', 'ignored', `the sorry server ${sorryServer.address} is not ${family} and is left out`);
    return undefined;
  }
  const { address } = sorryServer;
  const at = places.sorryServer ?? serviceAt;
  const port = realPort(target, { ...sorryServer, at }, forwarding, diagnostics);
  return {
    key: endpoint(address, port),
    address,
    port,
    inhibitOnFailure: set.sorryInhibit ?? false,
    forwarding,
    at,
  };
}

function resolveRealServers(
  draft: ServerDraft,
  family: Family | undefined,
  config: ConfigDraft,
  surroundings: CheckSurroundings,
  diagnostics: Diagnostics,
  service: string,
): readonly RealServer[] {
  const known = new Set<string>();
  const found: RealServer[] = [];
  for (const server of draft.set.realServers ?? []) {
    const { set, at, address } = server;
    const forwarding = set.forwarding ?? draft.set.forwarding ?? NAT;
    if (family !== undefined && familyOf(address) !== family && forwarding.method !== 'tun') {
      diagnostics.error(
        'bad-value',
        at,
        `${service}: the real server ${address} is not ${family} like its virtual server`,
      );
      continue;
    }
    const port = realPort(draft.target, server, forwarding, diagnostics);
    const key = endpoint(address, port);
    if (known.has(key)) {
      diagnostics.warning('duplicate', at, `${service} has the real server ${key} already; this one is left out`);
      continue;
    }
    known.add(key);
    const checks = resolveChecks(server, port, draft.set, surroundings, diagnostics);
    found.push(resolveRealServer(server, draft, key, port, forwarding, checks, config.globals.set));
  }
  return found;
}

/** By assignments where a setting may be missing: with tens of thousands of servers, spreading takes half the time. */
function resolveRealServer(
  { set, at, address }: RealServerDraft,
  { set: service }: ServerDraft,
  key: string,
  port: number,
  forwarding: Forwarding,
  checks: readonly Check[],
  globals: ConfigDraft['globals']['set'],
): RealServer {
  const server: Mutable<RealServer> = {
    key,
    at,
    address,
    port,
    weight: set.weight ?? service.weight ?? 1,
    forwarding,
    inhibitOnFailure: set.inhibitOnFailure ?? service.inhibitOnFailure ?? false,
    slowStart: set.slowStart ?? service.slowStart ?? 0,
    upperThreshold: set.upperThreshold ?? 0,
    lowerThreshold: set.lowerThreshold ?? 0,
    alpha: set.alpha ?? service.alpha ?? false,
    timing: serverTiming(set),
    smtpAlert:
      set.smtpAlert ??
      service.smtpAlert ??
      globals.smtpAlertChecker ??
      globals.smtpAlert ??
      globals.smtpServer !== undefined,
    checks,
  };
  if (set.virtualHost !== undefined) server.virtualHost = set.virtualHost;
  if (set.snmpName !== undefined) server.snmpName = set.snmpName;
  if (set.notifyUp !== undefined) server.notifyUp = set.notifyUp;
  if (set.notifyDown !== undefined) server.notifyDown = set.notifyDown;
  return server;
}

/** DR and TUN leave the packet's port as it is, so the real server must listen on the virtual one. */
function realPort(
  target: TargetDraft,
  server: { readonly address: IpAddress; readonly port: number; readonly at: Position },
  forwarding: Forwarding,
  diagnostics: Diagnostics,
): number {
  if (target.kind !== 'address') return server.port;
  if (server.port === 0) return target.port;
  if (forwarding.method === 'nat' || server.port === target.port) return server.port;
  diagnostics.warning(
    'adjusted',
    server.at,
    `with ${forwarding.method.toUpperCase()} the real server ${server.address} is reached on port ${target.port}, not ${server.port}`,
    'only NAT can change the port',
  );
  return target.port;
}

/** Mostly nothing, and then the same for all. */
function serverTiming(set: RealServerDraft['set']): RealServer['timing'] {
  if (
    set.retry === undefined &&
    set.delayBeforeRetry === undefined &&
    set.warmup === undefined &&
    set.connectTimeout === undefined &&
    set.delayLoop === undefined
  )
    return NO_TIMING;
  const timing: Mutable<RealServer['timing']> = timingAsWritten(set);
  if (set.delayLoop !== undefined) timing.delayLoop = set.delayLoop;
  return timing;
}

function timingAsWritten({ retry, delayBeforeRetry, warmup, connectTimeout }: Partial<TimingSettings>): ServerTiming {
  const timing: Mutable<ServerTiming> = {};
  if (retry !== undefined) timing.retry = retry;
  if (delayBeforeRetry !== undefined) timing.delayBeforeRetry = delayBeforeRetry;
  if (warmup !== undefined) timing.warmup = warmup;
  if (connectTimeout !== undefined) timing.connectTimeout = connectTimeout;
  return timing;
}

function serverFamily({ target, set }: ServerDraft, groups: readonly VirtualServerGroup[]): Family | undefined {
  if (target.kind === 'address') return familyOf(target.address);
  const members = target.kind === 'group' ? (groups.find((group) => group.name === target.name)?.members ?? []) : [];
  for (const member of members) {
    if (member.kind === 'addresses') return familyOf(member.first);
    if (member.family !== undefined) return member.family;
  }
  return set.family ?? familyOfServers(set, target.kind);
}

/**
 * Of what has no address of its own, as keepalived takes it: that of the first server that is not in a tunnel, which carries
 * any family. Where all are, a mark has the one that they have in common; where there is none, and for groups, it is IPv4.
 */
function familyOfServers(set: VirtualServerDraft['set'], target: 'fwmark' | 'group'): Family | undefined {
  const servers = (set.realServers ?? []).map(({ address, set: own }) => ({
    family: familyOf(address),
    forwarding: own.forwarding ?? set.forwarding ?? NAT,
  }));
  const plain = servers.find(({ forwarding }) => forwarding.method !== 'tun');
  if (plain !== undefined || servers.length === 0) return plain?.family;
  return target === 'fwmark' && servers.every(({ family }) => family === 'ipv6') ? 'ipv6' : 'ipv4';
}

function serverKey(target: TargetDraft, protocol: Protocol, family: Family | undefined): string {
  if (target.kind === 'group') return `group/${target.name}`;
  if (target.kind === 'fwmark') return family === 'ipv6' ? `fwmark/${target.mark}/ipv6` : `fwmark/${target.mark}`;
  return `${protocol}/${endpoint(target.address, target.port)}`;
}

function endpoint(address: IpAddress, port: number): string {
  return familyOf(address) === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
