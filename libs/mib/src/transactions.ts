import { type Instant, after, earliest, seconds } from '@keepfleet/machine';
import type { Change, ChangeCheck } from './changes.ts';
import type { SessionOutput } from './messages.ts';
import type { Oid } from './oid.ts';
import type { PduHeader } from './packet.ts';
import type { ErrorStatus, Value, VarBind } from './value.ts';

/** Says what a SET of one variable would mean; {@link MibView} does. */
export interface Checks {
  check(name: Oid, value: Value): ChangeCheck;
}

/** Open transactions of one master; more are answered resourceUnavailable. */
export const MAX_TRANSACTIONS = 64;

/** After this a transaction that its master has forgotten is dropped. */
const LIFETIME = seconds(60);

/** RFC 2741 section 7.2.4, seen from the sub-agent. */
type Transaction =
  | { readonly kind: 'tested'; readonly changes: readonly Change[]; readonly expires: Instant }
  | {
      readonly kind: 'committing';
      readonly id: number;
      readonly changes: readonly Change[];
      readonly reply: PduHeader;
      readonly deadline: Instant;
    }
  | {
      readonly kind: 'committed';
      readonly id: number;
      readonly changes: readonly Change[];
      readonly expires: Instant;
    }
  | {
      readonly kind: 'undoing';
      readonly id: number;
      readonly changes: readonly Change[];
      readonly reply: PduHeader;
      readonly deadline: Instant;
    };

/** What a step of a transaction leads to: at most one answer to the master, and outputs of the session. */
export interface Step {
  readonly reply?: { readonly to: PduHeader; readonly error: ErrorStatus; readonly index: number };
  readonly outputs: readonly SessionOutput[];
}

const NOTHING: Step = { outputs: [] };

export interface TransactionCounts {
  accepted: number;
  refused: number;
  undone: number;
}

/**
 * SET transactions in progress, told apart by the master's transaction id. Nothing is changed before CommitSet; then the
 * changes go out in one `set`, and the answer waits for its outcome.
 */
export class Transactions {
  readonly counts: TransactionCounts = { accepted: 0, refused: 0, undone: 0 };
  readonly #checks: Checks;
  /** Time that control has to answer. */
  readonly #patience: ReturnType<typeof seconds>;
  readonly #open = new Map<number, Transaction>();
  /** Sets given up while control still worked on them: undone as soon as they come true. */
  readonly #abandoned = new Set<number>();
  #nextId = 1;

  constructor(checks: Checks, patience: ReturnType<typeof seconds>) {
    this.#checks = checks;
    this.#patience = patience;
  }

  test(header: PduHeader, varBinds: readonly VarBind[], now: Instant): Step {
    const { transactionId } = header;
    if (this.#open.has(transactionId)) return replyWith(header, 'processing-error');
    if (this.#open.size >= MAX_TRANSACTIONS) return this.#refuse(header, 'resource-unavailable', 0);
    const held = this.#held();
    const changes: Change[] = [];
    for (const [i, { name, value }] of varBinds.entries()) {
      const check = this.#checks.check(name, value);
      if (!check.ok) return this.#refuse(header, check.error, i + 1);
      // Two transactions on one object could not be undone independently.
      if (held.has(objectOf(check.change))) return this.#refuse(header, 'resource-unavailable', i + 1);
      changes.push(check.change);
    }
    this.#open.set(transactionId, { kind: 'tested', changes, expires: after(now, LIFETIME) });
    return replyWith(header, 'no-error');
  }

  commit(header: PduHeader, now: Instant): Step {
    const transaction = this.#open.get(header.transactionId);
    if (transaction?.kind !== 'tested') return replyWith(header, 'processing-error');
    const { changes } = transaction;
    const id = this.#nextId++;
    const deadline = after(now, this.#patience);
    this.#open.set(header.transactionId, { kind: 'committing', id, changes, reply: header, deadline });
    return { outputs: [{ kind: 'set', id, changes }] };
  }

  undo(header: PduHeader, now: Instant): Step {
    const transaction = this.#open.get(header.transactionId);
    // A set that was refused changed nothing and is gone already: there is nothing that could fail to be undone.
    if (transaction === undefined) return replyWith(header, 'no-error');
    if (transaction.kind === 'tested') return this.#end(header.transactionId, replyWith(header, 'no-error'));
    if (transaction.kind !== 'committed') return replyWith(header, 'processing-error');
    const { id, changes } = transaction;
    const deadline = after(now, this.#patience);
    this.#open.set(header.transactionId, { kind: 'undoing', id, changes, reply: header, deadline });
    return { outputs: [{ kind: 'undo', id }] };
  }

  /** CleanupSet has no answer (RFC 2741 section 7.2.4.4). */
  cleanup(header: PduHeader): Step {
    const transaction = this.#open.get(header.transactionId);
    if (transaction?.kind === 'committing') this.#abandoned.add(transaction.id);
    return this.#end(
      header.transactionId,
      transaction?.kind === 'committed' ? { outputs: [{ kind: 'forget', id: transaction.id }] } : NOTHING,
    );
  }

  setDone(id: number, accepted: boolean, now: Instant): Step {
    if (this.#abandoned.delete(id)) {
      if (!accepted) return NOTHING;
      this.counts.undone++;
      return { outputs: [{ kind: 'undo', id }] };
    }
    const found = this.#byId(id, 'committing');
    if (found === undefined) return NOTHING;
    const [transactionId, { reply, changes }] = found;
    if (!accepted) return this.#end(transactionId, this.#refuse(reply, 'commit-failed', 1));
    this.counts.accepted++;
    this.#open.set(transactionId, { kind: 'committed', id, changes, expires: after(now, LIFETIME) });
    return replyWith(reply, 'no-error');
  }

  undoDone(id: number, restored: boolean): Step {
    const found = this.#byId(id, 'undoing');
    if (found === undefined) return NOTHING;
    const [transactionId, { reply }] = found;
    if (restored) this.counts.undone++;
    return this.#end(transactionId, replyWith(reply, restored ? 'no-error' : 'undo-failed'));
  }

  /** The connection is gone and with it all answers. What was committed stays, what is being committed is undone. */
  drop(): Step {
    const outputs: SessionOutput[] = [];
    for (const transaction of this.#open.values()) {
      if (transaction.kind === 'committing') this.#abandoned.add(transaction.id);
      if (transaction.kind === 'committed') outputs.push({ kind: 'forget', id: transaction.id });
    }
    this.#open.clear();
    return { outputs };
  }

  timeout(now: Instant): readonly Step[] {
    const steps: Step[] = [];
    for (const [transactionId, transaction] of this.#open) {
      if (dueAt(transaction) > now) continue;
      switch (transaction.kind) {
        case 'tested':
          steps.push(this.#end(transactionId, NOTHING));
          break;
        case 'committed':
          steps.push(this.#end(transactionId, { outputs: [{ kind: 'forget', id: transaction.id }] }));
          break;
        case 'committing': {
          const { id, reply } = transaction;
          this.#abandoned.add(id);
          const { reply: answer } = this.#refuse(reply, 'commit-failed', 1);
          const problem: SessionOutput = { kind: 'problem', problem: { kind: 'commit-timeout', id } };
          steps.push(
            this.#end(transactionId, { ...(answer === undefined ? {} : { reply: answer }), outputs: [problem] }),
          );
          break;
        }
        case 'undoing':
          steps.push(this.#end(transactionId, replyWith(transaction.reply, 'undo-failed')));
          break;
      }
    }
    return steps;
  }

  nextDeadline(): Instant | undefined {
    return earliest(...Array.from(this.#open.values(), dueAt));
  }

  #held(): Set<string> {
    return new Set(Array.from(this.#open.values()).flatMap(({ changes }) => changes.map(objectOf)));
  }

  #byId<Kind extends Transaction['kind']>(
    id: number,
    kind: Kind,
  ): [number, Extract<Transaction, { kind: Kind }>] | undefined {
    for (const [transactionId, transaction] of this.#open) {
      if (isKind(transaction, kind) && 'id' in transaction && transaction.id === id)
        return [transactionId, transaction];
    }
    return undefined;
  }

  #end(transactionId: number, step: Step): Step {
    this.#open.delete(transactionId);
    return step;
  }

  #refuse(header: PduHeader, error: ErrorStatus, index: number): Step {
    this.counts.refused++;
    return replyWith(header, error, index);
  }
}

function isKind<Kind extends Transaction['kind']>(
  transaction: Transaction,
  kind: Kind,
): transaction is Extract<Transaction, { kind: Kind }> {
  return transaction.kind === kind;
}

function replyWith(to: PduHeader, error: ErrorStatus, index = 0): Step {
  return { reply: { to, error, index }, outputs: [] };
}

function dueAt(transaction: Transaction): Instant {
  return 'deadline' in transaction ? transaction.deadline : transaction.expires;
}

/** Names the object that a change is about, whatever its new value. */
function objectOf(change: Change): string {
  return change.kind === 'weight'
    ? `weight ${JSON.stringify([change.virtualServer, change.realServer])}`
    : `${change.kind} ${change.instance}`;
}
