import { status } from '@grpc/grpc-js';
import { fleet, model } from '@keepfleet/rpc';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SERVICE, nodeState, realServer, router, service } from './samples.ts';
import type { ScriptedAgent } from './scripted-agent.ts';
import { DEADLINE, Stand } from './stand.ts';

const { CURRENT } = fleet.Freshness;
const { BACKUP, MASTER } = model.RouterState;
const { PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED } = fleet.OperationPhase;
const deadline = DEADLINE;
const drainL1 = { $case: 'drainNode', value: { node: 'L1' } } as const;
const undrainL1 = { $case: 'undrainNode', value: { node: 'L1' } } as const;
const drainW2 = { $case: 'drainServer', value: { address: '192.168.1.11', port: 0 } } as const;

describe('operations', () => {
  let stand: Stand;

  beforeEach(async () => {
    stand = new Stand();
    await stand.start();
  });

  afterEach(() => stand.close());

  async function current(...nodes: string[]) {
    await waitFor(
      async () => {
        const shown = await stand.nodes();
        return nodes.every((name) => shown.find((node) => node.name === name)?.freshness === CURRENT);
      },
      { deadline, what: `${nodes.join(', ')} are current` },
    );
  }

  async function pair(): Promise<[ScriptedAgent, ScriptedAgent]> {
    const l1 = stand.agent('L1', nodeState({ routers: [router('L1', { state: MASTER })] }));
    const l2 = stand.agent('L2', nodeState({ routers: [router('L2')] }));
    l1.connect();
    l2.connect();
    await current('L1', 'L2');
    return [l1, l2];
  }

  async function directors(): Promise<[ScriptedAgent, ScriptedAgent]> {
    const servers = [realServer(10), realServer(11, { activeConnections: 2 })];
    const l1 = stand.agent('L1', nodeState({ services: [service(servers)] }));
    const l2 = stand.agent('L2', nodeState({ services: [service([realServer(10), realServer(11)])] }));
    l1.connect();
    l2.connect();
    await current('L1', 'L2');
    return [l1, l2];
  }

  function reach(id: string, what: string, holds: (operation: fleet.Operation) => boolean) {
    return waitFor(
      async () => {
        const operation = await stand.operation(id);
        return holds(operation) ? operation : false;
      },
      { deadline, what },
    );
  }

  const step = (operation: fleet.Operation, name: string) => operation.steps.find((each) => each.name.startsWith(name));
  const become = (agent: ScriptedAgent, state: model.RouterState) =>
    agent.change({ routers: agent.state.routers.map((each) => ({ ...each, state })) });
  const take = (agent: ScriptedAgent) => agent.change({ routers: [router(agent.node, { state: MASTER })] });

  it('drains a node: override, hand over, and done only when a peer observes the takeover', async () => {
    const [l1, l2] = await pair();
    const { id } = await stand.begin({ change: drainL1 });
    const watched = stand.watchToEnd(id);
    const waiting = await reach(id, 'waits for the peer', (each) => step(each, 'takeover')?.phase === RUNNING);
    expect(waiting.phase).toBe(RUNNING);
    expect(l1.commands.map((command) => command.body?.$case)).toEqual(['setOverride', 'relinquish']);
    expect(l1.commands[0]).toMatchObject({ actor: 'alice', reason: 'kernel update' });
    take(l2);
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended).toMatchObject({ phase: SUCCEEDED, result: 'L1 is drained: VI_1/1/ipv4 is on L2' });
    const revisions = (await watched).map((each) => Number(each.revision));
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    expect((await watched).at(-1)?.phase).toBe(SUCCEEDED);
    const audit = (await stand.events('operation.')).map((each) => each.event?.kind);
    expect(audit[0]).toBe('operation.started');
    expect(audit.at(-1)).toBe('operation.succeeded');

    const back = await stand.begin({ change: undrainL1 });
    await reach(back.id, 'waits for L1 to preempt', (each) => step(each, 'elections')?.phase === RUNNING);
    become(l2, BACKUP);
    take(l1);
    const undrained = await reach(back.id, 'ends', (each) => each.endedAt !== undefined);
    expect(undrained).toMatchObject({ phase: SUCCEEDED, result: 'L1 is no longer drained: VI_1/1/ipv4 is on L1' });
  });

  it('has the master announce its addresses, and nobody else', async () => {
    const [l1, l2] = await pair();
    const announce = (node: string) =>
      stand.begin({ change: { $case: 'announce', value: { node, instance: 'VI_1' } }, reason: '' });
    const { id } = await announce('');
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended).toMatchObject({ phase: SUCCEEDED, result: 'L1: announced', target: 'every node VI_1' });
    expect(l1.commands.map(({ body }) => body)).toEqual([{ $case: 'announce', value: { instance: 'VI_1' } }]);
    expect(l2.commands).toEqual([]);
    await expect(announce('L2')).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'L2 carries no instance VI_1 as its master',
    });
  });

  it('sets counters to 0 on the nodes that have the service, and on no other', async () => {
    const [l1, l2] = await directors();
    const zero = (node: string, of: string) =>
      stand.begin({ change: { $case: 'zeroCounters', value: { node, service: of } }, reason: '' });
    const { id } = await zero('', SERVICE);
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended).toMatchObject({
      phase: SUCCEEDED,
      result: 'L1: counters are 0; L2: counters are 0',
      target: `every node ${SERVICE}`,
    });
    const all = await zero('L2', '');
    await reach(all.id, 'ends', (each) => each.endedAt !== undefined);
    const told = (agent: ScriptedAgent) => agent.commands.map(({ body }) => body);
    expect(told(l1)).toEqual([{ $case: 'zeroCounters', value: { service: SERVICE } }]);
    expect(told(l2)).toEqual([
      { $case: 'zeroCounters', value: { service: SERVICE } },
      { $case: 'zeroCounters', value: { service: '' } },
    ]);
    await expect(zero('L2', 'tcp/192.0.2.9:9')).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'L2 carries no tcp/192.0.2.9:9',
    });
  });

  it('refuses to drain the last able node, and does it under force with a word about who keeps what', async () => {
    const [l1, l2] = await pair();
    l1.change({ routers: [router('L1', { state: MASTER, masterAddress: '' })] });
    l2.change({ routers: [router('L2', { state: model.RouterState.FAULT })] });
    await waitFor(async () => (await stand.routers())[0]?.reason.includes('fault'), {
      deadline,
      what: 'the fault shows',
    });
    await expect(stand.begin({ change: drainL1 })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('VI_1/1/ipv4'),
    });
    expect(l1.commands).toEqual([]);
    const { id } = await stand.begin({ change: drainL1, force: true });
    await reach(id, 'handed over', (each) => step(each, 'takeover')?.detail === 'no other node is master yet');
    take(l1);
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended).toMatchObject({ phase: SUCCEEDED, forced: true });
    expect(ended.result).toContain('L1 keeps it as last resort');
  });

  it('says who took over when it is a router that runs no agent', async () => {
    const l1 = stand.agent('L1', nodeState({ routers: [router('L1', { state: MASTER, masterAddress: '' })] }));
    l1.connect();
    await current('L1');
    const { id } = await stand.begin({ change: drainL1, force: true });
    await reach(id, 'handed over', (each) => step(each, 'takeover')?.phase === RUNNING);
    l1.change({ routers: [router('L1', { masterAddress: '172.16.0.9', lastResort: true })] });
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended.result).toContain('VI_1/1/ipv4 is on 172.16.0.9, as L1 hears');
  });

  it('keeps its deadline as far away as it was when the clock is set, and still believes what comes after', async () => {
    const [l1, l2] = await directors();
    const { id } = await stand.begin({ change: drainW2, deadlineSeconds: 600 });
    await reach(id, 'weights are 0', (each) => step(each, 'weight 0 on L2')?.phase === SUCCEEDED);
    const { deadline: before } = await stand.operation(id);
    for (const hours of [2, -3]) {
      const offset = hours * 3_600_000;
      stand.clock = { now: () => new Date(Date.now() + offset) };
      const moved = await reach(id, 'its deadline is moved', ({ deadline: now }) => {
        const by = (now?.getTime() ?? 0) - (before?.getTime() ?? 0);
        return Math.abs(by - offset) < 60_000;
      });
      expect(moved.phase).toBe(RUNNING);
    }
    l1.state = { ...l1.state, services: [service([realServer(10), realServer(11, { weight: 0 })])] };
    l1.sample();
    l2.sample();
    await reach(id, 'ends', (each) => each.phase === SUCCEEDED);
    expect(await stand.events('link.lost')).toEqual([]);
  });

  it('is told to a node by the clock of that node', async () => {
    const l1 = stand.agent('L1', nodeState({ routers: [router('L1')] }));
    const ahead = 5 * 3_600_000;
    l1.clock = () => new Date(Date.now() + ahead);
    l1.connect();
    await current('L1');
    const { id } = await stand.begin({
      change: { $case: 'setPriority', value: { node: 'L1', instance: 'VI_1', priority: 7 } },
    });
    await reach(id, 'ends', (each) => each.phase === SUCCEEDED);
    const left = (l1.commands[0]?.deadline?.getTime() ?? 0) - l1.clock().getTime();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(600_000);
  });

  it('never lets both nodes of a pair be drained one behind the other', async () => {
    const [, l2] = await pair();
    const first = await stand.begin({ change: drainL1 });
    await reach(first.id, 'handed over', (each) => step(each, 'takeover')?.phase === RUNNING);
    take(l2);
    await reach(first.id, 'ends', (each) => each.phase === SUCCEEDED);
    await expect(stand.begin({ change: { $case: 'drainNode', value: { node: 'L2' } } })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
  });

  it('drains a server: weight 0 on every node, then its connections, counted after the weight was 0', async () => {
    const [l1, l2] = await directors();
    const { id } = await stand.begin({ change: drainW2 });
    await reach(id, 'weights are 0', (each) => step(each, 'weight 0 on L2')?.phase === SUCCEEDED);
    l1.sample();
    l2.sample();
    const counting = await reach(
      id,
      'counts',
      (each) => step(each, 'connections')?.detail.includes('L1: 2 active') === true,
    );
    expect(counting.phase).toBe(RUNNING);
    expect((await stand.services())[0]?.realServers[1]).toMatchObject({ drained: true, weights: [0] });
    const [of] = l1.state.services;
    const left = of?.realServers.map((each) => ({ ...each, activeConnections: 0, persistentConnections: 0 })) ?? [];
    l1.state = { ...l1.state, services: [service(left)] };
    l1.sample();
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended.result).toBe('192.168.1.11 is drained on L1 and L2: no connections left');

    const back = await stand.begin({ change: { $case: 'undrainServer', value: { address: '192.168.1.11', port: 0 } } });
    await reach(back.id, 'ends', (each) => each.phase === SUCCEEDED);
    expect((await stand.services())[0]?.realServers[1]?.drained).toBe(false);
  });

  it('is blocked by a node that is away and goes on when it returns, with its command sent once more', async () => {
    const [l1, l2] = await directors();
    l2.onCommand = () => l2.disconnect();
    l2.disconnect();
    await waitFor(async () => (await stand.node('L2'))?.connected === false, { deadline, what: 'L2 is away' });
    const { id } = await stand.begin({ change: drainW2 });
    const onL1 = await reach(id, 'L1 has weight 0', (each) => step(each, 'weight 0 on L1')?.phase === SUCCEEDED);
    expect(onL1.blocked).toContain('L2 is not connected');
    l2.connect();
    await waitFor(() => l2.commands.length === 1, { deadline, what: 'L2 is told, and drops the stream' });
    l2.onCommand = (command) => l2.carryOut(command);
    l2.connect();
    await reach(id, 'L2 has weight 0', (each) => step(each, 'weight 0 on L2')?.phase === SUCCEEDED);
    expect(l2.commands.map((command) => command.id)).toEqual([`${id}/node/L2`, `${id}/node/L2`]);
    l1.state = { ...l1.state, services: [service([realServer(10), realServer(11, { weight: 0 })])] };
    l1.sample();
    l2.sample();
    await reach(id, 'ends', (each) => each.phase === SUCCEEDED);
  });

  it('no longer waits for a node that is forgotten, which is a node again when it comes back', async () => {
    const [l1, l2] = await directors();
    await expect(stand.forget('L2')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    l2.disconnect();
    await waitFor(async () => (await stand.node('L2'))?.connected === false, { deadline, what: 'L2 is away' });
    const { id } = await stand.begin({ change: drainW2 });
    await reach(id, 'is blocked', (each) => each.blocked.includes('L2 is not connected'));
    await stand.forget('L2');
    expect((await stand.nodes()).map((node) => node.name)).toEqual(['L1']);
    await expect(stand.forget('L2')).rejects.toMatchObject({ code: status.NOT_FOUND });
    l1.state = { ...l1.state, services: [service([realServer(10), realServer(11, { weight: 0 })])] };
    l1.sample();
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended.result).toBe('192.168.1.11 is drained on L1: no connections left; left out: L2 is forgotten');
    expect((await stand.events('node.forgotten', 'L2'))[0]?.event?.message).toContain('L2 is forgotten, by bob');
    await stand.stop();
    await stand.start();
    expect((await stand.nodes()).map((node) => node.name)).toEqual(['L1']);
    l2.connect();
    await current('L2');
  });

  it('refuses to drain the last server that is up, or one that nobody has', async () => {
    const alone = [realServer(10, { up: false }), realServer(11)];
    stand.agent('L1', nodeState({ services: [service(alone)] })).connect();
    await current('L1');
    await expect(stand.begin({ change: drainW2 })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('tcp/198.51.100.15:80 on L1'),
    });
    const nobody = { $case: 'drainServer', value: { address: '192.0.2.99', port: 0 } } as const;
    await expect(stand.begin({ change: nobody })).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(stand.begin({ change: drainW2, reason: '' })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('survives a restart of the controller in the middle', async () => {
    const [l1, l2] = await pair();
    const { id } = await stand.begin({ change: drainL1 });
    await reach(id, 'handed over', (each) => step(each, 'takeover')?.phase === RUNNING);
    await stand.stop();
    await stand.start();
    const taken = await reach(id, 'is blocked', (each) => each.blocked.includes('L1 is not connected'));
    expect(step(taken, 'mark L1')?.phase).toBe(SUCCEEDED);
    l1.connect();
    take(l2);
    l2.connect();
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended).toMatchObject({ phase: SUCCEEDED, blocked: '' });
  });

  it('fails at its deadline and says what remains', async () => {
    await pair();
    const { id } = await stand.begin({ change: drainL1, deadlineSeconds: 5 });
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended.phase).toBe(FAILED);
    expect(ended.result).toContain('remains: takeover of VI_1/1/ipv4 (no other node is master yet)');
  });

  it('fails when the node refuses, in the words of the node', async () => {
    const [l1] = await pair();
    l1.onCommand = (command) => l1.answer(command.id, false, 'no space left for overrides');
    const { id } = await stand.begin({ change: drainL1 });
    const ended = await reach(id, 'ends', (each) => each.endedAt !== undefined);
    expect(ended).toMatchObject({ phase: FAILED, result: expect.stringContaining('no space left for overrides') });
  });

  it('stops waiting when cancelled, says that the override stays, and cannot be cancelled twice', async () => {
    const [l1] = await pair();
    const { id } = await stand.begin({ change: drainL1 });
    await reach(id, 'handed over', (each) => step(each, 'takeover')?.phase === RUNNING);
    const cancelled = await stand.cancel(id);
    expect(cancelled).toMatchObject({
      phase: CANCELLED,
      result: expect.stringContaining('undrain-node takes the drain back'),
    });
    expect(l1.state.drained).toBe(true);
    await expect(stand.cancel(id)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    await expect(stand.cancel(id, 'x'.repeat(1025))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(stand.cancel('op-none')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('starts nothing twice for one key, nor beside a rival, nor in a dry run', async () => {
    const [l1] = await pair();
    const dry = await stand.begin({ change: drainL1, dryRun: true });
    expect(dry).toMatchObject({ id: '', phase: PENDING, dryRun: true });
    expect(dry.steps.map((each) => each.name)).toEqual([
      'mark L1 drained',
      'L1 gives up mastership',
      'takeover of VI_1/1/ipv4',
    ]);
    expect(l1.commands).toEqual([]);
    const first = await stand.begin({ change: drainL1, idempotencyKey: 'k1' });
    expect((await stand.begin({ change: drainL1, idempotencyKey: 'k1' })).id).toBe(first.id);
    await expect(stand.begin({ change: undrainL1, idempotencyKey: 'k1' })).rejects.toMatchObject({
      code: status.ALREADY_EXISTS,
    });
    await expect(stand.begin({ change: undrainL1 })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining(first.id),
    });
  });

  it('sets and clears a priority on one node and a weight on all', async () => {
    const servers = [realServer(10), realServer(11)];
    const state = (node: string) => nodeState({ routers: [router(node)], services: [service(servers)] });
    const agents = ['L1', 'L2'].map((node) => stand.agent(node, state(node)));
    for (const agent of agents) agent.connect();
    await current('L1', 'L2');
    const run = async (change: fleet.StartOperationRequest['change']) => {
      const { id } = await stand.begin({ change, reason: '' });
      return reach(id, 'ends', (each) => each.endedAt !== undefined);
    };
    const named = { node: 'L1', instance: 'VI_1' };
    expect(await run({ $case: 'setPriority', value: { ...named, priority: 1 } })).toMatchObject({ phase: SUCCEEDED });
    expect((await stand.node('L1'))?.overrides[0]?.change).toEqual({
      $case: 'priority',
      value: { instance: 'VI_1', priority: 1 },
    });
    expect(await run({ $case: 'clearPriority', value: named })).toMatchObject({ phase: SUCCEEDED });
    expect((await stand.node('L1'))?.overrides).toEqual([]);
    const weight = { node: '', service: 'tcp/198.51.100.15:80', realServer: '192.168.1.11:80', weight: 3 };
    expect(await run({ $case: 'setWeight', value: weight })).toMatchObject({ result: 'L1: weight 3; L2: weight 3' });
    expect((await stand.services())[0]?.realServers[1]?.weights).toEqual([3]);
  });
});
