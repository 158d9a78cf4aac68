import type { Instant } from '@keepfleet/machine';
import { destinationOf, expandTarget, serviceOptions } from './expand.ts';
import {
  type DesiredService,
  type Destination,
  type KernelService,
  type ServiceId,
  destinationKey,
  serviceFamily,
  serviceKey,
} from './model.ts';
import { judgeQuorum } from './quorum.ts';
import { findDestination } from './table.ts';
import type {
  CheckerTraits,
  RealServerSettings,
  SorryServerSettings,
  VirtualServerGroupSettings,
  VirtualServerSettings,
} from './settings.ts';
import { type WeightEffect, isDrained, makesWeights, noEffect, weightOf } from './weight.ts';

const SORRY_WEIGHT = 1;

export interface RealServerState {
  readonly settings: RealServerSettings<CheckerTraits>;
  readonly up: boolean;
  /** What the checkers make of its weight. */
  readonly effect: WeightEffect;
  readonly since: Instant;
  /** What the kernel had at adoption, which holds until the checks have said what they make of the weight. */
  readonly adoptedWeight: number | null;
  /** Drained while it had connections, which it keeps until the drain ends: its checks may find an application that is closing. */
  readonly lingers: boolean;
}

/** A virtual server with the state of its real servers and its quorum. */
export interface VirtualServerState {
  readonly settings: VirtualServerSettings<CheckerTraits>;
  readonly services: readonly ServiceId[];
  readonly quorumUp: boolean;
  readonly servers: ReadonlyMap<string, RealServerState>;
}

/** The state of a virtual server that was not known before: as the kernel shows it where it has the service, else the default. */
export function firstState(
  settings: VirtualServerSettings<CheckerTraits>,
  groups: readonly VirtualServerGroupSettings[],
  table: ReadonlyMap<string, KernelService>,
  now: Instant,
): VirtualServerState {
  const services = expandTarget(settings.target, settings.protocol, groups);
  const adopted = services.flatMap((id) => table.get(serviceKey(id)) ?? []);
  const servers = new Map<string, RealServerState>();
  for (const server of settings.realServers) {
    const up = adopted.length === 0 ? startsUp(server) : shownUp(server, adopted);
    const lingers = isDrained(server) && (up || adopted.some((service) => shownIn(service, server) !== undefined));
    const adoptedWeight = weightToKeep(server, adopted);
    servers.set(server.key, { settings: server, since: now, effect: noEffect, up, lingers, adoptedWeight });
  }
  const state = { settings, services, servers, quorumUp: true };
  const weight = liveWeight(state);
  const sorryShown =
    settings.sorryServer !== null && adopted.some((service) => hasWeight(service, settings.sorryServer));
  const quorumUp = judgeQuorum(settings, weight, adopted.length > 0 && !sorryShown);
  return { ...state, quorumUp };
}

/** The state of one that came before the kernel's table was known: as that shows it, but for servers that were heard of since. */
export function adoptedLate(
  before: VirtualServerState,
  heard: ReadonlySet<string>,
  groups: readonly VirtualServerGroupSettings[],
  table: ReadonlyMap<string, KernelService>,
  now: Instant,
): VirtualServerState {
  const found = firstState(before.settings, groups, table, now);
  if (heard.size === 0) return found;
  const servers = new Map(found.servers);
  for (const [key, server] of before.servers) if (heard.has(key)) servers.set(key, server);
  const state = { ...found, servers };
  return { ...state, quorumUp: judgeQuorum(state.settings, liveWeight(state), found.quorumUp) };
}

/** The state after a new configuration: real servers that stay keep their state. */
export function reconfigured(
  before: VirtualServerState,
  settings: VirtualServerSettings<CheckerTraits>,
  groups: readonly VirtualServerGroupSettings[],
  now: Instant,
): VirtualServerState {
  const servers = new Map(
    settings.realServers.map((server) => {
      const known = before.servers.get(server.key);
      const { up, since, effect } = known ?? { up: startsUp(server), since: now, effect: noEffect };
      const lingers = isDrained(server) && (up || known?.lingers === true);
      const isWeighedAlike =
        known?.settings.weight === server.weight && known.settings.weightIsSet === server.weightIsSet;
      const adoptedWeight = isWeighedAlike ? known.adoptedWeight : null;
      return [server.key, { settings: server, up, since, effect, lingers, adoptedWeight }];
    }),
  );
  const state = { ...before, settings, servers, services: expandTarget(settings.target, settings.protocol, groups) };
  return { ...state, quorumUp: judgeQuorum(settings, liveWeight(state), before.quorumUp) };
}

export function withHealth(before: VirtualServerState, server: string, up: boolean, now: Instant): VirtualServerState {
  const known = before.servers.get(server);
  if (known === undefined || known.up === up) return before;
  const lingers = isDrained(known.settings) && (up || known.lingers);
  const next = { ...known, up, since: now, lingers, adoptedWeight: null };
  const state = { ...before, servers: new Map(before.servers).set(server, next) };
  return { ...state, quorumUp: judgeQuorum(state.settings, liveWeight(state), before.quorumUp) };
}

export function withEffect(before: VirtualServerState, server: string, effect: WeightEffect): VirtualServerState {
  const known = before.servers.get(server);
  if (known === undefined) return before;
  const state = { ...before, servers: new Map(before.servers).set(server, { ...known, effect, adoptedWeight: null }) };
  return { ...state, quorumUp: judgeQuorum(state.settings, liveWeight(state), before.quorumUp) };
}

/** What the quorum is compared with: the weights of the servers that are up. */
export function liveWeight(state: VirtualServerState): number {
  let sum = 0;
  for (const server of state.servers.values()) if (server.up) sum += currentWeight(server);
  return sum;
}

/** The weight of a server that is up. */
export function currentWeight(server: RealServerState): number {
  return server.adoptedWeight ?? weightOf(server);
}

export function realServersUp(state: VirtualServerState): number {
  let up = 0;
  for (const server of state.servers.values()) if (server.up) up++;
  return up;
}

export function sorryInUse(state: VirtualServerState): boolean {
  return state.settings.sorryServer !== null && !state.quorumUp;
}

/** The weight that a real server should have in the kernel; undefined when it should not be in the pool. */
export function poolWeight(state: VirtualServerState, server: RealServerState): number | undefined {
  const { weight, inhibitOnFailure } = server.settings;
  const takesNew = server.up && !sorryInUse(state);
  if (takesNew) return currentWeight(server);
  // A server drained by its operator keeps its connections also while the sorry server takes the new ones.
  if (inhibitOnFailure || server.lingers || (server.up && weight === 0)) return 0;
  return undefined;
}

export function desiredServices(state: VirtualServerState): DesiredService[] {
  return state.services.map((id) => ({
    id,
    ...serviceOptions(state.settings, serviceFamily(id)),
    destinations: desiredDestinations(state, id),
  }));
}

function desiredDestinations(state: VirtualServerState, service: ServiceId): ReadonlyMap<string, Destination> {
  const destinations = new Map<string, Destination>();
  for (const server of state.servers.values()) {
    const weight = poolWeight(state, server);
    if (weight === undefined) continue;
    const destination = destinationOf(server.settings, weight, service);
    if (destination === undefined) continue;
    const key = destinationKey(destination);
    if (!destinations.has(key)) destinations.set(key, destination);
  }
  const sorry = state.settings.sorryServer;
  const inUse = sorryInUse(state);
  if (sorry === null || !(inUse || sorry.inhibit)) return destinations;
  const destination = destinationOf(sorry, inUse ? SORRY_WEIGHT : 0, service);
  if (destination === undefined) return destinations;
  const key = destinationKey(destination);
  // The sorry server may be one of the real servers too; in use it wins.
  if (inUse || !destinations.has(key)) destinations.set(key, destination);
  return destinations;
}

function startsUp(server: RealServerSettings<CheckerTraits>): boolean {
  return server.checkers.length === 0 || !(server.alpha || server.checkers.some(({ schedule }) => schedule.alpha));
}

/** Without checkers nothing would ever bring a server up again, so it counts as up whatever the kernel shows. */
function shownUp(server: RealServerSettings<CheckerTraits>, adopted: readonly KernelService[]): boolean {
  if (server.checkers.length === 0) return true;
  return adopted.some((service) => {
    const shown = shownIn(service, server);
    if (shown === undefined) return false;
    return shown.weight > 0 || server.weight === 0 || !server.inhibitOnFailure;
  });
}

/** Where scripts, files, answers or time make the weight, what they made of it before is not to be had but from the kernel. */
function weightToKeep(server: RealServerSettings<CheckerTraits>, adopted: readonly KernelService[]): number | null {
  if (isDrained(server)) return null;
  if (!server.checkers.some(makesWeights) && server.slowStart === 0) return null;
  for (const service of adopted) {
    const shown = shownIn(service, server);
    if (shown !== undefined) return shown.weight;
  }
  return null;
}

function shownIn(service: KernelService, server: RealServerSettings<CheckerTraits>): Destination | undefined {
  return findDestination(service, destinationOf(server, 0, service.id));
}

function hasWeight(service: KernelService, sorry: SorryServerSettings | null): boolean {
  if (sorry === null) return false;
  return (findDestination(service, destinationOf(sorry, 0, service.id))?.weight ?? 0) > 0;
}
