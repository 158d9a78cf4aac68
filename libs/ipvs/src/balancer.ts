import type { Instant, Machine } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import { destinationOf } from './expand.ts';
import type { ConnectionsOfService, LvsEvent } from './messages.ts';
import {
  type DesiredService,
  type KernelService,
  addConnections,
  destinationKey,
  noConnections,
  serviceKey,
} from './model.ts';
import { type Operation, describeOperation, planOperations, serviceOf } from './plan.ts';
import type { CheckerTraits, LvsSettings } from './settings.ts';
import { tableAfter } from './table.ts';
import {
  type VirtualServerState,
  desiredServices,
  firstState,
  liveWeight,
  reconfigured,
  sorryInUse,
  withEffect,
  withHealth,
} from './virtual-server.ts';
import { type WeightEffect, weightOf } from './weight.ts';

export type BalancerInput =
  /** Once, before everything else: the keys of the services that an earlier run created. */
  | { readonly kind: 'owned'; readonly services: readonly string[] }
  | { readonly kind: 'configure'; readonly settings: LvsSettings<CheckerTraits> }
  /** The kernel's whole table as just read. Read it once before the first `configure`, so that what is there is adopted. */
  | { readonly kind: 'table'; readonly services: readonly KernelService[] }
  | {
      readonly kind: 'health';
      readonly service: string;
      readonly server: string;
      readonly up: boolean;
      readonly reason: string;
    }
  /** What the checkers make of the weight of a server is another. */
  | { readonly kind: 'effect'; readonly service: string; readonly server: string; readonly effect: WeightEffect }
  /** The kernel refused an operation. */
  | { readonly kind: 'refused'; readonly operation: Operation; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** Take everything of ours out of the kernel and put nothing back. */
  | { readonly kind: 'release' };

export type BalancerOutput =
  /** To be kept on disk before the operations that follow are carried out. */
  | { readonly kind: 'own'; readonly services: readonly string[] }
  /** To be carried out in this order. */
  | { readonly kind: 'apply'; readonly operations: readonly Operation[] }
  | { readonly kind: 'event'; readonly event: LvsEvent };

interface Refusal {
  /** Key of the virtual server. */
  readonly service: string;
  readonly reason: string;
  /** Only because the service itself was refused. */
  readonly follows: boolean;
  /** The kernel service that could not be created. */
  readonly missing?: string;
}

/**
 * Keeps the kernel's table as the settings and the health of the real servers want it. It holds the table as last read,
 * corrected by the operations it gave out; what differs from that at the next reading is drift and is repaired.
 */
export class Balancer implements Machine<BalancerInput, BalancerOutput> {
  #settings: LvsSettings<CheckerTraits> = { groups: [], virtualServers: [] };
  #configured = false;
  #states = new Map<string, VirtualServerState>();
  #owned = new Set<string>();
  #table: ReadonlyMap<string, KernelService> | undefined;
  #readAt: Instant | undefined;
  #unavailable: string | undefined;
  /** Operations that the kernel refused, by their description. */
  #refused = new Map<string, Refusal>();
  #repairs = 0;

  handle(input: BalancerInput, now: Instant): readonly BalancerOutput[] {
    switch (input.kind) {
      case 'owned':
        this.#owned = new Set(input.services);
        return [];
      case 'configure':
        return this.#configure(input.settings, now);
      case 'table':
        return this.#read(input.services, now);
      case 'health':
        return this.#health(input, now);
      case 'effect':
        return this.#effect(input);
      case 'refused': {
        const what = describeOperation(input.operation);
        const kernelService = serviceOf(input.operation);
        const service = this.#virtualServerOf(kernelService);
        const known = this.#refused.get(what);
        const missing = [...this.#refused.values()].some((one) => one.missing === kernelService);
        const follows = missing && input.operation.kind !== 'create-service';
        const refusal = { service, reason: input.reason, follows };
        this.#refused.set(
          what,
          input.operation.kind === 'create-service' ? { ...refusal, missing: kernelService } : refusal,
        );
        // Without the service its servers cannot be there either; that is no news.
        if (follows || known?.reason === input.reason) return [];
        return [{ kind: 'event', event: { kind: 'operation-refused', service, what, reason: input.reason } }];
      }
      case 'unavailable': {
        this.#table = undefined;
        if (this.#unavailable === input.reason) return [];
        this.#unavailable = input.reason;
        return [{ kind: 'event', event: { kind: 'ipvs-unavailable', reason: input.reason } }];
      }
      case 'release':
        this.#settings = { groups: [], virtualServers: [] };
        this.#states.clear();
        return this.#reconcile();
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

  /** In the order of the configuration. */
  get states(): readonly VirtualServerState[] {
    return [...this.#states.values()];
  }

  isUp(service: string, server: string): boolean {
    return this.#states.get(service)?.servers.get(server)?.up ?? false;
  }

  problemsOf(service: string): string[] {
    return [...this.#refused]
      .filter(([, refusal]) => refusal.service === service && !refusal.follows)
      .map(([what, refusal]) => `the kernel refused to ${what}: ${refusal.reason}`);
  }

  /** Services in the kernel that neither the settings nor an earlier run of ours put there. */
  get foreignServices(): string[] {
    const wanted = new Set(this.#desired().map((service) => serviceKey(service.id)));
    return [...(this.#table?.keys() ?? [])].filter((key) => !wanted.has(key) && !this.#owned.has(key));
  }

  /** The connections of one real server or sorry server in every virtual server that has it. */
  connectionsOf(address: IpAddress, port: number | undefined): ConnectionsOfService[] {
    const found: ConnectionsOfService[] = [];
    for (const { settings, services } of this.#states.values()) {
      const servers = [...settings.realServers, ...(settings.sorryServer ? [settings.sorryServer] : [])];
      for (const server of servers) {
        if (server.address !== address || (port !== undefined && server.port !== port)) continue;
        const shown = services.flatMap((id) => {
          const wanted = destinationOf(server, 0, id);
          const destinations = this.#table?.get(serviceKey(id))?.destinations ?? [];
          return destinations.filter((each) => wanted && destinationKey(each) === destinationKey(wanted));
        });
        const counts = shown.reduce((sum, { connections }) => addConnections(sum, connections), noConnections);
        found.push({ service: settings.key, server: server.key, weight: shown[0]?.weight ?? null, ...counts });
      }
    }
    return found;
  }

  #configure(settings: LvsSettings<CheckerTraits>, now: Instant): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    const states = new Map<string, VirtualServerState>();
    for (const server of settings.virtualServers) {
      const before = this.#states.get(server.key);
      const state = before
        ? reconfigured(before, server, settings.groups, now)
        : firstState(server, settings.groups, this.#table ?? new Map(), now);
      states.set(server.key, state);
      if (before) outputs.push(...weightEvents(before, state), ...quorumEvents(before, state));
    }
    this.#settings = settings;
    this.#states = states;
    this.#configured = true;
    return [...outputs, ...this.#reconcile()];
  }

  #health(input: Extract<BalancerInput, { kind: 'health' }>, now: Instant): BalancerOutput[] {
    const before = this.#states.get(input.service);
    if (before === undefined) return [];
    const state = withHealth(before, input.server, input.up, now);
    if (state === before) return [];
    this.#states.set(input.service, state);
    const { service, server, reason } = input;
    const event: LvsEvent = { kind: input.up ? 'real-server-up' : 'real-server-down', service, server, reason };
    return [{ kind: 'event', event }, ...quorumEvents(before, state), ...this.#reconcile()];
  }

  #effect({ service, server, effect }: Extract<BalancerInput, { kind: 'effect' }>): BalancerOutput[] {
    const before = this.#states.get(service);
    if (before === undefined) return [];
    const state = withEffect(before, server, effect);
    this.#states.set(service, state);
    return [...weightEvents(before, state), ...quorumEvents(before, state), ...this.#reconcile()];
  }

  #read(services: readonly KernelService[], now: Instant): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    const watched = this.#table !== undefined;
    if (this.#unavailable !== undefined) {
      this.#unavailable = undefined;
      outputs.push({ kind: 'event', event: { kind: 'ipvs-available' } });
    }
    this.#table = new Map(services.map((service) => [serviceKey(service.id), service]));
    this.#readAt = now;
    if (!this.#configured) return outputs;
    const operations = this.#plan();
    const described = operations.map((operation) => ({
      service: serviceOf(operation),
      what: describeOperation(operation),
    }));
    this.#forgetRefusals(new Set(described.map(({ what }) => what)));
    for (const { service, what } of described) {
      if (!watched || this.#refused.has(what)) continue;
      this.#repairs++;
      outputs.push({
        kind: 'event',
        event: { kind: 'drift-repaired', service: this.#virtualServerOf(service), what },
      });
    }
    return [...outputs, ...this.#giveOut(operations)];
  }

  #reconcile(): BalancerOutput[] {
    return this.#table === undefined ? [] : this.#giveOut(this.#plan());
  }

  #plan(): Operation[] {
    return planOperations(this.#desired(), [...(this.#table?.values() ?? [])], this.#owned);
  }

  #giveOut(operations: readonly Operation[]): BalancerOutput[] {
    const outputs: BalancerOutput[] = [];
    const table = tableAfter(this.#table ?? new Map(), operations);
    const wanted = new Set(this.#desired().map((service) => serviceKey(service.id)));
    // A service stays ours until the kernel is seen without it.
    const owned = new Set([...wanted, ...[...this.#owned].filter((key) => this.#table?.has(key))]);
    this.#table = table;
    if (!sameSet(owned, this.#owned)) {
      this.#owned = owned;
      outputs.push({ kind: 'own', services: [...owned] });
    }
    if (operations.length > 0) outputs.push({ kind: 'apply', operations });
    return outputs;
  }

  /** Two virtual servers may stand for one kernel service (a group and an address); the first in the configuration has it. */
  #desired(): DesiredService[] {
    const services = new Map<string, DesiredService>();
    for (const state of this.#states.values()) {
      for (const service of desiredServices(state)) {
        const key = serviceKey(service.id);
        if (!services.has(key)) services.set(key, service);
      }
    }
    return [...services.values()];
  }

  #forgetRefusals(stillWanted: ReadonlySet<string>): void {
    for (const what of this.#refused.keys()) if (!stillWanted.has(what)) this.#refused.delete(what);
  }

  /** The virtual server that a kernel service belongs to, or the service's own key when it is none of ours any more. */
  #virtualServerOf(service: string): string {
    for (const { settings, services } of this.#states.values()) {
      if (services.some((id) => serviceKey(id) === service)) return settings.key;
    }
    return service;
  }
}

function weightEvents(before: VirtualServerState, after: VirtualServerState): BalancerOutput[] {
  const outputs: BalancerOutput[] = [];
  for (const [server, state] of after.servers) {
    const known = before.servers.get(server);
    const from = known && weightOf(known);
    const to = weightOf(state);
    if (from === undefined || from === to) continue;
    outputs.push({ kind: 'event', event: { kind: 'weight-changed', service: after.settings.key, server, from, to } });
  }
  return outputs;
}

function quorumEvents(before: VirtualServerState, after: VirtualServerState): BalancerOutput[] {
  const outputs: BalancerOutput[] = [];
  const service = after.settings.key;
  if (before.quorumUp !== after.quorumUp) {
    const kind = after.quorumUp ? 'quorum-gained' : 'quorum-lost';
    const { quorum } = after.settings;
    outputs.push({ kind: 'event', event: { kind, service, weight: liveWeight(after), quorum } });
  }
  const from = sorryInUse(before) ? before.settings.sorryServer?.key : undefined;
  const to = sorryInUse(after) ? after.settings.sorryServer?.key : undefined;
  if (from !== to && from !== undefined)
    outputs.push({ kind: 'event', event: { kind: 'sorry-server-out', service, server: from } });
  if (from !== to && to !== undefined)
    outputs.push({ kind: 'event', event: { kind: 'sorry-server-in', service, server: to } });
  return outputs;
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}
