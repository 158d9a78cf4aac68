import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Framer, MibView, type Pdu, type PduBody, allTables, decodePdu, encodePdu, oid } from '@keepfleet/mib';
import { addressRows } from '@keepfleet/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AgentX, type AgentXOptions, type SetOutcome, startAgentX } from './agentx.ts';

const SESSION = 7;
const WEIGHTLESS = { kind: 'test-set', context: null, varBinds: [] } as const satisfies PduBody;

let directory: string;
let path: string;
let master: Master;
let snmp: AgentX | undefined;
let logged: string[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kf-snmp-'));
  path = join(directory, 'master');
  master = new Master();
  await master.listen();
  logged = [];
});

afterEach(async () => {
  await snmp?.close();
  snmp = undefined;
  await master.close();
  rmSync(directory, { recursive: true });
});

/** As much of a master agent as it takes to open a session and to ask. */
class Master {
  #server: Server = createServer();
  readonly sockets = new Set<Socket>();
  connections = 0;
  received: Pdu[] = [];
  /** Answers Open and Register by itself. */
  agreeing = true;

  listen(): Promise<void> {
    this.#server = createServer((socket) => this.#accept(socket));
    return new Promise((listening) => this.#server.listen(path, listening));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  get socket(): Socket {
    const last = [...this.sockets].at(-1);
    if (last === undefined) throw new Error('nobody is connected');
    return last;
  }

  ask(body: PduBody, packetId = 1): void {
    this.socket.write(encodePdu({ sessionId: SESSION, transactionId: 5, packetId, networkOrder: true, ...body }));
  }

  #accept(socket: Socket): void {
    this.connections++;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const framer = new Framer();
    socket.on('data', (chunk) => {
      for (const bytes of framer.push(chunk).pdus) {
        const pdu = decodePdu(bytes);
        if (!pdu.ok) throw new Error(pdu.error.kind);
        this.received.push(pdu.value);
        if (this.agreeing && ['open', 'register', 'add-agent-caps'].includes(pdu.value.kind)) {
          const { packetId, networkOrder } = pdu.value;
          const response: PduBody = { kind: 'response', sysUpTime: 0, error: 0, index: 0, varBinds: [] };
          socket.write(encodePdu({ sessionId: SESSION, transactionId: 0, packetId, networkOrder, ...response }));
        }
      }
    });
  }
}

function start(more: Partial<AgentXOptions> = {}): AgentX {
  const note = (_fields: object, message: string) => void logged.push(message);
  snmp = startAgentX({
    socket: `unix:${path}`,
    view: new MibView(allTables),
    onSet: async () => ({ ok: true, undo: async () => {} }),
    log: { info: note, warn: note },
    ...more,
  });
  return snmp;
}

const state = () => snmp?.status().state;
const serving = () => vi.waitFor(() => expect(state()).toBe('serving'));
const answers = () => master.received.filter(({ kind }) => kind === 'response');

describe('startAgentX', () => {
  it('throws for a socket address that is none', () => {
    expect(() => startAgentX({ socket: 'master', view: new MibView(allTables), onSet: refused, log: console })).toThrow(
      TypeError,
    );
  });

  it('serves, and says so once', async () => {
    start();
    await serving();
    expect(logged).toEqual(['snmpd serves KEEPALIVED-MIB, VRRP-MIB and VRRPV3-MIB from this agent']);
  });

  it('waits for a master that is not there yet, with one line of log', async () => {
    await master.close();
    start();
    await vi.waitFor(() => expect(snmp?.status().counters.problems['connect-failed']).toBeGreaterThan(2));
    expect(logged).toHaveLength(1);
    master = new Master();
    await master.listen();
    await serving();
    expect(logged).toHaveLength(2);
  });

  it.each([
    ['no AgentX at all', 'GET / HTTP/1.1\r\nHost: example\r\n\r\n'],
    ['a length without end', '\u0001\u0005\u0010\u0000'.padEnd(16, 'x') + '\u007f'.repeat(4)],
  ])('takes %s as the end of the connection, and connects again', async (_, bytes) => {
    start();
    await serving();
    master.socket.write(Buffer.from(bytes, 'latin1'));
    await vi.waitFor(() => expect(master.connections).toBe(2));
    await serving();
    expect(snmp?.status().counters.problems).toEqual({ 'bad-stream': 1 });
  });

  it('answers a request it cannot read, and stays', async () => {
    start();
    await serving();
    master.socket.write(Buffer.from('010810000000000700000001000000050000000400030000', 'hex'));
    await vi.waitFor(() => expect(answers()).toMatchObject([{ packetId: 5, error: 266 }]));
    expect(state()).toBe('serving');
  });

  it('gives up a master that asks and does not read, before its answers fill the memory', async () => {
    start();
    await serving();
    const socket = master.socket;
    socket.pause();
    const wide = Array.from({ length: 500 }, () => ({ start: oid('1.3.6.1.4.1.9586.100.5'), include: false, end: [] }));
    const request: PduBody = { kind: 'get', context: null, ranges: wide };
    let most = 0;
    await vi.waitFor(
      () => {
        for (let i = 0; i < 20; i++) if (socket.writable) master.ask(request, i);
        most = Math.max(most, snmp?.status().queued ?? 0);
        expect(master.connections).toBeGreaterThan(1);
      },
      { interval: 5 },
    );
    expect(most).toBeLessThan(8 << 20);
    await serving();
    expect(snmp?.status().counters.problems['connection-lost']).toBe(1);
  });

  it('gives up a master whose one segment asks for far more than it takes', async () => {
    const view = new MibView(allTables);
    view.update(addressRows(3000));
    start({ view });
    await serving();
    master.socket.pause();
    const range = { start: oid('1.3.6.1.4.1.9586.100.5'), include: false, end: [] };
    const ask: PduBody = { kind: 'get-bulk', context: null, nonRepeaters: 0, maxRepetitions: 65535, ranges: [range] };
    const pdu = encodePdu({ sessionId: SESSION, transactionId: 5, packetId: 1, networkOrder: true, ...ask });
    master.socket.write(Buffer.concat(Array.from({ length: 1500 }, () => pdu)));
    await vi.waitFor(() => expect(master.connections).toBeGreaterThan(1));
    // All of it would be 3,000,000 variables, some 150 MB.
    expect(snmp?.status().counters.variables).toBeLessThan(200_000);
    await serving();
  });

  it('hands a set to control and undoes it when told to', async () => {
    const steps: string[] = [];
    start({
      onSet: async () => {
        steps.push('set');
        return { ok: true, undo: async () => void steps.push('undo') };
      },
    });
    await serving();
    master.ask(WEIGHTLESS, 1);
    master.ask({ kind: 'commit-set' }, 2);
    await vi.waitFor(() => expect(answers()).toMatchObject([{ error: 0 }, { packetId: 2, error: 0 }]));
    master.ask({ kind: 'undo-set' }, 3);
    await vi.waitFor(() => expect(answers()).toHaveLength(3));
    expect(answers()[2]).toMatchObject({ packetId: 3, error: 0 });
    expect(steps).toEqual(['set', 'undo']);
  });

  it.each([
    ['refuses', refused],
    ['fails', () => Promise.reject(new Error('disk full'))],
  ])('says commit-failed when control %s', async (_, onSet: () => Promise<SetOutcome>) => {
    start({ onSet });
    await serving();
    master.ask(WEIGHTLESS, 1);
    master.ask({ kind: 'commit-set' }, 2);
    await vi.waitFor(() => expect(answers()).toMatchObject([{ error: 0 }, { packetId: 2, error: 14 }]));
  });

  it('says undo-failed when control cannot put back', async () => {
    start({ onSet: async () => ({ ok: true, undo: () => Promise.reject(new Error('disk full')) }) });
    await serving();
    master.ask(WEIGHTLESS, 1);
    master.ask({ kind: 'commit-set' }, 2);
    await vi.waitFor(() => expect(answers()).toHaveLength(2));
    master.ask({ kind: 'undo-set' }, 3);
    await vi.waitFor(() => expect(answers()[2]).toMatchObject({ packetId: 3, error: 15 }));
  });

  it('says goodbye when it is closed, and does not come back', async () => {
    const running = start();
    await serving();
    await running.close();
    await vi.waitFor(() => expect(master.sockets.size).toBe(0));
    expect(master.received.at(-1)).toMatchObject({ kind: 'close', reason: 5 });
    expect(running.status().state).toBe('stopped');
    expect(master.connections).toBe(1);
  });

  it('closes at once where nobody reads', async () => {
    master.agreeing = false;
    const running = start();
    await vi.waitFor(() => expect(master.received).toHaveLength(1));
    master.socket.pause();
    await running.close();
    expect(running.status().state).toBe('stopped');
  });
});

async function refused(): Promise<SetOutcome> {
  return { ok: false, reason: 'not now' };
}
