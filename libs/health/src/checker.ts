import {
  type Duration,
  type Instant,
  type Machine,
  after,
  between,
  micros,
  millis,
  seconds,
  toSeconds,
} from '@keepfleet/machine';
import { err, hex, ok, unhex } from '@keepfleet/wire';
import {
  type CheckerEnvironment,
  type Conversation,
  type Judgement,
  type Step,
  closedEarly,
  judged,
} from './conversation.ts';
import { conversationOf } from './conversations.ts';
import { Latency } from './latency.ts';
import {
  type CheckerInput,
  type CheckerOutput,
  type WeightEffect,
  describeFailure,
  noWeightEffect,
} from './messages.ts';
import type { ConnectedCheckSettings, ScheduledCheckSettings } from './settings.ts';
import { type CheckerStatus, Verdict } from './verdict.ts';

/** The first run waits this long, besides its random part. */
const START_DELAY = seconds(1);
/** Each piece of an answer may take the connect timeout; the whole answer may take this many of them. */
const ANSWER_TIMEOUTS = 10;
/** From SIGTERM to SIGKILL of a script that takes too long. */
const KILL_DELAY = seconds(2);
/**
 * What a run began too late is taken off the delays after it, by at most this share of each: runs that piled up while the
 * process had no time spread out again, instead of falling due together for ever. Not off those after a failure.
 */
const CATCH_UP = 0.1;
/** A time-out that is found this much later than it was due says that the process was held up, as by a pause of its machine. */
const HELD_UP = millis(500);
/** Characters of a result that are kept. */
const MOST_SHOWN = 300;
/** Exit codes of a dynamic script from here on are a weight plus this. */
const WEIGHT_OFFSET = 2;

type State =
  | { readonly kind: 'stopped' }
  /** With the time that the next run would have been due. */
  | { readonly kind: 'suspended'; readonly dueAt: Instant }
  | { readonly kind: 'waiting'; readonly dueAt: Instant }
  | { readonly kind: 'connecting'; readonly attempt: number; readonly part: number; readonly deadline: Instant }
  | {
      readonly kind: 'talking';
      readonly attempt: number;
      readonly part: number;
      readonly conversation: Conversation;
      readonly deadline: Instant;
      readonly lastDeadline: Instant;
    }
  | {
      readonly kind: 'running';
      readonly attempt: number;
      readonly deadline: Instant;
      /** `stuck`: not even SIGKILL ends it, as when its disk or its file server hangs. */
      readonly late: 'no' | 'terminated' | 'killed' | 'stuck';
    };

/** One checker of a real server: runs its check again and again, and says when its verdict changes. */
export class Checker implements Machine<CheckerInput, CheckerOutput> {
  readonly settings: ScheduledCheckSettings;
  readonly #environment: CheckerEnvironment;
  readonly #verdict: Verdict;
  readonly #latency: Latency | undefined;
  #state: State = { kind: 'stopped' };
  #attempts = 0;
  #began: Instant;
  /** What runs began too late, as far as it was not taken off a delay. */
  #behind = micros(0);
  /** This run was given its time once more. */
  #excused = false;
  #effect: WeightEffect = noWeightEffect;

  /**
   * `before` is the verdict to begin with: that of the real server it belongs to, or the checker that asked the same at
   * other times.
   */
  constructor(
    settings: ScheduledCheckSettings,
    before: boolean | Checker,
    environment: CheckerEnvironment,
    now: Instant,
  ) {
    this.settings = settings;
    this.#environment = environment;
    if (typeof before === 'boolean') this.#verdict = new Verdict(settings, before, now);
    else {
      this.#verdict = before.#verdict.under(settings);
      this.#effect = { ...noWeightEffect, replaced: before.#effect.replaced };
    }
    this.#latency = settings.schedule.latency === null ? undefined : new Latency(settings.schedule.latency);
    this.#began = now;
  }

  get status(): CheckerStatus {
    return this.#verdict.status;
  }

  get effect(): WeightEffect {
    return this.#effect;
  }

  handle(input: CheckerInput, now: Instant): readonly CheckerOutput[] {
    switch (input.kind) {
      case 'start':
        return this.#start(now);
      case 'stop': {
        const outputs = this.#abandon();
        this.#state = { kind: 'stopped' };
        return outputs;
      }
      case 'suspend':
        return this.#suspend(now);
      case 'resume':
        if (this.#state.kind === 'suspended') this.#state = { ...this.#state, kind: 'waiting' };
        return [];
      case 'connected':
        return this.#connected(input.attempt, now);
      case 'data':
        return this.#talk(input.attempt, now, ({ conversation }) => conversation.data(unhex(input.hex)));
      case 'head':
        return this.#talk(input.attempt, now, ({ conversation }) => conversation.head?.(input.status, input.fields));
      case 'trailers':
        return this.#talk(input.attempt, now, ({ conversation }) => conversation.trailers?.(input.fields));
      case 'ended':
        return this.#talk(input.attempt, now, ({ conversation }) => {
          const judgement = conversation.ended?.();
          return judgement && judged(judgement);
        });
      case 'closed': {
        const state = this.#talking(input.attempt);
        return state === undefined ? [] : this.#judged(state.conversation.closed(), now);
      }
      case 'error': {
        if (this.#attempt() !== input.attempt) return [];
        if (this.#state.kind === 'running') return this.#judged(err({ kind: 'no-script', reason: input.reason }), now);
        const early = this.#state.kind === 'talking' && !isDatagram(this.settings);
        return this.#judged(early ? closedEarly : err({ kind: 'no-connection', reason: input.reason }), now);
      }
      case 'unable': {
        if (this.#attempt() !== input.attempt) return [];
        const outputs = this.#giveUp();
        this.#state = { kind: 'waiting', dueAt: after(now, this.settings.schedule.delayLoop) };
        return [...outputs, { kind: 'not-run', reason: input.reason }];
      }
      case 'exited':
        return this.#exited(input, now);
    }
  }

  timeout(now: Instant): readonly CheckerOutput[] {
    const state = this.#state;
    const due = this.nextDeadline();
    if (due === undefined || now < due || this.#excuse(between(due, now), now)) return [];
    switch (state.kind) {
      case 'stopped':
      case 'suspended':
        return [];
      case 'waiting':
        this.#began = now;
        this.#behind = micros(
          (this.#behind + between(state.dueAt, now)) % Math.max(this.settings.schedule.delayLoop, 1),
        );
        this.#excused = false;
        return this.settings.kind === 'misc' ? this.#run(this.settings.timeout, now) : this.#connect(0, now);
      case 'connecting':
        return this.#judged(err({ kind: 'connect-timeout', seconds: toSeconds(this.#patience()) }), now);
      case 'talking':
        return this.#judged(
          state.conversation.silence?.() ?? err({ kind: 'answer-timeout', seconds: toSeconds(this.#patience()) }),
          now,
        );
      case 'running':
        return this.#overdue(state, now);
    }
  }

  /**
   * While this process was held up nobody read the answers: a run gets its time once more. Once only, so that a server is
   * found down also where it happens again and again.
   */
  #excuse(late: Duration, now: Instant): boolean {
    const state = this.#state;
    if (this.#excused || !('attempt' in state) || (state.kind === 'running' && state.late !== 'no')) return false;
    if (late <= Math.min(HELD_UP, this.#patience())) return false;
    this.#excused = true;
    const deadline = after(now, this.#patience());
    this.#state =
      state.kind === 'talking'
        ? { ...state, deadline, lastDeadline: Math.max(deadline, state.lastDeadline) as Instant }
        : { ...state, deadline };
    return true;
  }

  #overdue(state: Extract<State, { kind: 'running' }>, now: Instant): CheckerOutput[] {
    const { attempt, late } = state;
    if (late === 'no' || late === 'terminated') {
      this.#state = { ...state, late: late === 'no' ? 'terminated' : 'killed', deadline: after(now, KILL_DELAY) };
      return [{ kind: 'kill', attempt, signal: late === 'no' ? 'SIGTERM' : 'SIGKILL' }];
    }
    // A second one beside it would hang as well: each time that one was due counts as a failed run.
    const outputs = this.#conclude(err({ kind: 'script-timeout', seconds: toSeconds(this.#patience()) }), '', now);
    this.#state = { ...state, late: 'stuck', deadline: after(now, this.settings.schedule.delayLoop) };
    return outputs;
  }

  nextDeadline(): Instant | undefined {
    switch (this.#state.kind) {
      case 'stopped':
      case 'suspended':
        return undefined;
      case 'waiting':
        return this.#state.dueAt;
      case 'connecting':
      case 'talking':
      case 'running':
        return this.#state.deadline;
    }
  }

  #start(now: Instant): CheckerOutput[] {
    if (this.#state.kind !== 'stopped') return [];
    const spread = micros(this.settings.schedule.warmup * this.#environment.random());
    this.#state = { kind: 'waiting', dueAt: after(after(now, START_DELAY), spread) };
    return [];
  }

  #suspend(now: Instant): CheckerOutput[] {
    if (this.#state.kind === 'stopped' || this.#state.kind === 'suspended') return [];
    const outputs = this.#abandon();
    this.#state = { kind: 'suspended', dueAt: this.#state.kind === 'waiting' ? this.#state.dueAt : now };
    return outputs;
  }

  #connect(part: number, now: Instant): CheckerOutput[] {
    this.#attempts++;
    const attempt = this.#attempts;
    this.#state = { kind: 'connecting', attempt, part, deadline: after(now, this.#patience()) };
    return [{ kind: 'connect', attempt }];
  }

  #run(timeout: Duration, now: Instant): CheckerOutput[] {
    this.#attempts++;
    const attempt = this.#attempts;
    this.#state = { kind: 'running', attempt, deadline: after(now, timeout), late: 'no' };
    return [{ kind: 'run', attempt }];
  }

  #connected(attempt: number, now: Instant): CheckerOutput[] {
    if (this.#state.kind !== 'connecting' || this.#state.attempt !== attempt || this.settings.kind === 'misc')
      return [];
    const { part } = this.#state;
    const conversation = conversationOf(this.settings, part, this.#environment);
    if (conversation === undefined) return this.#judged(ok('accepted a connection'), now);
    const deadline = after(now, this.#patience());
    const lastDeadline = after(now, micros(this.#patience() * ANSWER_TIMEOUTS));
    this.#state = { kind: 'talking', attempt, part, conversation, deadline, lastDeadline };
    return this.#step(conversation.begin(), attempt, now);
  }

  #talk(
    attempt: number,
    now: Instant,
    answer: (state: Extract<State, { kind: 'talking' }>) => Step | undefined,
  ): CheckerOutput[] {
    const state = this.#talking(attempt);
    if (state === undefined) return [];
    const step = answer(state);
    if (step === undefined) return [];
    // A datagram that is no answer buys no time: only what moves a stream on does.
    if (!isDatagram(this.settings)) {
      const deadline = Math.min(after(now, this.#patience()), state.lastDeadline) as Instant;
      this.#state = { ...state, deadline };
    }
    return this.#step(step, attempt, now);
  }

  #step(step: Step, attempt: number, now: Instant): CheckerOutput[] {
    switch (step.kind) {
      case 'wait':
        return [];
      case 'say':
        return [{ kind: 'send', attempt, hex: hex(step.bytes) }];
      case 'request':
        return [{ kind: 'request', attempt, fields: step.fields, body: hex(step.body) }];
      case 'judged':
        return this.#judged(step.judgement, now);
    }
  }

  #exited(input: Extract<CheckerInput, { kind: 'exited' }>, now: Instant): CheckerOutput[] {
    const state = this.#state;
    if (state.kind !== 'running' || state.attempt !== input.attempt || this.settings.kind !== 'misc') return [];
    // Its failure has been told.
    if (state.late === 'stuck') {
      this.#state = { kind: 'waiting', dueAt: now };
      return [];
    }
    const { status, signal } = input;
    const { dynamic, timeout } = this.settings;
    if (status !== null && (status === 0 || (dynamic && status >= WEIGHT_OFFSET))) {
      const replaced = dynamic && status > 0 ? status - WEIGHT_OFFSET : null;
      const words = replaced === null ? 'exited with status 0' : `exited with status ${status}, weight ${replaced}`;
      return [...this.#weigh({ ...this.#effect, replaced }), ...this.#judged(ok(words), now)];
    }
    if (state.late !== 'no') return this.#judged(err({ kind: 'script-timeout', seconds: toSeconds(timeout) }), now);
    return this.#judged(
      err(
        status === null ? { kind: 'script-killed', signal: signal ?? 'a signal' } : { kind: 'script-failed', status },
      ),
      now,
    );
  }

  /** One connection or script has come to its end; more urls mean more connections. */
  #judged(judgement: Judgement, now: Instant): CheckerOutput[] {
    const state = this.#state;
    // A script that ended in time may have left something running that is meant to run.
    const outputs = state.kind === 'running' && state.late === 'no' ? [] : this.#giveUp();
    const part = state.kind === 'connecting' || state.kind === 'talking' ? state.part : 0;
    if (judgement.ok && this.settings.kind === 'http' && part + 1 < this.settings.urls.length)
      return [...outputs, ...this.#connect(part + 1, now)];
    return [...outputs, ...this.#conclude(judgement, this.#where(part), now)];
  }

  #conclude(judgement: Judgement, where: string, now: Instant): CheckerOutput[] {
    const result = shown(judgement.ok ? judgement.value : where + describeFailure(judgement.error));
    const before = this.status;
    const delay = this.#verdict.conclude(judgement.ok, result, now);
    // keepalived counts the time to the next run of a script from the start of this one.
    const wait = judgement.ok ? this.#inTurn(delay) : delay;
    const dueAt = after(this.settings.kind === 'misc' ? this.#began : now, wait);
    this.#state = { kind: 'waiting', dueAt: Math.max(dueAt, now) as Instant };
    const { up } = this.status;
    return [
      ...(judgement.ok ? this.#timed(now) : []),
      { kind: 'ran', success: judgement.ok, result, first: !before.ran },
      ...(up === before.up ? [] : [{ kind: 'verdict' as const, up, reason: result }]),
    ];
  }

  #inTurn(delay: Duration): Duration {
    const sooner = micros(Math.min(this.#behind, Math.floor(delay * CATCH_UP)));
    this.#behind = micros(this.#behind - sooner);
    return micros(delay - sooner);
  }

  #timed(now: Instant): CheckerOutput[] {
    if (this.#latency === undefined || !this.#latency.add(between(this.#began, now))) return [];
    return this.#weigh({ ...this.#effect, share: this.#latency.share });
  }

  #weigh(effect: WeightEffect): CheckerOutput[] {
    const { replaced, share } = this.#effect;
    if (effect.replaced === replaced && effect.share === share) return [];
    this.#effect = effect;
    return [{ kind: 'weight', effect }];
  }

  #giveUp(): CheckerOutput[] {
    const attempt = this.#attempt();
    if (attempt === undefined) return [];
    // What a script that has ended left running is put down with it.
    if (this.#state.kind === 'running') return [{ kind: 'kill', attempt, signal: 'SIGKILL' }];
    return [{ kind: 'close', attempt }];
  }

  /** A script that has done nothing wrong may put its things in order. */
  #abandon(): CheckerOutput[] {
    const { kind } = this.#state;
    const attempt = this.#attempt();
    return kind === 'running' && attempt !== undefined ? [{ kind: 'abandon', attempt }] : this.#giveUp();
  }

  #attempt(): number | undefined {
    const state = this.#state;
    return 'attempt' in state ? state.attempt : undefined;
  }

  #talking(attempt: number): Extract<State, { kind: 'talking' }> | undefined {
    return this.#state.kind === 'talking' && this.#state.attempt === attempt ? this.#state : undefined;
  }

  #patience(): Duration {
    return this.settings.kind === 'misc' ? this.settings.timeout : this.settings.connection.connectTimeout;
  }

  /** Of several urls, which one it was. */
  #where(part: number): string {
    if (this.settings.kind !== 'http' || this.settings.urls.length < 2) return '';
    return `${this.settings.urls[part]?.path ?? ''}: `;
  }
}

/** What a server says goes to logs and terminals: without control characters, and not at any length. */
function shown(result: string): string {
  const plain = result.replace(/\p{Cc}/gu, '?');
  return plain.length > MOST_SHOWN ? `${plain.slice(0, MOST_SHOWN)}...` : plain;
}

/** Where an error is an answer: ICMP says that nobody is there. */
function isDatagram({ kind }: { readonly kind: ConnectedCheckSettings['kind'] | 'misc' }): boolean {
  return kind === 'udp' || kind === 'dns' || kind === 'ping';
}
