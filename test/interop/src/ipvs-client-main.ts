import { createSocket } from 'node:dgram';
import { type Socket, connect } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * A client in a namespace, told by lines of JSON what to do. A connection asks for / and stays open until it is told to
 * close; the answer is the name of the server, or an error's code.
 */
interface Order {
  readonly id: number;
  readonly kind: 'open' | 'again' | 'close' | 'load' | 'lost' | 'datagrams';
  /** For `open`: one connection for each source, in order. */
  readonly sources?: readonly (string | null)[];
  readonly host?: string;
  readonly port?: number;
  /** For `datagrams`: how many from one socket, each when the one before is answered. */
  readonly count?: number;
  /** For `again`: which of the open connections. */
  readonly index?: number;
  /** For `load`: until told otherwise, one request after another, each on a connection of its own. */
  readonly on?: boolean;
}

/** A request of the load that was not answered as it should. */
export interface LostRequest {
  readonly error: string;
  /** Of the client, by which the director's table of connections has it. */
  readonly port: number;
  readonly connected: boolean;
  readonly seconds: number;
}

const PATIENCE_MS = 20_000;
const LOOK_MS = 500;
const open: { socket: Socket; host: string }[] = [];
let loading = false;
/** `slowest` in seconds. */
const counts = { good: 0, slowest: 0, bad: [] as LostRequest[] };

for await (const line of createInterface(process.stdin)) {
  const order = JSON.parse(line) as Order;
  process.stdout.write(`${JSON.stringify({ id: order.id, value: await carryOut(order) })}\n`);
}

async function carryOut(order: Order): Promise<unknown> {
  const { kind, sources = [null], host = '', port = 80, index = 0, on } = order;
  switch (kind) {
    case 'open': {
      const names: string[] = [];
      for (const source of sources) {
        const socket = connect({ host, port, ...(source === null ? {} : { localAddress: source }) });
        open.push({ socket, host });
        names.push(await ask(socket, host, true));
      }
      return names;
    }
    case 'again': {
      const one = open[index];
      return one === undefined ? 'no such connection' : ask(one.socket, one.host, true);
    }
    case 'datagrams':
      return datagrams(host, port, order.count ?? 1);
    case 'close':
      for (const { socket } of open) socket.destroy();
      open.length = 0;
      return null;
    case 'load':
      loading = on === true;
      if (loading) {
        counts.good = 0;
        counts.slowest = 0;
        counts.bad = [];
        void load(host, port);
      }
      return counts;
    case 'lost':
      return counts.bad.splice(0);
  }
}

async function load(host: string, port: number): Promise<void> {
  while (loading) {
    const socket = connect({ host, port });
    const at = performance.now();
    let own = 0;
    socket.once('connect', () => (own = socket.localPort ?? 0));
    const answer = await ask(socket, host, false);
    const seconds = Math.round(performance.now() - at) / 1_000;
    counts.slowest = Math.max(counts.slowest, seconds);
    if (/^s\d$/.test(answer)) counts.good++;
    else counts.bad.push({ error: answer, port: own || (socket.localPort ?? 0), connected: own > 0, seconds });
    socket.destroy();
  }
}

async function datagrams(host: string, port: number, count: number): Promise<string[]> {
  const socket = createSocket('udp4');
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    const answer = new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve('ETIMEDOUT'), PATIENCE_MS);
      socket.once('message', (bytes) => {
        clearTimeout(timer);
        resolve(bytes.toString('latin1').trim());
      });
    });
    socket.send('who?\n', port, host);
    answers.push(await answer);
  }
  socket.close();
  return answers;
}

function ask(socket: Socket, host: string, keep: boolean): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const end = (result: string) => {
      clearInterval(timer);
      socket.removeAllListeners();
      socket.on('error', () => socket.destroy());
      resolve(result);
    };
    // A client that was held up itself has not waited: its timers run before it reads what has come in the meantime.
    let patience = PATIENCE_MS / LOOK_MS;
    const timer = setInterval(() => {
      if (--patience === 0) end('ETIMEDOUT');
    }, LOOK_MS);
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
      const body = /\r\n\r\n(.+)\n/.exec(answer);
      if (body) end(body[1] ?? '');
    });
    socket.on('error', (error) => end('code' in error ? String(error.code) : error.message));
    socket.on('close', () => end('closed'));
    const name = host.includes(':') ? `[${host}]` : host;
    socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: ${keep ? 'keep-alive' : 'close'}\r\n\r\n`);
  });
}
