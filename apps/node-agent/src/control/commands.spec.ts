import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agent, model } from '@keepfleet/rpc';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OverrideChange } from '../settings/index.ts';
import { type CommandTarget, Commands } from './commands.ts';
import { OverrideStore } from './override-store.ts';

let directory = '';
let store: OverrideStore;
let applied = 0;
let missing: () => Promise<string | undefined>;
let waits: number[] = [];
let notes: string[] = [];
let commands: Commands;

const priority = (value: number): OverrideChange => ({ kind: 'vrrp-priority', instance: 'VI_1', priority: value });
const inForce = () => store.list(new Date()).map(({ change }) => change);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-commands-'));
  store = new OverrideStore(join(directory, 'overrides.json'));
  applied = 0;
  notes = [];
  waits = [];
  missing = () => Promise.resolve(undefined);
  const target: CommandTarget = {
    overrides: store,
    refusalOf: () => undefined,
    configured: () => undefined,
    apply: () => {
      applied += 1;
      return missing();
    },
    shown: (timeoutMs) => {
      waits.push(timeoutMs);
      return Promise.resolve();
    },
    relinquish: (instance) => Promise.resolve({ ok: false, reason: `no ${instance}` }),
    announce: (instance) =>
      Promise.resolve(instance === 'VI_1' ? { ok: true } : { ok: false, reason: `${instance} is backup here` }),
    zeroCounters: (service) => {
      notes.push(`zero ${service ?? 'all'}`);
      return Promise.resolve(service === 'tcp/nobody' ? { ok: false, reason: `no ${service}` } : { ok: true });
    },
    instances: () => ['VI_1'],
    countConnections: () => Promise.resolve({ ok: false, reason: 'no table' }),
    configId: 'l1',
    gossip: undefined,
    noteOverride: (what, { change }) => notes.push(`${what} ${change.kind}`),
  };
  commands = new Commands(target);
});
afterEach(() => rmSync(directory, { recursive: true }));

function setPriority(id: string, value: number, expiresAt?: Date): agent.Command {
  const override = model.Override.fromPartial({ id: `o-${id}`, actor: 'a', reason: 'r' });
  const change = { $case: 'priority', value: { instance: 'VI_1', priority: value } } as const;
  const body = { $case: 'setOverride', value: { override: { ...override, expiresAt, change } } } as const;
  return { ...agent.Command.fromPartial({ id, actor: 'a', reason: 'r' }), body };
}

describe('a command', () => {
  it('that comes twice is carried out once', async () => {
    const first = await commands.carryOut(setPriority('c1', 50));
    expect(await commands.carryOut(setPriority('c1', 60))).toBe(first);
    expect([applied, inForce()]).toEqual([1, [priority(50)]]);
  });

  it('for facts is answered with what this node has of what is named', async () => {
    const names = {
      users: ['root', 'nobody-of-that-name'],
      groups: ['root'],
      programs: ['/bin/sh', '/nowhere', '/etc/passwd'],
    };
    const { done, facts } = await commands.carryOut({
      ...agent.Command.fromPartial({ id: 'facts' }),
      body: { $case: 'gatherFacts', value: names },
    });
    expect(done).toBe(true);
    expect(facts).toMatchObject({
      configId: 'l1',
      users: { root: true, 'nobody-of-that-name': false },
      groups: { root: true },
      programs: {
        '/bin/sh': { executable: true, writableByOthers: '' },
        '/nowhere': { path: '', executable: false },
        '/etc/passwd': { path: '/etc/passwd', executable: false },
      },
    });
    expect(facts?.interfaces).toContainEqual({ name: 'lo', loopback: true });
  });

  it('without an id is never taken for another one', async () => {
    await commands.carryOut(setPriority('', 50));
    await commands.carryOut(setPriority('', 60));
    expect(inForce()).toEqual([priority(60)]);
  });

  it('past its deadline does nothing', async () => {
    const result = await commands.carryOut({ ...setPriority('c1', 50), deadline: new Date(1_000) });
    expect([result.done, applied]).toEqual([false, 0]);
  });

  it('of a newer controller is refused in words', async () => {
    const result = await commands.carryOut(agent.Command.fromPartial({ id: 'c1' }));
    expect(result).toMatchObject({ done: false, detail: expect.stringContaining('upgrade') as string });
  });

  it('with an override that has expired leaves the one in force alone', async () => {
    await commands.carryOut(setPriority('c1', 50));
    const result = await commands.carryOut(setPriority('c2', 60, new Date(1_000)));
    expect([result.done, inForce()]).toEqual([false, [priority(50)]]);
  });

  it.each([0, 256])('with a priority that is none is refused: %i', async (value) => {
    expect((await commands.carryOut(setPriority('c1', value))).done).toBe(false);
    expect(applied).toBe(0);
  });

  it('has a master announce its addresses, and tells why another does not', async () => {
    const announce = (instance: string) =>
      commands.carryOut({
        ...agent.Command.fromPartial({ id: instance }),
        body: { $case: 'announce', value: { instance } },
      });
    expect(await announce('VI_1')).toMatchObject({ done: true });
    expect(await announce('VI_2')).toMatchObject({ done: false, detail: 'VI_2 is backup here' });
  });

  it('sets counters of one service or of all to 0, and tells why not', async () => {
    const zero = (service: string) =>
      commands.carryOut({
        ...agent.Command.fromPartial({ id: `zero ${service}` }),
        body: { $case: 'zeroCounters', value: { service } },
      });
    expect(await zero('')).toMatchObject({ done: true });
    expect(await zero('tcp/192.0.2.1:80')).toMatchObject({ done: true });
    expect(await zero('tcp/nobody')).toMatchObject({ done: false, detail: 'no tcp/nobody' });
    expect(notes).toEqual(['zero all', 'zero tcp/192.0.2.1:80', 'zero tcp/nobody']);
  });

  it('tells why an instance did not hand over', async () => {
    const body = { $case: 'relinquish', value: { instance: '' } } as const;
    const result = await commands.carryOut({ ...agent.Command.fromPartial({ id: 'c1' }), body });
    expect(result).toMatchObject({ done: false, detail: 'VI_1: no VI_1' });
  });
});

describe('an SNMP SET', () => {
  it('that does not come into force is taken back at once, and changes no other override', async () => {
    await commands.carryOut(setPriority('c1', 50));
    missing = async () => {
      missing = () => new Promise(() => {});
      // Meanwhile the controller drains the node.
      const override = model.Override.fromPartial({ id: 'd', change: { $case: 'drainNode', value: {} } });
      const body = { $case: 'setOverride', value: { override } } as const;
      void commands.carryOut({ ...agent.Command.fromPartial({ id: 'c2' }), body });
      return 'the vrrp process does not answer';
    };
    const outcome = await commands.setBySnmp([priority(60)], 'snmp');
    expect(outcome).toEqual({ ok: false, reason: 'the vrrp process does not answer' });
    expect(inForce()).toEqual([{ kind: 'drain-node' }, priority(50)]);
    expect(notes.slice(-2)).toEqual(['cleared vrrp-priority', 'set vrrp-priority']);
  });

  it('that comes into force late is not answered later for what shows it: a manager would have given it up', async () => {
    vi.useFakeTimers({ now: Date.now() });
    try {
      const after = (ms: number) => () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ms));
      for (const ms of [0, 2_900, 3_600]) {
        missing = after(ms);
        const outcome = commands.setBySnmp([priority(60)], 'snmp');
        await vi.advanceTimersByTimeAsync(ms);
        expect(await outcome).toMatchObject({ ok: true });
      }
      expect(waits).toEqual([1_000, 600, 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('can be undone', async () => {
    const outcome = await commands.setBySnmp([priority(60)], 'snmp');
    expect(inForce()).toEqual([priority(60)]);
    if (outcome.ok) await outcome.undo();
    expect(inForce()).toEqual([]);
  });
});
