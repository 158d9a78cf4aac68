import { type Duration, type Instant, type RandomSource, after, between, earliest, micros } from '@keepfleet/machine';
import { type IpAddress, type Result, err, hex, ok } from '@keepfleet/wire';
import {
  ADMINISTRATIVELY_DOWN,
  DETECTION_TIME_EXPIRED,
  NEIGHBOR_SIGNALED_DOWN,
  NO_DIAGNOSTIC,
  PATH_DOWN,
} from './diagnostics.ts';
import { type Discard, type DiscardKind, describeDiscard } from './errors.ts';
import type { BfdOutput, StateReason } from './messages.ts';
import { type ControlPacket, type SessionState, encodePacket } from './packet.ts';
import { LEAST_IDLE, type SessionSettings } from './settings.ts';
import type { SessionSnapshot } from './snapshot.ts';
import { newCounters } from './stats.ts';
import { detectionTime, jittered, transmitInterval } from './timing.ts';

/** The intervals that a poll sequence agrees on, RFC 5880 section 6.8.3. */
interface Intervals {
  readonly desiredMinTx: Duration;
  readonly requiredMinRx: Duration;
}

type PacketContent = Omit<ControlPacket, 'poll' | 'final'>;

/** What the neighbour said last, RFC 5880 section 6.8.1 (bfd.Remote…). */
interface Remote {
  discriminator: number;
  state: SessionState;
  diagnostic: number;
  minRx: Duration;
  minTx: Duration;
  demand: boolean;
  detectMult: number;
}

/** One session in asynchronous mode without echo. The state variables are those of RFC 5880 section 6.8.1. */
export class Session {
  #settings: SessionSettings;
  readonly discriminator: number;
  readonly #random: RandomSource;
  #state: SessionState = 'down';
  #since: Instant;
  #diagnostic = NO_DIAGNOSTIC;
  readonly #remote: Remote = {
    discriminator: 0,
    state: 'down',
    diagnostic: NO_DIAGNOSTIC,
    minRx: micros(1),
    minTx: micros(0),
    demand: false,
    detectMult: 0,
  };
  /** What our packets say. */
  #advertised: Intervals;
  /** What we act by; behind `advertised` where that would be too soon for a neighbour that has not confirmed it. */
  #inForce: Intervals;
  #polling = false;
  /** Something changed while polling, so that the answer may be to what was before. */
  #pollAgain = false;
  #transmitAt: Instant | undefined;
  /** The interval that `transmitAt` was worked out from. */
  #scheduledBy: Duration | undefined;
  #sentAt: Instant | undefined;
  #sentContent: PacketContent | undefined;
  /** When the last packet came; undefined once its silence has lasted for the detection time. */
  #heardAt: Instant | undefined;
  readonly #counters = newCounters();
  readonly #reported = new Set<DiscardKind>();

  constructor(settings: SessionSettings, discriminator: number, random: RandomSource, now: Instant) {
    this.#settings = settings;
    this.discriminator = discriminator;
    this.#random = random;
    this.#since = now;
    this.#advertised = this.#wanted();
    this.#inForce = this.#advertised;
  }

  get settings(): SessionSettings {
    return this.#settings;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Begins to speak, unless it is passive. */
  start(now: Instant): BfdOutput[] {
    return this.#keepUp(now);
  }

  /** New settings for the same path; the session goes on, and agrees on other intervals by a poll sequence. */
  configure(settings: SessionSettings, now: Instant): BfdOutput[] {
    this.#settings = settings;
    this.#agree();
    return this.#keepUp(now);
  }

  disable(now: Instant): BfdOutput[] {
    if (this.#state === 'admin-down') return [];
    return [this.#become('admin-down', ADMINISTRATIVELY_DOWN, 'disabled', now), ...this.#keepUp(now)];
  }

  enable(now: Instant): BfdOutput[] {
    if (this.#state !== 'admin-down') return [];
    return [this.#become('down', NO_DIAGNOSTIC, 'enabled', now), ...this.#keepUp(now)];
  }

  pathDown(now: Instant): BfdOutput[] {
    // Not in Init: a neighbour that we hear and cannot answer would bring it back again and again.
    if (this.#state !== 'up') return [];
    return [this.#become('down', PATH_DOWN, 'path-down', now), ...this.#keepUp(now)];
  }

  /** The last of the session; the neighbour need not wait for its detection time (RFC 5880 section 6.8.16). */
  end(reason: 'removed' | 'stopped', now: Instant): BfdOutput[] {
    if (this.#state === 'admin-down') return [];
    return [this.#become('admin-down', ADMINISTRATIVELY_DOWN, reason, now), ...this.#sendIfNews(now)];
  }

  /** RFC 5880 section 6.8.6 from the choice of the session on. A discarded packet is to be handed to {@link discard}. */
  receive(packet: ControlPacket, ttl: number, now: Instant): Result<BfdOutput[], Discard> {
    const { leastTtl } = this.#settings;
    if (ttl < leastTtl) return err({ kind: 'ttl', ttl, least: leastTtl });
    if (packet.authenticated) return err({ kind: 'authentication' });
    const remote = this.#remote;
    remote.discriminator = packet.myDiscriminator;
    remote.state = packet.state;
    remote.diagnostic = packet.diagnostic;
    remote.demand = packet.demand;
    remote.minRx = micros(packet.requiredMinRx);
    remote.minTx = micros(packet.desiredMinTx);
    remote.detectMult = packet.detectMult;
    if (packet.final && this.#polling) this.#finishPoll();
    if (this.#state === 'admin-down') return err({ kind: 'admin-down' });
    this.#counters.packetsReceived++;
    const outputs = this.#follow(packet.state, now);
    this.#heardAt = now;
    // At once, whatever the transmission timer says (section 6.8.7).
    if (packet.poll) outputs.push(this.#send({ poll: false, final: true }, now));
    return ok([...outputs, ...this.#keepUp(now)]);
  }

  /** Counts a packet that is not taken. */
  discard(discard: Discard, source: IpAddress): BfdOutput[] {
    const { kind } = discard;
    this.#counters.discarded[kind]++;
    if (kind === 'admin-down' || this.#reported.has(kind)) return [];
    this.#reported.add(kind);
    const session = this.#settings.name;
    return [
      { kind: 'event', event: { kind: 'discarded', session, error: kind, source, detail: describeDiscard(discard) } },
    ];
  }

  timeout(now: Instant): BfdOutput[] {
    const outputs: BfdOutput[] = [];
    const expiresAt = this.#expiresAt();
    if (expiresAt !== undefined && expiresAt <= now) outputs.push(...this.#expire(now));
    if (this.#transmitAt !== undefined && this.#transmitAt <= now) {
      outputs.push(this.#send({ poll: this.#polling, final: false }, now));
      this.#transmitAt = undefined;
    }
    return outputs.length === 0 ? [] : [...outputs, ...this.#keepUp(now)];
  }

  nextDeadline(): Instant | undefined {
    return earliest(this.#transmitAt, this.#expiresAt());
  }

  /** {@link timeout} would now take the session down: packets that have arrived are to be handled before. */
  isSilenceOver(now: Instant): boolean {
    const until = this.#expiresAt();
    return until !== undefined && until <= now;
  }

  snapshot(epochMillis: (instant: Instant) => number): SessionSnapshot {
    const { name, neighbor, source, hops, passive, detectMult } = this.#settings;
    const remote = this.#remote;
    return {
      name,
      neighbor,
      ...(source === undefined ? {} : { source }),
      hops,
      passive,
      state: this.#state,
      since: epochMillis(this.#since),
      diagnostic: this.#diagnostic,
      remoteState: remote.state,
      remoteDiagnostic: remote.diagnostic,
      localDiscriminator: this.discriminator,
      remoteDiscriminator: remote.discriminator,
      detectMult,
      remoteDetectMult: remote.detectMult,
      ...this.#advertised,
      remoteMinTx: remote.minTx,
      remoteMinRx: remote.minRx,
      transmitInterval: this.#transmitInterval(),
      detectionTime: this.#detectionTime(),
      polling: this.#polling,
      counters: structuredCounters(this.#counters),
    };
  }

  /** The state machine of RFC 5880 section 6.2, as section 6.8.6 words it. */
  #follow(received: SessionState, now: Instant): BfdOutput[] {
    switch (this.#state) {
      case 'admin-down':
        return [];
      case 'down':
        if (received === 'down') return [this.#become('init', NO_DIAGNOSTIC, 'neighbor', now)];
        return received === 'init' ? [this.#become('up', NO_DIAGNOSTIC, 'neighbor', now)] : [];
      case 'init':
        if (received === 'admin-down') return [this.#become('down', NEIGHBOR_SIGNALED_DOWN, 'neighbor', now)];
        return received === 'down' ? [] : [this.#become('up', NO_DIAGNOSTIC, 'neighbor', now)];
      case 'up':
        if (received === 'init' || received === 'up') return [];
        return [this.#become('down', NEIGHBOR_SIGNALED_DOWN, 'neighbor', now)];
      default:
        return this.#state satisfies never;
    }
  }

  #expire(now: Instant): BfdOutput[] {
    const silence = this.#heardAt === undefined ? undefined : between(this.#heardAt, now);
    // In every state: who is silent for so long may come back as another (bfd.RemoteDiscr, section 6.8.1).
    this.#heardAt = undefined;
    this.#remote.discriminator = 0;
    this.#polling = false;
    this.#pollAgain = false;
    this.#inForce = this.#advertised;
    if (this.#state !== 'up' && this.#state !== 'init') return [];
    return [this.#become('down', DETECTION_TIME_EXPIRED, 'detection-time', now, silence)];
  }

  #become(to: SessionState, diagnostic: number, reason: StateReason, now: Instant, silence?: Duration): BfdOutput {
    const from = this.#state;
    this.#state = to;
    this.#since = now;
    this.#diagnostic = diagnostic;
    if (to === 'up') {
      this.#counters.up++;
      this.#reported.clear();
    } else if (from === 'up') this.#counters.down++;
    this.#agree();
    const { name, neighbor } = this.#settings;
    return {
      kind: 'event',
      event: {
        kind: 'state-changed',
        session: name,
        neighbor,
        from,
        to,
        reason,
        diagnostic,
        remoteDiagnostic: this.#remote.diagnostic,
        remoteState: this.#remote.state,
        ...(silence === undefined ? {} : { silence }),
      },
    };
  }

  /** What state and settings ask for: slow while the session is not up (section 6.8.3). */
  #wanted(): Intervals {
    const { desiredMinTx, requiredMinRx, idleTx } = this.#settings;
    const slow = Math.max(idleTx, desiredMinTx, LEAST_IDLE) as Duration;
    return { desiredMinTx: this.#state === 'up' ? desiredMinTx : slow, requiredMinRx };
  }

  /** Changed intervals are told by a poll sequence, and some count only when it is over (section 6.8.3). */
  #agree(): void {
    const next = this.#wanted();
    const { desiredMinTx, requiredMinRx } = this.#advertised;
    if (next.desiredMinTx === desiredMinTx && next.requiredMinRx === requiredMinRx) return;
    this.#advertised = next;
    const isUp = this.#state === 'up';
    const before = this.#inForce;
    this.#inForce = {
      // Slower than the neighbour believes would look like a failure to it.
      desiredMinTx: isUp && next.desiredMinTx > before.desiredMinTx ? before.desiredMinTx : next.desiredMinTx,
      // Faster is what the neighbour does not know of yet.
      requiredMinRx: isUp && next.requiredMinRx < before.requiredMinRx ? before.requiredMinRx : next.requiredMinRx,
    };
    // There must be somebody to answer.
    if (this.#remote.discriminator === 0) return;
    if (this.#polling) this.#pollAgain = true;
    else this.#startPoll();
  }

  #startPoll(): void {
    this.#polling = true;
    this.#counters.pollsStarted++;
  }

  #finishPoll(): void {
    this.#polling = false;
    this.#counters.pollsFinished++;
    if (this.#pollAgain) {
      this.#pollAgain = false;
      this.#startPoll();
    } else this.#inForce = this.#advertised;
  }

  #transmitInterval(): Duration {
    return transmitInterval(this.#inForce.desiredMinTx, this.#remote.minRx);
  }

  #detectionTime(): Duration {
    return detectionTime(this.#remote.detectMult, this.#inForce.requiredMinRx, this.#remote.minTx);
  }

  /** Counted from the last packet with the detection time of now: a longer interval of ours slows the neighbour at once. */
  #expiresAt(): Instant | undefined {
    return this.#heardAt === undefined ? undefined : after(this.#heardAt, this.#detectionTime());
  }

  /** Whether packets are sent by the clock, RFC 5880 section 6.8.7. */
  #transmits(): boolean {
    const remote = this.#remote;
    if (this.#settings.passive && remote.discriminator === 0) return false;
    if (remote.minRx === 0) return false;
    return !(remote.demand && this.#state === 'up' && remote.state === 'up') || this.#polling;
  }

  /** Tells the neighbour what it does not know, and sets the time of the next packet. */
  #keepUp(now: Instant): BfdOutput[] {
    if (!this.#transmits()) {
      this.#transmitAt = undefined;
      return [];
    }
    const outputs = this.#sendIfNews(now);
    const interval = this.#transmitInterval();
    if (this.#transmitAt === undefined || this.#scheduledBy !== interval) {
      this.#scheduledBy = interval;
      const next = after(this.#sentAt ?? now, jittered(interval, this.#settings.detectMult, this.#random));
      this.#transmitAt = next < now ? now : next;
    }
    return outputs;
  }

  /** Between the periodic packets one goes out when it says something else than the last one did (section 6.8.7). */
  #sendIfNews(now: Instant): BfdOutput[] {
    if (!this.#transmits() || sameContent(this.#content(), this.#sentContent)) return [];
    // Polls go with the periodic packets only (section 6.5).
    return [this.#send({ poll: false, final: false }, now)];
  }

  #content(): PacketContent {
    return {
      diagnostic: this.#diagnostic,
      state: this.#state,
      // A process that is restarted does not take the forwarding plane along, but its sessions it does.
      controlPlaneIndependent: false,
      authenticated: false,
      demand: false,
      detectMult: this.#settings.detectMult,
      myDiscriminator: this.discriminator,
      yourDiscriminator: this.#remote.discriminator,
      ...this.#advertised,
      // No echo: section 6.8.9 forbids the neighbour to send any.
      requiredMinEchoRx: 0,
    };
  }

  #send(flags: { readonly poll: boolean; readonly final: boolean }, now: Instant): BfdOutput {
    const content = this.#content();
    this.#sentAt = now;
    this.#sentContent = content;
    this.#counters.packetsSent++;
    const { name, hops, source, neighbor, ttl } = this.#settings;
    return {
      kind: 'send',
      session: name,
      hops,
      ...(source === undefined ? {} : { source }),
      destination: neighbor,
      ttl,
      bytes: hex(encodePacket({ ...content, ...flags })),
    };
  }
}

/** As far as what we send can differ. */
function sameContent(next: PacketContent, last: PacketContent | undefined): boolean {
  return (
    next.state === last?.state &&
    next.diagnostic === last.diagnostic &&
    next.yourDiscriminator === last.yourDiscriminator &&
    next.desiredMinTx === last.desiredMinTx &&
    next.requiredMinRx === last.requiredMinRx &&
    next.detectMult === last.detectMult
  );
}

function structuredCounters(counters: SessionSnapshot['counters']): SessionSnapshot['counters'] {
  return { ...counters, discarded: { ...counters.discarded } };
}
