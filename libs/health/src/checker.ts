import {
  type Duration,
  type Instant,
  type Machine,
  type RandomSource,
  after,
  micros,
  seconds,
  toSeconds,
} from '@keepfleet/machine';
import { err, hex, ok, unhex } from '@keepfleet/wire';
import { type DigestStream, Exchange, type Judgement } from './exchange.ts';
import { encodeRequest } from './http-request.ts';
import { type CheckFailure, type CheckerInput, type CheckerOutput, describeFailure } from './messages.ts';
import type { CheckerSettings, HttpCheckSettings, UrlSettings } from './settings.ts';

/** The first run waits this long, besides its random part. */
const START_DELAY = seconds(1);
/** Each piece of an answer may take the connect timeout; the whole answer may take this many of them. */
const ANSWER_TIMEOUTS = 10;

export interface CheckerEnvironment {
  readonly random: RandomSource;
  readonly md5: () => DigestStream;
}

export interface CheckerStatus {
  readonly up: boolean;
  /** False until a first run has ended. */
  readonly ran: boolean;
  readonly lastResult: string | null;
  /** Failed runs one after another. */
  readonly failures: number;
  /** When `up` changed last. */
  readonly since: Instant;
}

type State =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'waiting'; readonly dueAt: Instant }
  | { readonly kind: 'connecting'; readonly attempt: number; readonly url: number; readonly deadline: Instant }
  | {
      readonly kind: 'reading';
      readonly attempt: number;
      readonly url: number;
      readonly exchange: Exchange;
      readonly deadline: Instant;
      readonly lastDeadline: Instant;
    };

/** One checker of a real server: runs its check again and again, and says when its verdict changes. */
export class Checker implements Machine<CheckerInput, CheckerOutput> {
  readonly settings: CheckerSettings;
  readonly #environment: CheckerEnvironment;
  #state: State = { kind: 'stopped' };
  #attempts = 0;
  #retries: number;
  #status: CheckerStatus;

  /** `up` is the verdict to begin with: that of the real server it belongs to. */
  constructor(settings: CheckerSettings, up: boolean, environment: CheckerEnvironment, now: Instant) {
    this.settings = settings;
    this.#environment = environment;
    // The very first failure is not forgiven: the retries begin used up.
    this.#retries = settings.schedule.retry;
    this.#status = { up, ran: false, lastResult: null, failures: 0, since: now };
  }

  get status(): CheckerStatus {
    return this.#status;
  }

  handle(input: CheckerInput, now: Instant): readonly CheckerOutput[] {
    switch (input.kind) {
      case 'start':
        return this.#start(now);
      case 'stop': {
        const outputs = this.#hangUp();
        this.#state = { kind: 'stopped' };
        return outputs;
      }
      case 'connected':
        return this.#connected(input.attempt, now);
      case 'data': {
        const state = this.#reading(input.attempt);
        if (state === undefined) return [];
        const judgement = state.exchange.data(unhex(input.hex));
        if (judgement !== undefined) return this.#judged(judgement, now);
        const deadline = Math.min(after(now, this.#patience()), state.lastDeadline) as Instant;
        this.#state = { ...state, deadline };
        return [];
      }
      case 'closed': {
        const state = this.#reading(input.attempt);
        return state === undefined ? [] : this.#judged(state.exchange.closed(), now);
      }
      case 'error': {
        if (this.#attempt() !== input.attempt) return [];
        const reading = this.#state.kind === 'reading';
        const failure: CheckFailure = reading
          ? { kind: 'broken-answer', error: { kind: 'closed-early' } }
          : { kind: 'no-connection', reason: input.reason };
        return this.#judged(err(failure), now);
      }
    }
  }

  timeout(now: Instant): readonly CheckerOutput[] {
    const state = this.#state;
    const due = this.nextDeadline();
    if (due === undefined || now < due) return [];
    const patience = toSeconds(this.#patience());
    switch (state.kind) {
      case 'stopped':
        return [];
      case 'waiting':
        return this.#connect(0, now);
      case 'connecting':
        return this.#judged(err({ kind: 'connect-timeout', seconds: patience }), now);
      case 'reading':
        return this.#judged(err({ kind: 'answer-timeout', seconds: patience }), now);
    }
  }

  nextDeadline(): Instant | undefined {
    switch (this.#state.kind) {
      case 'stopped':
        return undefined;
      case 'waiting':
        return this.#state.dueAt;
      case 'connecting':
      case 'reading':
        return this.#state.deadline;
    }
  }

  #start(now: Instant): CheckerOutput[] {
    if (this.#state.kind !== 'stopped') return [];
    const spread = micros(this.settings.schedule.warmup * this.#environment.random());
    this.#state = { kind: 'waiting', dueAt: after(after(now, START_DELAY), spread) };
    return [];
  }

  #connect(url: number, now: Instant): CheckerOutput[] {
    this.#attempts++;
    const attempt = this.#attempts;
    this.#state = { kind: 'connecting', attempt, url, deadline: after(now, this.#patience()) };
    return [{ kind: 'connect', attempt }];
  }

  #connected(attempt: number, now: Instant): CheckerOutput[] {
    if (this.#state.kind !== 'connecting' || this.#state.attempt !== attempt) return [];
    if (this.settings.kind === 'tcp') return this.#judged(ok('accepted a connection'), now);
    const { url } = this.#state;
    const wanted = urlAt(this.settings, url);
    if (wanted === undefined) return this.#judged(ok('has no url to check'), now);
    this.#state = {
      kind: 'reading',
      attempt,
      url,
      exchange: new Exchange(wanted, this.#environment.md5),
      deadline: after(now, this.#patience()),
      lastDeadline: after(now, micros(this.#patience() * ANSWER_TIMEOUTS)),
    };
    return [{ kind: 'send', attempt, hex: hex(encodeRequest(this.settings, wanted)) }];
  }

  /** One connection has come to its end; more urls mean more connections. */
  #judged(judgement: Exclude<Judgement, undefined>, now: Instant): CheckerOutput[] {
    const outputs: CheckerOutput[] = this.#hangUp();
    const state = this.#state;
    const url = state.kind === 'connecting' || state.kind === 'reading' ? state.url : 0;
    if (judgement.ok && this.settings.kind === 'http' && urlAt(this.settings, url + 1) !== undefined)
      return [...outputs, ...this.#connect(url + 1, now)];
    const result = judgement.ok ? judgement.value : this.#where(url) + describeFailure(judgement.error);
    return [...outputs, { kind: 'ran', success: judgement.ok, result }, ...this.#concluded(judgement.ok, result, now)];
  }

  #concluded(success: boolean, result: string, now: Instant): CheckerOutput[] {
    const { schedule } = this.settings;
    const before = this.#status;
    const forgiven = !success && this.#retries < schedule.retry;
    this.#retries = forgiven ? this.#retries + 1 : 0;
    this.#state = { kind: 'waiting', dueAt: after(now, forgiven ? schedule.delayBeforeRetry : schedule.delayLoop) };
    const up = success || (forgiven && before.up);
    const failures = success ? 0 : before.failures + 1;
    const since = up === before.up ? before.since : now;
    this.#status = { up, ran: true, lastResult: result, failures, since };
    return up === before.up ? [] : [{ kind: 'verdict', up, reason: result }];
  }

  #hangUp(): CheckerOutput[] {
    const attempt = this.#attempt();
    return attempt === undefined ? [] : [{ kind: 'close', attempt }];
  }

  #attempt(): number | undefined {
    const state = this.#state;
    return state.kind === 'connecting' || state.kind === 'reading' ? state.attempt : undefined;
  }

  #reading(attempt: number): Extract<State, { kind: 'reading' }> | undefined {
    return this.#state.kind === 'reading' && this.#state.attempt === attempt ? this.#state : undefined;
  }

  #patience(): Duration {
    return this.settings.connection.connectTimeout;
  }

  /** Of several urls, which one it was. */
  #where(url: number): string {
    if (this.settings.kind !== 'http' || this.settings.urls.length < 2) return '';
    return `${urlAt(this.settings, url)?.path ?? ''}: `;
  }
}

function urlAt(settings: HttpCheckSettings, index: number): UrlSettings | undefined {
  return settings.urls[index];
}
