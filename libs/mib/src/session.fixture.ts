import { type Duration, type Instant, after, instant } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';
import { keepalivedMib } from './keepalived-mib.ts';
import type { SessionInput, SessionOutput, SessionProblem } from './messages.ts';
import { oid } from './oid.ts';
import { type Pdu, type PduBody, decodePdu, encodePdu } from './packet.ts';
import { rows } from './rows.fixture.ts';
import { AgentXSession } from './session.ts';
import { ERROR_STATUS, type ErrorStatus, type Value } from './value.ts';
import { MibView } from './view.ts';

export const ROOT = '1.3.6.1.4.1.9586.100.5';
export const PRIORITY = `${ROOT}.2.3.1.7.1`;
export const PREEMPT = `${ROOT}.2.3.1.13.1`;
export const WEIGHT = `${ROOT}.3.4.1.7.1.1`;

/** A session and the master that it talks to, in virtual time. */
export class Stand {
  readonly session: AgentXSession;
  now: Instant = instant(0);
  outputs: SessionOutput[] = [];

  constructor(
    subtrees: readonly string[] = [ROOT],
    capabilities: readonly { readonly id: string; readonly description: string }[] = [],
  ) {
    const view = new MibView(keepalivedMib);
    view.update(rows());
    this.session = new AgentXSession({ description: 'spec', subtrees, timeout: 5, priority: 127, capabilities }, view);
  }

  input(input: SessionInput): readonly SessionOutput[] {
    return this.#note(this.session.handle(input, this.now));
  }

  /** Lets time pass, with a call at each deadline on the way. */
  pass(duration: Duration): readonly SessionOutput[] {
    const end = after(this.now, duration);
    const all: SessionOutput[] = [];
    for (;;) {
      const deadline = this.session.nextDeadline();
      if (deadline === undefined || deadline > end) break;
      this.now = deadline;
      all.push(...this.#note(this.session.timeout(deadline)));
    }
    this.now = end;
    return all;
  }

  /** What the master sends, and what comes back decoded. */
  master(body: PduBody, header: Partial<Pdu> = {}): readonly Pdu[] {
    const pdu = { sessionId: 9, transactionId: 1, packetId: 100, networkOrder: true, ...body, ...header } as Pdu;
    return sentBy(this.input({ kind: 'received', data: hex(encodePdu(pdu)) }));
  }

  /** Answers the request that was sent last. */
  agree(sessionId = 9, error: ErrorStatus | 'unknown' = 'no-error'): readonly SessionOutput[] {
    const request = sentBy(this.outputs).at(-1);
    const body: PduBody = {
      kind: 'response',
      sysUpTime: 1,
      error: error === 'unknown' ? 999 : ERROR_STATUS[error],
      index: 0,
      varBinds: [],
    };
    const pdu = { sessionId, transactionId: 0, packetId: request?.packetId ?? 0, networkOrder: true, ...body };
    return this.input({ kind: 'received', data: hex(encodePdu(pdu)) });
  }

  serving(): this {
    this.input({ kind: 'start' });
    this.input({ kind: 'connected' });
    this.agree();
    this.agree();
    if (this.session.snapshot().state !== 'serving') throw new Error('the session is not in service');
    return this;
  }

  test(
    transactionId: number,
    ...sets: readonly (readonly [string, number])[]
  ): readonly [ErrorStatus | undefined, number] {
    const varBinds = sets.map(([name, value]) => ({
      name: oid(name),
      value: { type: 'integer', value } satisfies Value,
    }));
    return this.set(transactionId, { kind: 'test-set', context: null, varBinds });
  }

  /** Error and index of the answer to a step of a transaction; undefined when there is none yet. */
  set(transactionId: number, body: PduBody): readonly [ErrorStatus | undefined, number] {
    return errorOf(this.master(body, { transactionId }));
  }

  #note(outputs: readonly SessionOutput[]): readonly SessionOutput[] {
    this.outputs.push(...outputs);
    return outputs;
  }
}

export function sentBy(outputs: readonly SessionOutput[]): Pdu[] {
  return outputs.flatMap((output) => {
    if (output.kind !== 'send') return [];
    const pdu = decodePdu(unhex(output.data));
    if (!pdu.ok) throw new Error(`sent what cannot be read: ${pdu.error.kind}`);
    return [pdu.value];
  });
}

export function errorOf(pdus: readonly Pdu[]): readonly [ErrorStatus | undefined, number] {
  const [pdu, ...more] = pdus;
  if (more.length > 0) throw new Error('more than one answer');
  if (pdu?.kind !== 'response') return [undefined, 0];
  const name = Object.entries(ERROR_STATUS).find(([, number]) => number === pdu.error)?.[0];
  return [name as ErrorStatus, pdu.index];
}

export function problemsOf(outputs: readonly SessionOutput[]): SessionProblem[] {
  return outputs.flatMap((output) => (output.kind === 'problem' ? [output.problem] : []));
}

export function kinds(outputs: readonly SessionOutput[]): string[] {
  return outputs.map(({ kind }) => kind);
}
