import { type Socket as DatagramSocket, createSocket } from 'node:dgram';
import { type Server, type Socket, connect, createServer } from 'node:net';
import type { Endpoint } from '@keepfleet/swim';
import { MAX_STREAM_BYTES } from '@keepfleet/swim';
import { type IpAddress, familyOf, parseIp } from '@keepfleet/wire';
import { GossipError, reasonOf } from './errors.ts';

/** Most streams open at a time, in each direction; more are refused. */
export const MAX_STREAMS = 128;
/** Most bytes that unfinished streams may have sent us together. */
export const MAX_STREAM_BYTES_TOGETHER = 8 * MAX_STREAM_BYTES;

/** Ports tried where any will do. */
const MAX_ATTEMPTS = 20;

export interface SocketEvents {
  datagram(from: Endpoint, data: Buffer): void;
  datagramFailed(to: Endpoint): void;
  streamAccepted(stream: string, from: Endpoint): void;
  streamData(stream: string, data: Buffer): void;
  /** `refused`: the host answered, and nobody listens there. */
  streamClosed(stream: string, reason: string, refused: boolean): void;
  /** A socket reports trouble that no single datagram or stream explains. */
  trouble(reason: string): void;
}

interface Stream {
  readonly socket: Socket;
  readonly deadline: NodeJS.Timeout;
  received: number;
  /** Why we end it, told instead of the system's reason. */
  reason: string | undefined;
  refused: boolean;
}

/** One UDP socket and one TCP listener on the same address and port, and the streams of both directions. */
export class Sockets {
  readonly #udp: DatagramSocket;
  readonly #server: Server;
  readonly #events: SocketEvents;
  readonly #local: IpAddress;
  /** Time a stream may take in all, milliseconds. */
  readonly #streamTimeout: number;
  readonly #accepted = new Map<string, Stream>();
  readonly #dialled = new Map<string, Stream>();
  #streams = 0;
  #together = 0;
  #open = true;

  private constructor(
    udp: DatagramSocket,
    server: Server,
    local: IpAddress,
    streamTimeout: number,
    events: SocketEvents,
  ) {
    this.#streamTimeout = streamTimeout;
    this.#udp = udp;
    this.#server = server;
    this.#local = local;
    this.#events = events;
  }

  /** Port 0 takes any port that is free for both. */
  static async bind(
    bind: Endpoint,
    streamTimeout: number,
    events: SocketEvents,
  ): Promise<{ sockets: Sockets; port: number }> {
    for (let attempt = 1; ; attempt++)
      try {
        return await Sockets.#bindBoth(bind, streamTimeout, events);
      } catch (error) {
        // The system finds a port that is free for UDP; a connection may have it for TCP.
        const isTaken = error instanceof GossipError && error.code === 'address-in-use';
        if (bind.port !== 0 || !isTaken || attempt === MAX_ATTEMPTS) throw error;
      }
  }

  static async #bindBoth(
    bind: Endpoint,
    streamTimeout: number,
    events: SocketEvents,
  ): Promise<{ sockets: Sockets; port: number }> {
    const ipv6 = familyOf(bind.address) === 'ipv6';
    const udp = createSocket({ type: ipv6 ? 'udp6' : 'udp4', ipv6Only: ipv6 });
    const server = createServer();
    server.maxConnections = MAX_STREAMS;
    try {
      await settled('UDP', bind, udp, 'listening', () => udp.bind({ ...bind, exclusive: true }));
      const { port } = udp.address();
      const listen = () => server.listen({ host: bind.address, port, ipv6Only: ipv6, exclusive: true });
      await settled('TCP', { address: bind.address, port }, server, 'listening', listen);
      const sockets = new Sockets(udp, server, bind.address, streamTimeout, events);
      sockets.#listen();
      return { sockets, port };
    } catch (error) {
      closeQuietly(udp);
      server.close();
      throw error;
    }
  }

  send(to: Endpoint, data: Buffer): void {
    if (familyOf(to.address) !== familyOf(this.#local)) {
      this.#events.datagramFailed(to);
      return;
    }
    this.#udp.send(data, to.port, to.address, (error) => {
      if (error !== null && this.#open) this.#events.datagramFailed(to);
    });
  }

  dial(name: string, to: Endpoint, data: Buffer): void {
    if (this.#dialled.size >= MAX_STREAMS) {
      this.#events.streamClosed(name, `${MAX_STREAMS} streams are open already`, false);
      return;
    }
    const anyAddress = this.#local === '0.0.0.0' || this.#local === '::';
    const socket = connect({ host: to.address, port: to.port, ...(anyAddress ? {} : { localAddress: this.#local }) });
    this.#adopt(this.#dialled, name, socket);
    socket.write(data);
  }

  write(name: string, data: Buffer): void {
    (this.#accepted.get(name) ?? this.#dialled.get(name))?.socket.write(data);
  }

  end(name: string): void {
    (this.#accepted.get(name) ?? this.#dialled.get(name))?.socket.end();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const { socket } of [...this.#accepted.values(), ...this.#dialled.values()]) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#server.close(() => resolve())),
    ]);
  }

  #listen(): void {
    this.#udp.on('message', (data, { address, port }) => {
      const from = endpointOf(address, port);
      if (from !== undefined) this.#events.datagram(from, data);
    });
    this.#udp.on('error', (error) => this.#events.trouble(`UDP: ${error.message}`));
    this.#server.on('error', (error) => this.#events.trouble(`TCP: ${error.message}`));
    this.#server.on('connection', (socket) => {
      const from = endpointOf(socket.remoteAddress, socket.remotePort);
      if (from === undefined) {
        socket.destroy();
        return;
      }
      const name = `in-${++this.#streams}`;
      this.#events.streamAccepted(name, from);
      this.#adopt(this.#accepted, name, socket);
    });
  }

  #adopt(streams: Map<string, Stream>, name: string, socket: Socket): void {
    const give = (reason: string) => {
      stream.reason = reason;
      socket.destroy();
    };
    const deadline = setTimeout(() => give(`not done within ${this.#streamTimeout / 1000} s`), this.#streamTimeout);
    const stream: Stream = { socket, deadline, received: 0, reason: undefined, refused: false };
    streams.set(name, stream);
    socket.on('data', (data) => {
      stream.received += data.length;
      this.#together += data.length;
      if (this.#together > MAX_STREAM_BYTES_TOGETHER) give('too much is being received at once');
      else if (this.#open) this.#events.streamData(name, data);
    });
    socket.on('error', (error) => {
      stream.reason ??= reasonOf(error);
      stream.refused = 'code' in error && error.code === 'ECONNREFUSED';
    });
    socket.on('close', () => {
      clearTimeout(deadline);
      streams.delete(name);
      this.#together -= stream.received;
      if (this.#open) this.#events.streamClosed(name, stream.reason ?? 'closed by the peer', stream.refused);
    });
  }
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  // The scope of a link-local address is no part of it.
  const parsed = parseIp(address?.replace(/%.*$/, '') ?? '');
  return parsed.ok && port !== undefined ? { address: parsed.value, port } : undefined;
}

interface Opening {
  once(event: string, listener: (error: Error) => void): unknown;
  off(event: string, listener: (error: Error) => void): unknown;
}

async function settled(
  protocol: 'UDP' | 'TCP',
  { address, port }: Endpoint,
  socket: Opening,
  ready: string,
  open: () => void,
): Promise<void> {
  const at = `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`;
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => reject(openingError(at, protocol, port, error));
    socket.once('error', failed);
    socket.once(ready, () => {
      socket.off('error', failed);
      resolve();
    });
    open();
  });
}

function openingError(at: string, protocol: 'UDP' | 'TCP', port: number, error: Error): GossipError {
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new GossipError(
        'address-in-use',
        `gossip: ${at} is in use by another program, perhaps another agent or a serf agent; ` +
          `\`ss -${protocol === 'UDP' ? 'u' : 't'}lnp 'sport = :${port}'\` shows which: stop it, or give gossip another port`,
        error,
      );
    case 'EADDRNOTAVAIL':
      return new GossipError(
        'address-unusable',
        `gossip: ${at}: this host does not have the address; \`ip address\` lists those it has`,
        error,
      );
    case 'EACCES':
      return new GossipError(
        'address-unusable',
        `gossip: ${at}: not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE`,
        error,
      );
    default:
      return new GossipError('address-unusable', `gossip: ${at}: ${error.message}`, error);
  }
}

function closeQuietly(udp: DatagramSocket): void {
  udp.on('error', () => undefined);
  try {
    udp.close();
  } catch (error) {
    // It was never opened, which is why we are here.
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_SOCKET_DGRAM_NOT_RUNNING')) throw error;
  }
}
