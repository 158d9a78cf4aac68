import {
  type BfdOutput,
  type Hops,
  type Listener,
  PORTS,
  type ReceivedPacket,
  SOURCE_PORTS,
  type SessionSettings,
  pathOf,
} from '@keepfleet/bfd';
import { LinuxError, UdpSocket, isLinuxError } from '@keepfleet/linux';
import { type Family, familyOf, hex, unhex } from '@keepfleet/wire';
import { randomInt } from 'node:crypto';
import type { Log } from '../log.ts';

/** Class selector 6, network control: what RFC 5881 leaves open and routers send with. */
const TRAFFIC_CLASS = 0xc0;
/** TC_PRIO_CONTROL: ahead of all other traffic of this host. */
const PRIORITY = 7;
const PORT_ATTEMPTS = 64;
/** Between two attempts to open a socket that could not be opened. */
const RETRY_MS = 1_000;

/** There is no way to the neighbour, or the source address is gone. */
const NO_WAY = ['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'ENODEV', 'ENXIO', 'EINVAL'];

type SendOutput = Extract<BfdOutput, { kind: 'send' }>;

interface Sender {
  readonly ttl: number;
  /** Undefined while it could not be opened. */
  socket: UdpSocket | undefined;
  port: number;
  triedAt: number;
}

/** The two ports that packets come to, and a socket with a port of its own for each session (RFC 5881 section 4). */
export class BfdSockets {
  readonly #receive: (packet: ReceivedPacket, at: number) => void;
  readonly #log: Log;
  readonly #listening = new Map<string, UdpSocket>();
  readonly #senders = new Map<string, Sender>();
  /** Failures already logged, so that each is one line and not one a packet. */
  readonly #failing = new Map<string, string>();

  /** `receive` is given the kernel's time of arrival, in microseconds of the monotonic clock. */
  constructor(receive: (packet: ReceivedPacket, at: number) => void, log: Log) {
    this.#receive = receive;
    this.#log = log;
  }

  /** Opens the ports that are missing; the answer says which cannot be opened, for the operator. */
  listen(listeners: readonly Listener[]): string[] {
    const wanted = new Set(listeners.map(listenerKey));
    for (const [key, socket] of this.#listening)
      if (!wanted.has(key)) {
        socket.close();
        this.#listening.delete(key);
      }
    return listeners.flatMap((listener) => this.#listenOn(listener));
  }

  /** Receives what has arrived there by then, microseconds of the monotonic clock. */
  readUntil(listeners: readonly Listener[], at: number): void {
    for (const listener of listeners) this.#listening.get(listenerKey(listener))?.readUntil(at);
  }

  /** Closes the sockets of sessions that are no more. */
  prune(sessions: readonly SessionSettings[]): void {
    const wanted = new Set(sessions.map(pathOf));
    for (const [path, { socket }] of this.#senders)
      if (!wanted.has(path)) {
        socket?.close();
        this.#senders.delete(path);
        this.#failing.delete(path);
      }
  }

  /** `no-way`: the packet cannot reach the neighbour, and neither can other traffic. */
  send(output: SendOutput): 'sent' | 'no-way' | 'failed' {
    const path = pathOf({ ...output, neighbor: output.destination });
    try {
      const socket = this.#sender(path, output);
      if (socket === undefined) return 'no-way';
      socket.send(unhex(output.bytes), output.destination, PORTS[output.hops]);
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
      if (this.#failing.get(path) !== error.code) {
        this.#failing.set(path, error.code);
        this.#log.warn({ err: error, session: output.session }, `${output.session}: a BFD packet was not sent`);
      }
      return isLinuxError(error, ...NO_WAY) ? 'no-way' : 'failed';
    }
    if (this.#failing.delete(path))
      this.#log.info({ session: output.session }, `${output.session}: packets go out again`);
    return 'sent';
  }

  close(): void {
    for (const socket of this.#listening.values()) socket.close();
    for (const { socket } of this.#senders.values()) socket?.close();
    this.#listening.clear();
    this.#senders.clear();
  }

  #listenOn(listener: Listener): string[] {
    const key = listenerKey(listener);
    if (this.#listening.has(key)) return [];
    const { family, hops } = listener;
    const port = PORTS[hops];
    try {
      const socket = new UdpSocket(
        { family, port },
        {
          datagram: ({ source, destination, hopLimit: ttl, payload, at }) =>
            this.#receive({ kind: 'packet', hops, source, destination, ttl, bytes: hex(payload) }, at),
          error: (error) => this.#log.warn({ err: error, family, port }, 'receiving BFD packets failed'),
        },
      );
      this.#listening.set(key, socket);
      if (this.#failing.delete(key)) this.#log.info({ family, port }, `UDP port ${port} (${family}) is open now`);
      return [];
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
      const problem = listeningProblem(error, port, family);
      if (this.#failing.get(key) !== error.code) this.#log.error({ err: error }, problem);
      this.#failing.set(key, error.code);
      return [problem];
    }
  }

  #sender(path: string, { source, destination, ttl }: SendOutput): UdpSocket | undefined {
    const known = this.#senders.get(path);
    if (known?.socket !== undefined && known.ttl === ttl) return known.socket;
    const now = performance.now();
    if (known?.socket === undefined && known !== undefined && now - known.triedAt < RETRY_MS) return undefined;
    known?.socket?.close();
    const sender: Sender = { ttl, socket: undefined, port: known?.port ?? 0, triedAt: now };
    this.#senders.set(path, sender);
    const family = familyOf(destination);
    for (let attempt = 1; ; attempt++) {
      // The one it had, so that its packets stay those of one sender.
      const port = sender.port > 0 ? sender.port : randomInt(SOURCE_PORTS.lowest, SOURCE_PORTS.highest + 1);
      try {
        const settings = {
          family,
          address: source,
          port,
          hopLimit: ttl,
          trafficClass: TRAFFIC_CLASS,
          priority: PRIORITY,
        };
        sender.socket = new UdpSocket(settings);
        sender.port = port;
        return sender.socket;
      } catch (error) {
        sender.port = 0;
        if (!isLinuxError(error, 'EADDRINUSE') || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }
}

function listenerKey({ family, hops }: { readonly family: Family; readonly hops: Hops }): string {
  return `${family}/${hops}`;
}

function listeningProblem(error: LinuxError, port: number, family: Family): string {
  const what = `UDP port ${port} (${family}) cannot be opened: ${error.message}`;
  const remedy =
    error.code === 'EADDRINUSE'
      ? 'another BFD daemon of this host has it: stop that one, or take the sessions out here'
      : 'see the reason';
  return `${what}; its sessions stay down: ${remedy}. Tried again every ${RETRY_MS / 1_000} s.`;
}

export { RETRY_MS };
