import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { fleet, type model } from '@keepfleet/rpc';
import { pino } from 'pino';
import { systemClock, type Clock } from '../common/clock.ts';
import type { Options } from '../options.ts';
import { startController, type RunningController } from '../start.ts';
import { Authority, type Identity } from './pki.ts';
import { ScriptedAgent } from './scripted-agent.ts';

/** How long anything may take here, ms; a busy machine is no failure. */
export const DEADLINE = 120_000;
/** For what is about silence, ms. */
export const QUICK_HEARTBEAT = 1_000;

/** A controller with its store, certificates and scripted agents; all of it goes at `close`. */
export class Stand {
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-controller-'));
  readonly authority = new Authority(this.directory, 'lab-ca');
  readonly agents: ScriptedAgent[] = [];
  readonly options: Options;
  clock: Clock = systemClock;
  readonly #identities = new Map<string, Identity>();
  #controller: RunningController | undefined;
  #client: fleet.FleetClient | undefined;

  /** As slow as it is, no pause of a busy machine is taken for the silence of an agent. */
  constructor(heartbeatMs = 5_000) {
    const { cert, key } = this.identity('controller');
    this.options = {
      name: 'test',
      agentListen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      agentTls: { cert, key, clientCa: this.authority.ca },
      apiListen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      restListen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      apiTls: undefined,
      stateDir: join(this.directory, 'state'),
      heartbeatMs,
      keepEvents: 1_000_000,
      logLevel: 'silent',
    };
  }

  get controller(): RunningController {
    if (this.#controller === undefined) throw new Error('the controller is not running');
    return this.#controller;
  }

  get client(): fleet.FleetClient {
    if (this.#client === undefined) throw new Error('the controller is not running');
    return this.#client;
  }

  /** The first time on any ports, afterwards on the same. */
  async start(): Promise<void> {
    const before = this.#ports;
    this.#controller = await startController(
      { ...this.options, ...before },
      {
        log: pino({ level: 'silent' }),
        clock: { now: () => this.clock.now() },
      },
    );
    const { agentAddress, apiAddress, restAddress } = this.#controller;
    this.#ports = { agentListen: agentAddress, apiListen: apiAddress, restListen: restAddress };
    this.#client = new fleet.FleetClient(`127.0.0.1:${portOf(apiAddress)}`, credentials.createInsecure());
  }

  #ports: Partial<Pick<Options, 'agentListen' | 'apiListen' | 'restListen'>> = {};

  async stop(): Promise<void> {
    this.#client?.close();
    await this.#controller?.close();
    this.#controller = undefined;
  }

  async close(): Promise<void> {
    for (const agent of this.agents) agent.close();
    await this.stop();
    rmSync(this.directory, { recursive: true });
  }

  identity(name: string): Identity {
    const identity = this.#identities.get(name) ?? this.authority.issue(name);
    this.#identities.set(name, identity);
    return identity;
  }

  get agentPort(): number {
    return portOf(this.controller.agentAddress);
  }

  agent(node: string, state?: model.NodeState, tls = { ca: this.authority.ca, ...this.identity(node) }): ScriptedAgent {
    const agent = new ScriptedAgent(node, this.agentPort, tls, state);
    this.agents.push(agent);
    return agent;
  }

  get restPort(): number {
    return portOf(this.controller.restAddress);
  }

  rest(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.restPort}${path}`, init);
  }

  async nodes(): Promise<fleet.Node[]> {
    const answer = await call<fleet.ListNodesResponse>((done) => this.client.listNodes({}, done));
    return answer.nodes;
  }

  async node(name: string): Promise<fleet.Node | undefined> {
    return (await this.nodes()).find((node) => node.name === name);
  }

  async routers(): Promise<fleet.FleetVirtualRouter[]> {
    const answer = await call<fleet.ListVirtualRoutersResponse>((done) => this.client.listVirtualRouters({}, done));
    return answer.routers;
  }

  async services(): Promise<fleet.FleetVirtualService[]> {
    const answer = await call<fleet.ListVirtualServicesResponse>((done) => this.client.listVirtualServices({}, done));
    return answer.services;
  }

  async events(kind: string, node = ''): Promise<fleet.FleetEvent[]> {
    const request = { after: 0n, limit: 1000, node, kind, latest: false };
    const answer = await call<fleet.ListEventsResponse>((done) => this.client.listEvents(request, done));
    return answer.events;
  }

  begin(request: Partial<fleet.StartOperationRequest>): Promise<fleet.Operation> {
    const whole = { ...usualRequest, ...request };
    return call((done) => this.client.startOperation(whole, done));
  }

  operation(id: string): Promise<fleet.Operation> {
    return call((done) => this.client.getOperation({ id }, done));
  }

  cancel(id: string, reason = 'no need'): Promise<fleet.Operation> {
    return call((done) => this.client.cancelOperation({ id, actor: 'bob', reason }, done));
  }

  forget(name: string): Promise<fleet.ForgetNodeResponse> {
    return call((done) => this.client.forgetNode({ name, actor: 'bob', reason: 'sold' }, done));
  }

  /** The operation's end, as its watch tells it. */
  watchToEnd(id: string): Promise<fleet.Operation[]> {
    return collect(this.client.watchOperation({ id }));
  }
}

const usualRequest: fleet.StartOperationRequest = {
  change: undefined,
  actor: 'alice',
  reason: 'kernel update',
  deadlineSeconds: 600,
  force: false,
  dryRun: false,
  idempotencyKey: '',
};

export function call<T>(start: (done: (error: ServiceError | null, answer: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

export function collect<T>(stream: ClientReadableStream<T>): Promise<T[]> {
  const all: T[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (each: T) => all.push(each));
    stream.on('end', () => resolve(all));
    stream.on('error', reject);
  });
}

function portOf(address: RunningController['agentAddress']): number {
  return address.kind === 'tcp' ? address.port : 0;
}
