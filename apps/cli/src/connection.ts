import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { Metadata, credentials, type ChannelCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { fleet, gossip } from '@keepfleet/rpc';
import { Failure, exitCodes } from './failure.ts';

const DEFAULT_CONTROLLER = '127.0.0.1:7481';
const CALL_TIMEOUT_MS = 10_000;
/** What every member of the fleet is asked before the answer comes. */
const FLEET_TIMEOUT_MS = 30_000;
/** gRPC's own limit of 4 MB is the answer about some thousand nodes. */
const LARGEST_ANSWER = 256 * 1024 * 1024;
const silence = `nothing within ${CALL_TIMEOUT_MS / 1000} s`;

/** Where the agent of this node listens for its operator, unless --agent names another socket. */
const DEFAULT_AGENT_SOCKET = '/run/keepfleet/agent.sock';

export interface ConnectionFlags {
  /** True for the usual socket. */
  readonly agent?: string | boolean;
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
  /** It is the agent of a node, which knows gossip alone. */
  readonly isAgent?: boolean;
}

/**
 * Who is asked about gossip: the agent's own socket when --agent says so, or when nothing names a controller and there is
 * an agent on this machine, which needs no controller to answer.
 */
export function findGossip(
  flags: ConnectionFlags,
  environment: Readonly<Record<string, string | undefined>>,
  agentSocket = DEFAULT_AGENT_SOCKET,
): Endpoint {
  if (typeof flags.agent === 'string') return { address: `unix:${flags.agent}`, source: '--agent', isAgent: true };
  if (flags.agent === true) return { address: `unix:${agentSocket}`, source: '--agent', isAgent: true };
  const named = flags.controller ?? environment['KEEPFLEET_CONTROLLER'];
  if (named === undefined && existsSync(agentSocket))
    return { address: `unix:${agentSocket}`, source: "this node's agent", isAgent: true };
  return findController(flags, environment);
}

/** Where the controller is: flags first, then the environment, then a lab running on this machine, then the default port here. */
export function findController(
  flags: ConnectionFlags,
  environment: Readonly<Record<string, string | undefined>>,
  labFile = labFileOf(environment),
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
  const address = existsSync(labFile) ? labAddress(labFile) : undefined;
  if (address !== undefined) return { address, source: `running lab, ${labFile}`, ...tls };
  return { address: DEFAULT_CONTROLLER, source: 'default', ...tls };
}

/** A second lab on one machine has a name, which this finds it by as the lab's own verbs do. */
function labFileOf({ KEEPFLEET_LAB = '' }: Readonly<Record<string, string | undefined>>): string {
  return `/run/keepfleet-lab${/^[a-z0-9]+$/.test(KEEPFLEET_LAB) ? `-${KEEPFLEET_LAB}` : ''}/lab.json`;
}

/** Where the lab's controller is; undefined when the lab that wrote the file crashed. */
function labAddress(path: string): string | undefined {
  const lab = readLabFile(path);
  const { pid, fleetApi } = isRecord(lab) ? lab : {};
  if (typeof pid === 'number' && !existsSync(`/proc/${pid}`)) return undefined;
  if (typeof fleetApi === 'string') return fleetApi;
  throw new Failure(
    `the lab is still starting (${path} does not name its controller yet); try again when it serves`,
    exitCodes.unreachable,
  );
}

function readLabFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Failure(
      `${path}, which should name the lab's controller, cannot be read: ${reason(error)}; give --controller HOST:PORT`,
      exitCodes.usage,
      error,
    );
  }
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
    throw new Failure(`TLS files cannot be used: ${reason(error)}`, exitCodes.usage, error);
  }
}

/** "HOST:PORT" as written on the command line; gRPC itself would take a great many other things for a name. */
function isHostAndPort(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|[\w.-]+):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65_535) return false;
  return match[1] === undefined || isIPv6(match[1]);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The Fleet API of one controller, as promises; every failure is a Failure with a sentence in it. */
export class Controller {
  readonly #client: fleet.FleetClient;
  readonly #gossip: gossip.GossipClient;
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    if (!isHostAndPort(endpoint.address) && !endpoint.address.startsWith('unix:/')) {
      throw new Failure(
        `"${endpoint.address}" (${endpoint.source}) is not HOST:PORT, [IPv6]:PORT or unix:/PATH`,
        exitCodes.usage,
      );
    }
    const options = {
      'grpc.keepalive_time_ms': 10_000,
      'grpc.enable_retries': 0,
      // Whoever watches waits for the controller to come back; the usual two minutes are too long for that.
      'grpc.max_reconnect_backoff_ms': 5_000,
      'grpc.max_receive_message_length': LARGEST_ANSWER,
    };
    const credentials_ = channelCredentials(endpoint);
    this.#client = new fleet.FleetClient(endpoint.address, credentials_, options);
    this.#gossip = new gossip.GossipClient(endpoint.address, credentials_, options);
  }

  /** Whether it is the agent of a node, which knows gossip alone. */
  get isAgent(): boolean {
    return this.#endpoint.isAgent === true;
  }

  members = () =>
    this.#call<gossip.ListMembersResponse>((options, done) =>
      this.#gossip.listMembers({}, noMetadata(), options, done),
    );
  examine = () =>
    this.#call<gossip.ExamineResponse>(
      (options, done) => this.#gossip.examine({}, noMetadata(), options, done),
      FLEET_TIMEOUT_MS,
    );
  changeKeys = (request: gossip.ChangeKeysRequest) =>
    this.#call<gossip.ChangeKeysResponse>(
      (options, done) => this.#gossip.changeKeys(request, noMetadata(), options, done),
      FLEET_TIMEOUT_MS,
    );
  forgetMember = (request: gossip.ForgetMemberRequest) =>
    this.#call<gossip.ForgetMemberResponse>((options, done) =>
      this.#gossip.forgetMember(request, noMetadata(), options, done),
    );
  claims = () =>
    this.#call<gossip.ListClaimsResponse>((options, done) => this.#gossip.listClaims({}, noMetadata(), options, done));

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
  checkConfig = (request: fleet.CheckConfigRequest) =>
    this.#call<fleet.CheckConfigResponse>(
      (options, done) => this.#client.checkConfig(request, noMetadata(), options, done),
      FLEET_TIMEOUT_MS,
    );
  cancelOperation = (request: fleet.CancelOperationRequest) =>
    this.#call<fleet.Operation>((options, done) => this.#client.cancelOperation(request, noMetadata(), options, done));

  forgetNode = (request: fleet.ForgetNodeRequest) =>
    this.#call<fleet.ForgetNodeResponse>((options, done) =>
      this.#client.forgetNode(request, noMetadata(), options, done),
    );

  /** Both watches end, without an error, when `abort` does. `reached` is called once there is a connection. */
  watchEvents(
    request: fleet.WatchEventsRequest,
    abort: AbortSignal,
    reached: () => void,
  ): AsyncIterable<fleet.FleetEvent> {
    return this.#stream(() => this.#client.watchEvents(request), abort, reached);
  }

  watchOperation(id: string, abort: AbortSignal): AsyncIterable<fleet.Operation> {
    return this.#stream(() => this.#client.watchOperation({ id }), abort);
  }

  close(): void {
    this.#client.close();
    this.#gossip.close();
  }

  #call<T>(
    start: (options: { deadline: number }, done: (error: ServiceError | null, value: T) => void) => void,
    timeout = CALL_TIMEOUT_MS,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      start({ deadline: Date.now() + timeout }, (error, value) =>
        error === null ? resolve(value) : reject(this.#failure(error, timeout)),
      );
    });
  }

  async *#stream<T>(
    open: () => AsyncIterable<T> & { cancel(): void },
    abort: AbortSignal,
    reached?: () => void,
  ): AsyncIterable<T> {
    if (abort.aborted) return;
    const stream = open();
    // Closing the client would leave the stream open, and the process with it.
    const cancel = () => stream.cancel();
    abort.addEventListener('abort', cancel);
    let silent = false;
    // A stream has no deadline; what takes the connection and never says a word is found out here.
    this.#client.waitForReady(Date.now() + CALL_TIMEOUT_MS, (error) => {
      silent = error !== undefined;
      if (silent) stream.cancel();
      else reached?.();
    });
    try {
      yield* stream;
    } catch (error) {
      if (abort.aborted) return;
      if (!isServiceError(error)) throw error;
      throw silent ? this.#unreachable(silence, error) : this.#failure(error);
    } finally {
      abort.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  #failure(error: ServiceError, timeout = CALL_TIMEOUT_MS): Failure {
    switch (error.code) {
      case status.UNAVAILABLE:
        return this.#unreachable(shortened(error.details), error);
      case status.DEADLINE_EXCEEDED:
        return this.#late(timeout, error);
      case status.CANCELLED:
        return this.#unreachable('it ended the call', error);
      case status.INVALID_ARGUMENT:
        return new Failure(error.details, exitCodes.usage, error);
      default:
        return new Failure(error.details, exitCodes.failed, error);
    }
  }

  /** It may be that nobody took the request, or that whoever did is busy with it: the operator is to look, not to guess. */
  #late(timeout: number, error: Error): Failure {
    const { address, source } = this.#endpoint;
    const [who, alive] = this.isAgent
      ? ['agent', 'is it stopped or overloaded (`systemctl status keepfleet-agent`)?']
      : ['controller', 'is it stopped or overloaded, or is its port filtered? The nodes work on without it.'];
    const waited =
      timeout > CALL_TIMEOUT_MS ? ' It had to wait for every member; `keepfleet members` shows who is gone.' : '';
    return new Failure(
      `the ${who} at ${address} (${source}) did not answer within ${timeout / 1000} s: ${alive}${waited} ` +
        'What was asked may have been done all the same: look before you repeat it',
      exitCodes.unreachable,
      error,
    );
  }

  #unreachable(why: string, error: Error): Failure {
    const { address, source } = this.#endpoint;
    if (this.isAgent)
      return new Failure(
        `no answer from the agent at ${address} (${source}): ${why}. Is it running, with this run directory, and are you root?`,
        exitCodes.unreachable,
        error,
      );
    return new Failure(
      `no answer from the controller at ${address} (${source}): ${why}; the nodes work on without it. ` +
        'Is it running, and is this its gRPC port? Name another with --controller HOST:PORT',
      exitCodes.unreachable,
      error,
    );
  }
}

/** What grpc-js says of a connection that failed, without its own frame around the reason. */
function shortened(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/ Resolution note: *$/, '')
    .replace(/(?: \(\d{4}-[^)]*\))?\.?$/, '');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

function noMetadata(): Metadata {
  return new Metadata();
}
