import { RawIpSocket, Rtnetlink, inNetworkNamespace, isLinuxError } from '@keepfleet/linux';
import { internetChecksum, ip } from '@keepfleet/wire';
import type { Stand } from './stand.ts';

/** Time between two requests, and so how exact an outage is known. */
export const PING_EVERY_MS = 2;

const SEQUENCES = 0x10000;

/** Sends ICMP echo requests from the client to an address; the capture sees the answers. */
export class Pinger {
  readonly #socket: RawIpSocket;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  /** When each sequence number was sent last. */
  readonly #recent: number[] = [];

  constructor(stand: Stand, target: string) {
    this.#socket = inNetworkNamespace(stand.namespace('client'), () => {
      const device = new Rtnetlink().links().find(({ name }) => name === 'eth0');
      if (device === undefined) throw new Error('the client has no eth0');
      const settings = { family: 'ipv4', protocol: 1, interface: device, hopLimit: 64, trafficClass: 0 } as const;
      return new RawIpSocket(settings, { packet: () => undefined, error: () => undefined });
    });
    const destination = ip(target);
    this.#timer = setInterval(() => {
      const sequence = this.#sent++;
      this.#recent[sequence % SEQUENCES] = Date.now();
      try {
        this.#socket.send(request(sequence % SEQUENCES), destination);
      } catch (error) {
        // Nobody has the address: what an outage looks like.
        if (!isLinuxError(error)) throw error;
      }
    }, PING_EVERY_MS);
  }

  /** Sequence numbers of the requests that were sent in that time, which is less than two minutes ago. */
  sent(from: number, to: number): number[] {
    return this.#recent.flatMap((at, sequence) => (at >= from && at < to ? [sequence] : []));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

function request(sequence: number): Uint8Array {
  const bytes = new Uint8Array([8, 0, 0, 0, 0x6b, 0x66, sequence >> 8, sequence & 0xff]);
  const checksum = internetChecksum(bytes);
  bytes.set([checksum >> 8, checksum & 0xff], 2);
  return bytes;
}
