import { existsSync, readFileSync } from 'node:fs';
import { Metadata, credentials, type ChannelCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { fleet } from '@keepfleet/rpc';
import { Failure, exitCodes } from './failure.ts';

const DEFAULT_CONTROLLER = '127.0.0.1:7481';
const LAB_FILE = '/run/keepfleet-lab/lab.json';
const CALL_TIMEOUT_MS = 10_000;

export interface ConnectionFlags {
  readonly controller?: string;
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface Endpoint {
  readonly address: string;
  readonly tls?: { readonly ca: string; readonly certificate?: string; readonly key?: string };
  /** Where the address came from, for messages. */
  readonly source: string;
}

/** Where the controller is: flags first, then the environment, then a lab running on this machine, then the default port here. */
export function findController(
  flags: ConnectionFlags,
  environment: Readonly<Record<string, string | undefined>>,
  labFile = LAB_FILE,
): Endpoint {
  const ca = flags.ca ?? environment['KEEPFLEET_CA'];
  const certificate = flags.certificate ?? environment['KEEPFLEET_CERTIFICATE'];
  const key = flags.key ?? environment['KEEPFLEET_KEY'];
  const tls =
    ca === undefined
      ? {}
      : { tls: { ca, ...(certificate === undefined ? {} : { certificate }), ...(key === undefined ? {} : { key }) } };
  if (flags.controller !== undefined) return { address: flags.controller, source: '--controller', ...tls };
  const fromEnvironment = environment['KEEPFLEET_CONTROLLER'];
  if (fromEnvironment !== undefined) return { address: fromEnvironment, source: 'KEEPFLEET_CONTROLLER', ...tls };
  const lab = existsSync(labFile) ? parseLabFile(labFile, readFileSync(labFile, 'utf8')) : undefined;
  return lab ?? { address: DEFAULT_CONTROLLER, source: 'default', ...tls };
}

function parseLabFile(path: string, text: string): Endpoint {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || typeof value['fleetApi'] !== 'string') {
    throw new Failure(
      `${path} does not say where the lab's controller is; run \`npm run lab -- down\` and \`up\` again`,
      exitCodes.usage,
    );
  }
  const source = `running lab, ${path}`;
  const tls = value['tls'];
  if (!isRecord(tls) || typeof tls['ca'] !== 'string') return { address: value['fleetApi'], source };
  const { ca, certificate, key } = tls;
  return {
    address: value['fleetApi'],
    source,
    tls: {
      ca,
      ...(typeof certificate === 'string' ? { certificate } : {}),
      ...(typeof key === 'string' ? { key } : {}),
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function channelCredentials(endpoint: Endpoint): ChannelCredentials {
  const { tls } = endpoint;
  if (tls === undefined) return credentials.createInsecure();
  const read = (path: string | undefined) => (path === undefined ? null : readFileSync(path));
  try {
    return credentials.createSsl(readFileSync(tls.ca), read(tls.key), read(tls.certificate));
  } catch (error) {
    throw new Failure(
      `TLS files cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      exitCodes.usage,
      error,
    );
  }
}

/** The Fleet API of one controller, as promises; every failure is a Failure with a sentence in it. */
export class Controller {
  readonly #client: fleet.FleetClient;
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#client = new fleet.FleetClient(endpoint.address, channelCredentials(endpoint), {
      'grpc.keepalive_time_ms': 10_000,
      'grpc.enable_retries': 0,
    });
  }

  status = () =>
    this.#call<fleet.FleetStatus>((options, done) => this.#client.getStatus({}, noMetadata(), options, done));
  nodes = () =>
    this.#call<fleet.ListNodesResponse>((options, done) => this.#client.listNodes({}, noMetadata(), options, done));
  routers = () =>
    this.#call<fleet.ListVirtualRoutersResponse>((options, done) =>
      this.#client.listVirtualRouters({}, noMetadata(), options, done),
    );
  services = () =>
    this.#call<fleet.ListVirtualServicesResponse>((options, done) =>
      this.#client.listVirtualServices({}, noMetadata(), options, done),
    );
  events = (request: fleet.ListEventsRequest) =>
    this.#call<fleet.ListEventsResponse>((options, done) =>
      this.#client.listEvents(request, noMetadata(), options, done),
    );
  startOperation = (request: fleet.StartOperationRequest) =>
    this.#call<fleet.Operation>((options, done) => this.#client.startOperation(request, noMetadata(), options, done));
  operation = (id: string) =>
    this.#call<fleet.Operation>((options, done) => this.#client.getOperation({ id }, noMetadata(), options, done));
  operations = (request: fleet.ListOperationsRequest) =>
    this.#call<fleet.ListOperationsResponse>((options, done) =>
      this.#client.listOperations(request, noMetadata(), options, done),
    );
  cancelOperation = (request: fleet.CancelOperationRequest) =>
    this.#call<fleet.Operation>((options, done) => this.#client.cancelOperation(request, noMetadata(), options, done));

  watchEvents(request: fleet.WatchEventsRequest): AsyncIterable<fleet.FleetEvent> {
    return this.#stream(this.#client.watchEvents(request));
  }

  watchOperation(id: string): AsyncIterable<fleet.Operation> {
    return this.#stream(this.#client.watchOperation({ id }));
  }

  close(): void {
    this.#client.close();
  }

  #call<T>(
    start: (options: { deadline: number }, done: (error: ServiceError | null, value: T) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      start({ deadline: Date.now() + CALL_TIMEOUT_MS }, (error, value) =>
        error === null ? resolve(value) : reject(this.#failure(error)),
      );
    });
  }

  async *#stream<T>(stream: AsyncIterable<T> & { cancel(): void }): AsyncIterable<T> {
    try {
      yield* stream;
    } catch (error) {
      throw isServiceError(error) ? this.#failure(error) : error;
    } finally {
      stream.cancel();
    }
  }

  #failure(error: ServiceError): Failure {
    const where = `${this.#endpoint.address} (${this.#endpoint.source})`;
    switch (error.code) {
      case status.UNAVAILABLE:
      case status.DEADLINE_EXCEEDED:
        return new Failure(
          `no answer from the controller at ${where}: ${error.details.replace(/ Resolution note: *$/, '')}; the nodes work on without it. Is it running? Name another with --controller HOST:PORT`,
          exitCodes.unreachable,
          error,
        );
      case status.INVALID_ARGUMENT:
        return new Failure(error.details, exitCodes.usage, error);
      default:
        return new Failure(error.details, exitCodes.failed, error);
    }
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

function noMetadata(): Metadata {
  return new Metadata();
}
