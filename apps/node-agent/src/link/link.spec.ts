import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Log } from '../log.ts';
import { alikeItems } from './alike.ts';
import { EVENT_RING_SIZE } from './event-ring.ts';
import { type EventPosition, LinkClient, LinkServer, type LinkedProcess, type Outcome, socketPath } from './index.ts';
import { LINE_LIMIT } from './line-reader.ts';
import { SLOW_RETRY_MS } from './link-client.ts';
import { MAX_PEERS } from './link-server.ts';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface Settings {
  weight: number;
  items?: { key: string; size: number }[] | undefined;
}

type Server = LinkServer<Settings, { verb: string }, { weight: number }, { n: number }>;

/** A process that holds one number. */
class Weights implements LinkedProcess<Settings, { verb: string }, { weight: number }> {
  readonly role = 'lvs';
  readonly settings = z.object({
    weight: z.number().max(100),
    items: z.array(z.object({ key: z.string(), size: z.number() })).optional(),
  });
  readonly command = z.object({ verb: z.string() });
  readonly stopped: string[] = [];
  configured = 0;
  weight = 0;
  items: Settings['items'];

  configure(settings: Settings): { refused: string } | undefined {
    if (settings.weight === 13) return { refused: 'unlucky' };
    if (settings.weight === 99) throw new Error('kernel says no');
    this.configured += 1;
    this.weight = settings.weight;
    this.items = settings.items;
    return undefined;
  }

  carryOut(command: { verb: string }): Promise<Outcome> | Outcome {
    if (command.verb === 'double') return { ok: true, value: 2 * this.weight };
    if (command.verb === 'wait') return new Promise(() => {});
    throw new Error(`cannot ${command.verb}`);
  }

  stop(mode: string): void {
    this.stopped.push(mode);
  }

  snapshot(): { weight: number } {
    return { weight: this.weight };
  }
}

let runDirectory: string;
const closers: (() => unknown)[] = [];

beforeEach(() => {
  runDirectory = mkdtempSync(join(tmpdir(), 'kf-linux-link-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(runDirectory, { recursive: true });
});

async function server(process = new Weights()): Promise<Server> {
  const link: Server = await LinkServer.listen(process, { runDirectory, version: '1.2.3', log: silent });
  closers.push(() => link.close());
  return link;
}

interface Seen {
  hellos: { incarnation: string; revision: string | null }[];
  events: number[];
  weights: number[];
  answers: string[];
  missed: number;
  lost: number;
  silences: boolean[];
  problems: (readonly string[])[];
  /** Snapshots, problems and revisions in force in the order in which they came. */
  said: string[];
  position: EventPosition | undefined;
}

function client(position?: EventPosition, silentAfterMs = 60_000) {
  const seen: Seen = {
    hellos: [],
    events: [],
    weights: [],
    answers: [],
    missed: 0,
    lost: 0,
    silences: [],
    problems: [],
    said: [],
    position,
  };
  const link = new LinkClient<Settings, { verb: string }, { weight: number }, { n: number }>({
    runDirectory,
    role: 'lvs',
    snapshot: z.object({ weight: z.number() }),
    event: z.object({ n: z.number() }),
    log: silent,
    position,
    silentAfterMs,
    listener: {
      connected: ({ incarnation, revision }) => seen.hellos.push({ incarnation, revision }),
      snapshot: ({ weight }) => {
        seen.weights.push(weight);
        seen.said.push(`snapshot ${weight}`);
      },
      event: ({ n }, _, at) => {
        seen.events.push(n);
        seen.position = at;
      },
      missed: (count) => (seen.missed += count),
      applied: (revision) => {
        seen.answers.push(`applied ${revision}`);
        seen.said.push('applied');
      },
      refused: (revision, reason) => seen.answers.push(`refused ${revision}: ${reason}`),
      silent: (since) => seen.silences.push(since !== undefined),
      problems: (problems) => {
        seen.problems.push(problems);
        seen.said.push('problems');
      },
      disconnected: () => (seen.lost += 1),
    },
  });
  closers.push(() => link.close());
  return { link, seen };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('the link of control and process', () => {
  it('says hello, takes settings and tells the revision in force from then on', async () => {
    await server();
    const { link, seen } = client();
    link.configure('r1', { weight: 5 });
    await vi.waitFor(() => expect(seen.answers).toEqual(['applied r1']));
    await vi.waitFor(() => expect(seen.weights.at(-1)).toBe(5));
    const next = client();
    await vi.waitFor(() => expect(next.seen.hellos[0]?.revision).toBe('r1'));
    expect(seen.hellos[0]?.revision).toBeNull();
  });

  it.each([
    ['what the schema does not allow', 101, 'weight'],
    ['what the process refuses', 13, 'unlucky'],
    ['what the process fails at', 99, 'kernel says no'],
  ])('refuses %s, with the reason, and keeps what was in force', async (_, weight, reason) => {
    const weights = new Weights();
    await server(weights);
    const { link, seen } = client();
    link.configure('good', { weight: 5 });
    await vi.waitFor(() => expect(seen.answers).toEqual(['applied good']));
    link.configure('bad', { weight });
    await vi.waitFor(() => expect(seen.answers.at(-1)).toContain('refused bad'));
    expect(seen.answers.at(-1)).toContain(reason);
    expect(weights.weight).toBe(5);
  });

  it('carries out commands and brings the outcome, failures too', async () => {
    await server(Object.assign(new Weights(), { weight: 21 }));
    const { link, seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    await expect(link.command({ verb: 'double' })).resolves.toEqual({ ok: true, value: 42 });
    await expect(link.command({ verb: 'fly' })).resolves.toEqual({ ok: false, reason: 'cannot fly' });
    await expect(link.command({ verb: 'wait' }, 20)).rejects.toMatchObject({ code: 'timeout' });
  });

  it('fails a command at once where no process is, or when it goes away', async () => {
    const { link, seen } = client();
    await expect(link.command({ verb: 'double' })).rejects.toMatchObject({ code: 'not-connected' });
    const process = await server();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    const waiting = expect(link.command({ verb: 'wait' })).rejects.toMatchObject({ code: 'lost' });
    await process.close();
    await waiting;
  });

  it('tells what keeps the process from its work, and when nothing does any more', async () => {
    const link = await server();
    const { seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    link.problems = ['no kernel'];
    link.problems = [];
    await vi.waitFor(() => expect(seen.problems).toEqual([['no kernel'], []]));
  });

  it('passes on how to stop', async () => {
    const weights = new Weights();
    await server(weights);
    const { link, seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    link.stop('leave');
    await vi.waitFor(() => expect(weights.stopped).toEqual(['leave']));
  });

  it('gives a restarted control every event of its absence, once and in order', async () => {
    const process = await server();
    const first = client();
    await vi.waitFor(() => expect(first.seen.hellos).toHaveLength(1));
    for (const n of range(1, 10)) process.event({ n });
    await vi.waitFor(() => expect(first.seen.events).toEqual(range(1, 10)));
    first.link.close();
    for (const n of range(11, 500)) process.event({ n });
    const second = client(first.seen.position);
    await vi.waitFor(() => expect(second.seen.events).toEqual(range(11, 500)));
    process.event({ n: 501 });
    await vi.waitFor(() => expect(second.seen.events.at(-1)).toBe(501));
    expect(second.seen.missed).toBe(0);
  });

  it('sends of lists with keys what has changed, and the whole where the process has other settings in force', async () => {
    const weights = new Weights();
    await server(weights);
    const { link, seen } = client();
    const items = (size: number) => ['a', 'b', 'c'].map((key) => ({ key, size: key === 'b' ? size : 1 }));
    link.configure('r1', { weight: 1, items: items(1) });
    await vi.waitFor(() => expect(seen.answers).toEqual(['applied r1']));
    const [first, second] = weights.items ?? [];
    link.configure('r2', { weight: 1, items: items(2) });
    await vi.waitFor(() => expect(seen.answers.at(-1)).toBe('applied r2'));
    expect(weights.items).toEqual(items(2));
    // What has not changed is not read again.
    expect(weights.items?.[0]).toBe(first);
    expect(weights.items?.[1]).not.toBe(second);

    const other = client();
    await vi.waitFor(() => expect(other.seen.hellos.length).toBe(1));
    other.link.configure('x', { weight: 2, items: [] });
    await vi.waitFor(() => expect(other.seen.answers).toEqual(['applied x']));
    link.configure('r3', { weight: 3, items: items(3) });
    await vi.waitFor(() => expect(seen.answers.at(-1)).toBe('applied r3'));
    expect(weights).toMatchObject({ weight: 3, items: items(3) });
  });

  it('refuses a delta with a mistake in what is new, and goes on from what is in force', async () => {
    const weights = new Weights();
    await server(weights);
    const { link, seen } = client();
    const items = (size: number) => ['a', 'b'].map((key) => ({ key, size: key === 'b' ? size : 1 }));
    link.configure('r1', { weight: 1, items: items(1) });
    await vi.waitFor(() => expect(seen.answers).toEqual(['applied r1']));
    link.configure('r2', { weight: 13, items: items(2) });
    await vi.waitFor(() => expect(seen.answers.at(-1)).toBe('refused r2: unlucky'));
    link.configure('r3', { weight: 4, items: items(3) });
    await vi.waitFor(() => expect(seen.answers.at(-1)).toBe('applied r3'));
    expect(weights).toMatchObject({ weight: 4, items: items(3) });
  });

  it('starts anew with a process that has started anew, and configures it by itself', async () => {
    const process = await server();
    const { link, seen } = client();
    link.configure('r1', { weight: 7 });
    process.event({ n: 1 });
    process.event({ n: 2 });
    await vi.waitFor(() => expect(seen.events).toEqual([1, 2]));
    await process.close();
    await vi.waitFor(() => expect(seen.lost).toBe(1));
    const weights = new Weights();
    const next = await server(weights);
    next.event({ n: 3 });
    await vi.waitFor(() => expect(seen.events).toEqual([1, 2, 3]));
    await vi.waitFor(() => expect(weights.weight).toBe(7));
    expect(new Set(seen.hellos.map(({ incarnation }) => incarnation)).size).toBe(2);
  });

  it('counts the events that were too many to keep', async () => {
    const process = await server();
    for (const n of range(1, EVENT_RING_SIZE + 5)) process.event({ n });
    const { seen } = client();
    await vi.waitFor(() => expect(seen.events).toEqual(range(6, EVENT_RING_SIZE + 5)));
    expect(seen.missed).toBe(5);
  });

  it('sends one snapshot for many changes, and the last state always', async () => {
    const weights = new Weights();
    const process = await server(weights);
    const { seen } = client();
    await vi.waitFor(() => expect(seen.weights).toHaveLength(1));
    for (weights.weight = 1; weights.weight < 1000; weights.weight++) process.changed();
    await vi.waitFor(() => expect(seen.weights.at(-1)).toBe(1000));
    // The one at the beginning, the one with all changes, and those that a busy machine had time for.
    expect(seen.weights.length).toBeLessThan(20);
  });

  it('sends a snapshot without any change, so that control can tell old from unchanged', async () => {
    await server();
    const { seen } = client();
    await vi.waitFor(() => expect(seen.weights.length).toBeGreaterThanOrEqual(2));
  });
});

describe('a snapshot in pieces', () => {
  it('holds nothing else up while it is made, and arrives as a whole', async () => {
    class Pieces extends Weights {
      *snapshotText(): Generator<string, void> {
        yield '{';
        for (let i = 0; i < 40; i++) {
          for (const until = performance.now() + 5; performance.now() < until;);
          yield ' ';
        }
        yield '"weight":7}';
      }
    }
    const process = new Pieces();
    process.weight = 4;
    await server(process);
    const { link, seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    await expect(link.command({ verb: 'double' })).resolves.toEqual({ ok: true, value: 8 });
    expect(seen.weights).toEqual([]);
    await vi.waitFor(() => expect(seen.weights[0]).toBe(7));
  });
});

describe('a process that misbehaves', () => {
  class Slow extends Weights {
    constructor(readonly milliseconds: number) {
      super();
    }

    override snapshot(): { weight: number } {
      for (const until = performance.now() + this.milliseconds; performance.now() < until;);
      return super.snapshot();
    }
  }

  const hello = { role: 'lvs', pid: 1, incarnation: 'i', version: '0', revision: null, startedAt: 0, problems: [] };

  /** Greets, and then says what it is told to. */
  async function puppet(text = '') {
    const sockets: Socket[] = [];
    const began: number[] = [];
    const listener = createServer((socket) => {
      began.push(performance.now());
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.write(`${JSON.stringify({ type: 'hello', ...hello })}\n${text}`);
      sockets.push(socket);
    });
    listener.listen(socketPath(runDirectory, 'lvs'));
    await once(listener, 'listening');
    closers.push(() => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    });
    return { sockets, began };
  }

  it('with a snapshot that takes long to make sends it rarely, and shows in between that it is there', async () => {
    await server(new Slow(120));
    const { seen } = client();
    await vi.waitFor(() => expect(seen.weights.length).toBeGreaterThan(1));
    // Not because they have changed: the gap is over 2 s.
    expect(seen.problems[0]).toEqual([]);
    expect(seen.said.slice(0, 2)).toEqual(['snapshot 0', 'problems']);
  });

  it('with a snapshot that takes long to make tells soon what new settings brought', async () => {
    await server(new Slow(250));
    const { link, seen } = client();
    await vi.waitFor(() => expect(seen.weights.length).toBeGreaterThan(0));
    // A gap is waited for already.
    await link.command({ verb: 'double' });
    link.configure('r1', { weight: 5 });
    await vi.waitFor(() => expect(seen.weights.at(-1)).toBe(5));
    // Had it waited for its gap, which is 10 s, more of the words would have come first that it says every 2 s.
    const meanwhile = seen.said.slice(seen.said.indexOf('applied'), seen.said.indexOf('snapshot 5'));
    expect(meanwhile.filter((word) => word === 'problems').length).toBeLessThan(3);
  });

  it('that cannot tell its state once goes on, says so in its log, and tells it the next time', async () => {
    class Failing extends Weights {
      fails = true;
      override snapshot(): { weight: number } {
        if (!this.fails) return super.snapshot();
        this.fails = false;
        throw new Error('no state');
      }
    }
    const errors: string[] = [];
    const log: Log = { ...silent, error: (_: unknown, text?: string) => void errors.push(text ?? '') };
    const link = await LinkServer.listen(new Failing(), { runDirectory, version: '1.2.3', log });
    closers.push(() => link.close());
    const { seen } = client();
    await vi.waitFor(() => expect(errors).toEqual([expect.stringContaining('no state')]));
    link.changed();
    await vi.waitFor(() => expect(seen.weights).toEqual([0]));
  });

  it('by saying nothing any more is known as silent, gets no commands, and is known again when it speaks', async () => {
    const { sockets } = await puppet();
    const { link, seen } = client(undefined, 100);
    await vi.waitFor(() => expect(seen.silences).toEqual([true]));
    await expect(link.command({ verb: 'double' })).rejects.toMatchObject({ code: 'not-connected' });
    sockets[0]?.write('{"type":"snapshot","at":1,"snapshot":{"weight":7}}\n');
    await vi.waitFor(() => expect(seen.silences.slice(0, 2)).toEqual([true, false]));
    expect(seen.weights).toEqual([7]);
  });

  it('by words of another version is not asked again without a pause', async () => {
    const { began } = await puppet('{"type":"dance"}\n');
    client();
    await vi.waitFor(() => expect(began.length).toBeGreaterThan(2));
    const [first = 0, second = 0, third = 0] = began;
    // A timer may be early by the part of a millisecond.
    expect(Math.min(second - first, third - second)).toBeGreaterThan(SLOW_RETRY_MS - 1);
  });
});

describe('a process whose control misbehaves', () => {
  async function raw(): Promise<Socket> {
    const socket = connect(socketPath(runDirectory, 'lvs'));
    socket.on('error', () => socket.destroy());
    closers.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  it.each([
    ['no JSON', 'hello\n'],
    ['an unknown type', '{"type":"dance"}\n'],
    ['a field of the wrong type', '{"type":"resume","incarnation":"x","after":-1}\n'],
    ['a line without end', 'x'.repeat(LINE_LIMIT + 1)],
  ])('ends the connection on %s, and only that', async (_, text) => {
    await server();
    const { seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    const socket = await raw();
    socket.resume();
    socket.write(text);
    await once(socket, 'close');
    expect(seen.lost).toBe(0);
  });

  it('gives up the oldest connections when there are too many, never one that takes events', async () => {
    await server();
    const { seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    const sockets: Socket[] = [];
    for (let i = 0; i < 2 * MAX_PEERS; i++) sockets.push(await raw());
    for (const socket of sockets) socket.resume();
    await vi.waitFor(() => expect(sockets.filter((socket) => socket.closed)).toHaveLength(MAX_PEERS + 1));
    expect(seen.lost).toBe(0);
    const late = client();
    await vi.waitFor(() => expect(late.seen.hellos).toHaveLength(1));
  });

  it('holds back, and not in memory, what a control does not read', async () => {
    const process = await server();
    const socket = await raw();
    socket.pause();
    socket.write('{"type":"resume","incarnation":"","after":0}\n');
    const { seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
    // A snapshot after the resume was read: both are handled in the order of arrival.
    await vi.waitFor(() => expect(seen.weights.length).toBeGreaterThanOrEqual(1));
    const total = 4 * EVENT_RING_SIZE;
    for (const n of range(1, total)) process.event({ n });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.resume();
    await vi.waitFor(() => expect(text).toContain(`"seq":${total},`));
    const messages = text
      .trim()
      .split('\n')
      .map((line) =>
        z
          .object({ type: z.string(), seq: z.number().optional(), count: z.number().optional() })
          .parse(JSON.parse(line)),
      );
    const events = messages.filter(({ type }) => type === 'event').length;
    const missed = messages.reduce((sum, { count = 0 }) => sum + count, 0);
    expect(events + missed).toBe(total);
    expect(missed).toBeGreaterThan(0);
  });
});

describe('items like the one before', () => {
  const items = [
    { key: 'a', size: 1 },
    { key: 'b', size: 1 },
    { key: 'c', size: 2 },
  ];
  const alike = () => {
    const item = z.object({ key: z.string(), size: z.number() });
    const settings = z.object({ weight: z.number().max(100), items: alikeItems(item).optional() });
    return Object.assign(new Weights(), { settings, alike: true as const });
  };

  it.each([
    ['takes them', alike],
    ['does not', () => new Weights()],
  ])('arrive whole, and with a base too, where the process %s', async (_, process) => {
    const weights = process();
    await server(weights);
    const { link, seen } = client();
    link.configure('r1', { weight: 5, items });
    await vi.waitFor(() => expect(seen.answers).toEqual(['applied r1']));
    expect(weights.items).toEqual(items);
    const next = [{ key: 'z', size: 1 }, ...items.slice(0, 1), { key: 'y', size: 1 }, ...items.slice(1)];
    link.configure('r2', { weight: 5, items: next });
    await vi.waitFor(() => expect(seen.answers).toEqual(['applied r1', 'applied r2']));
    expect(weights.items).toEqual(next);
  });
});

describe('the place of a role in the run directory', () => {
  it('is refused while a live process has it', async () => {
    await server();
    await expect(server()).rejects.toMatchObject({
      code: 'in-use',
      message: expect.stringContaining(`${process.pid}`),
    });
  });

  it('is free again after close, with its socket removed', async () => {
    const first = await server();
    await first.close();
    expect(existsSync(socketPath(runDirectory, 'lvs'))).toBe(false);
    await server();
  });

  it('is taken over from a process that was killed', async () => {
    const path = socketPath(runDirectory, 'lvs');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(path)).toBe(true);
    await server();
    const { seen } = client();
    await vi.waitFor(() => expect(seen.hellos).toHaveLength(1));
  });
});
