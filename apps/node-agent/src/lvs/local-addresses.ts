import { Rtnetlink, RtnetlinkMonitor } from '@keepfleet/linux';
import type { IpAddress } from '@keepfleet/wire';

/** Changes are gathered for this long: a router that becomes master gets its addresses one after another. */
const GATHER_MS = 20;

/** The addresses of this node, for services whose checks rest while their address is elsewhere (`ha_suspend`). */
export class LocalAddresses {
  readonly #rtnetlink = new Rtnetlink();
  readonly #monitor: RtnetlinkMonitor;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | undefined;
  #addresses: ReadonlySet<IpAddress>;

  /** Opened before the first reading, so that no change is missed. */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#monitor = new RtnetlinkMonitor(({ kind }) => {
      if (kind !== 'link-changed' && kind !== 'link-removed') this.#timer ??= setTimeout(() => this.#look(), GATHER_MS);
    });
    this.#addresses = this.#read();
  }

  has(address: IpAddress): boolean {
    return this.#addresses.has(address);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#monitor.close();
    this.#rtnetlink.close();
  }

  #look(): void {
    this.#timer = undefined;
    const before = this.#addresses;
    this.#addresses = this.#read();
    const same = before.size === this.#addresses.size && [...before].every((address) => this.#addresses.has(address));
    if (!same) this.#changed();
  }

  #read(): ReadonlySet<IpAddress> {
    return new Set(this.#rtnetlink.addresses().map(({ address }) => address));
  }
}
