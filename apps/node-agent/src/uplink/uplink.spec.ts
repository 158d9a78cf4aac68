import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerDuplexStream, credentials } from '@grpc/grpc-js';
import { agent, model } from '@keepfleet/rpc';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventSpool } from '../control/spool.ts';
import { Uplink } from './uplink.ts';

type Call = ServerDuplexStream<agent.AgentMessage, agent.ControllerMessage>;

/** A controller that only writes down what it hears. */
class Listener {
  readonly heard: NonNullable<agent.AgentMessage['body']>[] = [];
  readonly server = new Server();
  call: Call | undefined;
  acknowledged = 0n;
  acknowledging = true;
  heartbeatIntervalMs = 1_000;
  port = 0;

  async listen(port = 0): Promise<void> {
    this.server.addService(agent.AgentLinkService, { connect: (call: Call) => this.#serve(call) });
    this.port = await new Promise((resolve, reject) =>
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
  }

  of<K extends NonNullable<agent.AgentMessage['body']>['$case']>(kind: K) {
    return this.heard
      .filter((body): body is Extract<typeof body, { $case: K }> => body.$case === kind)
      .map((body) => body.value);
  }

  events(): bigint[] {
    return this.of('events').flatMap((batch) => (batch as agent.EventBatch).events.map((event) => event.sequence));
  }

  #serve(call: Call): void {
    this.call = call;
    call.on('error', () => undefined);
    call.on('data', (message: agent.AgentMessage) => {
      if (message.body === undefined) return;
      this.heard.push(message.body);
      if (message.body.$case === 'hello') {
        call.write({
          body: {
            $case: 'welcome',
            value: { controller: 'c', acknowledged: this.acknowledged, heartbeatIntervalMs: this.heartbeatIntervalMs },
          },
        });
      }
      const through = message.body.$case === 'events' ? message.body.value.events.at(-1)?.sequence : undefined;
      if (through !== undefined && this.acknowledging) {
        this.acknowledged = through;
        call.write({ body: { $case: 'acknowledgement', value: { through } } });
      }
    });
  }
}

let directory = '';
let listener: Listener;
let spool: EventSpool;
let uplink: Uplink | undefined;
let state: model.NodeState;
let credentialsError = '';

const router = (name: string, routerState: model.RouterState) =>
  model.VirtualRouter.fromPartial({ instance: name, state: routerState, counters: { advertsReceived: 1n } });
const occur = (message: string) =>
  spool.append({
    at: new Date().toISOString(),
    severity: 'info',
    kind: 'vrrp.state',
    subject: 'VI_1',
    message,
    attributes: {},
  });

function start(): Uplink {
  uplink = new Uplink({
    controllers: () => [`127.0.0.1:${listener.port}`],
    connected: () => undefined,
    credentials: () => {
      if (credentialsError !== '') throw new Error(credentialsError);
      return credentials.createInsecure();
    },
    node: 'L1',
    version: '0.1.0',
    labels: { site: 'lab' },
    spool,
    state: () => state,
    carryOut: async (command) => ({ id: command.id, done: true, detail: 'carried out', connections: [] }),
    log: () => undefined,
  });
  return uplink;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kf-uplink-'));
  credentialsError = '';
  listener = new Listener();
  await listener.listen();
  spool = new EventSpool(directory);
  state = model.NodeState.fromPartial({ routers: [router('VI_1', model.RouterState.BACKUP)] });
});

afterEach(() => {
  uplink?.close();
  listener.server.forceShutdown();
  rmSync(directory, { recursive: true });
});

describe('the uplink', () => {
  it('says hello, then the whole state, then only what changed', async () => {
    const link = start();
    await vi.waitFor(() => expect(listener.of('fullState')).toHaveLength(1));
    expect(listener.heard[0]).toMatchObject({ $case: 'hello', value: { node: 'L1', epoch: spool.epoch } });
    state = { ...state, routers: [router('VI_1', model.RouterState.MASTER), router('VI_2', model.RouterState.BACKUP)] };
    link.stateChanged();
    await vi.waitFor(() => expect(listener.of('delta')).toHaveLength(1));
    state = { ...state, routers: [router('VI_2', model.RouterState.BACKUP)] };
    link.stateChanged();
    await vi.waitFor(() => expect(listener.of('delta')).toHaveLength(2));
    expect(listener.of('delta')[1]).toMatchObject({ routers: [], removedRouters: ['VI_1'], rest: undefined });
  });

  it('sends events in order and forgets them when they are acknowledged', async () => {
    for (let i = 0; i < 600; i++) occur(`e${i}`);
    start();
    await vi.waitFor(() => expect(spool.acknowledged).toBe(600));
    expect(listener.events()).toEqual(Array.from({ length: 600 }, (_, i) => BigInt(i + 1)));
  });

  it('comes back after a controller outage and goes on after the last stored event', async () => {
    start();
    occur('before');
    await vi.waitFor(() => expect(spool.acknowledged).toBe(1));
    listener.server.forceShutdown();
    occur('during');
    const second = new Listener();
    second.acknowledged = 1n;
    await second.listen(listener.port);
    listener = second;
    await vi.waitFor(() => expect(second.events()).toEqual([2n]));
    expect(second.of('fullState')).toHaveLength(1);
  });

  it('sends again what was not acknowledged, so that nothing is lost', async () => {
    listener.acknowledging = false;
    start();
    occur('a');
    await vi.waitFor(() => expect(listener.events()).toEqual([1n]));
    listener.acknowledging = true;
    listener.call?.end();
    await vi.waitFor(() => expect(spool.acknowledged).toBe(1));
    expect(listener.events()).toEqual([1n, 1n]);
  });

  it('carries a command out and answers with its id', async () => {
    start();
    await vi.waitFor(() => expect(listener.call).toBeDefined());
    const command = agent.Command.fromPartial({ id: 'c1', body: { $case: 'relinquish', value: { instance: 'VI_1' } } });
    listener.call?.write({ body: { $case: 'command', value: command } });
    await vi.waitFor(() => expect(listener.of('result')).toMatchObject([{ id: 'c1', done: true }]));
  });

  it('numbers its events anew when the controller has more of them than there ever were', async () => {
    const { epoch } = spool;
    listener.acknowledged = 500n;
    occur('a');
    start();
    await vi.waitFor(() => expect(spool.epoch).not.toBe(epoch));
    listener.acknowledged = 0n;
    await vi.waitFor(() => expect(spool.acknowledged).toBe(1));
    expect(listener.of('hello').map((hello) => (hello as agent.Hello).epoch)).toEqual([epoch, spool.epoch]);
  });

  it('does not take an absurd interval for heartbeats without a pause', async () => {
    listener.heartbeatIntervalMs = 2 ** 32 - 1;
    start();
    await vi.waitFor(() => expect(listener.of('statistics')).not.toHaveLength(0));
    expect(listener.of('heartbeat')).toEqual([]);
  });

  it('takes one Welcome a stream', async () => {
    start();
    await vi.waitFor(() => expect(listener.of('fullState')).toHaveLength(1));
    const value = { controller: 'c', acknowledged: 0n, heartbeatIntervalMs: 1_000 };
    for (let i = 0; i < 100; i++) listener.call?.write({ body: { $case: 'welcome', value } });
    occur('after');
    await vi.waitFor(() => expect(spool.acknowledged).toBe(1));
    expect(listener.of('fullState')).toHaveLength(1);
  });

  it('waits longer each time for a controller that greets and hangs up', async () => {
    start();
    const gaps: number[] = [];
    let last = performance.now();
    for (let i = 1; i <= 4; i++) {
      await vi.waitFor(() => expect(listener.of('fullState')).toHaveLength(i));
      gaps.push(performance.now() - last);
      last = performance.now();
      listener.call?.end();
    }
    expect(gaps[3]).toBeGreaterThan(900);
  });

  it('reads its certificates at each attempt, so that mended files count', async () => {
    credentialsError = 'tls.ca: /nowhere cannot be read';
    const link = start();
    expect(link.lastError).toBe(credentialsError);
    credentialsError = '';
    await vi.waitFor(() => expect(listener.of('fullState')).toHaveLength(1));
  });

  it('says why there is no controller', async () => {
    listener.server.forceShutdown();
    const link = start();
    await vi.waitFor(() => expect(link.lastError).not.toBe(''));
  });
});
