import { Inject, Injectable } from '@nestjs/common';
import {
  status,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerErrorResponse,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import type { fleet, gossip } from '@keepfleet/rpc';
import type { Logger } from 'pino';
import { RefusedError, type RefusalKind } from '../common/refusal.ts';
import { LOG } from '../common/tokens.ts';
import { ConfigService } from '../config/config.service.ts';
import { EventLog, LARGEST_PAGE, USUAL_PAGE } from '../events/event-log.ts';
import { GossipService } from '../gossip/gossip.service.ts';
import { NodesService } from '../nodes/nodes.service.ts';
import { readChange } from '../operations/change.ts';
import { operationView } from '../operations/operation.ts';
import { OperationsService } from '../operations/operations.service.ts';
import { RoutersService } from '../routers/routers.service.ts';
import { ServicesService } from '../services/services.service.ts';
import { StatusService } from '../status/status.service.ts';

const codes: Record<RefusalKind, status> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  budget: status.FAILED_PRECONDITION,
  // Not UNAVAILABLE, which would mean that the controller itself cannot be reached.
  unavailable: status.FAILED_PRECONDITION,
  conflict: status.FAILED_PRECONDITION,
  'key-reused': status.ALREADY_EXISTS,
  changed: status.ABORTED,
};

const stops = { code: status.UNAVAILABLE, details: 'the controller stops' };

/** Largest request to the fleet API: a keepalived.conf of 160,000 lines has half of it. */
export const LARGEST_REQUEST = 8 * 1024 * 1024;
const USUAL_OPERATIONS = 50;

/** The fleet API over gRPC: translates, and leaves every decision to the services. */
@Injectable()
export class FleetApi {
  readonly #status: StatusService;
  readonly #nodes: NodesService;
  readonly #routers: RoutersService;
  readonly #services: ServicesService;
  readonly #events: EventLog;
  readonly #operations: OperationsService;
  readonly #gossip: GossipService;
  readonly #config: ConfigService;
  readonly #log: Logger;
  /** Ends all watches when the controller stops. */
  readonly #stopping = new AbortController();

  constructor(
    @Inject(StatusService) status: StatusService,
    @Inject(NodesService) nodes: NodesService,
    @Inject(RoutersService) routers: RoutersService,
    @Inject(ServicesService) services: ServicesService,
    @Inject(EventLog) events: EventLog,
    @Inject(OperationsService) operations: OperationsService,
    @Inject(GossipService) gossip: GossipService,
    @Inject(ConfigService) config: ConfigService,
    @Inject(LOG) log: Logger,
  ) {
    this.#gossip = gossip;
    this.#config = config;
    this.#status = status;
    this.#nodes = nodes;
    this.#routers = routers;
    this.#services = services;
    this.#events = events;
    this.#operations = operations;
    this.#log = log;
  }

  close(): void {
    this.#stopping.abort();
  }

  implementation(): fleet.FleetServer {
    return {
      getStatus: this.#unary(() => {
        const { operations, ...rest } = this.#status.status();
        return { ...rest, operations: operations.map((each) => operationView(each)) };
      }),
      listNodes: this.#unary(() => ({ nodes: this.#nodes.list() })),
      listVirtualRouters: this.#unary(() => ({ routers: this.#routers.list() })),
      listVirtualServices: this.#unary(() => ({ services: this.#services.list() })),
      listEvents: this.#unary((request: fleet.ListEventsRequest) => this.#listEvents(request)),
      watchEvents: (call) => void this.#stream(call, (request, abort) => this.#watchEvents(request, abort)),
      startOperation: this.#unary((request: fleet.StartOperationRequest) => this.#start(request)),
      getOperation: this.#unary(async (request: fleet.GetOperationRequest) =>
        operationView(await this.#operations.byId(request.id)),
      ),
      listOperations: this.#unary((request: fleet.ListOperationsRequest) => this.#listOperations(request)),
      watchOperation: (call) => void this.#stream(call, (request, abort) => this.#watchOperation(request.id, abort)),
      cancelOperation: this.#unary(async ({ id, actor, reason }: fleet.CancelOperationRequest) =>
        operationView(await this.#operations.cancel(id, actor, reason)),
      ),
      forgetNode: this.#unary(async (request: fleet.ForgetNodeRequest) => {
        await this.#nodes.forget(request);
        return {};
      }),
      checkConfig: this.#unary((request: fleet.CheckConfigRequest) => this.#config.check(request)),
    };
  }

  /** The fleet's gossip, at the same address: what an agent answers at its own socket. */
  gossipImplementation(): gossip.GossipServer {
    return {
      listMembers: this.#unary(() => this.#gossip.members()),
      examine: this.#unary(() => this.#gossip.examine()),
      changeKeys: this.#unary((request: gossip.ChangeKeysRequest) => this.#gossip.changeKeys(request)),
      forgetMember: this.#unary(async (request: gossip.ForgetMemberRequest) => {
        await this.#gossip.forget(request);
        return {};
      }),
      listClaims: this.#unary(() => this.#gossip.claims()),
    };
  }

  async #listEvents(request: fleet.ListEventsRequest): Promise<fleet.ListEventsResponse> {
    const limit = Math.min(request.limit === 0 ? USUAL_PAGE : request.limit, LARGEST_PAGE);
    const filter = eventFilter(request);
    const page = request.latest
      ? await this.#events.latest(filter, limit)
      : await this.#events.list(Number(request.after), filter, limit);
    return { events: page.events, next: BigInt(page.next) };
  }

  #watchEvents(request: fleet.WatchEventsRequest, abort: AbortSignal): AsyncGenerator<fleet.FleetEvent> {
    const from =
      request.latest === undefined
        ? { after: Number(request.after) }
        : { latest: Math.min(request.latest, LARGEST_PAGE) };
    return this.#events.watch(from, eventFilter(request), abort);
  }

  async #start(request: fleet.StartOperationRequest): Promise<fleet.Operation> {
    const change = readChange(request.change);
    if (!change.ok) throw new RefusedError({ kind: 'invalid', message: change.error });
    const { actor, reason, deadlineSeconds, force, dryRun, idempotencyKey } = request;
    const asked = { change: change.value, actor, reason, deadlineSeconds, force, dryRun, idempotencyKey };
    return operationView(await this.#operations.begin(asked), dryRun);
  }

  async #listOperations(request: fleet.ListOperationsRequest): Promise<fleet.ListOperationsResponse> {
    const limit = Math.min(request.limit === 0 ? USUAL_OPERATIONS : request.limit, LARGEST_PAGE);
    const operations = request.activeOnly
      ? this.#operations.active().slice(0, limit)
      : (await this.#operations.page(0, limit)).operations;
    return { operations: operations.map((each) => operationView(each)) };
  }

  async *#watchOperation(id: string, abort: AbortSignal): AsyncGenerator<fleet.Operation> {
    for await (const operation of this.#operations.watch(id, abort)) yield operationView(operation);
  }

  #unary<Q, A>(answer: (request: Q) => A | Promise<A>): handleUnaryCall<Q, A> {
    return (call, done: sendUnaryData<A>) => {
      Promise.resolve()
        .then(() => answer(call.request))
        .then(
          (value) => done(null, value),
          (error: unknown) => done(this.#failure(error)),
        );
    };
  }

  async #stream<Q, A>(
    call: ServerWritableStream<Q, A>,
    answers: (request: Q, abort: AbortSignal) => AsyncGenerator<A>,
  ): Promise<void> {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    call.on('close', () => gone.abort());
    const abort = AbortSignal.any([gone.signal, this.#stopping.signal]);
    try {
      for await (const answer of answers(call.request, abort)) {
        if (abort.aborted) break;
        // A reader that is slower than the log holds back its own stream only.
        if (!call.write(answer)) await drained(call, abort);
      }
      // An end in order would look as if there were no more to come.
      if (this.#stopping.signal.aborted) call.emit('error', stops);
      else call.end();
    } catch (error) {
      call.emit('error', this.#failure(error));
    }
  }

  #failure(error: unknown): ServerErrorResponse {
    if (error instanceof RefusedError) {
      const { kind, message } = error.refusal;
      return Object.assign(new Error(message), { code: codes[kind], details: message });
    }
    this.#log.error({ error }, 'fleet API: a request failed');
    const details = 'the controller failed to answer; its log says why';
    return Object.assign(new Error(details), { code: status.INTERNAL, details });
  }
}

function drained(call: ServerWritableStream<never, never> | NodeJS.EventEmitter, abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (abort.aborted) return resolve();
    const end = () => {
      call.removeListener('drain', end);
      abort.removeEventListener('abort', end);
      resolve();
    };
    call.once('drain', end);
    abort.addEventListener('abort', end);
  });
}

function eventFilter(request: { readonly node: string; readonly kind: string }) {
  return {
    ...(request.node === '' ? {} : { node: request.node }),
    ...(request.kind === '' ? {} : { kind: request.kind }),
  };
}
