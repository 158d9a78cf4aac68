import { type Instant, type RandomSource, after, earliest, instant, micros } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';
import type { Delegate } from './delegate.ts';
import type { Envelope } from './envelope.ts';
import type { SwimError } from './errors.ts';
import { type Member, isLive, sameEndpoint } from './member.ts';
import type { Members } from './members.ts';
import type { SwimInput } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { decodeSerf, encodeSerf } from './serf.ts';
import type { Endpoint, SwimSettings } from './settings.ts';
import type { SwimStats } from './stats.ts';
import { type PushPull, StreamDecoder, type StreamMessage, encodeStreamMessage, sealStream } from './stream.ts';
import { sample } from './sample.ts';

/** Seeds asked at a time; the rest get their turn when none of these answers. */
const MAX_SEEDS_AT_ONCE = 8;
/** Members up to which the time between exchanges is not stretched. */
const PUSH_PULL_SCALE_FROM = 32;
/** How long an exchange waits for a comparison, × probeInterval. */
const COMPARE_FOR = 3;
/** A difference that lasts is mended after this part of pushPullInterval, long after news has spread. */
const MEND_FIRST = 6;
/** All is exchanged at least every so many pushPullIntervals, in proportion to the members beyond so many times that. */
const FULL_EVERY = 10;
const FULL_MEMBERS = 10;

interface Dialled {
  readonly role: 'push-pull' | 'ping';
  readonly to: Endpoint;
  readonly join: boolean;
  readonly seq: number;
  readonly decoder: StreamDecoder;
}

interface Accepted {
  readonly role: 'accepted';
  readonly from: Endpoint;
  readonly decoder: StreamDecoder;
}

export interface ExchangeParts {
  readonly settings: SwimSettings;
  readonly envelope: Envelope;
  readonly members: Members;
  readonly delegate: Delegate;
  readonly outbox: Outbox;
  readonly stats: SwimStats;
  readonly random: RandomSource;
  /** The host of a pinged member refused TCP. */
  streamRefused(seq: number, now: Instant): void;
  /** A pinged member answered by TCP. */
  streamAck(seq: number, now: Instant): void;
  userMessage(body: Uint8Array, from: Endpoint, now: Instant): void;
  dropped(from: Endpoint, error: SwimError): void;
}

/** Everything that goes by streams: exchanges of full state, by which we join and partitions heal, and pings by TCP. */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #streams = new Map<string, Dialled | Accepted>();
  #opened = 0;
  #joined = false;
  #exchangeAt: Instant | undefined;
  /** An exchange is due, and waits until then for a member to tell whether it sees what we see. */
  #compareUntil: Instant | undefined;
  /** When all is exchanged though nothing seems to differ. */
  #fullAt: Instant = instant(0);
  /** What we saw alive when it was compared last, and when a difference from it is worth an exchange. */
  #digest = 0;
  #mendAt: Instant = instant(0);
  #mendWait = 0;
  #reconnectAt: Instant | undefined;
  #joinAt: Instant | undefined;
  #joinWait: number;
  /** Those of the settings, and those whose names were looked up since. */
  #seeds: readonly Endpoint[];
  /** Whether a seed has answered since we were last alone. */
  #seeded = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.#joinWait = parts.settings.joinRetry;
    this.#seeds = parts.settings.seeds;
  }

  start(now: Instant): void {
    const { settings, random } = this.#parts;
    this.#exchangeAt = after(now, micros(settings.pushPullInterval * random()));
    this.#reconnectAt = after(now, micros(settings.reconnectInterval * (0.5 + random() / 2)));
    // Whoever joins exchanges all as it is; members that start together do not again together.
    this.#fullAt = after(now, micros(settings.pushPullInterval * FULL_EVERY * random()));
    this.join(settings.seeds);
    if (settings.seeds.length > 0) this.#joinAt = after(now, settings.joinRetry);
  }

  stop(): void {
    this.#exchangeAt = undefined;
    this.#compareUntil = undefined;
    this.#reconnectAt = undefined;
    this.#joinAt = undefined;
    for (const stream of [...this.#streams.keys()]) this.#close(stream);
  }

  /** Whether a seed has answered since we were last alone. */
  get seeded(): boolean {
    return this.#seeded;
  }

  /** What the names of seeds stand for now, beside the seeds of the settings. */
  seeds(endpoints: readonly Endpoint[], now: Instant): void {
    const { settings } = this.#parts;
    const before = this.#seeds;
    this.#seeds = [...settings.seeds, ...endpoints];
    if (this.#seeds.length > 0) this.#joinAt ??= after(now, settings.joinRetry);
    const fresh = endpoints.filter((endpoint) => !before.some((other) => sameEndpoint(other, endpoint)));
    if (!this.#seeded) this.join(fresh);
  }

  join(endpoints: readonly Endpoint[]): void {
    const { settings, random } = this.#parts;
    const others = endpoints.filter((endpoint) => !sameEndpoint(endpoint, settings.advertise));
    for (const endpoint of sample(others, MAX_SEEDS_AT_ONCE, random)) this.#pushPull(endpoint, true);
  }

  pingByStream(member: Member, seq: number): void {
    const { envelope, settings } = this.#parts;
    const ping = encodeStreamMessage({ type: 'ping', seq, node: member.name });
    const data = sealStream(ping, envelope, { compress: settings.compress, opener: true });
    this.#open({ role: 'ping', to: member.endpoint, join: false, seq }, data);
  }

  /** Whether a ping by TCP waits for its answer still. */
  isPinging(seq: number): boolean {
    return [...this.#streams.values()].some((stream) => stream.role === 'ping' && stream.seq === seq);
  }

  timeout(now: Instant): void {
    if (this.#exchangeAt !== undefined && this.#exchangeAt <= now) this.#exchange(now);
    if (this.#compareUntil !== undefined && this.#compareUntil <= now) this.#exchangeWithAny(now);
    if (this.#reconnectAt !== undefined && this.#reconnectAt <= now) this.#reconnect(now);
    if (this.#joinAt !== undefined && this.#joinAt <= now) this.#retryJoin(now);
  }

  nextDeadline(): Instant | undefined {
    return earliest(this.#exchangeAt, this.#compareUntil, this.#reconnectAt, this.#joinAt);
  }

  accepted(stream: string, from: Endpoint): void {
    this.#parts.stats.streamsIn++;
    this.#streams.set(stream, { role: 'accepted', from, decoder: new StreamDecoder(this.#parts.envelope, true) });
  }

  data(name: string, data: string, now: Instant): void {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    this.#parts.stats.streamBytesIn += data.length / 2;
    const result = stream.decoder.push(unhex(data));
    if (!result.ok) {
      this.#parts.dropped(stream.role === 'accepted' ? stream.from : stream.to, result.error);
      this.#close(name);
      if (stream.role === 'push-pull') this.#unreachable(stream, result.error.detail);
      return;
    }
    if (result.value === undefined) return;
    if (stream.role === 'accepted') this.#answer(name, stream.from, result.value, now);
    else this.#answered(stream, result.value, now);
    this.#close(name);
  }

  closed({ stream: name, reason, refused }: Extract<SwimInput, { kind: 'stream-closed' }>, now: Instant): void {
    const stream = this.#streams.get(name);
    this.#streams.delete(name);
    if (stream?.role === 'ping' && refused === true) this.#parts.streamRefused(stream.seq, now);
    if (stream?.role === 'push-pull') this.#unreachable(stream, reason);
  }

  /**
   * The state that two members exchange grows with the fleet, and nearly always says nothing new. So one that is due
   * waits for the next probe, ours or another's, which tells whether that member sees what we see. A probe of one that
   * tells nothing, such as serf, leaves it waiting: with nobody else to probe, it is made after {@link COMPARE_FOR}, with
   * whomever chance picks; among members that tell, the exchanges with such a one are mostly those that it opens. The rest of the state (Lamport times, events) is exchanged now and then all
   * the same, less often the more members there are: what it costs each of them stays the same.
   */
  compared(member: Member, agrees: boolean, now: Instant): void {
    const isDue = this.#compareUntil !== undefined;
    this.#compareUntil = undefined;
    if (agrees && isDue && now < this.#fullAt) this.#parts.stats.pushPullsSpared++;
    else if (isDue || (!agrees && this.#isLasting(now))) this.#exchangeWith(member, now);
  }

  /**
   * Whether we have known nothing new for so long that a difference is no news on its way, but news that was lost. What an
   * exchange does not mend is tried less and less often.
   */
  #isLasting(now: Instant): boolean {
    const { settings, members } = this.#parts;
    if (members.digest !== this.#digest) {
      this.#digest = members.digest;
      this.#mendAt = after(now, micros(settings.pushPullInterval / MEND_FIRST));
      this.#mendWait = settings.pushPullInterval / MEND_FIRST;
    }
    if (now < this.#mendAt) return false;
    this.#mendWait = Math.min(2 * this.#mendWait, settings.pushPullInterval);
    this.#mendAt = after(now, micros(this.#mendWait));
    return true;
  }

  #exchange(now: Instant): void {
    const { members, settings } = this.#parts;
    this.#compareUntil = after(now, micros(COMPARE_FOR * settings.probeInterval));
    const n = members.live;
    const stretch = n <= PUSH_PULL_SCALE_FROM ? 1 : Math.ceil(Math.log2(n) - Math.log2(PUSH_PULL_SCALE_FROM)) + 1;
    this.#exchangeAt = after(now, micros(settings.pushPullInterval * stretch));
  }

  #exchangeWithAny(now: Instant): void {
    const { members, random } = this.#parts;
    this.#compareUntil = undefined;
    const alive = members.peers().filter((member) => member.state.kind === 'alive');
    for (const peer of sample(alive, 1, random)) this.#exchangeWith(peer, now);
  }

  #exchangeWith(member: Member, now: Instant): void {
    const { members, settings } = this.#parts;
    this.#fullAt = after(now, micros(settings.pushPullInterval * Math.max(FULL_EVERY, members.live / FULL_MEMBERS)));
    this.#pushPull(member.endpoint, false);
  }

  /** Gossip never speaks to the dead for long: without trying them again, the sides of a partition stay apart. */
  #reconnect(now: Instant): void {
    const { members, settings, random } = this.#parts;
    this.#reconnectAt = after(now, settings.reconnectInterval);
    const failed = members.failed();
    if (random() < failed.length / members.live)
      for (const member of sample(failed, 1, random)) this.#pushPull(member.endpoint, true);
    for (const seed of sample(this.#absentSeeds(), 1, random)) this.#pushPull(seed, true);
  }

  #absentSeeds(): Endpoint[] {
    const { members } = this.#parts;
    return this.#seeds.filter((seed) => {
      const member = members.at(seed);
      return member === undefined || !isLive(member);
    });
  }

  /**
   * Until one seed has answered we ask them all, less and less often. Members that found us meanwhile are no reason to
   * stop: they may be as far from the rest of the fleet as we are.
   */
  #retryJoin(now: Instant): void {
    const { members, settings } = this.#parts;
    if (members.live <= 1) this.#seeded = false;
    this.#joinWait = this.#seeded ? settings.joinRetry : Math.min(2 * this.#joinWait, settings.reconnectInterval);
    this.#joinAt = after(now, micros(this.#joinWait));
    if (!this.#seeded) this.join(this.#seeds);
  }

  #pushPull(to: Endpoint, join: boolean): void {
    for (const stream of this.#streams.values()) if (stream.role === 'push-pull' && sameEndpoint(stream.to, to)) return;
    this.#open({ role: 'push-pull', to, join, seq: 0 }, this.#localState(join, true));
  }

  #open(stream: Omit<Dialled, 'decoder'>, data: Uint8Array): void {
    const name = `out-${++this.#opened}`;
    this.#streams.set(name, { ...stream, decoder: new StreamDecoder(this.#parts.envelope, false) });
    this.#parts.stats.streamsOut++;
    this.#parts.stats.streamBytesOut += data.length;
    this.#parts.outbox.emit({ kind: 'open-stream', stream: name, to: stream.to, data: hex(data) });
  }

  #close(name: string): void {
    if (this.#streams.delete(name)) this.#parts.outbox.emit({ kind: 'close-stream', stream: name });
  }

  #write(name: string, data: Uint8Array): void {
    this.#parts.stats.streamBytesOut += data.length;
    this.#parts.outbox.emit({ kind: 'write-stream', stream: name, data: hex(data) });
  }

  #localState(join: boolean, opener: boolean): Uint8Array {
    const { members, delegate, envelope, settings } = this.#parts;
    const userState = encodeSerf(delegate.state());
    const states = members.states();
    const message = encodeStreamMessage({ type: 'push-pull', join, states, refused: [], userState });
    return sealStream(message, envelope, { compress: settings.compress, opener });
  }

  #answer(name: string, from: Endpoint, message: StreamMessage, now: Instant): void {
    const { settings, envelope } = this.#parts;
    switch (message.type) {
      case 'push-pull':
        // The state as it was before the merge, as every peer does: the opener knows its own part already.
        this.#write(name, this.#localState(false, false));
        this.#merge(message, from, false, now);
        return;
      case 'ping': {
        if (message.node !== '' && message.node !== settings.name) return;
        const ack = encodeStreamMessage({ type: 'ack', seq: message.seq, payload: new Uint8Array() });
        this.#write(name, sealStream(ack, envelope, { compress: settings.compress, opener: false }));
        return;
      }
      case 'user':
        this.#parts.userMessage(message.body, from, now);
        return;
      case 'ack':
      case 'error':
        this.#parts.dropped(from, { kind: 'unknown-type', detail: `an answer, ${message.type}, to no question` });
        return;
    }
  }

  #answered(stream: Dialled, message: StreamMessage, now: Instant): void {
    if (message.type === 'ack' && stream.role === 'ping') {
      if (message.seq === stream.seq) this.#parts.streamAck(stream.seq, now);
    } else if (message.type === 'push-pull' && stream.role === 'push-pull') {
      this.#merge(message, stream.to, stream.join, now);
      if (stream.join && !this.#joined) this.#parts.delegate.announceJoin();
      this.#joined ||= stream.join;
      this.#seeded ||= this.#seeds.some((seed) => sameEndpoint(seed, stream.to));
    } else if (stream.role === 'push-pull')
      this.#unreachable(stream, message.type === 'error' ? message.text : `answered with ${message.type}`);
  }

  #merge(message: PushPull, peer: Endpoint, joining: boolean, now: Instant): void {
    const { members, delegate, settings, stats, dropped } = this.#parts;
    stats.pushPulls++;
    const by = members.at(peer)?.name;
    const source = by === undefined ? ({ how: 'push-pull' } as const) : ({ how: 'push-pull', by } as const);
    for (const error of message.refused) dropped(peer, error);
    for (const { name, status, ...state } of message.states) {
      if (status === 'alive') members.alive({ type: 'alive', node: name, ...state }, source, now);
      else {
        // A death is only hearsay: it becomes a suspicion of ours, which the member can refute. That it left, it said itself.
        const accusation =
          status === 'left'
            ? ({ type: 'dead', from: name } as const)
            : ({ type: 'suspect', from: settings.name } as const);
        members.accuse({ ...accusation, node: name, incarnation: state.incarnation }, source, now);
      }
    }
    if (message.userState.length === 0) return;
    const state = decodeSerf(message.userState);
    if (!state.ok) dropped(peer, state.error);
    else if (state.value.type === 'push-pull') delegate.merge(state.value, joining && !this.#joined, now);
    else dropped(peer, { kind: 'unknown-type', detail: `${state.value.type} in a push/pull` });
  }

  #unreachable(stream: Dialled, reason: string): void {
    this.#parts.stats.pushPullsFailed++;
    this.#parts.outbox.emit({
      kind: 'problem',
      problem: { kind: 'unreachable', at: stream.to, join: stream.join, reason },
    });
  }
}
