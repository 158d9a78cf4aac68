import { type Socket, connect } from 'node:net';
import { type Instant, instant } from '@keepfleet/machine';
import {
  AgentXSession,
  type Change,
  MibView,
  type SessionInput,
  type SessionOutput,
  type SessionProblem,
  type SessionSnapshot,
  mibModules,
  oidText,
  type VarBind,
} from '@keepfleet/mib';
import { type MasterAddress, parseMasterAddress } from './master-address.ts';
import { errorText } from '../error-text.ts';

/** Answers that snmpd has not taken yet; beyond it the connection is given up, so that a frozen snmpd costs no memory. */
const MAX_QUEUED_BYTES = 4 << 20;

/** Bytes taken in at once: 50 of them, a GetBulk, can ask for 100,000, and what waits is looked at in between. */
const PORTION = 256;

/** Bytes read at once. */
const CHUNK = 1 << 16;

/** setTimeout takes 31 bits of milliseconds; a later deadline is looked at again then. */
const LONGEST_TIMER_MS = 0x7fffffff;

/** How control took a SET: `undo` puts back what was before, should the manager's transaction fail elsewhere. */
export type SetOutcome =
  { readonly ok: true; readonly undo: () => Promise<void> } | { readonly ok: false; readonly reason: string };

export interface SnmpLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface AgentXOptions {
  /** As net-snmp writes it: `unix:/var/agentx/master`, `tcp:localhost:705`. */
  readonly socket: string;
  /** Makes all the changes or none. A manager waits for it, for {@link MASTER_TIMEOUT} less a second at the most. */
  readonly onSet: (changes: readonly Change[]) => Promise<SetOutcome>;
  readonly log: SnmpLog;
  /** What is served. */
  readonly view: MibView;
}

export interface AgentXStatus extends SessionSnapshot {
  readonly socket: string;
  /** Bytes that snmpd has not taken. */
  readonly queued: number;
  /** Where snmpd's sysUpTime is zero, milliseconds since 1970; undefined before the first session. */
  readonly upTimeZero: number | undefined;
}

export interface AgentX {
  /** Tells managers through snmpd; waits while that is away. */
  notify(varBinds: readonly VarBind[]): void;
  status(): AgentXStatus;
  /** Says goodbye to snmpd and closes. */
  close(): Promise<void>;
}

/** Seconds that snmpd waits for an answer of ours. */
export const MASTER_TIMEOUT = 5;

/**
 * Serves KEEPALIVED-MIB as a sub-agent of snmpd, for as long as the process lives: connects, and connects again whenever
 * the connection ends. Throws only for a socket address that is none.
 */
export function startAgentX(options: AgentXOptions): AgentX {
  const address = parseMasterAddress(options.socket);
  if (!address.ok) {
    throw new TypeError(`snmp_socket "${options.socket}" is neither unix:/PATH nor tcp:HOST:PORT`);
  }
  const driver = new AgentXDriver(options, address.value);
  driver.start();
  return driver;
}

class AgentXDriver implements AgentX {
  readonly #options: AgentXOptions;
  readonly #address: MasterAddress;
  readonly #session: AgentXSession;
  readonly #undo = new Map<number, () => Promise<void>>();
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Undefined while no timer runs. */
  #armedFor: Instant | undefined;
  #upTimeZero: number | undefined;
  /** What was logged last, so that a master that is away for a week is one line and not a hundred thousand. */
  #logged = '';

  constructor(options: AgentXOptions, address: MasterAddress) {
    this.#options = options;
    this.#address = address;
    this.#session = new AgentXSession(
      {
        description: 'Keepfleet agent',
        subtrees: mibModules.map(({ root }) => oidText(root)),
        timeout: MASTER_TIMEOUT,
        priority: 127,
        capabilities: mibModules.map(({ root, description }) => ({ id: oidText(root), description })),
      },
      options.view,
    );
  }

  start(): void {
    this.#handle({ kind: 'start' });
  }

  notify(varBinds: readonly VarBind[]): void {
    this.#handle({ kind: 'notify', varBinds });
  }

  status(): AgentXStatus {
    return {
      ...this.#session.snapshot(),
      socket: this.#options.socket,
      queued: this.#socket?.writableLength ?? 0,
      upTimeZero: this.#upTimeZero,
    };
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    const closed = new Promise<void>((resolve) => {
      if (socket === undefined || socket.closed) resolve();
      else socket.once('close', () => resolve());
    });
    this.#handle({ kind: 'stop' });
    await closed;
  }

  #handle(input: SessionInput): void {
    this.#carryOut(this.#session.handle(input, now()));
  }

  #carryOut(outputs: readonly SessionOutput[]): void {
    let sent = '';
    const flush = () => {
      // As octets: of a text the socket counts characters as what is left to write.
      if (sent !== '') this.#socket?.write(Buffer.from(sent, 'hex'));
      sent = '';
    };
    for (const output of outputs) {
      if (output.kind === 'send') sent += output.data;
      else {
        flush();
        this.#carryOutOne(output);
      }
    }
    flush();
    const queued = this.#socket?.writableLength ?? 0;
    if (queued > MAX_QUEUED_BYTES) {
      this.#drop()?.destroy();
      this.#handle({ kind: 'disconnected', reason: `snmpd has left ${queued} bytes unread` });
    } else this.#arm();
  }

  #carryOutOne(output: Exclude<SessionOutput, { kind: 'send' }>): void {
    switch (output.kind) {
      case 'connect':
        this.#connect();
        return;
      case 'disconnect':
        hangUp(this.#drop());
        return;
      case 'set':
        void this.#set(output.id, output.changes);
        return;
      case 'undo':
        void this.#undoSet(output.id);
        return;
      case 'forget':
        this.#undo.delete(output.id);
        return;
      case 'serving':
        this.#logged = '';
        this.#upTimeZero = Date.now() - output.sysUpTime * 10;
        this.#options.log.info(
          { socket: this.#options.socket },
          'snmpd serves KEEPALIVED-MIB, VRRP-MIB and VRRPV3-MIB from this agent',
        );
        return;
      case 'problem':
        this.#report(output.problem);
        return;
    }
  }

  #connect(): void {
    const chunk = Buffer.alloc(CHUNK);
    const receive = (length: number) => {
      for (let at = 0; at < length && current(); at += PORTION)
        this.#handle({ kind: 'received', data: chunk.toString('hex', at, Math.min(at + PORTION, length)) });
      return true;
    };
    // One buffer for all that comes: half of what Node does for a request is to make one and to pass it on.
    const onread = { buffer: chunk, callback: receive };
    const socket =
      this.#address.kind === 'unix'
        ? connect({ path: this.#address.path, onread })
        : connect({ host: this.#address.host, port: this.#address.port, noDelay: true, onread });
    this.#socket = socket;
    let reason = 'snmpd closed the connection';
    const current = () => this.#socket === socket;
    socket.on('connect', () => {
      if (current()) this.#handle({ kind: 'connected' });
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      if (!current()) return;
      this.#drop();
      this.#handle({ kind: 'disconnected', reason });
    });
  }

  /** Events of a socket that was dropped are of no interest any more. */
  #drop(): Socket | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    return socket;
  }

  async #set(id: number, changes: readonly Change[]): Promise<void> {
    const outcome = await this.#outcomeOf(changes);
    if (outcome.ok) this.#undo.set(id, outcome.undo);
    else this.#options.log.warn({ changes, reason: outcome.reason }, 'SNMP SET refused');
    this.#handle({ kind: 'set-done', id, accepted: outcome.ok });
  }

  async #outcomeOf(changes: readonly Change[]): Promise<SetOutcome> {
    try {
      return await this.#options.onSet(changes);
    } catch (error) {
      return { ok: false, reason: errorText(error) };
    }
  }

  async #undoSet(id: number): Promise<void> {
    let restored = false;
    try {
      await this.#undo.get(id)?.();
      restored = true;
    } catch (error) {
      this.#options.log.warn(
        { id, reason: errorText(error) },
        'SNMP SET could not be undone: see the list of overrides',
      );
    }
    this.#undo.delete(id);
    this.#handle({ kind: 'undo-done', id, restored });
  }

  #report(problem: SessionProblem): void {
    const text = JSON.stringify(problem);
    if (text === this.#logged) return;
    this.#logged = text;
    this.#options.log.warn({ socket: this.#options.socket, problem }, messageOf(problem));
  }

  /** A timer that is too early is left alone, since each request puts the deadline off: it arms the next one. */
  #arm(): void {
    const deadline = this.#session.nextDeadline();
    if (this.#armedFor !== undefined && deadline !== undefined && this.#armedFor <= deadline) return;
    clearTimeout(this.#timer);
    this.#armedFor = deadline;
    if (deadline === undefined) return;
    const wait = Math.min(Math.max(Math.ceil((deadline - now()) / 1000), 0), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#armedFor = undefined;
      this.#carryOut(this.#session.timeout(now()));
    }, wait);
  }
}

function now() {
  return instant(performance.now() * 1000);
}

/** Lets what was written go out; a master that does not read it is not waited for. */
function hangUp(socket: Socket | undefined): void {
  socket?.destroySoon();
  setTimeout(() => socket?.destroy(), HANG_UP_MS).unref();
}

const HANG_UP_MS = 1000;

function messageOf(problem: SessionProblem): string {
  switch (problem.kind) {
    case 'connect-failed':
      return `no connection to snmpd (${problem.reason}); is snmpd running with "master agentx"? trying again`;
    case 'connection-lost':
      return `connection to snmpd ended (${problem.reason}); connecting again`;
    case 'timeout':
      return `snmpd does not answer (waited for ${problem.waitingFor}); connecting again`;
    case 'refused':
      return refusalText(problem);
    case 'notification-dropped':
      return 'too many notifications wait for snmpd; the oldest are given up';
    case 'closed-by-master':
      return `snmpd closed the session (reason ${problem.reason}); connecting again`;
    case 'bad-stream':
      return `what snmpd sends is no AgentX (${problem.error}); connecting again`;
    case 'bad-pdu':
      return `snmpd sent a request that cannot be read (${problem.error}); it was answered with an error`;
    case 'unexpected-pdu':
      return `snmpd sent an AgentX ${problem.pdu} that was not expected; it was left out`;
    case 'wrong-session':
      return `snmpd asked for session ${problem.sessionId}, which is not ours; it was answered with an error`;
    case 'commit-timeout':
      return 'an SNMP SET was not carried out in time and was answered with an error; it will be undone';
  }
}

function refusalText({ request, error }: Extract<SessionProblem, { kind: 'refused' }>): string {
  switch (request) {
    case 'register':
      return `snmpd refused to register a subtree (${error}); does another sub-agent (keepalived itself?) serve it? trying again`;
    case 'notify':
      return `snmpd did not send a notification on (${error})`;
    case 'add-agent-caps':
      return `snmpd did not enter the MIBs in sysORTable (${error}); everything else works`;
    case 'open':
    case 'ping':
      return `snmpd refused to ${request} (${error}); trying again`;
  }
}
