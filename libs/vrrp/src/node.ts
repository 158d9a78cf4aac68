import { type Instant, type Machine, after, earliest, instant } from '@keepfleet/machine';
import { type Family, type IpAddress, familyOf, unhex } from '@keepfleet/wire';
import { type Surroundings, messageOffset, noSurroundings } from './authentication.ts';
import { AnnounceGaps } from './announce-gaps.ts';
import { Beats } from './beats.ts';
import { InterfaceDelays } from './interface-delays.ts';
import { VirtualRouter } from './machine.ts';
import type {
  InterfaceState,
  ReceivedPacket,
  RouterInput,
  RouterStateName,
  StopInput,
  TrackerInput,
  VrrpCommand,
  VrrpInput,
  VrrpOutput,
} from './messages.ts';
import { notification, notifyState } from './notifications.ts';
import { VRRP_TTL, peekVrid } from './packet.ts';
import { mcastGroup } from './reception.ts';
import { SyncGroup } from './sync-group.ts';
import { type VirtualRouterSettings, type VrrpSettings, wireInterface } from './settings.ts';
import type { VrrpSnapshot } from './snapshot.ts';
import { trackerKey } from './tracking.ts';
import { Statics } from './statics.ts';

/** What adverts are heard on. */
export interface Place {
  readonly interface: string;
  readonly family: Family;
}

/** A socket that the driver must have open: VRRP of one family on one interface. */
export interface Listener extends Place {
  /** Multicast groups to join. */
  readonly groups: readonly IpAddress[];
  /** TTL or hop limit of what is sent. */
  readonly hopLimit: number;
  /** Adverts in an authentication header too, which is a protocol of its own. */
  readonly authenticationHeader?: true;
}

/** Adverts of so many unknown VRIDs are reported one by one. */
const MAX_REPORTED_VRIDS = 255;

/** All virtual routers of a node: who is told what, and one deadline for all of them. */
export class VrrpNode implements Machine<VrrpInput, VrrpOutput> {
  #settings: VrrpSettings | undefined;
  #routers = new Map<string, VirtualRouter>();
  /** By interface and family that adverts come through, then by VRID. */
  #routersAt = new Map<string, Map<number, VirtualRouter[]>>();
  #groups = new Map<string, SyncGroup>();
  readonly #interfaces = new Map<string, InterfaceState>();
  readonly #delays = new InterfaceDelays();
  readonly #gaps = new AnnounceGaps();
  readonly #beats = new Beats();
  /** What each tracker said last: instances that come later are told. */
  readonly #trackers = new Map<string, TrackerInput>();
  #startAt: Instant | undefined;
  #unknownVrids = 0;
  #hearingChanges = 0;
  readonly #reportedVrids = new Set<string>();
  #stopping: StopInput['mode'] | undefined;
  readonly #statics = new Statics(this.#interfaces);
  readonly #surroundings: Surroundings;

  /** `surroundings` are needed by routers that sign their adverts. */
  constructor(surroundings: Surroundings = noSurroundings) {
    this.#surroundings = surroundings;
  }

  handle(input: VrrpInput, now: Instant): readonly VrrpOutput[] {
    switch (input.kind) {
      case 'configure':
        return this.#configure(input.settings, now);
      case 'command':
        return this.#command(input.command, now);
      case 'interface':
        return this.#interface(this.#delays.take(input.interface, now), now);
      case 'interface-gone':
        this.#delays.gone(input.name);
        this.#interfaces.delete(input.name);
        return [...this.#tellAll(input, now), ...this.#tellStatics(now)];
      case 'tracker':
        this.#trackers.set(trackerKey(input.tracker, input.name), input);
        return this.#tellAll(input, now);
      case 'socket':
        return this.#tellAll(input, now);
      case 'routing':
        return [...this.#statics.take(input, now), ...this.#tellAll(input, now), ...this.#tellStatics(now)];
      case 'packet':
        return this.#packet(input, now);
      case 'stop':
        this.#stopping ??= input.mode;
        return [...this.#tellRouters(input, now), ...this.#endIfHandedOver()];
      default:
        return input satisfies never;
    }
  }

  timeout(now: Instant): readonly VrrpOutput[] {
    const outputs = [...this.#statics.due(now), ...this.#tellStatics(now)];
    outputs.push(...this.#delays.due(now).flatMap((state) => this.#interface(state, now)));
    // A late wake-up finds several: who was due first acts first, as with one that is in time.
    const due = [...this.#routers.values()].filter((router) => router.dueAt <= now);
    for (const router of due.sort((one, other) => one.dueAt - other.dueAt))
      // What one did may have left another nothing to do.
      if (router.dueAt <= now) outputs.push(...this.#drive(router, () => router.timeout(now), now));
    return [...outputs, ...this.#endIfHandedOver()];
  }

  nextDeadline(): Instant | undefined {
    let next: number = earliest(this.#statics.nextDeadline(), this.#delays.nextDeadline()) ?? Infinity;
    for (const router of this.#routers.values()) if (router.dueAt < next) next = router.dueAt;
    return next === Infinity ? undefined : instant(next);
  }

  /** Where the adverts that have arrived are to be handled before {@link timeout}, which would go by a silence there. */
  silences(now: Instant): Place[] {
    const places = new Map<string, Place>();
    for (const router of this.#routers.values()) {
      if (router.dueAt > now || !router.isSilenceOver(now)) continue;
      const place = { interface: wireInterface(router.settings), family: router.settings.family };
      places.set(`${place.interface}/${place.family}`, place);
    }
    return [...places.values()];
  }

  /** How often a router began or ceased to hear a master: no output tells that, but the snapshot is another. */
  get hearingChanges(): number {
    return this.#hearingChanges;
  }

  /** Whether it was stopped, and has nothing left that a successor is to take over. */
  get isStopped(): boolean {
    return this.#stopping !== undefined && this.#routers.size === 0;
  }

  /** In configuration order. */
  states(): RouterStateName[] {
    return Array.from(this.#routers.values(), (router) => router.state);
  }

  /** Undefined for an instance that there is not. */
  stateOf(instance: string): RouterStateName | undefined {
    return this.#routers.get(instance)?.state;
  }

  /** Sockets that the present settings need. */
  listeners(): Listener[] {
    const listeners = new Map<string, Listener>();
    for (const { settings } of this.#routers.values()) {
      const name = wireInterface(settings);
      const key = `${name}/${settings.family}`;
      const known = listeners.get(key);
      const before = known?.groups ?? [];
      const authenticationHeader = known?.authenticationHeader === true || signsHeader(settings);
      const group = mcastGroup(settings);
      const groups = group === undefined || before.includes(group) ? before : [...before, group];
      // One socket has one TTL, and 255 is the one that every receiver takes.
      const wanted = settings.unicast?.ttl ?? VRRP_TTL;
      const hopLimit = (known?.hopLimit ?? wanted) === wanted ? wanted : VRRP_TTL;
      listeners.set(key, {
        interface: name,
        family: settings.family,
        groups,
        hopLimit,
        ...(authenticationHeader ? { authenticationHeader } : {}),
      });
    }
    return [...listeners.values()];
  }

  /** `epochMillis` turns an instant into milliseconds since 1970. */
  snapshot(epochMillis: (instant: Instant) => number): VrrpSnapshot {
    const missing = this.#statics.routingMissing;
    return {
      ...(this.#settings?.revision === undefined ? {} : { revision: this.#settings.revision }),
      syncGroups: Array.from(this.#groups.values(), (group) => group.snapshot()),
      instances: Array.from(this.#routers.values(), (router) => router.snapshot(epochMillis)),
      unknownVrids: this.#unknownVrids,
      ...(missing.length === 0 ? {} : { staticRoutingMissing: missing }),
    };
  }

  /** The last that a stop does, once every router that was master has a successor or has waited long enough for one. */
  #endIfHandedOver(): VrrpOutput[] {
    if (this.#stopping === undefined || [...this.#routers.values()].some((router) => router.isHandingOver)) return [];
    const released =
      this.#stopping === 'leave'
        ? []
        : [...Array.from(this.#groups.values()).flatMap((group) => group.stop()), ...this.#statics.release()];
    this.#routers = new Map();
    this.#routersAt = new Map();
    this.#groups = new Map();
    this.#settings = undefined;
    return released;
  }

  #configure(settings: VrrpSettings, now: Instant): VrrpOutput[] {
    // The delay counts from the start of the process, not from a reload.
    const startAt = (this.#startAt ??= firstStart(settings, now));
    this.#delays.configure(settings.interfaceDelays ?? []);
    this.#gaps.configure(settings.garpGroups ?? []);
    const before = this.#routers;
    const wanted = new Set(settings.instances.map((instance) => instance.name));
    const outputs: VrrpOutput[] = [];
    for (const [name, router] of before) if (!wanted.has(name)) outputs.push(...router.handle({ kind: 'remove' }, now));
    this.#settings = settings;
    this.#stopping = undefined;
    outputs.push(...this.#statics.configure(settings));
    this.#routers = new Map(
      settings.instances.map((instance) => [
        instance.name,
        before.get(instance.name) ?? this.#newRouter(instance, now),
      ]),
    );
    const virtual = settings.instances.flatMap((instance) => instance.addresses.map((one) => one.address));
    outputs.push(...this.#tellRouters({ kind: 'virtual-addresses', addresses: virtual }, now));
    // Before they start. Groups hear of it below, with all the rest.
    for (const [name, input] of this.#staticNews())
      outputs.push(...(this.#routers.get(name)?.handle(input, now) ?? []));
    for (const instance of settings.instances) {
      const router = this.#routers.get(instance.name);
      if (router !== undefined) outputs.push(...router.handle({ kind: 'configure', settings: instance, startAt }, now));
    }
    this.#routersAt = byPlace(this.#routers.values());
    this.#configureGroups(settings);
    outputs.push(...this.#settleAll(now));
    if (before.size > 0 && settings.notifyOnReload === true) outputs.push(...this.#presentStates());
    return outputs;
  }

  /** Lines for the FIFOs alone: nothing has happened that a script should be run for. */
  #presentStates(): VrrpOutput[] {
    const line = (type: 'INSTANCE' | 'GROUP', name: string, state: RouterStateName, priority: number) => {
      const word = notifyState(state, 'started');
      return word === undefined ? [] : [notification({ type, name, state: word, priority }, undefined)];
    };
    const { instances, syncGroups } = this.snapshot(() => 0);
    return [
      ...instances.flatMap(({ name, state, effectivePriority }) => line('INSTANCE', name, state, effectivePriority)),
      ...syncGroups.flatMap(({ name, state }) => line('GROUP', name, state, 0)),
    ];
  }

  #configureGroups({ syncGroups = [] }: VrrpSettings): void {
    const before = this.#groups;
    this.#groups = new Map(
      syncGroups.map((settings) => {
        const group = before.get(settings.name) ?? new SyncGroup(settings);
        group.configure(
          settings,
          settings.members.flatMap((name) => this.#routers.get(name) ?? []),
        );
        return [settings.name, group];
      }),
    );
  }

  #interface(state: InterfaceState, now: Instant): VrrpOutput[] {
    this.#interfaces.set(state.name, state);
    const input = { kind: 'interface', interface: state } as const;
    return [
      ...this.#statics.interfaceChanged(state.name, now),
      ...this.#tellAll(input, now),
      ...this.#tellStatics(now),
    ];
  }

  #newRouter(settings: VrrpSettings['instances'][number], now: Instant): VirtualRouter {
    const router = new VirtualRouter(settings, now, this.#surroundings, this.#gaps, this.#beats);
    for (const state of this.#interfaces.values()) router.handle({ kind: 'interface', interface: state }, now);
    for (const tracker of this.#trackers.values()) router.handle(tracker, now);
    return router;
  }

  #command(command: VrrpCommand, now: Instant): VrrpOutput[] {
    const router = this.#routers.get(command.instance);
    if (router === undefined) return [];
    const members = this.#groupOf(router.settings)?.members ?? [router];
    const input: RouterInput = command.kind === 'announce' ? { kind: 'announce', asked: true } : { kind: command.kind };
    return [...members.flatMap((member) => member.handle(input, now)), ...this.#settleAll(now)];
  }

  #packet(packet: ReceivedPacket, now: Instant): VrrpOutput[] {
    const family = familyOf(packet.source);
    const offset = messageOffset(packet);
    const vrid = peekVrid(unhex(packet.bytes.slice(0, 2 * offset + 4)), offset);
    const here = this.#routersAt.get(`${packet.interface}/${family}`);
    // Too short to have a VRID: each of them counts it.
    const concerned = vrid === undefined ? [...(here?.values() ?? [])].flat() : (here?.get(vrid) ?? []);
    if (concerned.length > 0)
      return [
        ...concerned.flatMap((router) => this.#drive(router, () => router.handle(packet, now), now)),
        ...this.#endIfHandedOver(),
      ];
    this.#unknownVrids++;
    const key = `${packet.interface}/${family}/${vrid}`;
    const silent = this.#settings?.logUnknownVrids !== true || this.#reportedVrids.size >= MAX_REPORTED_VRIDS;
    if (vrid === undefined || silent || this.#reportedVrids.has(key)) return [];
    this.#reportedVrids.add(key);
    return [
      { kind: 'event', event: { kind: 'unknown-vrid', interface: packet.interface, vrid, source: packet.source } },
    ];
  }

  /** What a packet or the time does to a router, and then to its sync group. */
  #drive(router: VirtualRouter, act: () => readonly VrrpOutput[], now: Instant): VrrpOutput[] {
    const before = router.hearsMaster;
    const own = act();
    if (router.hearsMaster !== before) this.#hearingChanges++;
    return [...own, ...this.#together(router, own, now)];
  }

  /** What the other members of a router's sync group do about what it did. */
  #together(router: VirtualRouter, own: readonly VrrpOutput[], now: Instant): VrrpOutput[] {
    const group = this.#groupOf(router.settings);
    if (group === undefined) return [];
    const disputed = own.some((output) => output.kind === 'notify' && output.state === 'MASTER_RX_LOWER_PRI');
    const others = disputed ? group.members.filter((member) => member !== router) : [];
    const announced = others.flatMap((member) => member.handle({ kind: 'announce', asked: false }, now));
    return [...announced, ...group.settle(router, now)];
  }

  /** What each instance is to know of its track groups. */
  #staticNews(): Map<string, RouterInput> {
    const news = new Map<string, RouterInput>();
    const { instances = [], trackGroups = [] } = this.#settings ?? {};
    for (const { name } of instances) {
      const groups = trackGroups.filter((group) => group.instances.includes(name));
      const [missing] = groups.flatMap((group) => this.#statics.lostOf(group.name) ?? []);
      news.set(name, { kind: 'static', ...(missing === undefined ? {} : { missing }) });
    }
    return news;
  }

  #tellStatics(now: Instant): VrrpOutput[] {
    if ((this.#settings?.trackGroups ?? []).length === 0) return [];
    const outputs = [...this.#staticNews()].flatMap(
      ([name, input]) => this.#routers.get(name)?.handle(input, now) ?? [],
    );
    return [...outputs, ...this.#settleAll(now)];
  }

  #groupOf({ syncGroup }: VirtualRouterSettings): SyncGroup | undefined {
    return syncGroup === undefined ? undefined : this.#groups.get(syncGroup);
  }

  #settleAll(now: Instant): VrrpOutput[] {
    return [...this.#groups.values()].flatMap((group) => group.settle(undefined, now));
  }

  #tellAll(input: RouterInput, now: Instant): VrrpOutput[] {
    return [...this.#tellRouters(input, now), ...this.#settleAll(now)];
  }

  #tellRouters(input: RouterInput, now: Instant): VrrpOutput[] {
    return [...this.#routers.values()].flatMap((router) => router.handle(input, now));
  }
}

function byPlace(routers: Iterable<VirtualRouter>): Map<string, Map<number, VirtualRouter[]>> {
  const places = new Map<string, Map<number, VirtualRouter[]>>();
  for (const router of routers) {
    const { settings } = router;
    const place = `${wireInterface(settings)}/${settings.family}`;
    const here = places.get(place) ?? new Map<number, VirtualRouter[]>();
    places.set(place, here.set(settings.vrid, [...(here.get(settings.vrid) ?? []), router]));
  }
  return places;
}

function signsHeader({ version, auth }: VirtualRouterSettings): boolean {
  return version === 2 && auth?.type === 'ah';
}

/** The driver's instants count from the start of the system, so a delay after that is an instant. */
function firstStart({ startupDelay, delayAfterBoot }: VrrpSettings, now: Instant): Instant {
  return instant(Math.max(after(now, startupDelay), delayAfterBoot ?? 0));
}
