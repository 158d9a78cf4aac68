import { readFileSync } from 'node:fs';
import { credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { agent, model } from '@keepfleet/rpc';
import type { Identity } from './pki.ts';
import { hello, nodeState, statistics } from './samples.ts';

type Stream = ClientDuplexStream<agent.AgentMessage, agent.ControllerMessage>;

/** An agent that does what the test says: a real gRPC client, with a state that its commands change. */
export class ScriptedAgent {
  readonly node: string;
  readonly acknowledged: number[] = [];
  readonly commands: agent.Command[] = [];
  readonly rejections: string[] = [];
  welcome: agent.Welcome | undefined;
  ended = false;
  clock = () => new Date();
  state: model.NodeState;
  /** What to do with a command; the usual is to carry it out and say so. */
  onCommand: (command: agent.Command) => void = (command) => this.carryOut(command);
  readonly #client: agent.AgentLinkClient;
  #stream: Stream | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(node: string, port: number, tls: { readonly ca: string } & Identity, state = nodeState()) {
    this.node = node;
    this.state = state;
    const channel = credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
    this.#client = new agent.AgentLinkClient(`127.0.0.1:${port}`, channel, {
      'grpc.initial_reconnect_backoff_ms': 100,
    });
  }

  /**
   * Opens a stream, says hello, and after Welcome sends the whole state and heartbeats. `waitForReady`: a channel that has
   * just seen the controller away is no failure.
   */
  connect(change: Partial<agent.Hello> = {}, waitForReady = true): void {
    this.disconnect();
    this.welcome = undefined;
    this.ended = false;
    const stream = this.#client.connect(new Metadata({ waitForReady }));
    this.#stream = stream;
    stream.on('data', (message: agent.ControllerMessage) => this.#receive(stream, message));
    stream.on('error', () => this.#end(stream));
    stream.on('end', () => this.#end(stream));
    this.send({ $case: 'hello', value: hello(this.node, { now: this.clock(), ...change }) });
  }

  send(body: agent.AgentMessage['body']): void {
    this.#stream?.write({ body });
  }

  /** Replaces parts of the state and tells it as the agent does: routers and services by key, the rest whole. */
  change(change: Partial<model.NodeState>): void {
    this.state = { ...this.state, ...change };
    const rest = { ...this.state, routers: [], services: [] };
    const { routers, services } = this.state;
    const removed = { removedRouters: [], removedServices: [] };
    this.send({ $case: 'delta', value: { observedAt: this.clock(), routers, services, ...removed, rest } });
  }

  sample(): void {
    this.send({ $case: 'statistics', value: statistics(this.state.services, this.clock()) });
  }

  events(events: model.Event[]): void {
    this.send({ $case: 'events', value: { events } });
  }

  answer(id: string, done: boolean, detail: string): void {
    this.send({ $case: 'result', value: { id, done, detail, connections: [] } });
  }

  /** Overrides come and go; a relinquished router goes to backup. What follows from it on other nodes is the test's. */
  carryOut(command: agent.Command): void {
    const { overrides, routers } = this.state;
    switch (command.body?.$case) {
      case 'setOverride': {
        const override = command.body.value.override;
        if (override === undefined) break;
        const drained = override.change?.$case === 'drainNode' || this.state.drained;
        const lastResort = routers.map((router) => ({ ...router, lastResort: drained }));
        const services = this.#weights(override.change);
        this.change({ overrides: [...overrides, override], drained, routers: lastResort, services });
        break;
      }
      case 'clearOverride': {
        const kind = command.body.value.matching?.change?.$case;
        const left = overrides.filter((override) => override.change?.$case !== kind);
        const drained = left.some((override) => override.change?.$case === 'drainNode');
        const standing = routers.map((router) => ({ ...router, lastResort: drained }));
        const services = this.state.services.map((service) => ({
          ...service,
          realServers: service.realServers.map((server) => ({ ...server, weight: server.configuredWeight })),
        }));
        this.change({ overrides: left, drained, routers: standing, services });
        break;
      }
      case 'relinquish': {
        const { instance } = command.body.value;
        this.change({ routers: routers.map((router) => (router.instance === instance ? backup(router) : router)) });
        break;
      }
    }
    this.answer(command.id, true, 'carried out');
  }

  /** Silent, with the stream open. */
  fallSilent(): void {
    clearInterval(this.#beat);
  }

  disconnect(): void {
    clearInterval(this.#beat);
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  close(): void {
    this.disconnect();
    this.#client.close();
  }

  #receive(stream: Stream, { body }: agent.ControllerMessage): void {
    switch (body?.$case) {
      case 'welcome':
        this.welcome = body.value;
        this.send({ $case: 'fullState', value: { observedAt: this.clock(), state: this.state } });
        this.#beat = setInterval(() => {
          if (stream === this.#stream) this.send({ $case: 'heartbeat', value: { now: this.clock() } });
        }, body.value.heartbeatIntervalMs / 2);
        break;
      case 'acknowledgement':
        this.acknowledged.push(Number(body.value.through));
        break;
      case 'command':
        this.commands.push(body.value);
        this.onCommand(body.value);
        break;
      case 'reject':
        this.rejections.push(body.value.reason);
        break;
    }
  }

  #end(stream: Stream): void {
    if (stream !== this.#stream) return;
    this.ended = true;
    clearInterval(this.#beat);
  }

  #weights(change: model.Override['change']): model.VirtualService[] {
    return this.state.services.map((service) => ({
      ...service,
      realServers: service.realServers.map((server) => {
        if (change?.$case === 'drainServer' && change.value.address === server.address) return { ...server, weight: 0 };
        if (change?.$case === 'weight' && change.value.realServer === server.key) {
          return { ...server, weight: change.value.weight };
        }
        return server;
      }),
    }));
  }
}

function backup(router: model.VirtualRouter): model.VirtualRouter {
  const addresses = router.addresses.map((address) => ({ ...address, present: false }));
  return { ...router, state: model.RouterState.BACKUP, addresses };
}
