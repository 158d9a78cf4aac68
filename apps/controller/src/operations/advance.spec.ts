import { type agent, fleet, model } from '@keepfleet/rpc';
import { describe, expect, it } from 'vitest';
import {
  disconnectedRecord,
  fullStateRecord,
  helloRecord,
  statisticsRecord,
  type NodeRecord,
} from '../fleet/node-record.ts';
import { hello, nodeState, realServer, router, service, statistics } from '../trial/samples.ts';
import { advance, plan } from './advance.ts';
import { overrideChange, readChange, type Change } from './change.ts';
import type { Operation } from './operation.ts';
import { Picture } from './picture.ts';
import { refusal } from './refusal.ts';

const { BACKUP, FAULT, MASTER } = model.RouterState;
const { PENDING, RUNNING, SUCCEEDED, FAILED } = fleet.OperationPhase;
const at = (ms: number) => new Date(1_800_000_000_000 + ms);
const drainW2: Change = { kind: 'drain-server', address: '192.168.1.11', port: 0 };
const undrainL1: Change = { kind: 'undrain-node', node: 'L1' };

function record(node: string, state: Partial<model.NodeState>, ms = 0): NodeRecord {
  const stream = { id: 1, heartbeatMs: 60_000, remoteAddress: '', at: at(ms) };
  const said = helloRecord(undefined, hello(node, { now: at(ms) }), stream);
  return fullStateRecord(said, { observedAt: at(ms), state: nodeState(state) }, at(ms));
}

function begun(change: Change, picture: Picture, forced = false): Operation {
  return {
    id: 'op-1',
    change,
    actor: 'alice',
    reason: 'test',
    phase: PENDING,
    steps: plan(change, picture, forced),
    blocked: '',
    result: '',
    createdAt: at(0),
    deadline: at(3_600_000),
    endedAt: undefined,
    forced,
    revision: 1,
  };
}

const override = (change: Change): model.Override => ({
  id: 'op-1',
  source: 'controller',
  actor: 'alice',
  reason: 'test',
  at: at(0),
  expiresAt: undefined,
  change: overrideChange(change),
});

const done = (id: string): agent.CommandResult => ({ id, done: true, detail: '', connections: [] });

describe('an operation', () => {
  it('asks for its commands again at every look, with the same ids, and changes nothing else by looking', () => {
    const picture = new Picture(at(10), [record('L1', { services: [service([realServer(10), realServer(11)])] })]);
    const first = advance(begun(drainW2, picture), picture);
    expect(first.commands.map(({ node, command }) => [node, command.id])).toEqual([['L1', 'op-1/node/L1']]);
    const second = advance(first.operation, picture);
    expect(second).toEqual(first);
  });

  it('takes the node’s own state as proof, not the answer to the command', () => {
    const bare = { services: [service([realServer(10), realServer(11)])] };
    const picture = new Picture(at(10), [record('L1', bare)], done);
    const waiting = advance(begun(drainW2, picture), picture).operation;
    expect(waiting.steps[0]).toMatchObject({ phase: RUNNING, detail: 'carried out; L1 does not show it yet' });
    const shown = new Picture(at(20), [record('L1', { ...bare, overrides: [override(drainW2)] }, 15)], done);
    expect(advance(waiting, shown).operation.steps[0]).toMatchObject({
      phase: RUNNING,
      detail: 'the kernel still has tcp/198.51.100.15:80 weight 1',
    });
  });

  it('believes only connections that were counted after the kernel had weight 0', () => {
    const services = [service([realServer(10), realServer(11, { weight: 0 })])];
    const l1 = record('L1', { services, overrides: [override(drainW2)] }, 10);
    const early = new Picture(at(20), [l1], done);
    const waiting = advance(begun(drainW2, early), early).operation;
    expect(waiting).toMatchObject({ phase: RUNNING, steps: [{ phase: SUCCEEDED }, { phase: RUNNING }] });
    const sampled = statisticsRecord(l1, statistics(services, at(30)), at(30));
    expect(advance(waiting, new Picture(at(40), [sampled], done)).operation.phase).toBe(SUCCEEDED);
    const persistent = [service([realServer(10), realServer(11, { weight: 0, persistentConnections: 1 })])];
    const held = statisticsRecord(l1, statistics(persistent, at(30)), at(30));
    expect(advance(waiting, new Picture(at(40), [held], done)).operation.steps[1]?.detail).toBe(
      'L1: 0 active, 0 inactive, 1 persistent',
    );
  });

  it('says where a drained server was out of the pool, for nothing is counted there', () => {
    const services = [service([realServer(10), realServer(11, { up: false, weight: -1 })])];
    const l1 = record('L1', { services, overrides: [override(drainW2)] }, 10);
    const early = new Picture(at(20), [l1], done);
    const waiting = advance(begun(drainW2, early), early).operation;
    const sampled = statisticsRecord(l1, statistics(services, at(30)), at(30));
    const { phase, result } = advance(waiting, new Picture(at(40), [sampled], done)).operation;
    expect(phase).toBe(SUCCEEDED);
    expect(result).toContain('not counted where it is out of the pool (L1: tcp/198.51.100.15:80)');
  });

  it('waits for a node of which nothing is known, unless force leaves it out', () => {
    const l1 = record('L1', { services: [service([realServer(10), realServer(11)])] });
    const never = { ...disconnectedRecord(record('L2', {})), state: undefined };
    const picture = new Picture(at(10), [l1, never]);
    expect(advance(begun(drainW2, picture), picture).operation.blocked).toContain('L2 is not connected');
    const forced = advance(begun(drainW2, picture, true), picture).operation;
    expect(forced).toMatchObject({ blocked: '', steps: [{ name: 'weight 0 on L1' }, { name: 'connections end' }] });
  });

  it('gives a node back its routers only for as long as an election may take, then says who has them', () => {
    const records = [
      record('L1', { routers: [router('L1')] }),
      record('L2', { routers: [router('L2', { state: MASTER })] }),
    ];
    const picture = new Picture(at(10), records);
    const waiting = advance(begun(undrainL1, picture), picture).operation;
    expect(waiting.steps[1]).toMatchObject({ phase: RUNNING, detail: 'waiting for VI_1/1/ipv4' });
    const later = advance(waiting, new Picture(at(10_000), records)).operation;
    expect(later).toMatchObject({ phase: SUCCEEDED, result: 'L1 is no longer drained: VI_1/1/ipv4 is on L2' });
    const lagging = [
      record('L1', { routers: [router('L1', { lastResort: true, effectivePriority: 1 })] }),
      ...records.slice(1),
    ];
    expect(advance(begun(undrainL1, picture), new Picture(at(10), lagging)).operation.phase).toBe(RUNNING);
    const humble = [record('L1', { routers: [router('L1', { preempt: false })] }), ...records.slice(1)];
    expect(advance(begun(undrainL1, picture), new Picture(at(10), humble)).operation.phase).toBe(SUCCEEDED);
  });

  it('fails once its deadline has passed, also when that happened while nobody looked', () => {
    const picture = new Picture(at(4_000_000), [disconnectedRecord(record('L1', { routers: [router('L1')] }))]);
    const { operation, commands } = advance(begun(undrainL1, picture), picture);
    expect(operation).toMatchObject({ phase: FAILED, blocked: '' });
    expect(operation.result).toMatch(/remains: L1 stands again .*it was blocked: L1 is not connected/);
    expect(commands).toHaveLength(1);
  });
});

describe('the budget', () => {
  const drain = (node: string): Change => ({ kind: 'drain-node', node });
  const trio = [
    record('L1', { routers: [router('L1', { state: MASTER })] }),
    record('L2', { routers: [router('L2')] }),
    record('L3', { routers: [router('L3', { state: BACKUP })] }),
  ];

  it('counts nodes that are being drained as drained already', () => {
    const picture = new Picture(at(10), trio);
    expect(refusal(drain('L1'), false, picture, [begun(drain('L2'), picture)])).toBeUndefined();
    const both = [begun(drain('L2'), picture), begun(drain('L3'), picture)];
    expect(refusal(drain('L1'), false, picture, both)).toMatchObject({ kind: 'budget' });
    expect(refusal(drain('L1'), true, picture, both)).toBeUndefined();
  });

  it('counts servers that are being drained as gone already, and holds the quorum', () => {
    const weighed = { ...service([realServer(10), realServer(11), realServer(12)]), quorum: 2 };
    const picture = new Picture(at(10), [record('L1', { services: [weighed] })]);
    expect(refusal(drainW2, false, picture, [])).toBeUndefined();
    const other = begun({ kind: 'drain-server', address: '192.168.1.10', port: 80 }, picture);
    expect(refusal(drainW2, false, picture, [other])).toMatchObject({ kind: 'budget' });
    const zero: Change = {
      kind: 'set-weight',
      node: 'L1',
      service: weighed.key,
      realServer: '192.168.1.12:80',
      weight: 0,
    };
    expect(refusal(zero, false, picture, [other])).toMatchObject({ kind: 'budget' });
    expect(refusal({ ...zero, weight: 5 }, false, picture, [other])).toBeUndefined();
  });

  it('refuses what nobody carries, and an undrain that would lift nothing', () => {
    const wide = record('L1', { services: [service([realServer(11)])], overrides: [override(drainW2)] });
    const picture = new Picture(at(10), [wide]);
    expect(refusal({ kind: 'undrain-server', address: '192.168.1.11', port: 80 }, false, picture, [])).toMatchObject({
      kind: 'conflict',
    });
    expect(refusal({ kind: 'undrain-server', address: '192.168.1.11', port: 0 }, false, picture, [])).toBeUndefined();
    const nobody: Change = { kind: 'set-priority', node: '', instance: 'VI_9', priority: 1 };
    expect(refusal(nobody, false, picture, [])).toMatchObject({ kind: 'not-found' });
    expect(refusal(drain('L9'), true, picture, [])).toMatchObject({ kind: 'not-found' });
  });
});

describe('a change over gRPC', () => {
  it('is held against the same rules as one over REST', () => {
    const weight = { node: '', service: 's', realServer: 'r', weight: 2 ** 31 };
    expect(readChange({ $case: 'setWeight', value: weight }).ok).toBe(false);
    expect(readChange({ $case: 'drainServer', value: { address: 'web2', port: 0 } }).ok).toBe(false);
    expect(readChange({ $case: 'setPriority', value: { node: '', instance: 'VI_1', priority: 0 } }).ok).toBe(false);
    expect(readChange(undefined).ok).toBe(false);
    expect(readChange({ $case: 'drainNode', value: { node: 'L1' } })).toMatchObject({ value: { kind: 'drain-node' } });
  });
});

describe('two operators at once', () => {
  const picture = new Picture(at(10), [
    record('L1', { routers: [router('L1')] }),
    record('L2', { routers: [router('L2')] }),
  ]);
  const priority = (node: string, priority: number): Change => ({
    kind: 'set-priority',
    node,
    instance: 'VI_1',
    priority,
  });

  it('never drain both nodes of a pair, one of which is about to take over from the other', () => {
    const pair = new Picture(at(10), [
      record('L1', { routers: [router('L1', { state: MASTER })] }),
      record('L2', { routers: [router('L2')] }),
    ]);
    const drain = (node: string): Change => ({ kind: 'drain-node', node });
    expect(refusal(drain('L2'), false, pair, [])).toBeUndefined();
    const refused = refusal(drain('L2'), false, pair, [begun(drain('L1'), pair)]);
    expect(refused).toMatchObject({ kind: 'budget', message: expect.stringContaining('VI_1/1/ipv4 from L1') });
    expect(refusal(drain('L2'), true, pair, [begun(drain('L1'), pair)])).toBeUndefined();
  });

  it('never mind a router that another drain leaves with nobody, whichever node is drained next', () => {
    const other = { instance: 'VI_2', vrid: 2 };
    const fleet = new Picture(at(10), [
      record('L1', { routers: [router('L1', { state: MASTER })] }),
      record('L2', { routers: [router('L2', { state: FAULT })] }),
      record('L3', { routers: [router('L3', { ...other, state: MASTER })] }),
      record('L4', { routers: [router('L4', other)] }),
    ]);
    const drain = (node: string): Change => ({ kind: 'drain-node', node });
    expect(refusal(drain('L1'), false, fleet, [])?.kind).toBe('budget');
    const forced = begun(drain('L1'), fleet);
    expect(refusal(drain('L3'), false, fleet, [forced])).toBeUndefined();
    expect(refusal(drain('L4'), false, fleet, [forced])).toBeUndefined();
  });

  it.each([
    ['the same node', priority('L1', 10), priority('L1', 20), 'conflict'],
    ['every node and one of them', priority('', 10), priority('L1', 20), 'conflict'],
    ['one node and every node', priority('L1', 10), priority('', 20), 'conflict'],
    ['two nodes', priority('L1', 10), priority('L2', 20), undefined],
  ])('%s', (_, first, second, kind) => {
    expect(refusal(second, false, picture, [begun(first, picture)])?.kind).toBe(kind);
  });
});

describe('a weight that is given back', () => {
  const undrain: Change = { kind: 'undrain-server', address: '192.168.1.11', port: 0 };
  const told = (change: Change, state: Partial<model.NodeState>, ms = 20) => {
    const before = new Picture(at(10), [
      record('L1', { services: [service([realServer(11)])], overrides: [override(change)] }),
    ]);
    const asked = advance(begun(change, before), before).operation;
    return advance(asked, new Picture(at(ms), [record('L1', state, 15)], done)).operation;
  };

  it('is waited for until the kernel has it', () => {
    const closed = [service([realServer(10), realServer(11, { weight: 0 })])];
    expect(told(undrain, { services: closed })).toMatchObject({
      phase: RUNNING,
      steps: [{ detail: 'the kernel still has tcp/198.51.100.15:80 weight 0' }],
    });
    expect(told(undrain, { services: closed }, 31_000)).toMatchObject({
      phase: SUCCEEDED,
      result: 'L1: tcp/198.51.100.15:80 weight 0',
    });
    expect(told(undrain, { services: [service([realServer(11)])] })).toMatchObject({
      phase: SUCCEEDED,
      result: 'L1: tcp/198.51.100.15:80 weight 1',
    });
  });

  it.each([
    ['down', [service([realServer(11, { weight: 0, up: false })])], []],
    ['configured with none', [service([realServer(11, { weight: 0, configuredWeight: 0 })])], []],
    [
      'held by another override',
      [service([realServer(11, { weight: 0 })])],
      [override({ kind: 'drain-server', address: '192.168.1.11', port: 80 })],
    ],
  ])('is not waited for where the server is %s', (_, services, overrides) => {
    expect(told(undrain, { services, overrides })).toMatchObject({ phase: SUCCEEDED });
  });

  it('is waited for when it is set, too', () => {
    const set: Change = {
      kind: 'set-weight',
      node: '',
      service: 'tcp/198.51.100.15:80',
      realServer: '192.168.1.11:80',
      weight: 3,
    };
    const state = (weight: number) => ({
      services: [service([realServer(11, { weight })])],
      overrides: [override(set)],
    });
    expect(told(set, state(1))).toMatchObject({ phase: RUNNING });
    expect(told(set, state(3))).toMatchObject({ phase: SUCCEEDED, result: 'L1: weight 3' });
  });
});
