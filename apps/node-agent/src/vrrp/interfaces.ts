import { type InterfaceAddress, type Link, Rtnetlink, RtnetlinkMonitor } from '@keepfleet/linux';
import type { InterfaceState } from '@keepfleet/vrrp';
import type { Log } from '../log.ts';

export interface InterfaceListener {
  /** The kernel has something new; {@link InterfaceTable.read} tells what. Once for a burst of notifications. */
  changed(): void;
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
  #states = new Map<string, string>();
  #pending: NodeJS.Immediate | undefined;

  constructor(rtnetlink: Rtnetlink, listener: InterfaceListener, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#monitor = new RtnetlinkMonitor((event) => {
      if (event.kind === 'lost')
        log.warn({ err: event.error }, 'notifications of interfaces were lost; reading all again');
      this.#pending ??= setImmediate(() => {
        this.#pending = undefined;
        listener.changed();
      });
    });
  }

  link(name: string): Link | undefined {
    return this.#links.get(name);
  }

  /** What differs from the last reading; of the interfaces in `always` also what does not. */
  read(always: ReadonlySet<string> = new Set()): InterfaceNews[] {
    const links = this.#rtnetlink.links();
    const addresses = new Map<number, InterfaceAddress[]>();
    for (const address of this.#rtnetlink.addresses()) {
      const others = addresses.get(address.interface);
      if (others === undefined) addresses.set(address.interface, [address]);
      else others.push(address);
    }
    const news: InterfaceNews[] = [];
    const states = new Map<string, string>();
    for (const link of links) {
      const state = interfaceState(link, addresses.get(link.index) ?? []);
      const text = JSON.stringify(state);
      states.set(link.name, text);
      if (always.has(link.name) || this.#states.get(link.name) !== text)
        news.push({ kind: 'interface', interface: state });
    }
    for (const name of this.#states.keys()) if (!states.has(name)) news.push({ kind: 'interface-gone', name });
    this.#states = states;
    this.#links = new Map(links.map((link) => [link.name, link]));
    return news;
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
