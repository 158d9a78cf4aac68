import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { fleet, model } from '@keepfleet/rpc';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Command, LocalCommand } from './command.ts';
import { Controller, findController, findGossip } from './connection.ts';
import { Failure, exitCodes } from './failure.ts';
import { endpoint, program } from './program.ts';
import { age, oneLine, printable, table } from './text.ts';

const started: fleet.StartOperationRequest[] = [];
const watched: fleet.WatchEventsRequest[] = [];
/** All that was shown so far, while a command runs. */
const shown: string[] = [];
/** Ctrl-C for the command that runs. */
let interrupt = () => {};
const operation = (phase: fleet.OperationPhase, detail: string) =>
  fleet.Operation.fromPartial({
    id: 'op1',
    kind: 'drain-node',
    target: 'L1',
    phase,
    steps: [{ name: 'hand over', phase, detail }],
    createdAt: new Date(0),
  });

let server: Server;
let port: number;
let controller: Controller;
let current = 2;
let running = true;
/** How a watched operation ends: not at all, with the stream alone, or in a phase. */
let end: fleet.OperationPhase | 'never' | 'cut';

/** A controller with fixed answers: what is tested is what the command makes of them. */
async function listen(port = 0): Promise<number> {
  server = new Server();
  const refuse = (_: unknown, done: (error: { code: status; details: string }) => void) =>
    done({ code: status.FAILED_PRECONDITION, details: 'not here' });
  server.addService(fleet.FleetService, {
    getStatus: (_: unknown, done: (error: null, value: fleet.FleetStatus) => void) =>
      done(
        null,
        fleet.FleetStatus.fromPartial({
          nodes: 3,
          nodesCurrent: current,
          controller: 'c1',
          version: '0.1.0',
          routers: [
            {
              key: 'VI_1/1/ipv4',
              health: fleet.Health.OK,
              owner: 'L2',
              addresses: ['198.51.100.15'],
              candidates: [
                {
                  node: 'L1',
                  freshness: fleet.Freshness.STALE,
                  ageMs: 65_000n,
                  router: { state: model.RouterState.MASTER },
                },
              ],
            },
          ],
        }),
      ),
    startOperation: (
      call: { request: fleet.StartOperationRequest },
      done: (error: null, value: fleet.Operation) => void,
    ) => {
      started.push(call.request);
      done(null, operation(fleet.OperationPhase.RUNNING, 'asked L1'));
    },
    watchOperation: (call: { write(value: fleet.Operation): void; end(): void }) => {
      call.write(operation(fleet.OperationPhase.RUNNING, 'waiting for L2'));
      if (end === 'never') return;
      if (end !== 'cut') call.write({ ...operation(end, 'L2 owns VI_1'), endedAt: new Date(1) });
      call.end();
    },
    listNodes: (_: unknown, done: (error: null, value: fleet.ListNodesResponse) => void) =>
      done(
        null,
        fleet.ListNodesResponse.fromPartial({
          nodes: [
            { name: 'L1', freshness: fleet.Freshness.STALE, ageMs: 65_000n, gossip: 'alive' },
            {
              name: 'L2',
              freshness: fleet.Freshness.CURRENT,
              gossip: 'alive',
              processes: [{ role: 'vrrp', running }],
            },
            { name: 'L3', freshness: fleet.Freshness.CURRENT, problems: ['no ip_vs in the kernel'] },
          ],
        }),
      ),
    listVirtualRouters: refuse,
    listVirtualServices: refuse,
    listEvents: refuse,
    watchEvents: (call: { request: fleet.WatchEventsRequest; write(value: fleet.FleetEvent): void }) => {
      watched.push(call.request);
      call.write(
        fleet.FleetEvent.fromPartial({
          position: call.request.after + 7n,
          node: 'L1',
          event: {
            at: new Date(0),
            kind: 'vrrp.state',
            severity: model.Severity.WARNING,
            subject: 'VI_1',
            message: 'master → backup',
          },
        }),
      );
    },
    getOperation: refuse,
    listOperations: refuse,
    cancelOperation: (_: unknown, done: (error: { code: number; details: string }) => void) =>
      done({ code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded' }),
  });
  return new Promise((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
}

async function keepfleet(...words: string[]): Promise<Answer & { progress: string[]; items: string[] }> {
  const progress: string[] = [];
  const items: string[] = [];
  let answer: Answer | undefined;
  /** Ctrl-C as soon as anything was shown, for what would not end by itself. */
  const show = (into: string[], text: string) => {
    into.push(text);
    shown.push(text);
    if (end === 'never') interrupt();
  };
  const run = async (command: Command | LocalCommand) => {
    if ('runLocally' in command) {
      answer = await command.runLocally();
      return;
    }
    answer = await command.run(controller, {
      item: (_, text) => show(items, text),
      progress: (text) => show(progress, text),
      onInterrupt: (then) => {
        interrupt = then;
        return () => undefined;
      },
    });
  };
  const parser = program('0.1.0', run);
  const silence = (one: typeof parser) => {
    one.configureOutput({ writeErr: () => undefined });
    one.commands.forEach(silence);
  };
  silence(parser);
  await parser.parseAsync(words, { from: 'user' });
  if (answer === undefined) throw new Error('no command ran');
  return { ...answer, progress, items };
}

beforeEach(async () => {
  started.length = 0;
  watched.length = 0;
  shown.length = 0;
  end = fleet.OperationPhase.SUCCEEDED;
  port = await listen();
  controller = new Controller({ address: `127.0.0.1:${port}`, source: 'test' });
});
afterEach(() => {
  controller.close();
  server.forceShutdown();
});

describe('keepfleet', () => {
  it('shows owners, and a stale state as stale with its age', async () => {
    const { text, exitCode } = await keepfleet('status');
    expect(text).toContain('2 of 3 nodes current');
    expect(text).toMatch(/VI_1\/1\/ipv4 +ok +L2 +198\.51\.100\.15/);
    expect(text).toMatch(/L1 +master .*STALE, seen 1 min ago/);
    expect(text).toContain('\n  L1: STALE, seen 1 min ago; gossip says alive\n  L3: no ip_vs in the kernel\n\nVIRTUAL');
    expect(exitCode).toBe(exitCodes.ok);
  });

  it('fails a check when a node is not current, or a process of one does not run', async () => {
    expect((await keepfleet('status', '--check')).exitCode).toBe(exitCodes.failed);
    current = 3;
    expect((await keepfleet('status', '--check')).exitCode).toBe(exitCodes.ok);
    running = false;
    expect((await keepfleet('status', '--check')).exitCode).toBe(exitCodes.failed);
    [current, running] = [2, true];
  });

  it.each([
    [['zero', 'tcp/192.0.2.1:80', '--node', 'L1'], { node: 'L1', service: 'tcp/192.0.2.1:80' }],
    [['zero', '--fleet'], { node: '', service: '' }],
  ])('has the controller set counters to 0: %j', async (words, value) => {
    await keepfleet(...words);
    expect(started).toMatchObject([{ change: { $case: 'zeroCounters', value } }]);
  });

  it('starts a drain with actor and reason and follows it to its end', async () => {
    const { progress, exitCode, text } = await keepfleet('drain', 'node', 'L1', '--reason', 'kernel update');
    expect(started).toMatchObject([
      { change: { $case: 'drainNode', value: { node: 'L1' } }, reason: 'kernel update', deadlineSeconds: 3600 },
    ]);
    expect(started[0]?.actor).toMatch(/.@./);
    expect(progress).toEqual(['drain-node L1: hand over: waiting for L2', 'drain-node L1: hand over: L2 owns VI_1']);
    expect(text).toContain('succeeded');
    expect(exitCode).toBe(exitCodes.ok);
  });

  it('exits 1 when the operation failed', async () => {
    end = fleet.OperationPhase.FAILED;
    expect((await keepfleet('drain', 'node', 'L1', '--reason', 'x')).exitCode).toBe(exitCodes.failed);
  });

  it('detaches from an operation at Ctrl-C, and says how to come back', async () => {
    end = 'never';
    const { exitCode, text } = await keepfleet('drain', 'node', 'L1', '--reason', 'x');
    expect(exitCode).toBe(exitCodes.detached);
    expect(text).toContain('keepfleet operations attach op1');
  });

  it('takes an operation whose stream ended early for lost sight of, not for done', async () => {
    end = 'cut';
    const drain = keepfleet('drain', 'node', 'L1', '--reason', 'x');
    await expect(drain).rejects.toMatchObject({ exitCode: exitCodes.unreachable });
    await expect(drain).rejects.toThrow('keepfleet operations attach op1');
  });

  it('watches events, one line each, until Ctrl-C', async () => {
    end = 'never';
    const { exitCode, items } = await keepfleet('events', '-w');
    expect(items).toEqual(['1970-01-01 00:00:00.000Z  L1      warning  vrrp.state          VI_1: master → backup']);
    expect(exitCode).toBe(exitCodes.ok);
  });

  it('goes on with the events after the last one shown, once a controller that went away is back', async () => {
    const watch = keepfleet('events', '-w', '-n', '3');
    await vi.waitFor(() => expect(shown.length).toBe(1));
    server.forceShutdown();
    await vi.waitFor(() => expect(shown.at(-1)).toContain('it is asked again until it answers'));
    await listen(port);
    await vi.waitFor(() => expect(shown.at(-1)).toBe(shown[0]));
    expect(shown).toContain('the controller answers again');
    interrupt();
    const { exitCode, items } = await watch;
    expect(watched).toMatchObject([
      { after: 0n, latest: 3 },
      { after: 7n, latest: undefined },
    ]);
    expect([exitCode, items.length]).toEqual([exitCodes.ok, 2]);
  });

  it('does not wait for a controller that was never there', async () => {
    server.forceShutdown();
    await expect(keepfleet('events', '-w')).rejects.toMatchObject({ exitCode: exitCodes.unreachable });
  });

  it.each(['', 'host', 'host:port', 'host:0', 'host:70000', '[1.2.3.4]:1', 'http://host:1'])(
    'takes "%s" for no address of a controller',
    (address) => {
      expect(() => new Controller({ address, source: '--controller' })).toThrow(Failure);
    },
  );

  it.each([
    ['a drain without a reason', ['drain', 'node', 'L1']],
    ['zero of one node and of all', ['zero', '--node', 'L1', '--fleet']],
    ['zero of a node without a name', ['zero', '--node', '']],
    ['a trial of zero, which only the controller could make', ['zero', '--dry-run']],
    ['a priority out of range', ['set', 'priority', 'L1', 'VI_1', '300']],
    ['a weight out of range', ['set', 'weight', 'group/WEB4', '192.168.1.11:80', '-1']],
    ['a server that is no address', ['drain', 'server', 'W2', '--reason', 'x']],
    ['a port out of range', ['drain', 'server', '192.168.1.11:70000', '--reason', 'x']],
    ['an unknown flag', ['status', '--colour']],
    ['an unknown command', ['drian']],
  ])('refuses %s and starts nothing', async (_, words) => {
    await expect(keepfleet(...words)).rejects.toThrow();
    expect(started).toEqual([]);
  });

  it('says of a call that was not answered in time what may have become of it, and what to do', async () => {
    const late = controller.cancelOperation({ id: 'op1', actor: 'me', reason: '' });
    await expect(late).rejects.toMatchObject({ exitCode: exitCodes.unreachable });
    await expect(late).rejects.toThrow(/did not answer within 10 s: .* may have been done all the same: look before/);
  });

  it('tells where it looked when no controller answers', async () => {
    server.forceShutdown();
    await expect(controller.status()).rejects.toMatchObject({ exitCode: exitCodes.unreachable });
    await expect(controller.status()).rejects.toThrow(Failure);
  });
});

describe('finding the controller', () => {
  it('takes a UNIX socket for an agent only where an agent was asked for', () => {
    const at = (endpoint: ConstructorParameters<typeof Controller>[0]) => new Controller(endpoint).isAgent;
    expect(at(findController({ controller: 'unix:/run/controller.sock' }, {}))).toBe(false);
    expect(at(findGossip({ controller: 'unix:/run/controller.sock' }, {}))).toBe(false);
    expect(at(findGossip({ agent: '/run/agent.sock' }, {}))).toBe(true);
    expect(at(findGossip({ agent: true }, {}))).toBe(true);
  });

  it('prefers the flag, then the environment, then a running lab, then this machine', () => {
    const directory = mkdtempSync(join(tmpdir(), 'kf-cli-'));
    const lab = join(directory, 'lab.json');
    expect(findController({}, {}, lab)).toMatchObject({ address: '127.0.0.1:7481', source: 'default' });
    writeFileSync(lab, JSON.stringify({ pid: process.pid, fleetApi: '127.0.0.1:9999' }));
    expect(findController({ ca: '/ca' }, {}, lab)).toMatchObject({ address: '127.0.0.1:9999', tls: { ca: '/ca' } });
    expect(findController({}, { KEEPFLEET_CONTROLLER: 'c:1' }, lab).address).toBe('c:1');
    expect(findController({ controller: 'd:1' }, { KEEPFLEET_CONTROLLER: 'c:1' }, lab).address).toBe('d:1');
    // Above the largest number that a process can have: a lab that crashed.
    writeFileSync(lab, JSON.stringify({ pid: 2 ** 30, fleetApi: '127.0.0.1:9999' }));
    expect(findController({}, {}, lab).source).toBe('default');
    writeFileSync(lab, JSON.stringify({ pid: process.pid, state: 'starting' }));
    expect(() => findController({}, {}, lab)).toThrow('still starting');
    writeFileSync(lab, '{');
    expect(() => findController({}, {}, lab)).toThrow(Failure);
    rmSync(directory, { recursive: true });
  });
});

describe('words on the command line', () => {
  it.each([
    ['192.168.1.11', '192.168.1.11', 0],
    ['192.168.1.11:80', '192.168.1.11', 80],
    ['fd00::11', 'fd00::11', 0],
    ['[fd00::11]:80', 'fd00::11', 80],
  ])('reads %s', (text, address, port) => {
    expect(endpoint(text)).toEqual({ address, port });
  });

  it.each([
    [850, '850 ms'],
    [12_900, '12 s'],
    [65_000, '1 min'],
    [7_200_000, '2 h'],
    [172_800_000n, '2 d'],
  ])('shows an age of %s ms as %s', (milliseconds, text) => {
    expect(age(milliseconds)).toBe(text);
  });

  it('shows control characters of others, and does not send them to the terminal', () => {
    const hostile = 'L1\u001b[2J\u009b1A\r\u202eok';
    expect(printable(`${hostile}\nL2 — ü`)).toBe('L1\\u{1b}[2J\\u{9b}1A\\u{d}\\u{202e}ok\nL2 — ü');
    expect(oneLine('down\n2026 all is well')).toBe('down\\n2026 all is well');
    expect(table(['NODE'], [[`L1\n${hostile}`]]).split('\n')).toHaveLength(2);
  });
});
