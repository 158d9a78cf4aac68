import type { Instant, Machine } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import { ownersOf, quorumEvents, sameGroups, sameSet, weightEvents } from './balancer-events.ts';
import { destinationOf } from './expand.ts';
import type { ConnectionsOfService, LvsEvent } from './messages.ts';
import {
  type DesiredService,
  type KernelService,
  type ServiceId,
  addConnections,
  destinationKey,
  noConnections,
  serviceKey,
} from './model.ts';
import { untouchedOptions } from './kernel-options.ts';
import { type Operation, describeOperation, planOperations, serviceOf } from './plan.ts';
import { Refusals } from './refusals.ts';
import { type CheckerTraits, type LvsSettings, defaultPolicy } from './settings.ts';
import { findDestination, tableAfter } from './table.ts';
import {
  type VirtualServerState,
  adoptedLate,
  desiredServices,
  firstState,
  realServersUp,
  reconfigured,
  withEffect,
  withHealth,
} from './virtual-server.ts';
import type { WeightEffect } from './weight.ts';

export type BalancerInput =
  /** Once, before everything else: the keys of the services that an earlier run created. */
  | { readonly kind: 'owned'; readonly services: readonly string[] }
  | { readonly kind: 'configure'; readonly settings: LvsSettings<CheckerTraits> }
  /** The kernel's whole table as just read. Read it once before the first `configure`, so that what is there is adopted. */
  | {
      readonly kind: 'table';
      readonly services: readonly KernelService[];
      /** A configuration met another table than was known: what it wants is put there whatever the policy about drift. */
      readonly configuring?: boolean;
    }
  | {
      readonly kind: 'health';
      readonly service: string;
      readonly server: string;
      readonly up: boolean;
      readonly reason: string;
    }
  /** What the checkers make of the weight of a server is another. */
  | { readonly kind: 'effect'; readonly service: string; readonly server: string; readonly effect: WeightEffect }
  /** The kernel refused an operation; in the order of the operations, for servers follow their service. */
  | {
      readonly kind: 'refused';
      readonly operation: Operation;
      readonly reason: string;
      /** What it is about was not there, though the table as last read had it. */
      readonly isGone?: boolean;
    }
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** Take everything of ours out of the kernel, or with the policy all there is, and put nothing back. */
  | { readonly kind: 'release' };

export type BalancerOutput =
  /** To be kept on disk before the operations that follow are carried out. */
  | { readonly kind: 'own'; readonly services: readonly string[] }
  /** To be carried out in this order. */
  | { readonly kind: 'apply'; readonly operations: readonly Operation[] }
  /** The whole table at once. */
  | { readonly kind: 'flush' }
  /** Somebody changed the table (`ipvsadm -C`): no failure, but drift, to be found by a reading now. */
  | { readonly kind: 'read' }
  | { readonly kind: 'event'; readonly event: LvsEvent };

const nothing: LvsSettings<CheckerTraits> = {
  policy: defaultPolicy,
  kernel: untouchedOptions,
  groups: [],
  virtualServers: [],
};

/** Operations, and what they lead to: nothing where they are a part of what leads there. */
interface Plan {
  readonly operations: readonly Operation[];
  readonly desired: readonly DesiredService[];
}

/**
 * Keeps the kernel's table as the settings and the health of the real servers want it. It holds the table as last read,
 * corrected by the operations it gave out; what differs from that at the next reading is drift and is repaired.
 */
export class Balancer implements Machine<BalancerInput, BalancerOutput> {
  #settings = nothing;
  #configured = false;
  #states = new Map<string, VirtualServerState>();
  /** The virtual server that each kernel service belongs to. */
  #owners = new Map<string, string>();
  #owned = new Set<string>();
  /** Virtual servers that came before the table, with those of their servers that something was said of meanwhile. */
  readonly #unseen = new Map<string, Set<string>>();
  /** `lvs_flush` waits for the table. */
  #flushes = false;
  #table: ReadonlyMap<string, KernelService> | undefined;
  #readAt: Instant | undefined;
  #unavailable: string | undefined;
  readonly #refusals = new Refusals();
  #repairs = 0;
  #drift: readonly string[] = [];
  /** Foreign services and drift that an event has told of. */
  #told = new Set<string>();

  handle(input: BalancerInput, now: Instant): readonly BalancerOutput[] {
    switch (input.kind) {
      case 'owned':
        this.#owned = new Set(input.services);
        return [];
      case 'configure':
        return this.#configure(input.settings, now);
      case 'table':
        return this.#read(input, now);
      case 'health':
        return this.#health(input, now);
      case 'effect':
        return this.#effect(input);
      case 'refused':
        return this.#refuse(input);
      case 'unavailable': {
        this.#table = undefined;
        if (this.#unavailable === input.reason) return [];
        this.#unavailable = input.reason;
        return [{ kind: 'event', event: { kind: 'ipvs-unavailable', reason: input.reason } }];
      }
      case 'release':
        return this.#release();
    }
  }

  /** No deadline of its own: the driver reads the table at its own pace. */
  timeout(): readonly BalancerOutput[] {
    return [];
  }

  nextDeadline(): Instant | undefined {
    return undefined;
  }

  get settings(): LvsSettings<CheckerTraits> {
    return this.#settings;
  }

  get table(): ReadonlyMap<string, KernelService> | undefined {
    return this.#table;
  }

  get readAt(): Instant | undefined {
    return this.#readAt;
  }

  get unavailable(): string | undefined {
    return this.#unavailable;
  }

  get repairs(): number {
    return this.#repairs;
  }

  get drift(): readonly string[] {
    return this.#drift;
  }

  /** In the order of the configuration. */
  get states(): readonly VirtualServerState[] {
    return [...this.#states.values()];
  }

  isUp(service: string, server: string): boolean {
    return this.#states.get(service)?.servers.get(server)?.up ?? false;
  }

  /** What an adopted server keeps until an effect is told of it. */
  adoptedWeight(service: string, server: string): number | null {
    return this.#states.get(service)?.servers.get(server)?.adoptedWeight ?? null;
  }

  problemsOf(service: string): string[] {
    return this.#refusals.problemsOf(service);
  }

  /** Services in the kernel that neither the settings nor an earlier run of ours put there. */
  get foreignServices(): string[] {
    return [...(this.#table?.keys() ?? [])].filter((key) => !this.#owners.has(key) && !this.#owned.has(key));
  }

  /** The kernel services of a virtual server; undefined when there is no such. */
  servicesOf(virtualServer: string): readonly ServiceId[] | undefined {
    return this.#states.get(virtualServer)?.services;
  }

  /** The connections of one real server or sorry server in every virtual server that has it. */
  connectionsOf(address: IpAddress, port: number | undefined): ConnectionsOfService[] {
    const found: ConnectionsOfService[] = [];
    for (const { settings, services } of this.#states.values()) {
      const servers = [...settings.realServers, ...(settings.sorryServer ? [settings.sorryServer] : [])];
      for (const server of servers) {
        if (server.address !== address || (port !== undefined && server.port !== port)) continue;
        const shown = services.flatMap(
          (id) => findDestination(this.#table?.get(serviceKey(id)), destinationOf(server, 0, id)) ?? [],
        );
        const counts = shown.reduce(
          (sum, { connections = noConnections }) => addConnections(sum, connections),
          noConnections,
        );
        found.push({ service: settings.key, server: server.key, weight: shown[0]?.weight ?? null, ...counts });
      }
    }
    return found;
  }

  #configure(settings: LvsSettings<CheckerTraits>, now: Instant): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    const states = new Map<string, VirtualServerState>();
    const changed = new Set<string>();
    const groups = sameGroups(this.#settings.groups, settings.groups) ? this.#settings.groups : settings.groups;
    for (const server of settings.virtualServers) {
      const before = this.#states.get(server.key);
      // Of thousands of virtual servers a reload changes a few; the others come as the object that they were.
      if (before?.settings === server && (server.target.kind !== 'group' || groups === this.#settings.groups)) {
        states.set(server.key, before);
        continue;
      }
      const state = before
        ? reconfigured(before, server, groups, now)
        : firstState(server, groups, this.#table ?? new Map(), now);
      states.set(server.key, state);
      changed.add(server.key);
      if (before === undefined && this.#table === undefined) this.#unseen.set(server.key, new Set());
      if (before) outputs.push(...weightEvents(before, state), ...quorumEvents(before, state));
    }
    const ownersBefore = this.#owners;
    this.#settings = { ...settings, groups };
    this.#states = states;
    this.#owners = ownersOf(states.values());
    // A kernel service that two virtual servers want passes to the other one when the first is gone.
    for (const [key, owner] of this.#owners) if (ownersBefore.get(key) !== owner) changed.add(owner);
    if (!this.#configured) this.#flushes = settings.policy.flushAtStart;
    this.#configured = true;
    this.#flush();
    if (this.#table === undefined) return [...outputs, ...this.#foreignEvents()];
    // Drift that is only reported is over with the next configuration.
    const all = settings.policy.drift === 'report';
    const affected = [...states.values()].filter((state) => all || changed.has(state.settings.key));
    return [...outputs, ...this.#foreignEvents(), ...this.#giveOut(this.#planFor(affected))];
  }

  /** What the configuration has is adopted all the same: no connection is cut only to be made again. */
  #flush(): void {
    if (!this.#flushes || this.#table === undefined) return;
    this.#flushes = false;
    this.#owned = new Set([...this.#owned, ...this.#table.keys()]);
  }

  /** What came before the table could be read is adopted with the first one, but for what was found out meanwhile. */
  #adoptLate(table: ReadonlyMap<string, KernelService>, now: Instant): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    for (const [key, heard] of this.#unseen) {
      const before = this.#states.get(key);
      if (before === undefined) continue;
      const state = adoptedLate(before, heard, this.#settings.groups, table, now);
      this.#states.set(key, state);
      outputs.push(...quorumEvents(before, state));
    }
    this.#unseen.clear();
    return outputs;
  }

  #release(): BalancerOutput[] {
    const { flushAtStop } = this.#settings.policy;
    // Also of a process that was never told anything: what it removes is no longer its own.
    this.#configured = true;
    this.#settings = nothing;
    this.#states.clear();
    this.#owners.clear();
    if (!flushAtStop || this.#table === undefined) return this.#reconcile();
    this.#table = new Map();
    this.#owned = new Set();
    return [{ kind: 'flush' }, { kind: 'own', services: [] }];
  }

  #health(input: Extract<BalancerInput, { kind: 'health' }>, now: Instant): BalancerOutput[] {
    const before = this.#states.get(input.service);
    if (before === undefined) return [];
    this.#unseen.get(input.service)?.add(input.server);
    const state = withHealth(before, input.server, input.up, now);
    if (state === before) return [];
    this.#states.set(input.service, state);
    const { service, server, reason } = input;
    const kind = input.up ? 'real-server-up' : 'real-server-down';
    const event: LvsEvent = { kind, service, server, reason, realServersUp: realServersUp(state) };
    return [{ kind: 'event', event }, ...quorumEvents(before, state), ...this.#reconcileOne(state)];
  }

  #effect({ service, server, effect }: Extract<BalancerInput, { kind: 'effect' }>): BalancerOutput[] {
    const before = this.#states.get(service);
    if (before === undefined) return [];
    this.#unseen.get(service)?.add(server);
    const state = withEffect(before, server, effect);
    this.#states.set(service, state);
    return [...weightEvents(before, state), ...quorumEvents(before, state), ...this.#reconcileOne(state)];
  }

  #read({ services, configuring = false }: Extract<BalancerInput, { kind: 'table' }>, now: Instant): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    const watched = this.#table !== undefined;
    if (this.#unavailable !== undefined) {
      this.#unavailable = undefined;
      outputs.push({ kind: 'event', event: { kind: 'ipvs-available' } });
    }
    this.#table = new Map(services.map((service) => [serviceKey(service.id), service]));
    this.#readAt = now;
    if (!this.#configured) return outputs;
    this.#flush();
    outputs.push(...this.#adoptLate(this.#table, now));
    const plan = this.#plan();
    const { operations } = plan;
    const described = operations.map((operation) => ({
      service: serviceOf(operation),
      what: describeOperation(operation),
    }));
    this.#refusals.forgetAllBut(new Set(described.map(({ what }) => what)));
    const byOthers = described.filter(({ what }) => watched && !this.#refusals.has(what));
    if (this.#settings.policy.drift === 'report' && watched && !configuring) {
      this.#drift = byOthers.map(({ what }) => what);
      for (const { service, what } of byOthers) outputs.push(...this.#tellOnce(this.#virtualServerOf(service), what));
      this.#forgetTold();
      const retries = operations.filter((operation) => this.#refusals.has(describeOperation(operation)));
      return [...outputs, ...this.#foreignEvents(), ...this.#giveOut({ operations: retries, desired: [] })];
    }
    this.#drift = [];
    this.#forgetTold();
    for (const { service, what } of byOthers) {
      this.#repairs++;
      outputs.push({
        kind: 'event',
        event: { kind: 'drift-repaired', service: this.#virtualServerOf(service), what },
      });
    }
    return [...outputs, ...this.#foreignEvents(), ...this.#giveOut(plan)];
  }

  #refuse({ operation, reason, isGone }: Extract<BalancerInput, { kind: 'refused' }>): BalancerOutput[] {
    // Of a service that was refused itself the servers have nowhere to go, which is no drift.
    if (isGone === true && !this.#refusals.isMissing(serviceOf(operation))) return [{ kind: 'read' }];
    const refusal = { service: this.#virtualServerOf(serviceOf(operation)), reason, place: this.#placeOf(operation) };
    if (!this.#refusals.add(operation, refusal)) return [];
    const what = describeOperation(operation);
    return [{ kind: 'event', event: { kind: 'operation-refused', what, ...refusal } }];
  }

  #reconcile(): BalancerOutput[] {
    return this.#table === undefined ? [] : this.#giveOut(this.#plan());
  }

  /** Of tens of thousands of servers one has changed: only its own services are looked at. */
  #reconcileOne(state: VirtualServerState): BalancerOutput[] {
    if (this.#table === undefined) return [];
    const desired = this.#desiredOf(state);
    const operations = planOperations(desired, this.#shown(state.services.map(serviceKey)), new Set());
    return this.#giveOut({ operations, desired });
  }

  #plan(): Plan {
    return this.#planFor([...this.#states.values()]);
  }

  /** For these virtual servers, and for what no virtual server wants any more. */
  #planFor(states: readonly VirtualServerState[]): Plan {
    const desired = states.flatMap((state) => this.#desiredOf(state));
    const removable = this.#settings.policy.foreign === 'remove' ? (this.#table?.keys() ?? []) : this.#owned;
    const unwanted = [...removable].filter((key) => !this.#owners.has(key));
    const keys = [...desired.map(({ id }) => serviceKey(id)), ...unwanted];
    return { operations: planOperations(desired, this.#shown(keys), new Set(unwanted)), desired };
  }

  #shown(keys: readonly string[]): KernelService[] {
    return keys.flatMap((key) => this.#table?.get(key) ?? []);
  }

  #giveOut({ operations, desired }: Plan): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    const table = tableAfter(this.#table ?? new Map(), operations, desired);
    // A service stays ours until the kernel is seen without it.
    const owned = new Set([...this.#owners.keys(), ...[...this.#owned].filter((key) => this.#table?.has(key))]);
    this.#table = table;
    if (!sameSet(owned, this.#owned)) {
      this.#owned = owned;
      outputs.push({ kind: 'own', services: [...owned] });
    }
    if (operations.length > 0) outputs.push({ kind: 'apply', operations });
    return outputs;
  }

  #desiredOf(state: VirtualServerState): DesiredService[] {
    return desiredServices(state).filter(({ id }) => this.#owners.get(serviceKey(id)) === state.settings.key);
  }

  #foreignEvents(): BalancerOutput[] {
    if (this.#settings.policy.foreign === 'remove') return [];
    return this.foreignServices.flatMap((key) => this.#tellOnce(key, `service ${key} is not ours`));
  }

  #tellOnce(service: string, what: string): BalancerOutput[] {
    if (this.#told.has(what)) return [];
    this.#told.add(what);
    return [{ kind: 'event', event: { kind: 'drift-found', service, what } }];
  }

  /** What is over may be told again when it comes again. */
  #forgetTold(): void {
    const there = new Set([...this.#drift, ...this.foreignServices.map((key) => `service ${key} is not ours`)]);
    for (const what of this.#told) if (!there.has(what)) this.#told.delete(what);
  }

  /** The virtual server that a kernel service belongs to, or the service's own key when it is none of ours any more. */
  #virtualServerOf(service: string): string {
    return this.#owners.get(service) ?? service;
  }

  #placeOf(operation: Operation): string | null {
    const state = this.#states.get(this.#virtualServerOf(serviceOf(operation)));
    if (state === undefined) return null;
    if (!('destination' in operation)) return state.settings.place;
    const key = destinationKey(operation.destination);
    const server = state.settings.realServers.find((each) => {
      const wanted = destinationOf(each, 0, operation.service);
      return wanted !== undefined && destinationKey(wanted) === key;
    });
    return server === undefined ? state.settings.place : server.place;
  }
}
