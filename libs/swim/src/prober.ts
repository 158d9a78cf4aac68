import { type Duration, type Instant, type RandomSource, after, earliest, micros } from '@keepfleet/machine';
import { type Coordinate, type Place, decodeCoordinate, distance, encodeCoordinate } from './coordinate.ts';
import { Errands, type IndirectPingMessage, ourselves, replyTo } from './errands.ts';
import type { SwimErrorKind } from './errors.ts';
import { type Member, isLive, sameEndpoint } from './member.ts';
import type { Members } from './members.ts';
import type { Outbox } from './outbox.ts';
import type { PacketMessage } from './packet.ts';
import { sample } from './sample.ts';
import type { Endpoint, SwimSettings } from './settings.ts';
import type { SwimStats } from './stats.ts';

/** The protocol from which a member answers a failed indirect probe with a nack, and one by TCP. */
const NACK_PROTOCOL = 4;
const STREAM_PING_PROTOCOL = 3;
/** Others are asked about a member that is silent for so many of its last round trips, but not before this part of probeTimeout. */
const PATIENCE = 8;
const LEAST_PATIENCE = 4;

interface Probe {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly incarnation: number;
  readonly seq: number;
  readonly startedAt: Instant;
  deadline: Instant;
  /** While only the member itself was asked: when to ask others. */
  askOthersAt: Instant | undefined;
  nacksWanted: number;
  nacks: number;
  answeredByStream: boolean;
  isRefused: boolean;
}

type PingMessage = Extract<PacketMessage, { type: 'ping' }>;
type AckMessage = Extract<PacketMessage, { type: 'ack' }>;

export interface ProberParts {
  readonly settings: SwimSettings;
  readonly members: Members;
  readonly outbox: Outbox;
  readonly stats: SwimStats;
  readonly random: RandomSource;
  /** Our place, told in acks and moved by them; absent where coordinates are not wanted. */
  readonly place: Place | undefined;
  dropped(kind: SwimErrorKind): void;
  /** Another member sees what we see, or does not. */
  compared(member: Member, agrees: boolean, now: Instant): void;
  /** Pings a member by TCP; its answer comes by {@link Prober.streamAck}. */
  pingByStream(member: Member, seq: number): void;
}

export interface OtherPings {
  /** Whether those that are asked answer also when they hear nothing. */
  readonly wantsNacks: boolean;
  readonly byStream: boolean;
}

/** The failure detector: one member a probe interval, in rounds of random order, with Lifeguard's health score. */
export class Prober {
  readonly #parts: ProberParts;
  #round: string[] = [];
  #inRound = new Set<string>();
  #position = 0;
  #nextAt: Instant | undefined;
  #probe: Probe | undefined;
  readonly #errands: Errands;
  /** Members that answered by TCP alone at their last probe. */
  readonly #streamOnly = new Set<string>();
  /** Of every member that was probed: the last round trip, µs, and where it said it is. */
  readonly #roundTrips = new Map<string, number>();
  readonly #places = new Map<string, Coordinate>();
  /** The time to wait for a member's direct answer, µs, from how long its last one took, whichever way it came. */
  readonly #patience = new Map<string, number>();
  #health = 0;
  #seq: number;

  constructor(parts: ProberParts) {
    this.#parts = parts;
    // Random, so that an outsider cannot guess the number to acknowledge.
    this.#seq = Math.floor(parts.random() * 0x7fffffff);
    this.#errands = new Errands({ ...parts, nextSeq: () => this.nextSeq() });
  }

  /** 0 is healthy. */
  get health(): number {
    return this.#health;
  }

  start(now: Instant): void {
    const { settings, random } = this.#parts;
    this.#nextAt = after(now, micros(settings.probeInterval * random()));
  }

  stop(): void {
    this.#nextAt = undefined;
    this.#probe = undefined;
    this.#errands.stop();
  }

  worsen(by: number): void {
    this.#health = Math.min(Math.max(this.#health + by, 0), this.#parts.settings.awarenessMaximum - 1);
  }

  /** A random place in the rest of the round keeps the time to detect within about one round. */
  entered(name: string): void {
    if (this.#inRound.has(name)) return;
    this.#inRound.add(name);
    const at = Math.floor(this.#parts.random() * (this.#round.length + 1));
    this.#round.splice(at, 0, name);
    if (at < this.#position) this.#position++;
  }

  timeout(now: Instant): void {
    const probe = this.#probe;
    if (probe?.askOthersAt !== undefined && probe.askOthersAt <= now) this.#askOthers(probe);
    if (probe !== undefined && probe.deadline <= now) this.#fail(probe, now);
    if (this.#nextAt !== undefined && this.#probe === undefined && this.#nextAt <= now) {
      this.#parts.members.reap(now);
      this.#begin(now);
    }
    this.#errands.timeout(now);
  }

  nextDeadline(): Instant | undefined {
    const probe = this.#probe;
    const own = probe === undefined ? this.#nextAt : earliest(probe.askOthersAt, probe.deadline);
    return earliest(own, this.#errands.nextDeadline());
  }

  ping(message: PingMessage, from: Endpoint, now: Instant): void {
    const { settings, outbox, members } = this.#parts;
    if (message.node !== '' && message.node !== settings.name) return;
    const { place } = this.#parts;
    const payload = place === undefined ? new Uint8Array() : encodeCoordinate(place.coordinate);
    const to = replyTo(members, message.source, from);
    if (message.digest === undefined) return outbox.send(to, { type: 'ack', seq: message.seq, payload });
    outbox.send(to, { type: 'ack', seq: message.seq, payload, digest: members.digest });
    this.#compare(members.at(to.endpoint), message.digest, now);
  }

  indirectPing(message: IndirectPingMessage, from: Endpoint, now: Instant): void {
    this.#errands.begin(message, from, now);
  }

  ack({ seq, payload, digest }: AckMessage, now: Instant): void {
    if (this.#errands.ack(seq)) return;
    const probe = this.#probe;
    if (probe?.seq !== seq) return;
    this.#patience.set(probe.name, PATIENCE * (now - probe.startedAt));
    if (probe.askOthersAt === undefined) this.#parts.stats.probesIndirect++;
    else this.#measure(probe, payload, now);
    this.#compare(this.#parts.members.get(probe.name), digest, now);
    this.#streamOnly.delete(probe.name);
    this.worsen(-1);
    this.#finish(probe, now);
  }

  nack(seq: number): void {
    if (this.#probe?.seq === seq) this.#probe.nacks++;
  }

  streamAck(seq: number): void {
    if (this.#probe?.seq === seq) this.#probe.answeredByStream = true;
  }

  /**
   * The member's host refuses TCP: nobody listens there, which its UDP silence means too. It is still left half of the
   * usual time to be vouched for, since a firewall may refuse in its place.
   */
  streamRefused(seq: number, now: Instant): void {
    const probe = this.#probe;
    if (probe?.seq !== seq || probe.isRefused) return;
    probe.isRefused = true;
    const left = after(now, micros(this.#parts.settings.probeTimeout / 2));
    if (left < probe.deadline) probe.deadline = left;
  }

  /** A ping could not even be sent: there is no use in waiting for its ack. */
  datagramFailed(to: Endpoint): void {
    const probe = this.#probe;
    if (probe?.askOthersAt !== undefined && sameEndpoint(probe.endpoint, to)) this.#askOthers(probe);
  }

  /** We were stopped: an answer may lie in a buffer unread, and silence is no evidence. */
  stalled(now: Instant): void {
    if (this.#probe === undefined) return;
    this.#probe = undefined;
    this.#nextAt = now;
  }

  /** A number for a ping of somebody else's. */
  nextSeq(): number {
    this.#seq = (this.#seq + 1) >>> 0;
    return this.#seq;
  }

  /** A ping beside the probes. */
  pingOnce(member: Member, seq: number, padding: number): void {
    const ping = { type: 'ping', seq, node: member.name, source: ourselves(this.#parts.settings) } as const;
    this.#sendPing(member, padding > 0 ? { ...ping, padding } : ping);
  }

  forget(name: string): void {
    this.#roundTrips.delete(name);
    this.#patience.delete(name);
    this.#places.delete(name);
    this.#parts.place?.forget(name);
  }

  /** Round trip of the last direct probe, µs, and what the coordinates make of it. */
  roundTrip(name: string): { readonly measured?: number; readonly estimated?: number } {
    const measured = this.#roundTrips.get(name);
    const at = this.#places.get(name);
    const { place } = this.#parts;
    return {
      ...(measured === undefined ? {} : { measured }),
      ...(at === undefined || place === undefined
        ? {}
        : { estimated: Math.round(distance(place.coordinate, at) * 1_000_000) }),
    };
  }

  #measure(probe: Probe, payload: Uint8Array, now: Instant): void {
    const { place, dropped } = this.#parts;
    const took = now - probe.startedAt;
    this.#roundTrips.set(probe.name, took);
    const other = decodeCoordinate(payload);
    if (other === undefined) return;
    if (!other.ok) return dropped(other.error.kind);
    this.#places.set(probe.name, other.value);
    place?.measured(probe.name, other.value, took / 1_000_000);
  }

  #begin(now: Instant): void {
    const { settings, stats } = this.#parts;
    const target = this.#nextTarget();
    if (target === undefined) {
      this.#nextAt = after(now, settings.probeInterval);
      return;
    }
    const seq = this.nextSeq();
    this.#probe = {
      name: target.name,
      endpoint: target.endpoint,
      incarnation: target.incarnation,
      seq,
      startedAt: now,
      deadline: after(now, micros(settings.probeInterval * (this.#health + 1))),
      askOthersAt: after(now, this.#patienceWith(target.name)),
      nacksWanted: 0,
      nacks: 0,
      answeredByStream: false,
      isRefused: false,
    };
    stats.probes++;
    const { digest } = this.#parts.members;
    this.#sendPing(target, { type: 'ping', seq, node: target.name, digest, source: ourselves(this.#parts.settings) });
  }

  /** Whoever answers in a millisecond is not waited for half a second before others are asked. */
  #patienceWith(name: string): Duration {
    const { probeTimeout } = this.#parts.settings;
    const patience = this.#patience.get(name) ?? probeTimeout;
    return micros(Math.min(probeTimeout, Math.max(patience, probeTimeout / LEAST_PATIENCE)));
  }

  #compare(member: Member | undefined, digest: number | undefined, now: Instant): void {
    if (member !== undefined && digest !== undefined)
      this.#parts.compared(member, digest === this.#parts.members.digest, now);
  }

  #sendPing(target: Member, ping: PingMessage): void {
    const { settings, outbox } = this.#parts;
    if (target.state.kind !== 'suspect') outbox.send(target, ping);
    // It learns of the accusation with the ping, and can refute at once.
    else
      outbox.send(target, ping, {
        type: 'suspect',
        node: target.name,
        from: settings.name,
        incarnation: target.incarnation,
      });
  }

  #askOthers(probe: Probe): void {
    const { members } = this.#parts;
    probe.askOthersAt = undefined;
    const target = members.get(probe.name);
    if (target !== undefined)
      probe.nacksWanted += this.pingOtherwise(target, probe.seq, { wantsNacks: true, byStream: true });
  }

  /** Asks others to ping a member, and may ping it by TCP; the number of those that answer in any case. */
  pingOtherwise(target: Member, seq: number, { wantsNacks, byStream }: OtherPings): number {
    const { members, settings, outbox, random } = this.#parts;
    let nacks = 0;
    const able = members.peers().filter((member) => member.state.kind === 'alive' && member.name !== target.name);
    for (const helper of sample(able, settings.indirectProbes, random)) {
      const nack = wantsNacks && helper.protocolMax >= NACK_PROTOCOL;
      if (nack) nacks++;
      outbox.send(helper, {
        type: 'indirect-ping',
        seq,
        node: target.name,
        target: target.address,
        port: target.endpoint.port,
        nack,
        source: ourselves(this.#parts.settings),
      });
    }
    if (byStream && settings.streamPings && target.protocolMax >= STREAM_PING_PROTOCOL)
      this.#parts.pingByStream(target, seq);
    return nacks;
  }

  #fail(probe: Probe, now: Instant): void {
    const { members, outbox, settings, stats } = this.#parts;
    this.#finish(probe, now);
    // Missing nacks tell that the trouble may be ours; without anybody to send one, we cannot know. A refusal is an answer.
    if (!probe.isRefused) this.worsen(probe.nacksWanted > 0 ? Math.max(0, probe.nacksWanted - probe.nacks) : 1);
    if (probe.answeredByStream) {
      stats.probesStream++;
      if (!this.#streamOnly.has(probe.name))
        outbox.emit({ kind: 'problem', problem: { kind: 'udp-blocked', name: probe.name, at: probe.endpoint } });
      this.#streamOnly.add(probe.name);
      return;
    }
    stats.probesFailed++;
    const { name, incarnation } = probe;
    members.accuse({ type: 'suspect', node: name, from: settings.name, incarnation }, { how: 'probe' }, now);
  }

  #finish(probe: Probe, now: Instant): void {
    this.#probe = undefined;
    const due = after(probe.startedAt, this.#parts.settings.probeInterval);
    this.#nextAt = due > now ? due : now;
  }

  /** The next member of the round worth a probe; a new round, newly shuffled, begins where the old one ends. */
  #nextTarget(): Member | undefined {
    const { members, random, settings } = this.#parts;
    for (let fresh = 0; fresh < 2; fresh++) {
      while (this.#position < this.#round.length) {
        const member = members.get(this.#round[this.#position++] ?? '');
        if (member !== undefined && isLive(member) && member.name !== settings.name) return member;
      }
      const names = members.peers().map((member) => member.name);
      this.#round = sample(names, names.length, random);
      this.#inRound = new Set(names);
      this.#position = 0;
      for (const name of this.#streamOnly) if (members.get(name) === undefined) this.#streamOnly.delete(name);
      for (const name of this.#patience.keys()) if (members.get(name) === undefined) this.forget(name);
    }
    return undefined;
  }
}
