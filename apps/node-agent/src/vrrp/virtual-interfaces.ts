import {
  type InterfaceAddress,
  type Link,
  LinuxError,
  type NewLink,
  type Rtnetlink,
  isLinuxError,
  readSysctl,
  writeSysctl,
} from '@keepfleet/linux';
import type { WantedInterface } from '@keepfleet/vrrp';
import { type IpAddress, familyOf, formatIp, macBytes } from '@keepfleet/wire';
import type { Log } from '../log.ts';

/** What is written on interfaces of ours, so that the next process knows what a crash left behind. */
const MARK = 'keepfleet: vrrp_instance ';

/** Link-local addresses have a /64. */
const LINK_LOCAL_PREFIX = 64;

/** What macvlans of IPv4 need below them, or the base answers ARP for them with its own MAC. */
const BASE_SETTINGS = ['arp_ignore', 'arp_filter'] as const;

export interface KnownInterfaces {
  link(name: string): Link | undefined;
  byIndex(index: number): Link | undefined;
  all(): readonly Link[];
  addresses(index: number): readonly InterfaceAddress[];
  /** Reads everything from the kernel again. */
  refresh(): void;
}

/** Interfaces that are made for virtual routers: macvlans with the router's MAC address, and ipvlans. */
export class VirtualInterfaces {
  readonly #rtnetlink: Rtnetlink;
  readonly #known: KnownInterfaces;
  readonly #log: Log;
  /** By name, the index of what was set up by this process. */
  readonly #ready = new Map<string, number>();
  /** Of bases, what their settings were. */
  readonly #before = new Map<string, ReadonlyMap<string, string>>();
  readonly #refused = new Map<string, string>();
  #cleaned = false;

  constructor(rtnetlink: Rtnetlink, known: KnownInterfaces, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#known = known;
    this.#log = log;
  }

  /** Makes what is missing, once its base is there. True when the kernel has something new. */
  ensure(wanted: readonly WantedInterface[]): boolean {
    let changed = false;
    if (!this.#cleaned) {
      this.#cleaned = true;
      changed = this.#removeLeftovers(wanted);
    }
    for (const one of wanted) {
      const base = this.#known.link(one.base);
      if (base === undefined) continue;
      try {
        if (this.#ensureOne(one, base)) changed = true;
        this.#refused.delete(one.name);
      } catch (error) {
        this.#complain(one, error);
      }
    }
    return changed;
  }

  /** Removes those of this process that nobody wants any more. */
  prune(wanted: readonly WantedInterface[]): void {
    const names = new Set(wanted.map(({ name }) => name));
    for (const [name, index] of [...this.#ready]) {
      if (names.has(name)) continue;
      this.#ready.delete(name);
      this.#remove(name, index);
    }
    const bases = new Set(wanted.filter(needsBaseSettings).map(({ base }) => base));
    for (const [base, settings] of [...this.#before]) {
      if (bases.has(base)) continue;
      this.#before.delete(base);
      for (const [setting, value] of settings) writeSysctl(`net/ipv4/conf/${base}/${setting}`, value);
    }
  }

  #ensureOne(wanted: WantedInterface, base: Link): boolean {
    const existing = this.#known.link(wanted.name);
    if (existing !== undefined && this.#ready.get(wanted.name) === existing.index && existing.lower === base.index) {
      // Somebody may have set it down; and the link-local address of the base may have come, or be another.
      const linkLocal = this.#ensureLinkLocal(wanted, existing, base);
      if (existing.up) return linkLocal;
      this.#rtnetlink.setLinkUp(existing.index);
      return true;
    }
    if (existing !== undefined && !this.#fits(existing, wanted, base)) {
      if (existing.kind !== 'macvlan' && existing.kind !== 'ipvlan')
        throw new TypeError(`there is an interface of that name that is no ${wanted.kind}`);
      this.#log.warn(
        { interface: wanted.name },
        `${wanted.name} was there with another base or MAC address, and is made anew`,
      );
      this.#rtnetlink.removeLink(existing.index);
      this.#known.refresh();
    }
    if (this.#known.link(wanted.name) === undefined) {
      this.#rtnetlink.addLink(this.#newLink(wanted, base));
      this.#known.refresh();
    }
    const link = this.#known.link(wanted.name);
    if (link === undefined) return true;
    this.#setUp(wanted, link, base);
    this.#ready.set(wanted.name, link.index);
    return true;
  }

  #fits(link: Link, wanted: WantedInterface, base: Link): boolean {
    return (
      link.kind === wanted.kind && link.lower === base.index && (wanted.mac === undefined || link.mac === wanted.mac)
    );
  }

  #newLink({ name, kind, mac, mode, group }: WantedInterface, base: Link): NewLink {
    const master = base.master === undefined ? undefined : this.#known.byIndex(base.master);
    return {
      name,
      base: base.index,
      kind:
        kind === 'macvlan' && mac !== undefined
          ? // Private: another macvlan of this base must not hear what is for the network.
            { kind, mode: 'private', mac }
          : { kind: 'ipvlan', mode: mode ?? 'bridge' },
      group,
      master: master?.kind === 'vrf' ? master.index : undefined,
    };
  }

  #setUp(wanted: WantedInterface, link: Link, base: Link): void {
    const { name, family, ipv6 } = wanted;
    if (needsBaseSettings(wanted)) {
      this.#prepareBase(wanted.base);
      for (const [setting, value] of [
        ['arp_ignore', '1'],
        ['arp_filter', '0'],
        ['accept_local', '1'],
        ['rp_filter', '0'],
        ['promote_secondaries', '1'],
      ] as const)
        writeSysctl(`net/ipv4/conf/${name}/${setting}`, value);
      if ((readSysctl('net/ipv4/conf/all/rp_filter') ?? '0') !== '0')
        this.#log.warn(
          { interface: name },
          `net.ipv4.conf.all.rp_filter is on and drops what ${name} receives: set it to 0 and the single interfaces instead`,
        );
    }
    if (wanted.kind === 'macvlan') {
      writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, ipv6 ? '0' : '1');
      if (ipv6 && readSysctl(`net/ipv6/conf/${name}/disable_ipv6`) !== undefined)
        this.#rtnetlink.disableLinkLocal(link.index);
    }
    this.#rtnetlink.setLinkAlias(link.index, `${MARK}${wanted.instance}`);
    if (family === 'ipv6') this.#ensureLinkLocal(wanted, link, base);
    if (wanted.address !== undefined)
      this.#rtnetlink.addAddress({
        interface: link.index,
        address: wanted.address.address,
        prefix: wanted.address.prefix,
        noDad: true,
      });
    this.#rtnetlink.setLinkUp(link.index);
  }

  #prepareBase(base: string): void {
    if (this.#before.has(base)) return;
    this.#before.set(
      base,
      new Map(
        BASE_SETTINGS.map((setting) => {
          const path = `net/ipv4/conf/${base}/${setting}`;
          const before = readSysctl(path) ?? '0';
          writeSysctl(path, '1');
          return [setting, before];
        }),
      ),
    );
  }

  /** Adverts over IPv6 come from the address of the base, so the virtual interface has it too. */
  #ensureLinkLocal({ kind, family, source }: WantedInterface, link: Link, base: Link): boolean {
    if (family !== 'ipv6' || kind !== 'macvlan') return false;
    const wanted =
      source ??
      this.#known
        .addresses(base.index)
        .find(({ address, permanent, deprecated }) => isLinkLocal(address) && permanent && !deprecated)?.address ??
      (base.mac === undefined ? undefined : linkLocalOf(macBytes(base.mac)));
    if (wanted === undefined) return false;
    if (this.#known.addresses(link.index).some(({ address }) => address === wanted)) return false;
    const outcome = this.#rtnetlink.addAddress({
      interface: link.index,
      address: wanted,
      prefix: LINK_LOCAL_PREFIX,
      noDad: true,
      // No connection of the router itself starts from it.
      preferredLifetime: 0,
    });
    return outcome === 'added';
  }

  #removeLeftovers(wanted: readonly WantedInterface[]): boolean {
    const names = new Set(wanted.map(({ name }) => name));
    const left = this.#known.all().filter(({ name, alias }) => alias?.startsWith(MARK) === true && !names.has(name));
    for (const { name, index } of left) {
      this.#log.warn({ interface: name }, `${name} was left behind by an earlier run and is removed`);
      this.#remove(name, index);
    }
    if (left.length > 0) this.#known.refresh();
    return left.length > 0;
  }

  #remove(name: string, index: number): void {
    try {
      this.#rtnetlink.removeLink(index);
    } catch (error) {
      if (isLinuxError(error, 'ENODEV')) return;
      if (!(error instanceof LinuxError)) throw error;
      this.#log.error({ err: error, interface: name }, `${name} could not be removed`);
    }
  }

  #complain({ name, base, instance }: WantedInterface, error: unknown): void {
    const reason = error instanceof LinuxError ? error.code : String(error);
    if (this.#refused.get(name) === reason) return;
    this.#refused.set(name, reason);
    const text = error instanceof Error ? error.message : String(error);
    this.#log.error(
      { interface: name, instance },
      `${name} on ${base} could not be made, so ${instance} stays in fault: ${text}`,
    );
  }
}

function needsBaseSettings({ kind, family }: WantedInterface): boolean {
  return kind === 'macvlan' && family === 'ipv4';
}

function isLinkLocal(address: IpAddress): boolean {
  return familyOf(address) === 'ipv6' && /^fe[89ab]/.test(address);
}

/** RFC 4291 appendix A. */
function linkLocalOf(mac: Uint8Array): IpAddress {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  return formatIp(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f));
}
