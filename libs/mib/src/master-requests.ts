import type { Instant } from '@keepfleet/machine';
import { type Variables, answerRead } from './answers.ts';
import type { Pdu, PduBody } from './packet.ts';
import type { SessionProblem } from './messages.ts';
import type { Step, Transactions } from './transactions.ts';
import { ERROR_STATUS, type ErrorStatus, type VarBind } from './value.ts';

/** What comes of a request: the answer, if there is one yet, and what a step of a transaction leads to. */
export interface RequestAnswer extends Step {
  readonly response?: PduBody;
}

/** What a master may ask of a sub-agent in a session (RFC 2741 section 7.2). */
export class MasterRequests {
  readonly #variables: Variables;
  readonly #transactions: Transactions;
  /** Requests by kind. */
  readonly counts: Record<string, number> = {};
  /** Variables answered. */
  variables = 0;

  constructor(variables: Variables, transactions: Transactions) {
    this.#variables = variables;
    this.#transactions = transactions;
  }

  answer(pdu: Pdu, sessionId: number, now: Instant): RequestAnswer {
    this.counts[pdu.kind] = (this.counts[pdu.kind] ?? 0) + 1;
    if (pdu.sessionId !== sessionId) {
      const problem = { kind: 'wrong-session', sessionId: pdu.sessionId } as const;
      return pdu.kind === 'cleanup-set'
        ? problemOf(problem)
        : { ...problemOf(problem), response: responseOf('not-open') };
    }
    if ('context' in pdu && pdu.context !== null) return { response: responseOf('unsupported-context'), outputs: [] };
    const read = answerRead(this.#variables, pdu);
    if (read !== undefined) {
      this.variables += read.length;
      return { response: responseOf('no-error', 0, read), outputs: [] };
    }
    switch (pdu.kind) {
      case 'test-set':
        return this.#transactions.test(pdu, pdu.varBinds, now);
      case 'commit-set':
        return this.#transactions.commit(pdu, now);
      case 'undo-set':
        return this.#transactions.undo(pdu, now);
      case 'cleanup-set':
        return this.#transactions.cleanup(pdu);
      default:
        // Only a sub-agent asks these.
        return { ...problemOf({ kind: 'unexpected-pdu', pdu: pdu.kind }), response: responseOf('processing-error') };
    }
  }
}

export function responseOf(error: ErrorStatus, index = 0, varBinds: readonly VarBind[] = []): PduBody {
  return { kind: 'response', sysUpTime: 0, error: ERROR_STATUS[error], index, varBinds };
}

function problemOf(problem: SessionProblem): Step {
  return { outputs: [{ kind: 'problem', problem }] };
}
