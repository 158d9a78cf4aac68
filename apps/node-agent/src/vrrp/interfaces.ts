import {
  type InterfaceAddress,
  type Link,
  type RouteIdentity,
  Rtnetlink,
  RtnetlinkMonitor,
  type RuleIdentity,
} from '@keepfleet/linux';
import type { InterfaceState } from '@keepfleet/vrrp';
import type { Log } from '../log.ts';

export interface InterfaceListener {
  /** The kernel has something new; {@link InterfaceTable.read} tells what. Once for a burst of notifications. */
  changed(): void;
  /** A route or a rule is gone; only after {@link InterfaceTable.watchRouting}. */
  routingRemoved(identity: { readonly route: RouteIdentity } | { readonly rule: RuleIdentity }): void;
  /** Routes or rules may be gone: notifications were lost. */
  routingUnsure(): void;
}

export type InterfaceNews =
  | { readonly kind: 'interface'; readonly interface: InterfaceState }
  | { readonly kind: 'interface-gone'; readonly name: string };

/**
 * All interfaces with their addresses, always read whole from the kernel: a notification says only that it is time to
 * read again, so that a lost or late one cannot leave a wrong picture.
 */
export class InterfaceTable {
  readonly #rtnetlink: Rtnetlink;
  readonly #monitor: RtnetlinkMonitor;
  #links = new Map<string, Link>();
  #addresses = new Map<number, InterfaceAddress[]>();
  #states = new Map<string, string>();
  #pending: NodeJS.Immediate | undefined;

  constructor(rtnetlink: Rtnetlink, listener: InterfaceListener, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#monitor = new RtnetlinkMonitor((event) => {
      if (event.kind === 'route-removed' || event.kind === 'rule-removed') return listener.routingRemoved(event);
      if (event.kind === 'lost') {
        log.warn({ err: event.error }, 'notifications of interfaces were lost; reading all again');
        listener.routingUnsure();
      }
      this.#pending ??= setImmediate(() => {
        this.#pending = undefined;
        listener.changed();
      });
    });
  }

  link(name: string): Link | undefined {
    return this.#links.get(name);
  }

  byIndex(index: number): Link | undefined {
    return [...this.#links.values()].find((link) => link.index === index);
  }

  all(): readonly Link[] {
    return [...this.#links.values()];
  }

  /** With everything that the kernel says of them. */
  addresses(index: number): readonly InterfaceAddress[] {
    return this.#addresses.get(index) ?? [];
  }

  watchRouting(): void {
    this.#monitor.watchRouting();
  }

  /** Reads without telling what is new: the next {@link read} does. */
  refresh(): void {
    this.#readKernel();
  }

  /** What differs from the last reading; of the interfaces in `always` also what does not. */
  read(always: ReadonlySet<string> = new Set()): InterfaceNews[] {
    const links = this.#readKernel();
    const news: InterfaceNews[] = [];
    const states = new Map<string, string>();
    for (const link of links) {
      const state = interfaceState(link, this.addresses(link.index));
      const text = JSON.stringify(state);
      states.set(link.name, text);
      if (always.has(link.name) || this.#states.get(link.name) !== text)
        news.push({ kind: 'interface', interface: state });
    }
    for (const name of this.#states.keys()) if (!states.has(name)) news.push({ kind: 'interface-gone', name });
    this.#states = states;
    return news;
  }

  #readKernel(): readonly Link[] {
    const links = this.#rtnetlink.links();
    const addresses = new Map<number, InterfaceAddress[]>();
    for (const address of this.#rtnetlink.addresses()) {
      const others = addresses.get(address.interface);
      if (others === undefined) addresses.set(address.interface, [address]);
      else others.push(address);
    }
    this.#links = new Map(links.map((link) => [link.name, link]));
    this.#addresses = addresses;
    return links;
  }

  close(): void {
    clearImmediate(this.#pending);
    this.#monitor.close();
  }
}

function interfaceState(link: Link, addresses: readonly InterfaceAddress[]): InterfaceState {
  return {
    name: link.name,
    index: link.index,
    up: link.up && link.running,
    addresses: addresses.map(({ address, prefix, tentative, dadFailed }) => ({
      address,
      prefix,
      ...(tentative || dadFailed ? { tentative: true } : {}),
    })),
  };
}
