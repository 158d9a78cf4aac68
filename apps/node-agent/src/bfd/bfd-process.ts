import {
  type BfdCommand,
  type BfdEvent,
  type BfdInput,
  BfdNode,
  type BfdOutput,
  type BfdSettings,
  type BfdSnapshot,
  type ReceivedPacket,
  checkSettings,
} from '@keepfleet/bfd';
import { DeadlineTimer } from '@keepfleet/linux';
import { type Instant, between, instant } from '@keepfleet/machine';
import { randomInt } from 'node:crypto';
import { bfdEventText } from './event-text.ts';
import type { LinkedProcess, Outcome, Refusal, StopMode } from '../link/index.ts';
import type { Log } from '../log.ts';
import { ProcessScheduling } from '../scheduling.ts';
import { WallClock, monotonicNow } from '../wall-clock.ts';
import { bfdCommandSchema, bfdSettingsSchema } from './schemas.ts';
import { BfdSockets, RETRY_MS } from './sockets.ts';

export interface BfdProcessListener {
  event(event: BfdEvent): void;
  /** The snapshot is another one in more than its counters, which go with the next one that is due anyway. */
  changed(): void;
  problems(problems: readonly string[]): void;
  /** The neighbours are told, or not, as asked; the process may end. */
  stopped(): void;
}

const nobody: BfdProcessListener = { event() {}, changed() {}, problems() {}, stopped() {} };

const RANDOM_BITS = 48;

/** The driver of {@link BfdNode}: sockets and one timer. */
export class BfdProcess implements LinkedProcess<BfdSettings, BfdCommand, BfdSnapshot> {
  readonly role = 'bfd';
  readonly settings = bfdSettingsSchema;
  readonly command = bfdCommandSchema;
  // Discriminators are not to be guessed (RFC 5880 section 9).
  readonly #node = new BfdNode(() => randomInt(2 ** RANDOM_BITS - 1) / 2 ** RANDOM_BITS);
  readonly #sockets: BfdSockets;
  readonly #scheduling: ProcessScheduling;
  readonly #clock = new WallClock();
  readonly #log: Log;
  #listener = nobody;
  /** Never goes back, although packets bring the time of their arrival. */
  #now: Instant = monotonicNow();
  readonly #timer = new DeadlineTimer(() => this.#serve());
  #retry: NodeJS.Timeout | undefined;
  #problems = '';
  #stopped = false;

  constructor(log: Log) {
    this.#log = log;
    this.#scheduling = new ProcessScheduling('bfd', log);
    this.#sockets = new BfdSockets((packet, at) => this.#packet(packet, at), log);
  }

  /** To be called once, before anything else. */
  start(listener: BfdProcessListener): void {
    this.#listener = listener;
    this.#scheduling.beginPrompt();
  }

  configure(settings: BfdSettings): Refusal | undefined {
    const checked = checkSettings(settings);
    if (!checked.ok) {
      const { session, field, reason } = checked.error;
      return { refused: `bfd_instance ${session}: ${field}: ${reason}` };
    }
    if (this.#stopped) return { refused: 'the process is stopping', stopping: true };
    this.#scheduling.apply(settings.scheduling);
    this.#give({ kind: 'configure', settings });
    this.#sockets.prune(this.#node.senders());
    this.#listen();
    return undefined;
  }

  carryOut(command: BfdCommand): Outcome {
    if (!this.#node.has(command.session)) return { ok: false, reason: `there is no session ${command.session}` };
    this.#give({ kind: 'command', command });
    return { ok: true };
  }

  stop(mode: StopMode): void {
    if (this.#stopped) return;
    this.#give({ kind: 'stop', mode });
    this.#stopped = true;
    this.#timer.close();
    clearTimeout(this.#retry);
    this.#sockets.close();
    this.#listener.stopped();
  }

  snapshot(): BfdSnapshot {
    return this.#node.snapshot((at) => this.#clock.epochMillis(at));
  }

  #give(input: BfdInput): void {
    if (this.#stopped) return;
    this.#advance(monotonicNow());
    this.#carryOut(this.#node.handle(input, this.#now));
    this.#listener.changed();
    this.#arm();
  }

  #carryOut(outputs: readonly BfdOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'event') this.#tell(output.event);
      else if (this.#sockets.send(output) === 'no-way')
        this.#carryOut(this.#node.handle({ kind: 'path-down', session: output.session }, this.#now));
    }
  }

  #tell(event: BfdEvent): void {
    const { severity, kind, subject, message, attributes } = bfdEventText(event);
    const level = severity === 'warning' ? 'warn' : severity;
    this.#log[level]({ kind, ...attributes }, `${subject}: ${message}`);
    this.#listener.event(event);
    this.#listener.changed();
  }

  /** Opens the ports that are not open yet, and again as long as one cannot be. */
  #listen(): void {
    clearTimeout(this.#retry);
    const problems = this.#sockets.listen(this.#node.listeners());
    if (problems.length > 0) this.#retry = setTimeout(() => this.#listen(), RETRY_MS);
    const text = problems.join('\n');
    if (text === this.#problems) return;
    this.#problems = text;
    this.#listener.problems(problems);
  }

  #packet(packet: ReceivedPacket, at: number): void {
    // A packet that waited in the socket while this process was held up counts from its arrival.
    this.#advance(instant(Math.min(at, monotonicNow())));
    this.#carryOut(this.#node.handle(packet, this.#now));
    this.#arm();
  }

  #advance(now: Instant): void {
    if (now > this.#now) this.#now = now;
  }

  #arm(): void {
    this.#timer.arm(this.#node.nextDeadline());
  }

  #serve(): void {
    const due = this.#node.nextDeadline();
    const now = monotonicNow();
    this.#advance(now);
    if (due !== undefined && due <= now) this.#scheduling.late(between(due, now));
    // After a hold-up of ours, hundreds of packets that came in time may wait.
    this.#sockets.readUntil(this.#node.silences(now), now);
    this.#carryOut(this.#node.timeout(now));
    this.#arm();
  }
}
