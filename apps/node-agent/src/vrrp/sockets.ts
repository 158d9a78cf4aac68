import { LinuxError, RawIpSocket, isLinuxError } from '@keepfleet/linux';
import {
  type Listener,
  type Place,
  type ReceivedPacket,
  type SendOutput,
  AH_PROTOCOL,
  VRRP_PROTOCOL,
} from '@keepfleet/vrrp';
import { type Family, hex, unhex } from '@keepfleet/wire';
import type { Log } from '../log.ts';

/** Class selector 6, network control: what VRRP is sent with by keepalived too. */
const TRAFFIC_CLASS = 0xc0;

interface Open {
  readonly socket: RawIpSocket;
  readonly index: number;
  /** What it was opened with, to see a change. */
  readonly settings: string;
}

interface Encoded {
  /** Of the socket. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface SocketState {
  readonly interface: string;
  readonly family: Family;
  readonly open: boolean;
}

/** One raw socket for each interface and family that an instance speaks on, opened anew when the interface is. */
export class SocketPool {
  readonly #open = new Map<string, Open>();
  readonly #log: Log;
  readonly #encoded = new WeakMap<SendOutput, Encoded>();
  readonly #receive: (packet: ReceivedPacket, at: number) => void;
  /** Failures already logged, so that each is one line and not one an advert. */
  readonly #failing = new Map<string, string>();

  /** `receive` is given the kernel's time of arrival, in microseconds of the monotonic clock. */
  constructor(receive: (packet: ReceivedPacket, at: number) => void, log: Log) {
    this.#receive = receive;
    this.#log = log;
  }

  /** Opens what is missing, and says which of them are open. `indexOf` gives the interface's index while it exists. */
  open(listeners: readonly Listener[], indexOf: (name: string) => number | undefined): SocketState[] {
    const states: SocketState[] = [];
    for (const listener of listeners) {
      const index = indexOf(listener.interface);
      // Without the interface the instance is in fault anyway.
      if (index === undefined) for (const wanted of sockets(listener)) this.#close(key(wanted));
      else {
        const open = sockets(listener).map((wanted) => this.#ensure(wanted, index));
        states.push({ interface: listener.interface, family: listener.family, open: open.every((one) => one) });
      }
    }
    return states;
  }

  /** Closes what nobody needs any more. */
  prune(listeners: readonly Listener[]): void {
    const wanted = new Set(listeners.flatMap(sockets).map(key));
    for (const name of [...this.#open.keys()]) if (!wanted.has(name)) this.#close(name);
  }

  /** Receives what has arrived there by then, microseconds of the monotonic clock. */
  readUntil(places: readonly Place[], at: number): void {
    for (const place of places)
      for (const protocol of [VRRP_PROTOCOL, AH_PROTOCOL])
        this.#open.get(key({ ...place, protocol }))?.socket.readUntil(at);
  }

  send(output: SendOutput): void {
    const { name, bytes } = this.#encode(output);
    const open = this.#open.get(name);
    if (open === undefined) return;
    try {
      open.socket.send(bytes, output.destination, output.ipHeader === undefined ? output.source : undefined);
      if (this.#failing.delete(name)) this.#log.info({ interface: output.interface }, 'adverts can be sent again');
    } catch (error) {
      this.#failed(
        name,
        error,
        `advert from ${output.source} to ${output.destination} on ${output.interface} not sent`,
      );
    }
  }

  /** The adverts of a master are the same object until something that they are made of is another. */
  #encode(output: SendOutput): Encoded {
    const known = this.#encoded.get(output);
    if (known !== undefined) return known;
    const name = key({ ...output, protocol: output.ipHeader === undefined ? VRRP_PROTOCOL : AH_PROTOCOL });
    const encoded = { name, bytes: unhex(`${output.ipHeader ?? ''}${output.bytes}`) };
    this.#encoded.set(output, encoded);
    return encoded;
  }

  close(): void {
    for (const name of [...this.#open.keys()]) this.#close(name);
  }

  #ensure(listener: Wanted, index: number): boolean {
    const name = key(listener);
    const settings = JSON.stringify(listener);
    const before = this.#open.get(name);
    if (before?.index === index && before.settings === settings) return true;
    this.#close(name);
    const { interface: device, family, protocol } = listener;
    const headerIncluded = protocol === AH_PROTOCOL;
    try {
      const socket = new RawIpSocket(
        {
          family,
          protocol,
          headerIncluded,
          interface: { index, name: device },
          hopLimit: listener.hopLimit,
          trafficClass: TRAFFIC_CLASS,
          groups: listener.groups,
        },
        {
          packet: ({ source, destination, hopLimit, payload, at, header }) => {
            const ipHeader = headerIncluded && header !== undefined ? { ipHeader: hex(header) } : {};
            const bytes = hex(payload);
            this.#receive(
              { kind: 'packet', interface: device, source, destination, ttl: hopLimit, bytes, ...ipHeader },
              at,
            );
          },
          // A link that went down says so here once; the monitor tells the rest.
          error: (error) => {
            if (!isLinuxError(error, 'ENETDOWN'))
              this.#log.warn({ err: error, interface: device }, 'receiving adverts failed');
          },
        },
      );
      this.#open.set(name, { socket, index, settings });
      this.#failing.delete(name);
      return true;
    } catch (error) {
      this.#failed(
        name,
        error,
        `no VRRP socket (${family}) on ${device}: its instances stay in fault; tried again every second`,
      );
      return false;
    }
  }

  #close(name: string): void {
    this.#open.get(name)?.socket.close();
    this.#open.delete(name);
  }

  #failed(name: string, error: unknown, message: string): void {
    if (!(error instanceof LinuxError)) throw error;
    if (this.#failing.get(name) === error.code) return;
    this.#failing.set(name, error.code);
    this.#log.error({ err: error }, message);
  }
}

interface Wanted extends Listener {
  readonly protocol: number;
}

/** An authentication header is a protocol of its own; the plain one is heard beside it, to see who does not use it. */
function sockets(listener: Listener): Wanted[] {
  const plain = { ...listener, protocol: VRRP_PROTOCOL };
  return listener.authenticationHeader === true ? [plain, { ...listener, protocol: AH_PROTOCOL }] : [plain];
}

function key({ interface: name, family, protocol }: Pick<Wanted, 'interface' | 'family' | 'protocol'>): string {
  return `${name}/${family}/${protocol}`;
}
