import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Interface, createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, '../../..');

const MIB_DIRECTORIES = [
  join(ROOT, 'test/lab/mibs'),
  join(ROOT, 'node_modules/net-snmp/lib/mibs'),
  '/usr/share/snmp/mibs',
].join(':');

export interface Reply {
  readonly code: number;
  readonly out: string;
  readonly lines: readonly string[];
}

/** Waits until `probe` gives something other than undefined; fails with `what` at the deadline. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, deadlineMs = 90_000): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await pause(50);
  }
}

/** Debian's snmpd in a network namespace and with a /run of its own, and managers to ask it. */
export class SnmpdStand {
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-mib-'));
  readonly namespace = `kf-mib-${process.pid}`;
  readonly socket = join(this.directory, 'master');
  #snmpd: ChildProcess | undefined;

  /** A namespace alone, for an agent that needs no snmpd. */
  async startNamespace(): Promise<void> {
    await run('ip', ['netns', 'add', this.namespace]);
    await run('ip', ['-n', this.namespace, 'link', 'set', 'lo', 'up']);
    mkdirSync(join(this.directory, 'run'));
  }

  async start(more: readonly string[] = []): Promise<void> {
    await this.startNamespace();
    writeFileSync(
      join(this.directory, 'snmpd.conf'),
      [
        'rocommunity public',
        'rwcommunity private',
        'master agentx',
        `agentXSocket unix:${this.socket},tcp:127.0.0.1:705`,
        'agentXTimeout 5',
        ...more,
        '',
      ].join('\n'),
    );
    await this.startSnmpd();
  }

  async startSnmpd(): Promise<void> {
    const conf = join(this.directory, 'snmpd.conf');
    const log = join(this.directory, 'snmpd.log');
    const script = `mount --bind ${this.directory}/run /run && exec snmpd -f -Lf ${log} -C -c ${conf} -I -smux udp:127.0.0.1:161`;
    this.#snmpd = spawn('ip', ['netns', 'exec', this.namespace, 'sh', '-c', script], {
      stdio: 'inherit',
      env: { ...process.env, SNMP_PERSISTENT_DIR: join(this.directory, 'persistent'), MIBS: '' },
    });
    await until('snmpd answers', async () => ((await this.get('1.3.6.1.2.1.1.3.0')).code === 0 ? true : undefined));
  }

  signal(signal: NodeJS.Signals): void {
    this.#snmpd?.kill(signal);
  }

  async stopSnmpd(signal: NodeJS.Signals): Promise<void> {
    const snmpd = this.#snmpd;
    this.#snmpd = undefined;
    if (snmpd === undefined) return;
    const ended = once(snmpd, 'exit');
    snmpd.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    this.signal('SIGCONT');
    await this.stopSnmpd('SIGKILL');
    await run('ip', ['netns', 'del', this.namespace]);
    rmSync(this.directory, { recursive: true });
  }

  /** For who looks whether there is an answer at all. */
  get(...names: readonly string[]): Promise<Reply> {
    return this.ask('snmpget', ['-r', '0', '-t', '2'], 'public', names);
  }

  /** Any program in the namespace, without names of MIBs. */
  async run(program: string, words: readonly string[]): Promise<Reply> {
    const child = spawn('ip', ['netns', 'exec', this.namespace, program, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: join(this.directory, 'persistent') },
    });
    return replyOf(child);
  }

  /** One of the tools with names of Debian's KEEPALIVED-MIB. It asks once, so that a SET is one, and has patience. */
  async ask(tool: string, options: readonly string[], community: string, words: readonly string[]): Promise<Reply> {
    const common = ['-v2c', '-c', community, '-M', MIB_DIRECTORIES, '-m', 'KEEPALIVED-MIB', '-t', '60', '-r', '0'];
    const command = ['netns', 'exec', this.namespace, tool, ...common, ...options, '127.0.0.1', ...words];
    const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    return replyOf(child);
  }
}

async function replyOf(child: ChildProcess): Promise<Reply> {
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString('latin1')));
  child.stderr?.on('data', (chunk: Buffer) => (out += chunk.toString('latin1')));
  const [code] = (await once(child, 'close')) as [number | null];
  // The tools tell of the directory that they made for themselves.
  const lines = out.split('\n').filter((line) => line !== '' && !line.startsWith('Created directory'));
  return { code: code ?? -1, out, lines };
}

export interface AgentStatus {
  readonly status: {
    readonly state: string;
    readonly queued: number;
    readonly notificationsQueued: number;
    readonly standalone?: {
      readonly listening: readonly string[];
      readonly counters: Readonly<Record<string, unknown>>;
    };
    readonly receivers: readonly {
      readonly queued: number;
      readonly sent: number;
      readonly acknowledged: number;
      readonly repeated: number;
      readonly dropped: number;
    }[];
    readonly counters: {
      readonly sessions: number;
      readonly notificationsDropped: number;
      readonly requests: Readonly<Record<string, number>>;
      readonly problems: Readonly<Record<string, number>>;
    };
  };
  readonly maxDelayMs: number;
  readonly rssBytes: number;
  readonly cpuMicros: number;
}

/** The agent's SNMP driver in a process of its own. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly events: {
    readonly type: string;
    readonly changes?: unknown;
    readonly actor?: string;
    readonly message?: string;
  }[] = [];
  #statusWanted: ((status: AgentStatus) => void)[] = [];

  constructor(socket: string, namespace?: string, ...files: readonly string[]) {
    const program = [process.execPath, join(ROOT, 'apps/node-agent/src/snmp/rows-server.ts'), socket, ...files];
    const command = namespace === undefined ? program : ['ip', 'netns', 'exec', namespace, ...program];
    this.#child = spawn(command[0] ?? '', command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no stdout');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on('line', (line) => {
      const message = JSON.parse(line);
      if (message.type === 'status') this.#statusWanted.shift()?.(message);
      else this.events.push(message);
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  rows(rows: object): void {
    this.#write({ type: 'rows', rows });
  }

  refuse(refuse: boolean): void {
    this.#write({ type: 'refuse', refuse });
  }

  notify(notification: object): void {
    this.#write({ type: 'notify', notification });
  }

  status(): Promise<AgentStatus> {
    const status = new Promise<AgentStatus>((resolve) => this.#statusWanted.push(resolve));
    this.#write({ type: 'status' });
    return status;
  }

  serving(): Promise<AgentStatus> {
    return until('the agent is registered at snmpd', async () => {
      const status = await this.status();
      return status.status.state === 'serving' ? status : undefined;
    });
  }

  async close(): Promise<void> {
    if (!this.running) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #write(line: object): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`);
  }
}

/**
 * Stands between an agent and snmpd, and breaks the stream up: what comes within a moment is put together, and sent on in
 * portions of 1 to 7 bytes, each a segment of its own.
 */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  portions = 0;

  constructor(listen: string, target: string) {
    this.#server = createServer((near) => {
      const far = connect(target);
      this.#pump(near, far);
      this.#pump(far, near);
    }).listen(listen);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pump(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let waiting = Buffer.alloc(0);
    let busy = false;
    const forward = async () => {
      busy = true;
      await pause(1);
      while (waiting.length > 0) {
        const size = 1 + (this.portions++ % 7);
        const portion = waiting.subarray(0, size);
        waiting = waiting.subarray(size);
        await new Promise((sent) => to.write(portion, sent));
        await new Promise((turn) => setImmediate(turn));
      }
      busy = false;
    };
    from.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      if (!busy) void forward();
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}

/**
 * Another sub-agent of the same snmpd, in so many bytes: it serves 1.3.6.1.4.1.9586.200, agrees to test a set of it, and
 * always fails to commit. Of a set that is also about us snmpd then has to undo our part.
 */
export class StubbornSubAgent {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  /** Types of the requests that came, RFC 2741 section 6.1. */
  readonly requests: number[] = [];
  #registered = false;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      while (this.#bytes.length >= 20 && this.#bytes.length >= 20 + this.#bytes.readUInt32BE(16)) {
        const length = 20 + this.#bytes.readUInt32BE(16);
        this.#answer(this.#bytes.subarray(0, length));
        this.#bytes = this.#bytes.subarray(length);
      }
    });
    // Open: time-out 5 s, no identifier, no description.
    this.#send(1, 0, 0, 1, Buffer.from('050000000000000000000000', 'hex'));
  }

  async registered(): Promise<void> {
    await until('the other sub-agent is registered', async () => (this.#registered ? true : undefined));
  }

  close(): void {
    this.#socket.destroy();
  }

  #answer(pdu: Buffer): void {
    const [type = 0, session, transaction, packet] = [
      pdu[1],
      pdu.readUInt32BE(4),
      pdu.readUInt32BE(8),
      pdu.readUInt32BE(12),
    ];
    if (type === 18) {
      if (packet === 1) this.#register(session);
      else this.#registered = true;
      return;
    }
    this.requests.push(type);
    const error = type === 9 ? 14 : 0;
    if (type !== 11) {
      this.#send(18, session, transaction, packet, Buffer.from([0, 0, 0, 0, 0, error, 0, error === 0 ? 0 : 1]));
    }
  }

  #register(session: number): void {
    // Priority 127; 1.3.6.1.4 as prefix, then 1.9586.200.
    this.#send(3, session, 0, 2, Buffer.from('007f0000' + '03040000' + '00000001' + '00002572' + '000000c8', 'hex'));
  }

  #send(type: number, session: number, transaction: number, packet: number, payload: Buffer): void {
    const header = Buffer.alloc(20);
    header[0] = 1;
    header[1] = type;
    header[2] = 0x10;
    header.writeUInt32BE(session, 4);
    header.writeUInt32BE(transaction, 8);
    header.writeUInt32BE(packet, 12);
    header.writeUInt32BE(payload.length, 16);
    this.#socket.write(Buffer.concat([header, payload]));
  }
}
