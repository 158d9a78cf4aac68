import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { millis } from '@keepfleet/machine';
import { waitFor } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gossip, GossipError, type GossipEvent, type GossipOptions, MAX_STREAMS, startGossip } from './index.ts';

const loopback = ip('127.0.0.1');
/** A quick fleet; real time is what these tests spend. */
const tunables = {
  probeInterval: millis(100),
  probeTimeout: millis(50),
  gossipInterval: millis(20),
  joinRetry: millis(100),
  leaveLinger: millis(100),
};

let directory: string;
const running: Gossip[] = [];
const events = new Map<string, GossipEvent[]>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-gossip-spec-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((gossip) => gossip.close()));
  events.clear();
  rmSync(directory, { recursive: true });
});

async function start(name: string, options: Partial<GossipOptions> = {}): Promise<Gossip> {
  const heard: GossipEvent[] = [];
  events.set(name, heard);
  const gossip = await startGossip({
    bind: { address: loopback, port: 0 },
    name,
    tags: { role: 'agent' },
    seeds: [],
    stateFile: join(directory, 'state', `${name}.json`),
    tunables,
    onEvent: (event) => heard.push(event),
    ...options,
  });
  running.push(gossip);
  return gossip;
}

const at = ({ endpoint }: Gossip) => `${endpoint.address}:${endpoint.port}`;

async function sees(gossip: Gossip, name: string, status: string): Promise<void> {
  await waitFor(() => gossip.members().find((member) => member.name === name)?.status === status, {
    deadline: 120_000,
    what: `${name} ${status}`,
  });
}

async function rejection(promise: Promise<unknown>): Promise<GossipError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof GossipError) return error;
  throw new Error('no GossipError', { cause: error });
}

async function keyring(name: string, ...sizes: readonly number[]): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, JSON.stringify(sizes.map((size) => Buffer.alloc(size, size).toString('base64'))));
  return file;
}

describe('gossip on real sockets', () => {
  it('joins, tells tags and events, and sees one leave and one fall silent', async () => {
    const a = await start('a');
    const b = await start('b', { seeds: [at(a)] });
    const c = await start('c', { seeds: [at(a)] });
    for (const gossip of [a, b, c]) for (const name of ['a', 'b', 'c']) await sees(gossip, name, 'alive');
    const self = a.members().find((member) => member.self);
    expect(self?.name).toBe('a');
    expect(Math.abs((self?.since ?? 0) - Date.now())).toBeLessThan(20_000);

    b.setTags({ role: 'agent', drained: 'yes' });
    b.raise('owner', Buffer.from('v1'));
    await waitFor(() => c.members().find((member) => member.name === 'b')?.tags['drained'] === 'yes', {
      deadline: 120_000,
      what: 'the tag',
    });
    const heard = () => events.get('c')?.find((event) => event.kind === 'user-event');
    expect(await waitFor(heard, { deadline: 120_000, what: 'the event' })).toMatchObject({
      name: 'owner',
      payload: new Uint8Array(Buffer.from('v1')),
    });

    await Promise.all([b.leave(), b.leave()]);
    await sees(a, 'b', 'left');
    await c.close();
    await sees(a, 'c', 'failed');
  });

  it.each([16, 24, 32])('encrypts with a key of %i bytes, and keeps out who has none', async (size) => {
    const ring = await keyring('ring.json', size);
    const a = await start('a', { keyring: ring });
    const b = await start('b', { keyring: ring, seeds: [at(a)] });
    const stranger = await start('stranger', { seeds: [at(a)] });
    await sees(a, 'b', 'alive');
    await sees(b, 'a', 'alive');
    await waitFor(() => (a.snapshot().stats.dropped.encryption ?? 0) > 0, {
      deadline: 120_000,
      what: 'a drop counted',
    });
    expect(a.members().map((member) => member.name)).toEqual(['a', 'b']);
    expect(stranger.members().map((member) => member.name)).toEqual(['stranger']);
  });

  it('opens with any key of its ring, so that keys can be changed one host after another', async () => {
    const a = await start('a', { keyring: await keyring('old-first.json', 32, 16) });
    const b = await start('b', { keyring: await keyring('new-first.json', 16, 32), seeds: [at(a)] });
    await sees(a, 'b', 'alive');
    await sees(b, 'a', 'alive');
  });

  it.each([
    ['none and the first step', undefined, { sendPlain: true, acceptPlain: true }],
    ['the first step and the second', { sendPlain: true, acceptPlain: true }, { acceptPlain: true }],
    ['the second step and the last', { acceptPlain: true }, {}],
  ])('brings encryption into a running fleet: %s understand each other', async (_what, older, newer) => {
    const ring = await keyring('ring.json', 32);
    const a = await start('a', older === undefined ? {} : { keyring: ring, tunables: { ...tunables, ...older } });
    const b = await start('b', { keyring: ring, tunables: { ...tunables, ...newer }, seeds: [at(a)] });
    await sees(a, 'b', 'alive');
    await sees(b, 'a', 'alive');
    b.setTags({ role: 'agent', told: 'by UDP' });
    await waitFor(() => a.members().find(({ name }) => name === 'b')?.tags['told'] === 'by UDP', {
      deadline: 120_000,
      what: 'a tag of b at a',
    });
  });

  it('finds the fleet again without seeds, from what it remembers', async () => {
    const a = await start('a');
    const b = await start('b', { seeds: [at(a)] });
    await sees(b, 'a', 'alive');
    const { endpoint } = b;
    await b.close();
    const file = join(directory, 'state', 'b.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      version: 1,
      members: [{ name: 'a', ...a.endpoint }],
    });
    const again = await start('b', { bind: endpoint });
    await sees(again, 'a', 'alive');
    await sees(a, 'b', 'alive');
  });

  it('starts with an unreadable memory, and says so', async () => {
    const stateFile = join(directory, 'broken.json');
    await writeFile(stateFile, '{');
    await start('a', { stateFile });
    const told = () =>
      events.get('a')?.some((event) => event.kind === 'problem' && event.problem.kind === 'state-file');
    await waitFor(told, { deadline: 120_000, what: 'the problem' });
  });

  it('looks up names of seeds, and says which has no address', async () => {
    const a = await start('a');
    const b = await start('b', { seeds: [`localhost:${a.endpoint.port}`, 'no-such-host.invalid'] });
    await sees(b, 'a', 'alive');
    const told = () => events.get('b')?.find((event) => event.kind === 'problem' && event.problem.kind === 'seed-name');
    expect(await waitFor(told, { deadline: 120_000, what: 'the problem' })).toMatchObject({
      problem: { host: 'no-such-host.invalid' },
    });
  });

  it('speaks IPv6', async () => {
    const bind = { address: ip('::1'), port: 0 };
    const a = await start('a', { bind });
    const b = await start('b', { bind, seeds: [`[::1]:${a.endpoint.port}`] });
    await sees(a, 'b', 'alive');
    await sees(b, 'a', 'alive');
    await b.leave();
    await sees(a, 'b', 'left');
  });

  it('serves its fleet while strangers hold as many streams as they get', async () => {
    const a = await start('a');
    const held: Socket[] = [];
    for (let i = 0; i < MAX_STREAMS + 20; i++)
      held.push(connect(a.endpoint.port, loopback).on('error', () => undefined));
    try {
      await waitFor(() => held.filter((socket) => socket.destroyed).length >= 20, {
        deadline: 120_000,
        what: 'the streams above the limit are refused',
      });
      const b = await start('b', { seeds: [at(a)] });
      held[0]?.destroy();
      held[1]?.destroy();
      await sees(b, 'a', 'alive');
    } finally {
      for (const socket of held) socket.destroy();
    }
  });
});

describe('gossip under ten thousand connections', () => {
  it('serves its fleet, holds few of them at a time, and keeps nothing of them', async () => {
    // As patient as an agent is: all of them are in this process, whose pauses on a busy machine look like the end of one.
    const patient = { ...tunables, probeInterval: millis(1_000), probeTimeout: millis(500) };
    const a = await start('a', { tunables: { ...patient, streamTimeout: millis(500) } });
    const b = await start('b', { seeds: [at(a)], tunables: patient });
    await sees(a, 'b', 'alive');
    const before = process.memoryUsage();
    const BATCH = 500;
    for (let made = 0; made < 10_000; made += BATCH) {
      // The head of an exchange that never comes: an encrypted frame, a compressed one, a push/pull, noise.
      const heads = ['0a00010000', '0982a4', '0683', 'ffff'].map((head) => Buffer.from(head, 'hex'));
      const sockets = Array.from({ length: BATCH }, (_, i) => {
        const socket = connect(a.endpoint.port, loopback).on('error', () => undefined);
        socket.write(heads[i % heads.length] ?? '');
        return socket;
      });
      await waitFor(() => sockets.filter((socket) => !socket.destroyed).length <= MAX_STREAMS, {
        deadline: 120_000,
        what: 'all but so many are refused',
      });
      // By a reset: ten thousand ports that wait for a minute would be in the way of other tests.
      for (const socket of sockets) socket.resetAndDestroy();
    }
    const c = await start('c', { seeds: [at(a)], tunables: patient });
    await sees(c, 'b', 'alive');
    await sees(b, 'c', 'alive');
    expect(events.get('b')?.some((event) => event.kind === 'member' && event.change === 'failed')).toBe(false);
    const growth = () => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed - before.heapUsed + arrayBuffers - before.arrayBuffers;
    };
    // What is garbage by then goes sooner or later.
    await waitFor(() => growth() < 100 << 20, { deadline: 120_000, what: 'nothing kept' });
  });
});

describe('gossip that cannot start says why', () => {
  it('when UDP or TCP of the port is taken', async () => {
    // One that is free for TCP, where old connections hold many.
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, loopback, resolve));
    const listening = probe.address();
    if (listening === null || typeof listening === 'string') throw new Error('no port');
    const { port } = listening;
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    const udp = createSocket('udp4');
    await new Promise<void>((resolve) => udp.bind({ address: loopback, port }, resolve));
    const taken = await rejection(start('a', { bind: { address: loopback, port } }));
    expect([taken.code, taken.message.slice(0, 60)]).toEqual([
      'address-in-use',
      `gossip: UDP 127.0.0.1:${port} is in use by another program, perhaps`.slice(0, 60),
    ]);
    await new Promise<void>((resolve) => udp.close(() => resolve()));

    const tcp = createServer();
    await new Promise<void>((resolve) => tcp.listen(port, loopback, resolve));
    const half = await rejection(start('a', { bind: { address: loopback, port } }));
    expect(half.message).toContain(`gossip: TCP 127.0.0.1:${port} is in use`);
    await new Promise<void>((resolve) => tcp.close(() => resolve()));
    // Nothing was left open by the two failures.
    await start('a', { bind: { address: loopback, port } });
  });

  it.each<[string, Partial<GossipOptions>, string]>([
    ['an address of another host', { bind: { address: ip('192.0.2.77'), port: 7946 } }, 'address-unusable'],
    ['no address to tell', { bind: { address: ip('0.0.0.0'), port: 0 } }, 'bad-settings'],
    ['a seed that is none', { seeds: ['10.0.0.1:port'] }, 'bad-settings'],
    ['too many tags', { tags: { big: 'x'.repeat(600) } }, 'bad-settings'],
    ['no keyring', { keyring: '/nowhere/keyring.json' }, 'bad-keyring'],
  ])('with %s', async (_what, options, code) => {
    expect((await rejection(start('a', options))).code).toBe(code);
  });

  it.each([['{'], ['[]'], ['["short"]'], ['["!!!!"]'], ['{"keys":[]}']])('with the keyring %s', async (content) => {
    const file = join(directory, 'keyring.json');
    await writeFile(file, content);
    const error = await rejection(start('a', { keyring: file }));
    expect(error.code).toBe('bad-keyring');
    expect(error.message).toContain(file);
    expect(error.message).not.toContain(content);
  });

  it('and refuses tags that do not fit later, changing nothing', async () => {
    const a = await start('a');
    expect(() => a.setTags({ big: 'x'.repeat(600) })).toThrow(GossipError);
    expect(a.members()[0]?.tags).toEqual({ role: 'agent' });
  });
});
