import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Hello, LinkClient } from '../link/index.ts';
import type { EventText } from './events.ts';
import { NodeProcess } from './node-process.ts';

interface Settings {
  readonly revision?: string;
  readonly routers: number;
}

interface Snapshot {
  readonly revision?: string;
  readonly routers: number;
}

let configured: { revision: string; settings: Settings }[];
let notes: EventText[];
let happened: string[];
let changes: number;
let known: boolean;
let node: NodeProcess<Settings, { kind: 'ask' }, Snapshot, string>;

const HELLO = {
  incarnation: 'a',
  pid: 42,
  revision: null,
  problems: ['no raw socket'],
} as unknown as Hello;
const link = {
  configure: (revision: string, settings: Settings) => configured.push({ revision, settings }),
  command: () => Promise.resolve({ ok: true }),
} as unknown as LinkClient<Settings, { kind: 'ask' }, Snapshot, string>;
const give = (routers: number): string => {
  node.configure({ routers });
  return configured.at(-1)?.revision ?? '';
};

beforeEach(() => {
  vi.useFakeTimers();
  configured = [];
  notes = [];
  happened = [];
  changes = 0;
  known = false;
  node = new NodeProcess({
    role: 'vrrp',
    log: { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined } as never,
    textOf: (event) => ({ severity: 'info', kind: 'vrrp.test', subject: event, message: event, attributes: {} }),
    note: (event) => {
      notes.push(event);
      return !known;
    },
    changed: () => {
      changes += 1;
    },
    happened: (event) => happened.push(event),
  });
  node.link = link;
});
afterEach(() => vi.useRealTimers());

describe('settings on their way to a process', () => {
  it('are in force once the process says so of that revision', async () => {
    node.listener.connected(HELLO);
    const old = give(1);
    const revision = give(2);
    const answer = node.inForce();
    node.listener.applied(old);
    expect(await Promise.race([answer, Promise.resolve('still waiting')])).toBe('still waiting');
    node.listener.applied(revision);
    expect(await answer).toBeUndefined();
    expect(configured.at(-1)?.settings).toEqual({ routers: 2, revision });
  });

  it('have the same revision when they are the same', () => {
    const first = give(1);
    expect(give(1)).toBe(first);
    expect(give(2)).not.toBe(first);
  });

  it('are in force already in a process that says so as it is adopted', async () => {
    const revision = give(1);
    node.listener.connected({ ...HELLO, revision });
    expect(await node.inForce()).toBeUndefined();
  });

  it('that are refused are told with the reason, until others are given', async () => {
    node.listener.connected(HELLO);
    node.listener.refused(give(1), 'no such interface');
    expect(await node.inForce()).toBe('the vrrp process refused it: no such interface');
    expect(node.refusal).toBe('no such interface');
    expect(node.problems).toContain('vrrp: settings were refused: no such interface');
    expect(notes.map(({ kind }) => kind)).toEqual(['config.refused']);
    const next = give(2);
    expect(node.refusal).toBeUndefined();
    node.listener.applied(next);
    expect(node.problems).toEqual(['vrrp: no raw socket']);
  });

  it.each([
    [
      'is not running',
      () => undefined,
      'kept, but the vrrp process is not running; it gets the change when it is back',
    ],
    ['says nothing', () => node.listener.connected(HELLO), 'kept, but the vrrp process has not confirmed it'],
  ])('are kept for a process that %s', async (_, arrange, text) => {
    arrange();
    give(1);
    const answer = node.inForce();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await answer).toBe(text);
  });

  it('are not waited for while the process is held up', async () => {
    node.listener.connected(HELLO);
    give(1);
    node.listener.silent(1_000);
    expect(await node.inForce()).toContain('does not answer');
  });
});

describe('what a process tells', () => {
  it('is old while it is silent, and gone with it', () => {
    node.listener.connected(HELLO);
    node.listener.snapshot({ routers: 1 }, 5_000);
    expect(node.current).toEqual({ routers: 1 });
    node.listener.silent(7_000);
    expect(node.current).toBeUndefined();
    expect(node.snapshot).toEqual({ routers: 1 });
    expect(node.problems[0]).toContain('has said nothing since 1970-01-01T00:00:07.000Z');
    expect(notes.map(({ kind, severity }) => `${kind} ${severity}`)).toEqual(['agent.process error']);
    node.listener.silent(undefined);
    expect(node.current).toEqual({ routers: 1 });
    node.listener.disconnected(undefined);
    expect(node.snapshot).toBeUndefined();
    expect(node.problems).toEqual(['vrrp: its process is not connected']);
  });

  it('is heard once, or not in time', async () => {
    const heard = node.heard(1_000);
    node.listener.snapshot({ routers: 1 }, 0);
    await heard;
    node.listener.disconnected(undefined);
    const late = node.heard(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await late;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('happens once: an event that was told before is no news', () => {
    node.listener.event('master', 1, { incarnation: 'a', sequence: 1 } as never);
    known = true;
    node.listener.event('master', 1, { incarnation: 'a', sequence: 1 } as never);
    expect(happened).toEqual(['master']);
    expect(changes).toBe(2);
  });

  it('lacks events where it dropped some', () => {
    node.listener.missed(7);
    expect(notes[0]).toMatchObject({ kind: 'agent.events-missed', severity: 'error', attributes: { count: '7' } });
  });
});

describe('a snapshot', () => {
  it('is up to date with the settings given last, or those in force where they are refused', () => {
    node.listener.connected({ ...HELLO, revision: 'old' });
    node.listener.snapshot({ routers: 1, revision: 'old' }, 0);
    expect(node.isUpToDate).toBe(true);
    const revision = give(1);
    expect(node.isUpToDate).toBe(false);
    node.listener.applied(revision);
    expect(node.isUpToDate).toBe(false);
    node.listener.snapshot({ routers: 1, revision }, 0);
    expect(node.isUpToDate).toBe(true);
    const refused = give(2);
    expect(node.isUpToDate).toBe(false);
    node.listener.refused(refused, 'no such interface');
    expect(node.isUpToDate).toBe(true);
  });

  it('of a process of an earlier version, which does not say of which settings it is, is taken as it is', async () => {
    node.listener.connected({ ...HELLO, revision: 'old' });
    node.listener.applied(give(1));
    expect(node.isUpToDate).toBe(false);
    node.listener.snapshot({ routers: 1 }, 0);
    expect(node.isUpToDate).toBe(true);
    await node.shown(1_000);
  });

  it('of a process that has just started is of no settings yet', () => {
    node.listener.connected(HELLO);
    node.listener.applied(give(1));
    node.listener.snapshot({ routers: 0 }, 0);
    expect(node.isUpToDate).toBe(false);
  });
});

describe('a process that has ended', () => {
  it('is not taken for one in its place, though its link told nothing of its end', async () => {
    node.listener.connected(HELLO);
    node.listener.applied(give(1));
    node.listener.silent(1_000);
    expect(node.hasSettings).toBe(true);
    node.ended();
    expect([node.hasSettings, node.silentSince, node.isConnected]).toEqual([false, undefined, false]);
    const inForce = node.inForce();
    node.listener.connected({ ...HELLO, pid: 43 });
    node.listener.applied(configured.at(-1)?.revision ?? '');
    expect(await inForce).toBeUndefined();
  });
});

describe('a command', () => {
  it('to a process that is not there is answered so', async () => {
    node.link = undefined;
    expect(await node.command({ kind: 'ask' })).toEqual({ ok: false, reason: 'the vrrp process is not running' });
  });
});
