import type { RouteIdentity, RouteRequest, RoutingChange, Rtnetlink, RuleIdentity } from '@keepfleet/linux';
import { type RouteSettings, type RoutingEntry, type RoutingInput, inRemovalOrder } from '@keepfleet/vrrp';
import type { Log } from '../log.ts';

type Verb = RoutingChange['verb'];

/** Puts routes and rules into the kernel's tables and takes them out; what it refuses is logged once until it succeeds. */
export class VirtualRouting {
  readonly #rtnetlink: Rtnetlink;
  readonly #indexOf: (name: string) => number | undefined;
  readonly #log: Log;
  readonly #wanted = new Map<string, RoutingEntry>();
  readonly #refused = new Map<string, string>();

  constructor(rtnetlink: Rtnetlink, indexOf: (name: string) => number | undefined, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#indexOf = indexOf;
    this.#log = log;
  }

  /** Whether somebody is to be asked about removed routes at all. */
  get wanted(): boolean {
    return this.#wanted.size > 0;
  }

  add(entries: readonly RoutingEntry[]): RoutingInput {
    for (const entry of entries) this.#wanted.set(key(entry), entry);
    const { failed, done } = this.#change('add', entries);
    return { kind: 'routing', missing: failed, present: done };
  }

  remove(entries: readonly RoutingEntry[]): void {
    for (const entry of entries) this.#wanted.delete(key(entry));
    this.#change('remove', inRemovalOrder(entries));
  }

  /** Those that the kernel says are gone. */
  removed(identity: { readonly route: RouteIdentity } | { readonly rule: RuleIdentity }): RoutingEntry[] {
    return [...this.#wanted.values()].filter((entry) => {
      if ('rule' in identity)
        return (
          entry.kind === 'rule' && entry.family === identity.rule.family && entry.priority === identity.rule.priority
        );
      const { route } = identity;
      return (
        entry.kind === 'route' &&
        entry.family === route.family &&
        entry.table === route.table &&
        entry.destination.address === route.destination.address &&
        entry.destination.length === route.destination.length &&
        (entry.tos ?? 0) === route.tos &&
        entry.protocol === route.protocol
      );
    });
  }

  /**
   * Asks for all of them again: the kernel drops routes with an interface and does not always tell. What was still there
   * stays as it is.
   */
  reassert(): RoutingInput | undefined {
    if (this.#wanted.size === 0) return undefined;
    const { failed, added } = this.#change('add', [...this.#wanted.values()]);
    if (failed.length === 0 && added.length === 0) return undefined;
    return { kind: 'routing', missing: [...failed, ...added], present: added };
  }

  #change(verb: Verb, entries: readonly RoutingEntry[]) {
    const [failed, done, added]: RoutingEntry[][] = [[], [], []];
    const subjects: RoutingEntry[] = [];
    const changes: RoutingChange[] = [];
    for (const entry of entries) {
      const request = this.#request(verb, entry);
      if (request === undefined) {
        failed?.push(entry);
        if (verb === 'add') this.#complain(entry, 'ENODEV', 'an interface that it names does not exist');
        continue;
      }
      subjects.push(entry);
      changes.push({ verb, request, about: `${entry.kind} ${entry.text}` });
    }
    const outcomes = changes.length === 0 ? [] : this.#rtnetlink.changeRouting(changes);
    for (const [i, outcome] of outcomes.entries()) {
      const entry = subjects[i];
      if (entry === undefined) continue;
      if (outcome.kind === 'failed') {
        failed?.push(entry);
        if (verb === 'add' || outcome.error.code !== 'ENODEV')
          this.#complain(entry, outcome.error.code, outcome.error.message);
        continue;
      }
      this.#refused.delete(key(entry));
      done?.push(entry);
      if (outcome.kind === 'added') added?.push(entry);
    }
    return { failed: failed ?? [], done: done ?? [], added: added ?? [] };
  }

  #request(verb: Verb, entry: RoutingEntry): RoutingChange['request'] | undefined {
    if (entry.kind === 'rule') return { rule: entry };
    const route = this.#route(entry);
    if (route === undefined) return undefined;
    // The kernel compares what a removal names, and may have rounded these.
    return verb === 'add'
      ? { route }
      : {
          route: {
            ...route,
            metrics: {},
            locked: [],
            congestion: undefined,
            expires: undefined,
            preference: undefined,
          },
        };
  }

  #route(entry: RouteSettings): RouteRequest | undefined {
    const hops = entry.hops.map((hop) => ({
      ...hop,
      interface: hop.interface === undefined ? undefined : this.#indexOf(hop.interface),
    }));
    const unknown = entry.hops.some((hop, i) => hop.interface !== undefined && hops[i]?.interface === undefined);
    return unknown ? undefined : { ...entry, hops };
  }

  #complain(entry: RoutingEntry, code: string, reason: string): void {
    if (this.#refused.get(key(entry)) === code) return;
    this.#refused.set(key(entry), code);
    this.#log.error({ code, [entry.kind]: entry.text }, `${entry.kind} ${entry.text}: ${reason}`);
  }
}

function key(entry: RoutingEntry): string {
  return `${entry.kind} ${entry.family} ${entry.text}`;
}
