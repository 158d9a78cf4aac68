import { type Link, LinuxError, PacketSocket, readSysctl } from '@keepfleet/linux';
import { type AnnounceOutput, gratuitousArp, neighbourAdvertisement } from '@keepfleet/vrrp';
import type { Log } from '../log.ts';

const UNREACHABLE: ReadonlySet<string> = new Set(['ENETDOWN', 'ENXIO', 'ENODEV']);

/** Sends gratuitous ARPs and unsolicited neighbour advertisements. */
export class Announcer {
  readonly #socket = new PacketSocket();
  readonly #linkOf: (name: string) => Link | undefined;
  readonly #log: Log;
  readonly #failing = new Map<string, string>();

  constructor(linkOf: (name: string) => Link | undefined, log: Log) {
    this.#linkOf = linkOf;
    this.#log = log;
  }

  announce({ family, interface: name, address }: AnnounceOutput): void {
    const link = this.#linkOf(name);
    // Loopback, tunnels: nobody there keeps a table of neighbours.
    if (link?.mac === undefined || link.loopback || !link.arp) return;
    const frame =
      family === 'ipv4'
        ? gratuitousArp(link.mac, address)
        : neighbourAdvertisement(link.mac, address, forwards(link.name));
    try {
      this.#socket.send(link.index, frame);
      this.#failing.delete(name);
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
      // A link that is down or gone: it is announced again when it comes back.
      if (UNREACHABLE.has(error.code) || this.#failing.get(name) === error.code) return;
      this.#failing.set(name, error.code);
      this.#log.error({ err: error, interface: name }, `${address} could not be announced on ${name}`);
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Whether the kernel is an IPv6 router on this interface: the Router flag must not say otherwise (RFC 4861 section 4.4). */
function forwards(name: string): boolean {
  // Absent when the interface went away meanwhile.
  return readSysctl(`net/ipv6/conf/${name}/forwarding`)?.startsWith('1') ?? false;
}
