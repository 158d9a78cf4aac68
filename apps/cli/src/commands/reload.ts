import { Metadata, type ServiceError, credentials, status } from '@grpc/grpc-js';
import { local, toJson } from '@keepfleet/rpc';
import type { Answer, LocalCommand } from '../command.ts';
import { Failure, exitCodes } from '../failure.ts';

/** A reload waits for both processes, and another reload may be before it. */
const CALL_TIMEOUT_MS = 60_000;

export type ReloadRequest =
  { readonly kind: 'reload'; readonly confirmSeconds: number } | { readonly kind: 'confirm' | 'revert' };

/** Asks the agent on this node to read its configuration again, to keep what it read, or to take it back. */
export class ReloadCommand implements LocalCommand {
  readonly #request: ReloadRequest;
  readonly #runDirectory: string;

  constructor(request: ReloadRequest, runDirectory: string) {
    this.#request = request;
    this.#runDirectory = runDirectory;
  }

  async runLocally(): Promise<Answer> {
    const request = this.#request;
    const result = await askAgent<local.ReloadResult>(this.#runDirectory, (client, options, done) =>
      request.kind === 'reload'
        ? client.reload({ confirmSeconds: request.confirmSeconds }, new Metadata(), options, done)
        : client[request.kind]({}, new Metadata(), options, done),
    );
    return {
      data: toJson(local.ReloadResult, result),
      exitCode: result.done ? exitCodes.ok : exitCodes.failed,
      text: [...result.messages, `${result.done ? '' : 'not done: '}${result.detail}`].join('\n'),
    };
  }
}

/** One call of the agent on this node. */
export async function askAgent<T>(
  runDirectory: string,
  call: (
    client: local.LocalClient,
    options: { readonly deadline: number },
    done: (error: ServiceError | null, value: T) => void,
  ) => unknown,
): Promise<T> {
  const socket = `${runDirectory}/agent.sock`;
  const client = new local.LocalClient(`unix:${socket}`, credentials.createInsecure());
  try {
    return await new Promise<T>((resolve, reject) => {
      call(client, { deadline: Date.now() + CALL_TIMEOUT_MS }, (error, value) =>
        error === null ? resolve(value) : reject(explain(error, socket)),
      );
    });
  } finally {
    client.close();
  }
}

function explain(error: ServiceError, socket: string): Failure {
  if (error.code !== status.UNAVAILABLE) return new Failure(error.details, exitCodes.failed, error);
  return new Failure(
    `no agent answers at ${socket}: is it running, is this root, and is its --run-dir another?`,
    exitCodes.unreachable,
    error,
  );
}
