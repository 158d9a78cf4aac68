import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, type handleUnaryCall, status } from '@grpc/grpc-js';
import { local, gossip as wire } from '@keepfleet/rpc';
import { errorText } from '../error-text.ts';
import { type GossipDesk, GossipRefusal } from './gossip-desk.ts';

/** In the run directory: what `keepfleet --agent` talks to. */
export const LOCAL_SOCKET = 'agent.sock';

const LARGEST_REQUEST = 64 * 1024;

/** Answers the operator of this node over a UNIX socket that is its owner's alone, with no controller in between. */
export class LocalSocket {
  readonly #server = new Server({ 'grpc.max_receive_message_length': LARGEST_REQUEST });
  readonly #path: string;

  constructor(runDirectory: string, desk: GossipDesk, service: local.LocalServer) {
    this.#path = join(runDirectory, LOCAL_SOCKET);
    const implementation: wire.GossipServer = {
      listMembers: unary(() => desk.members()),
      examine: unary(() => desk.examine()),
      changeKeys: unary((request: wire.ChangeKeysRequest) => desk.changeKeys(request, 'local')),
      forgetMember: unary((request: wire.ForgetMemberRequest) => {
        desk.forget(request);
        return {};
      }),
      listClaims: unary(() => desk.claims()),
    };
    this.#server.addService(wire.GossipService, implementation);
    this.#server.addService(local.LocalService, service);
  }

  /** Rejects when the socket cannot be made; what an agent before us left behind is removed, since we hold its pid file. */
  async listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    // Only for the moment between the making of the socket and the change of its mode.
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) =>
        this.#server.bindAsync(`unix:${this.#path}`, ServerCredentials.createInsecure(), (error) =>
          error === null ? resolve() : reject(new Error(`${this.#path}: ${error.message}`)),
        ),
      );
      chmodSync(this.#path, 0o600);
    } finally {
      process.umask(before);
    }
  }

  close(): void {
    this.#server.forceShutdown();
    rmSync(this.#path, { force: true });
  }
}

const CODES = {
  'not-running': status.FAILED_PRECONDITION,
  'unknown-key': status.INVALID_ARGUMENT,
  'unknown-member': status.FAILED_PRECONDITION,
} as const;

function unary<Q, A>(answer: (request: Q) => A | Promise<A>): handleUnaryCall<Q, A> {
  return (call, done) => {
    Promise.resolve()
      .then(() => answer(call.request))
      .then(
        (value) => done(null, value),
        (error: unknown) =>
          done({
            code: error instanceof GossipRefusal ? CODES[error.kind] : status.INTERNAL,
            details: errorText(error),
          }),
      );
  };
}
