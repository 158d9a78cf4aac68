import { type Instant, type Machine, after, earliest, seconds } from '@keepfleet/machine';
import type { Variables } from './answers.ts';
import { Framer } from './framer.ts';
import { MasterRequests, responseOf } from './master-requests.ts';
import type { SessionInput, SessionOutput, SessionProblem, SessionSettings, SessionSnapshot } from './messages.ts';
import { NotifyQueue } from './notify-queue.ts';
import { oid } from './oid.ts';
import {
  CLOSE_REASON,
  type Pdu,
  type PduBody,
  type PduError,
  type PduHeader,
  decodePdu,
  encodePduHex,
  isResponse,
} from './packet.ts';
import {
  HANDSHAKE_TIMEOUT,
  PING_AFTER,
  PING_TIMEOUT,
  REGISTER_AGAIN_AFTER,
  type State,
  deadlineOf,
  pauseAfter,
} from './session-state.ts';
import { type Checks, type Step, Transactions } from './transactions.ts';
import { utf8Bytes } from './utf8.ts';
import { ERROR_STATUS, errorStatusText } from './value.ts';

const MAX_DESCRIPTION = 255;

/**
 * A sub-agent's session with its master (RFC 2741 section 7): opens, registers, serves, and starts again by itself for
 * as long as it is not stopped. Requests are answered in their order, but for a CommitSet or UndoSet that waits for the
 * outcome of its `set` or `undo`: it does not hold up what comes after it.
 */
export class AgentXSession implements Machine<SessionInput, SessionOutput> {
  readonly #settings: SessionSettings;
  readonly #transactions: Transactions;
  readonly #requests: MasterRequests;
  readonly #problems: Record<string, number> = {};
  #state: State = { kind: 'stopped' };
  #framer = new Framer();
  #packetId = 0;
  /** Attempts since the session was last in service. */
  #attempts = 0;
  #sessions = 0;
  #lastProblem: SessionProblem | null = null;
  #outputs: SessionOutput[] = [];
  readonly #notify = new NotifyQueue();
  #refused = new Set<string>();
  /** Requests of ours that nothing waits for, by packet id. */
  #asked = new Map<number, { readonly kind: 'register' | 'add-agent-caps'; readonly subtree: string }>();

  constructor(settings: SessionSettings, mib: Variables & Checks) {
    this.#settings = settings;
    this.#transactions = new Transactions(mib, seconds(Math.max(settings.timeout - 1, 1)));
    this.#requests = new MasterRequests(mib, this.#transactions);
  }

  handle(input: SessionInput, now: Instant): readonly SessionOutput[] {
    this.#outputs = [];
    switch (input.kind) {
      case 'start':
        if (this.#state.kind === 'stopped') this.#connect(now);
        break;
      case 'stop':
        this.#stop();
        break;
      case 'set-done':
        this.#carryOut(this.#transactions.setDone(input.id, input.accepted, now));
        break;
      case 'undo-done':
        this.#carryOut(this.#transactions.undoDone(input.id, input.restored));
        break;
      case 'connected':
        if (this.#state.kind === 'connecting') this.#open(now);
        break;
      case 'disconnected':
        if (this.#state.kind === 'stopped' || this.#state.kind === 'waiting') break;
        this.#fail(
          { kind: this.#state.kind === 'connecting' ? 'connect-failed' : 'connection-lost', reason: input.reason },
          now,
        );
        break;
      case 'received':
        this.#receive(input.data, now);
        break;
      case 'notify':
        if (!this.#notify.push(input.varBinds)) this.#report({ kind: 'notification-dropped' });
        this.#sendNotifications(now);
        break;
    }
    return this.#outputs;
  }

  timeout(now: Instant): readonly SessionOutput[] {
    this.#outputs = [];
    for (const step of this.#transactions.timeout(now)) this.#carryOut(step);
    const state = this.#state;
    switch (state.kind) {
      case 'stopped':
        break;
      case 'waiting':
        if (state.retryAt <= now) this.#connect(now);
        break;
      case 'connecting':
        if (state.deadline <= now) this.#giveUp({ kind: 'timeout', waitingFor: 'connection' }, now);
        break;
      case 'opening':
        if (state.deadline <= now) this.#giveUp({ kind: 'timeout', waitingFor: 'open' }, now);
        break;
      case 'registering':
        if (state.deadline <= now) this.#giveUp({ kind: 'timeout', waitingFor: 'register' }, now);
        break;
      case 'serving':
        if (this.#notify.deadline !== undefined && this.#notify.deadline <= now) {
          this.#giveUp({ kind: 'timeout', waitingFor: 'notify' }, now);
          break;
        }
        if (state.ping !== null) {
          if (state.ping.deadline <= now) this.#giveUp({ kind: 'timeout', waitingFor: 'ping' }, now);
        } else if (state.pingAt <= now) {
          const packetId = this.#send(state.sessionId, { kind: 'ping', context: null });
          this.#state = { ...state, ping: { packetId, deadline: after(now, PING_TIMEOUT) } };
        }
        if (state.registerAt !== undefined && state.registerAt <= now) this.#registerAgain(now);
        break;
    }
    return this.#outputs;
  }

  nextDeadline(): Instant | undefined {
    return earliest(deadlineOf(this.#state), this.#transactions.nextDeadline(), this.#notify.deadline);
  }

  snapshot(): SessionSnapshot {
    const { accepted, refused, undone } = this.#transactions.counts;
    return {
      state: this.#state.kind,
      sessionId: 'sessionId' in this.#state ? this.#state.sessionId : null,
      lastProblem: this.#lastProblem,
      refusedSubtrees: [...this.#refused],
      notificationsQueued: this.#notify.length,
      counters: {
        sessions: this.#sessions,
        requests: { ...this.#requests.counts },
        variables: this.#requests.variables,
        setsAccepted: accepted,
        setsRefused: refused,
        setsUndone: undone,
        notificationsSent: this.#notify.sent,
        notificationsDropped: this.#notify.dropped,
        problems: { ...this.#problems },
      },
    };
  }

  #connect(now: Instant): void {
    this.#attempts++;
    this.#framer = new Framer();
    this.#refused = new Set();
    this.#asked = new Map();
    this.#state = { kind: 'connecting', deadline: after(now, HANDSHAKE_TIMEOUT) };
    this.#outputs.push({ kind: 'connect' });
  }

  #open(now: Instant): void {
    const packetId = this.#send(0, {
      kind: 'open',
      timeout: this.#settings.timeout,
      id: [],
      description: utf8Bytes(this.#settings.description, MAX_DESCRIPTION),
    });
    this.#state = { kind: 'opening', packetId, deadline: after(now, HANDSHAKE_TIMEOUT) };
  }

  #register(sessionId: number, subtree: number, sysUpTime: number, now: Instant): void {
    const text = this.#settings.subtrees[subtree];
    if (text === undefined) {
      this.#serve(sessionId, sysUpTime, now);
      return;
    }
    const packetId = this.#sendRegister(sessionId, text);
    this.#state = { kind: 'registering', sessionId, subtree, packetId, deadline: after(now, HANDSHAKE_TIMEOUT) };
  }

  #sendRegister(sessionId: number, subtree: string): number {
    return this.#send(sessionId, {
      kind: 'register',
      context: null,
      timeout: 0,
      priority: this.#settings.priority,
      subtree: oid(subtree),
      range: null,
      instance: false,
    });
  }

  #serve(sessionId: number, sysUpTime: number, now: Instant): void {
    this.#attempts = 0;
    this.#sessions++;
    if (this.#refused.size === 0) this.#lastProblem = null;
    this.#state = {
      kind: 'serving',
      sessionId,
      pingAt: after(now, PING_AFTER),
      ping: null,
      registerAt: this.#refused.size === 0 ? undefined : after(now, REGISTER_AGAIN_AFTER),
    };
    this.#outputs.push({ kind: 'serving', sessionId, sysUpTime });
    for (const { id, description } of this.#settings.capabilities) {
      const packetId = this.#send(sessionId, {
        kind: 'add-agent-caps',
        context: null,
        id: oid(id),
        description: utf8Bytes(description, MAX_DESCRIPTION),
      });
      this.#asked.set(packetId, { kind: 'add-agent-caps', subtree: id });
    }
    this.#sendNotifications(now);
  }

  /** The master says no to one subtree: the others are of use without it, but none at all is no session. */
  #registerRefused(
    state: Extract<State, { kind: 'registering' }>,
    pdu: Pdu & { kind: 'response' },
    now: Instant,
  ): void {
    this.#refused.add(this.#settings.subtrees[state.subtree] ?? '');
    const problem = { kind: 'refused', request: 'register', error: errorStatusText(pdu.error) } as const;
    if (this.#refused.size === this.#settings.subtrees.length) {
      this.#giveUp(problem, now);
      return;
    }
    this.#report(problem);
    this.#register(state.sessionId, state.subtree + 1, pdu.sysUpTime, now);
  }

  #registerAgain(now: Instant): void {
    if (this.#state.kind !== 'serving') return;
    // Those that were never answered wait no more.
    for (const [packetId, { kind }] of this.#asked) if (kind === 'register') this.#asked.delete(packetId);
    for (const subtree of this.#refused) {
      this.#asked.set(this.#sendRegister(this.#state.sessionId, subtree), { kind: 'register', subtree });
    }
    this.#state = { ...this.#state, registerAt: after(now, REGISTER_AGAIN_AFTER) };
  }

  #sendNotifications(now: Instant): void {
    const state = this.#state;
    if (state.kind !== 'serving') return;
    this.#notify.advance((varBinds) => this.#send(state.sessionId, { kind: 'notify', context: null, varBinds }), now);
  }

  /** An answer to what the session does not wait for; false when it is to nothing that was asked. */
  #answered(pdu: Pdu & { kind: 'response' }, now: Instant): boolean {
    const error = pdu.error === ERROR_STATUS['no-error'] ? undefined : errorStatusText(pdu.error);
    if (this.#notify.answered(pdu.packetId)) {
      if (error !== undefined) this.#report({ kind: 'refused', request: 'notify', error });
      this.#sendNotifications(now);
      return true;
    }
    const asked = this.#asked.get(pdu.packetId);
    if (asked === undefined) return false;
    this.#asked.delete(pdu.packetId);
    if (asked.kind === 'register' && error === undefined) {
      this.#refused.delete(asked.subtree);
      if (this.#refused.size === 0) {
        this.#lastProblem = null;
        if (this.#state.kind === 'serving') this.#state = { ...this.#state, registerAt: undefined };
      }
    }
    if (asked.kind === 'add-agent-caps' && error !== undefined) {
      this.#report({ kind: 'refused', request: 'add-agent-caps', error });
    }
    return true;
  }

  #stop(): void {
    const state = this.#state;
    if ('sessionId' in state) this.#send(state.sessionId, { kind: 'close', reason: CLOSE_REASON.shutdown });
    if (state.kind !== 'stopped' && state.kind !== 'waiting') this.#outputs.push({ kind: 'disconnect' });
    this.#outputs.push(...this.#transactions.drop().outputs);
    this.#state = { kind: 'stopped' };
  }

  #receive(text: string, now: Instant): void {
    if (this.#state.kind === 'stopped' || this.#state.kind === 'waiting') return;
    const { pdus, error } = this.#framer.pushHex(text);
    for (const bytesOfPdu of pdus) {
      const pdu = decodePdu(bytesOfPdu);
      if (pdu.ok) this.#receivePdu(pdu.value, now);
      else this.#refusePdu(bytesOfPdu, pdu.error);
      if (!this.#connected()) return;
    }
    if (error !== null) this.#giveUp({ kind: 'bad-stream', error }, now);
  }

  #connected(): boolean {
    return this.#state.kind !== 'stopped' && this.#state.kind !== 'waiting';
  }

  #receivePdu(pdu: Pdu, now: Instant): void {
    const state = this.#state;
    if (pdu.kind === 'close') {
      this.#giveUp({ kind: 'closed-by-master', reason: pdu.reason }, now);
      return;
    }
    switch (state.kind) {
      case 'stopped':
      case 'waiting':
        return;
      case 'connecting':
        this.#report({ kind: 'unexpected-pdu', pdu: pdu.kind });
        return;
      case 'opening':
        if (pdu.kind !== 'response' || pdu.packetId !== state.packetId) {
          this.#report({ kind: 'unexpected-pdu', pdu: pdu.kind });
        } else if (pdu.error !== ERROR_STATUS['no-error']) {
          this.#giveUp({ kind: 'refused', request: 'open', error: errorStatusText(pdu.error) }, now);
        } else this.#register(pdu.sessionId, 0, pdu.sysUpTime, now);
        return;
      case 'registering':
        if (pdu.kind !== 'response') this.#answer(pdu, state.sessionId, now);
        else if (pdu.packetId !== state.packetId) this.#report({ kind: 'unexpected-pdu', pdu: pdu.kind });
        else if (pdu.error !== ERROR_STATUS['no-error']) this.#registerRefused(state, pdu, now);
        else this.#register(state.sessionId, state.subtree + 1, pdu.sysUpTime, now);
        return;
      case 'serving':
        this.#state = { ...state, pingAt: after(now, PING_AFTER) };
        if (pdu.kind !== 'response') this.#answer(pdu, state.sessionId, now);
        else if (pdu.packetId !== state.ping?.packetId) {
          if (!this.#answered(pdu, now)) this.#report({ kind: 'unexpected-pdu', pdu: pdu.kind });
        } else if (pdu.error !== ERROR_STATUS['no-error']) {
          this.#giveUp({ kind: 'refused', request: 'ping', error: errorStatusText(pdu.error) }, now);
        } else this.#state = { ...state, pingAt: after(now, PING_AFTER), ping: null };
        return;
    }
  }

  /** RFC 2741 section 7.2.2: what cannot be parsed is answered so; an answer never is. */
  #refusePdu(bytes: Uint8Array, { kind, header }: PduError): void {
    this.#report({ kind: 'bad-pdu', error: kind });
    if (header !== null && !isResponse(bytes)) this.#write(header, responseOf('parse-error'));
  }

  #answer(pdu: Pdu, sessionId: number, now: Instant): void {
    const answer = this.#requests.answer(pdu, sessionId, now);
    if (answer.response !== undefined) this.#write(pdu, answer.response);
    this.#carryOut(answer);
  }

  #carryOut({ reply, outputs }: Step): void {
    if (reply !== undefined && this.#connected()) this.#write(reply.to, responseOf(reply.error, reply.index));
    for (const output of outputs) {
      if (output.kind === 'problem') this.#report(output.problem);
      else this.#outputs.push(output);
    }
  }

  /** Gives the packet id, which the answer will carry. */
  #send(sessionId: number, body: PduBody): number {
    this.#packetId = (this.#packetId + 1) >>> 0;
    const packetId = this.#packetId;
    this.#write({ sessionId, transactionId: 0, packetId, networkOrder: true }, body);
    return packetId;
  }

  #write({ sessionId, transactionId, packetId, networkOrder }: PduHeader, body: PduBody): void {
    const data = encodePduHex({ sessionId, transactionId, packetId, networkOrder, ...body });
    this.#outputs.push({ kind: 'send', data });
  }

  #giveUp(problem: SessionProblem, now: Instant): void {
    this.#outputs.push({ kind: 'disconnect' });
    this.#fail(problem, now);
  }

  #fail(problem: SessionProblem, now: Instant): void {
    this.#report(problem);
    if (!this.#notify.disconnected()) this.#report({ kind: 'notification-dropped' });
    this.#outputs.push(...this.#transactions.drop().outputs);
    this.#state = { kind: 'waiting', retryAt: after(now, pauseAfter(this.#attempts)) };
  }

  #report(problem: SessionProblem): void {
    this.#problems[problem.kind] = (this.#problems[problem.kind] ?? 0) + 1;
    this.#lastProblem = problem;
    this.#outputs.push({ kind: 'problem', problem });
  }
}
