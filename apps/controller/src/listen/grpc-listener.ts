import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { type ListenAddress } from './address.ts';
import { listening } from './listening.ts';
import type { RenewedTls, TlsPem } from './tls.ts';

const KEEPALIVE = {
  // A peer that vanished without a word is noticed in 15 s even when nothing is sent.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
};
/** Connections at a time, open ones and those still in their handshake. */
const MOST_CONNECTIONS = 8192;

/** A gRPC server on a socket of our own, so that a port in use is told by its code and garbage on it ends there. */
export class GrpcListener {
  readonly #server: Server;
  readonly #tls: RenewedTls | undefined;
  readonly #sockets = new Set<Socket>();
  #listener: NetServer | undefined;

  constructor(settings: { readonly tls: RenewedTls | undefined; readonly largestMessage: number }) {
    this.#server = new Server({ ...KEEPALIVE, 'grpc.max_receive_message_length': settings.largestMessage });
    this.#tls = settings.tls;
  }

  add(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(service, implementation);
  }

  /** Gives the address with the port that it got. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    let pem = this.#tls?.current();
    let injector = this.#server.createConnectionInjector(credentialsOf(pem));
    const listener = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // A peer that breaks off is its own business; without a listener it would end this process.
      socket.on('error', () => socket.destroy());
      socket.setNoDelay(true);
      const latest = this.#tls?.current();
      if (latest !== pem) {
        pem = latest;
        injector = this.#server.createConnectionInjector(credentialsOf(pem));
      }
      injector.injectConnection(socket);
    });
    listener.maxConnections = MOST_CONNECTIONS;
    this.#listener = listener;
    return listening(listener, address);
  }

  async close(): Promise<void> {
    const listener = this.#listener;
    this.#server.forceShutdown();
    if (listener === undefined) return;
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Both sides show certificates; the client's must come from this authority. */
function credentialsOf(pem: TlsPem | undefined): ServerCredentials {
  if (pem === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(pem.clientCa, [{ cert_chain: pem.cert, private_key: pem.key }], true);
}
