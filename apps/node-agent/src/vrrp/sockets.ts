import { LinuxError, RawIpSocket, isLinuxError } from '@keepfleet/linux';
import { type Listener, type ReceivedPacket, type SendOutput, VRRP_PROTOCOL } from '@keepfleet/vrrp';
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

export interface SocketState {
  readonly interface: string;
  readonly family: Family;
  readonly open: boolean;
}

/** One raw socket for each interface and family that an instance speaks on, opened anew when the interface is. */
export class SocketPool {
  readonly #open = new Map<string, Open>();
  readonly #log: Log;
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
      if (index === undefined) this.#close(key(listener));
      else states.push({ interface: listener.interface, family: listener.family, open: this.#ensure(listener, index) });
    }
    return states;
  }

  /** Closes what nobody needs any more. */
  prune(listeners: readonly Listener[]): void {
    const wanted = new Set(listeners.map(key));
    for (const name of [...this.#open.keys()]) if (!wanted.has(name)) this.#close(name);
  }

  send(output: SendOutput): void {
    const name = key(output);
    const open = this.#open.get(name);
    if (open === undefined) return;
    try {
      open.socket.send(unhex(output.bytes), output.destination, output.source);
      if (this.#failing.delete(name)) this.#log.info({ interface: output.interface }, 'adverts can be sent again');
    } catch (error) {
      this.#failed(
        name,
        error,
        `advert from ${output.source} to ${output.destination} on ${output.interface} not sent`,
      );
    }
  }

  close(): void {
    for (const name of [...this.#open.keys()]) this.#close(name);
  }

  #ensure(listener: Listener, index: number): boolean {
    const name = key(listener);
    const settings = JSON.stringify(listener);
    const before = this.#open.get(name);
    if (before?.index === index && before.settings === settings) return true;
    this.#close(name);
    const { interface: device, family } = listener;
    try {
      const socket = new RawIpSocket(
        {
          family,
          protocol: VRRP_PROTOCOL,
          interface: { index, name: device },
          hopLimit: listener.hopLimit,
          trafficClass: TRAFFIC_CLASS,
          groups: listener.groups,
        },
        {
          packet: ({ source, destination, hopLimit, payload, at }) =>
            this.#receive(
              { kind: 'packet', interface: device, source, destination, ttl: hopLimit, bytes: hex(payload) },
              at,
            ),
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

function key({ interface: name, family }: { readonly interface: string; readonly family: Family }): string {
  return `${name}/${family}`;
}
