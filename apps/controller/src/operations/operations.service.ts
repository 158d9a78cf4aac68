import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { fleet, model } from '@keepfleet/rpc';
import type { Logger } from 'pino';
import { checkWords } from '../common/audit.ts';
import type { ClockWatch } from '../common/clock-watch.ts';
import { RefusedError } from '../common/refusal.ts';
import { Signal } from '../common/signal.ts';
import { CLOCK, LOG } from '../common/tokens.ts';
import { phaseWord } from '../common/words.ts';
import { EventLog } from '../events/event-log.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { CommandDesk } from '../link/command-desk.ts';
import { advance, plan } from './advance.ts';
import { canonical, targetText, type Change } from './change.ts';
import { ended, isActive, shifted, type Operation } from './operation.ts';
import { OperationRepository, type OperationPage } from './operation.repository.ts';
import { Picture } from './picture.ts';
import { refusal } from './refusal.ts';

export interface OperationRequest {
  readonly change: Change;
  readonly actor: string;
  readonly reason: string;
  /** 0 means the usual hour. */
  readonly deadlineSeconds: number;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Empty for none. */
  readonly idempotencyKey: string;
}

const USUAL_DEADLINE_S = 3600;
const LONGEST_DEADLINE_S = 30 * 24 * 3600;
const LONGEST_KEY = 255;
/** Deadlines are looked at this often; changes of the fleet at once. */
const LOOK_EVERY_MS = 500;

/** Starts operations, takes them on whenever the fleet changes, and keeps every step before anything else sees it. */
@Injectable()
export class OperationsService {
  readonly #repository: OperationRepository;
  readonly #state: FleetState;
  readonly #desk: CommandDesk;
  readonly #events: EventLog;
  readonly #clock: ClockWatch;
  readonly #log: Logger;
  readonly #changes = new Signal();
  readonly #active = new Map<string, Operation>();
  readonly #ended = new Map<string, number>();
  readonly #stops: (() => void)[] = [];
  /** Everything that changes operations, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #looking = false;
  /** Milliseconds. */
  #lookTook = 0;
  /** What the clock was set by since operations were last moved along. */
  #set = 0;
  #closed = false;

  constructor(
    @Inject(OperationRepository) repository: OperationRepository,
    @Inject(FleetState) state: FleetState,
    @Inject(CommandDesk) desk: CommandDesk,
    @Inject(EventLog) events: EventLog,
    @Inject(CLOCK) clock: ClockWatch,
    @Inject(LOG) log: Logger,
  ) {
    this.#repository = repository;
    this.#state = state;
    this.#desk = desk;
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes up what was under way when the controller last stopped. */
  async start(): Promise<void> {
    for (const operation of await this.#repository.active()) {
      this.#log.info({ operation: operation.id }, `operation taken up again: ${operation.change.kind}`);
      this.#active.set(operation.id, operation);
    }
    const timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#stops.push(
      () => clearInterval(timer),
      this.#state.changes.subscribe(() => this.#look()),
      this.#desk.changes.subscribe(() => this.#look()),
      this.#clock.subscribe((ms) => (this.#set += ms)),
    );
    this.#look();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    await this.#turn;
  }

  active(): Operation[] {
    return [...this.#active.values()];
  }

  /** How many ended since the start, by phase. */
  get ended(): ReadonlyMap<string, number> {
    return this.#ended;
  }

  begin(request: OperationRequest): Promise<Operation> {
    return this.#inTurn(async () => {
      await this.#moveAlong();
      return this.#begin(request);
    });
  }

  async byId(id: string): Promise<Operation> {
    const operation = this.#active.get(id) ?? (await this.#repository.byId(id));
    if (operation === undefined) throw new RefusedError({ kind: 'not-found', message: `no operation ${id}` });
    return operation;
  }

  page(before: number, limit: number): Promise<OperationPage> {
    return this.#repository.page(before, limit);
  }

  /** Ends the waiting; what was done stays, because undoing it is a change of its own. */
  cancel(id: string, actor: string, reason: string, revision?: number): Promise<Operation> {
    return this.#inTurn(async () => {
      checkWords(actor, reason);
      const operation = await this.byId(id);
      if (revision !== undefined && revision !== operation.revision) {
        const message = `operation ${id} is at revision ${operation.revision}, not ${revision}`;
        throw new RefusedError({ kind: 'changed', message });
      }
      if (!isActive(operation)) {
        const message = `operation ${id} has ended already: ${phaseWord[operation.phase]}`;
        throw new RefusedError({ kind: 'conflict', message });
      }
      const why = reason === '' ? '' : ` (${reason})`;
      const told = operation.steps.some((step) => step.startedAt !== undefined);
      const rest = told ? `overrides that were set stay; ${undoText(operation.change)}` : 'nothing was changed';
      const result = `cancelled by ${actor}${why}: it waits no longer; ${rest}`;
      const next = ended(operation, fleet.OperationPhase.CANCELLED, result, this.#clock.now());
      return this.#keep(operation, next);
    });
  }

  /** The operation now and after every change, until it ends. */
  async *watch(id: string, abort: AbortSignal): AsyncGenerator<Operation> {
    let seen = 0;
    while (!abort.aborted) {
      const reading = new AbortController();
      const news = this.#changes.next(AbortSignal.any([abort, reading.signal]));
      try {
        const operation = await this.byId(id);
        if (operation.revision > seen) yield operation;
        if (!isActive(operation)) return;
        seen = operation.revision;
        await news;
      } finally {
        reading.abort();
      }
    }
  }

  async #begin(request: OperationRequest): Promise<Operation> {
    check(request);
    const { actor, reason, idempotencyKey: key } = request;
    const change = canonical(request.change);
    const fingerprint = JSON.stringify([change, actor, reason, request.deadlineSeconds, request.force]);
    if (key !== '' && !request.dryRun) {
      const known = await this.#repository.byKey(key);
      if (known?.fingerprint === fingerprint) return this.#active.get(known.operation.id) ?? known.operation;
      if (known !== undefined) {
        const message = `the idempotency key was used for another request, operation ${known.operation.id}`;
        throw new RefusedError({ kind: 'key-reused', message });
      }
    }
    const now = this.#clock.now();
    const picture = new Picture(now, this.#state.records());
    const refused = refusal(change, request.force, picture, this.active());
    if (refused !== undefined) throw new RefusedError(refused);
    const seconds = request.deadlineSeconds === 0 ? USUAL_DEADLINE_S : request.deadlineSeconds;
    const operation: Operation = {
      id: request.dryRun ? '' : `op-${randomBytes(5).toString('hex')}`,
      change,
      actor,
      reason,
      phase: fleet.OperationPhase.PENDING,
      steps: plan(change, picture, request.force),
      blocked: '',
      result: request.dryRun ? 'dry run: nothing was changed; these steps would be taken' : '',
      createdAt: now,
      deadline: new Date(now.getTime() + seconds * 1000),
      endedAt: undefined,
      forced: request.force,
      revision: 1,
    };
    if (request.dryRun) return operation;
    await this.#repository.insert(operation, key === '' ? undefined : key, fingerprint);
    this.#active.set(operation.id, operation);
    await this.#audit(operation, 'operation.started', begun(operation));
    try {
      return await this.#advance(operation, this.#picture());
    } catch (error) {
      // It has begun, and goes on at the next look: a failure now would make it begin twice.
      this.#log.error({ error }, 'operations: a first step could not be kept; it is tried again');
      return operation;
    }
  }

  /** Coalesces any number of signals into one look after the present one. */
  #look(): void {
    if (this.#looking || this.#closed || this.#active.size === 0) return;
    this.#looking = true;
    // As long a pause as the look before took: in a large fleet something changes all the time, and others want their turn.
    setTimeout(() => {
      this.#inTurn(async () => {
        this.#looking = false;
        if (this.#closed) return;
        const from = performance.now();
        await this.#moveAlong();
        const picture = this.#picture();
        for (const operation of this.active()) await this.#advance(operation, picture);
        this.#lookTook = performance.now() - from;
      }).catch((error: unknown) => {
        this.#log.error({ error }, 'operations: a step could not be kept; it is tried again');
      });
    }, this.#lookTook);
  }

  /** A deadline stays as far away as it was, and what came after a step still came after it. */
  async #moveAlong(): Promise<void> {
    // Notices it if nobody has yet.
    this.#clock.now();
    const set = this.#set;
    if (set === 0) return;
    this.#set = 0;
    for (const operation of this.active()) {
      const moved = shifted(operation, set);
      this.#active.set(operation.id, moved);
      try {
        await this.#keep(operation, moved);
      } catch (error) {
        this.#log.error({ error }, `store: the new deadline of ${operation.id} could not be written down`);
      }
    }
  }

  #picture(): Picture {
    return new Picture(this.#clock.now(), this.#state.records(), (id) => this.#desk.result(id));
  }

  async #advance(operation: Operation, picture: Picture): Promise<Operation> {
    if (this.#closed) return operation;
    const { operation: next, commands } = advance(operation, picture);
    const kept = isSame(operation, next) ? operation : await this.#keep(operation, next);
    if (isActive(kept)) for (const { node, command } of commands) this.#desk.submit(node, command);
    return kept;
  }

  async #keep(before: Operation, after: Operation): Promise<Operation> {
    const operation = { ...after, revision: before.revision + 1 };
    await this.#repository.update(operation);
    if (isActive(operation)) {
      this.#active.set(operation.id, operation);
    } else {
      const word = phaseWord[operation.phase];
      this.#ended.set(word, (this.#ended.get(word) ?? 0) + 1);
      this.#active.delete(operation.id);
      this.#desk.forget(`${operation.id}/`);
    }
    this.#changes.raise();
    await this.#auditChange(before, operation);
    return operation;
  }

  async #auditChange(before: Operation, after: Operation): Promise<void> {
    for (const step of after.steps) {
      const was = before.steps.find((each) => each.key === step.key);
      if (was?.phase === step.phase || step.phase !== fleet.OperationPhase.SUCCEEDED) continue;
      await this.#audit(after, 'operation.step', `${step.name}: ${step.detail}`);
    }
    if (after.blocked !== before.blocked && after.blocked !== '') {
      await this.#audit(after, 'operation.blocked', after.blocked);
    }
    if (!isActive(after)) await this.#audit(after, `operation.${phaseWord[after.phase]}`, after.result);
  }

  async #audit(operation: Operation, kind: string, text: string): Promise<void> {
    const bad = kind === 'operation.blocked' || kind === 'operation.failed';
    const message = `${operation.change.kind} ${targetText(operation.change)}: ${text}`;
    this.#log.info({ operation: operation.id, actor: operation.actor, kind }, message);
    const written = this.#events.write({
      node: 'node' in operation.change ? operation.change.node : '',
      severity: bad || operation.forced ? model.Severity.WARNING : model.Severity.INFO,
      kind,
      subject: operation.id,
      message,
      attributes: {
        operation: operation.id,
        kind: operation.change.kind,
        target: targetText(operation.change),
        actor: operation.actor,
        reason: operation.reason,
        forced: String(operation.forced),
      },
    });
    // The operation itself is kept already; the line above stands in the log.
    await written.catch((error: unknown) => this.#log.error({ error }, `store: ${kind} could not be written down`));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function refuse(message: string): never {
  throw new RefusedError({ kind: 'invalid', message });
}

function check(request: OperationRequest): void {
  checkWords(request.actor, request.reason);
  const drains = request.change.kind === 'drain-node' || request.change.kind === 'drain-server';
  if (drains && request.reason.trim() === '') refuse('a drain needs a reason');
  if (request.idempotencyKey.length > LONGEST_KEY) refuse(`the idempotency key is at most ${LONGEST_KEY} characters`);
  const { deadlineSeconds } = request;
  if (!Number.isInteger(deadlineSeconds) || deadlineSeconds < 0 || deadlineSeconds > LONGEST_DEADLINE_S) {
    refuse(`the deadline is 1 to ${LONGEST_DEADLINE_S} seconds, or 0 for an hour`);
  }
}

/** Whether nothing changed that anybody can see. */
function isSame(a: Operation, b: Operation): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function begun(operation: Operation): string {
  const why = operation.reason === '' ? '' : `: ${operation.reason}`;
  return `started by ${operation.actor}${operation.forced ? ' with force' : ''}${why}`;
}

function undoText(change: Change): string {
  switch (change.kind) {
    case 'drain-node':
    case 'drain-server':
      return `un${change.kind} takes the drain back`;
    case 'set-priority':
    case 'set-weight':
      return `${change.kind.replace('set', 'clear')} takes them back`;
    default:
      return 'those cleared already stay cleared';
  }
}
