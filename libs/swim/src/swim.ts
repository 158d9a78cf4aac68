import { type Instant, type Machine, type RandomSource, between, earliest } from '@keepfleet/machine';
import { unhex } from '@keepfleet/wire';
import { CheckUp } from './check-up.ts';
import type { Verify } from './claim.ts';
import { Place } from './coordinate.ts';
import { Delegate, eventSize } from './delegate.ts';
import { Departure } from './departure.ts';
import { type Cipher, type Envelope, openDatagram } from './envelope.ts';
import type { SwimError, SwimErrorKind } from './errors.ts';
import { Exchange } from './exchange.ts';
import { GossipQueue, type GossipRank } from './gossip-queue.ts';
import { GossipRounds } from './gossip-rounds.ts';
import { type MemberEffects, Members } from './members.ts';
import type { SwimInput, SwimOutput } from './messages.ts';
import { Outbox } from './outbox.ts';
import { MAX_META_BYTES, type PacketMessage, decodePacket, encodePacket } from './packet.ts';
import { Prober } from './prober.ts';
import { Queries } from './queries.ts';
import { MAX_EVENT_BYTES, decodeSerf, encodeTags } from './serf.ts';
import { settingsProblem } from './settings-problem.ts';
import type { Endpoint, SwimSettings, Tags } from './settings.ts';
import type { SwimPhase, SwimSnapshot } from './snapshot.ts';
import { freshStats } from './stats.ts';
import { Watch } from './watch.ts';

export interface SwimParts {
  readonly random: RandomSource;
  /** Absent for a fleet without encryption. */
  readonly cipher?: Cipher;
  /** Checks who may take a name; without it names move by memberlist's rules alone. */
  readonly verify?: Verify;
}

/** One member of the fleet. Throws on settings that no fleet could use; see {@link settingsProblem} to ask first. */
export class Swim implements Machine<SwimInput, SwimOutput> {
  readonly #settings: SwimSettings;
  readonly #envelope: Envelope;
  readonly #stats = freshStats();
  readonly #queue = new GossipQueue();
  readonly #outbox: Outbox;
  readonly #members: Members;
  readonly #delegate: Delegate;
  readonly #queries: Queries;
  readonly #prober: Prober;
  readonly #checkUp: CheckUp;
  readonly #watch: Watch;
  readonly #rounds: GossipRounds;
  readonly #exchange: Exchange;
  readonly #departure: Departure;
  #phase: SwimPhase = 'idle';

  constructor(settings: SwimSettings, { random, cipher, verify }: SwimParts) {
    const problem = settingsProblem(settings);
    if (problem !== undefined) throw new RangeError(problem);
    this.#settings = settings;
    this.#envelope = {
      label: settings.label,
      cipher,
      acceptPlain: settings.acceptPlain,
      sendPlain: settings.sendPlain,
    };
    const stats = this.#stats;
    const envelope = this.#envelope;
    const count = (kind: SwimErrorKind) => this.#count(kind);
    const outbox = new Outbox(this.#queue, envelope, stats, {
      compress: settings.compress,
      packetSize: settings.packetSize,
      transmitLimit: () => settings.retransmitMultiplier * Math.ceil(Math.log10(this.#members.live + 1)),
    });
    this.#outbox = outbox;
    const effects: MemberEffects = {
      announce: (message) => this.#queue.push(`member ${message.node}`, 0, encodePacket(message)),
      changed: (change, member) => {
        if (change === 'joined') this.#delegate.joined(member.name);
        if (change === 'suspected') stats.suspicions++;
        outbox.emit({ kind: 'member', change, member });
      },
      problem: (problem) => {
        if (problem.kind === 'name-conflict') stats.nameConflicts++;
        outbox.emit({ kind: 'problem', problem });
      },
      contested: (now) => this.#queries.contest(now),
      dropped: count,
      refuted: () => {
        stats.refutations++;
        this.#prober.worsen(1);
      },
      entered: (name) => this.#prober.entered(name),
      isLeaving: (name) => this.#delegate.isLeaving(name),
    };
    const members = new Members(settings, encodeTags(settings.tags), effects, verify);
    this.#members = members;
    const broadcast = (key: string, rank: GossipRank, message: Uint8Array) =>
      this.#queue.push(key, rank, encodePacket({ type: 'user', body: message }));
    this.#queries = new Queries({
      settings,
      members,
      outbox,
      random,
      broadcast,
      dropped: count,
      lost: () => this.#end(),
    });
    this.#delegate = new Delegate({
      name: settings.name,
      members,
      outbox,
      queries: this.#queries,
      broadcast,
      dismiss: (name, now) => members.dismiss(name, { how: 'gossip' }, now),
      forget: (name) => members.forget(name),
      dropped: count,
    });
    this.#prober = new Prober({
      settings,
      members,
      outbox,
      stats,
      random,
      place: settings.coordinates ? new Place(random) : undefined,
      dropped: count,
      compared: (member, agrees, now) => this.#exchange.compared(member, agrees, now),
      pingByStream: (member, seq) => this.#exchange.pingByStream(member, seq),
    });
    this.#checkUp = new CheckUp({
      settings,
      members,
      outbox,
      random,
      nextSeq: () => this.#prober.nextSeq(),
      ping: (member, seq, padding) => this.#prober.pingOnce(member, seq, padding),
      pingByStream: (member, seq) => this.#exchange.pingByStream(member, seq),
    });
    this.#rounds = new GossipRounds({ settings, members, outbox, random });
    this.#watch = new Watch({
      settings,
      members,
      random,
      health: () => this.#prober.health,
      nextSeq: () => this.#prober.nextSeq(),
      ping: (member, seq) => this.#prober.pingOnce(member, seq, 0),
      pingOtherwise: (member, seq, byStream) =>
        this.#prober.pingOtherwise(member, seq, { wantsNacks: false, byStream }),
      isStreamOpen: (seq) => this.#exchange.isPinging(seq),
    });
    this.#departure = new Departure({
      settings,
      isAlone: () => members.live <= 1,
      isTelling: (key) => this.#queue.has(key),
      announce: () => this.#delegate.announceLeave(),
      leave: (now) => members.leave(now),
    });
    this.#exchange = new Exchange({
      settings,
      envelope,
      members,
      delegate: this.#delegate,
      outbox,
      stats,
      random,
      streamRefused: (seq, now) => this.#prober.streamRefused(seq, now),
      streamAck: (seq, now) => {
        this.#prober.streamAck(seq);
        this.#checkUp.streamAck(seq);
        this.#watch.ack(seq, now);
      },
      userMessage: (body, from, now) => this.#userMessage(body, from, now),
      dropped: (from, error) => this.#drop(from, error),
    });
  }

  handle(input: SwimInput, now: Instant): readonly SwimOutput[] {
    const phase = this.#phase;
    if (phase === 'left' || (phase === 'idle' && input.kind !== 'start')) return [];
    switch (input.kind) {
      case 'start':
        if (phase !== 'idle') break;
        this.#phase = 'running';
        this.#members.introduce(this.#members.self.meta, now);
        this.#prober.start(now);
        this.#exchange.start(now);
        break;
      case 'datagram':
        this.#datagram(input.from, input.data, now);
        break;
      case 'datagram-failed':
        this.#prober.datagramFailed(input.to);
        break;
      case 'stream-accepted':
        this.#exchange.accepted(input.stream, input.from);
        break;
      case 'stream-data':
        this.#exchange.data(input.stream, input.data, now);
        break;
      case 'stream-closed':
        this.#exchange.closed(input, now);
        break;
      case 'join':
        this.#exchange.join(input.endpoints);
        break;
      case 'set-tags':
        this.#setTags(input.tags, now);
        break;
      case 'raise':
        this.#raise(input.name, unhex(input.payload), input.coalesce);
        break;
      case 'ask':
        this.#stats.queriesOut++;
        this.#queries.ask(input, now);
        break;
      case 'answer':
        this.#queries.answer(input.query, unhex(input.payload), now);
        break;
      case 'answer-keys':
        this.#queries.answerKeys(input, now);
        break;
      case 'check-up':
        this.#checkUp.start(now);
        break;
      case 'watch':
        this.#watch.set(input.names, now);
        break;
      case 'seeds':
        this.#exchange.seeds(input.endpoints, now);
        break;
      case 'forget':
        if (input.name !== this.#settings.name) this.#delegate.forceLeave(input.name, input.prune, now);
        break;
      case 'leave':
        if (phase !== 'running') break;
        this.#phase = 'leaving';
        this.#departure.begin(now);
        break;
    }
    return this.#settle(now);
  }

  timeout(now: Instant): readonly SwimOutput[] {
    if (this.#phase === 'idle' || this.#phase === 'left') return [];
    this.#noteStall(now);
    this.#prober.timeout(now);
    this.#checkUp.timeout(now);
    this.#watch.timeout(now);
    this.#queries.timeout(now);
    this.#members.timeout(now);
    this.#exchange.timeout(now);
    this.#rounds.timeout(now);
    return this.#settle(now);
  }

  nextDeadline(): Instant | undefined {
    if (this.#phase === 'idle' || this.#phase === 'left') return undefined;
    return earliest(
      this.#prober.nextDeadline(),
      this.#checkUp.nextDeadline(),
      this.#watch.nextDeadline(),
      this.#queries.nextDeadline(),
      this.#members.nextDeadline(),
      this.#exchange.nextDeadline(),
      this.#rounds.nextDeadline(),
      this.#departure.nextDeadline(),
    );
  }

  snapshot(): SwimSnapshot {
    return {
      phase: this.#phase,
      name: this.#settings.name,
      members: this.#members.snapshots(),
      health: this.#prober.health,
      queued: this.#queue.size,
      seeded: this.#exchange.seeded,
      distances: this.#members.peers().map(({ name }) => ({ name, ...this.#prober.roundTrip(name) })),
      stats: { ...this.#stats, dropped: { ...this.#stats.dropped } },
    };
  }

  #datagram(from: Endpoint, data: string, now: Instant): void {
    this.#stats.datagramsIn++;
    this.#stats.bytesIn += data.length / 2;
    const parts = openDatagram(unhex(data), this.#envelope);
    if (!parts.ok) return this.#drop(from, parts.error);
    const sender = this.#members.at(from)?.name;
    if (sender !== undefined) {
      this.#checkUp.heard(sender, now);
      this.#watch.heard(sender, now);
    }
    for (const part of parts.value) {
      const message = part.ok ? decodePacket(part.value) : part;
      if (message.ok) this.#message(message.value, from, now);
      else this.#drop(from, message.error);
    }
  }

  #message(message: PacketMessage, from: Endpoint, now: Instant): void {
    switch (message.type) {
      case 'ping':
        return this.#prober.ping(message, from, now);
      case 'indirect-ping':
        return this.#prober.indirectPing(message, from, now);
      case 'ack':
        this.#checkUp.ack(message.seq, now);
        this.#watch.ack(message.seq, now);
        return this.#prober.ack(message, now);
      case 'nack':
        return this.#prober.nack(message.seq);
      case 'suspect':
      case 'dead':
        return this.#members.accuse(message, { how: 'gossip', by: message.from }, now);
      case 'alive':
        return this.#members.alive(message, { how: 'gossip' }, now);
      case 'user':
        return this.#userMessage(message.body, from, now);
    }
  }

  #userMessage(body: Uint8Array, from: Endpoint, now: Instant): void {
    const message = decodeSerf(body);
    if (message.ok && message.value.type === 'query') this.#stats.queriesIn++;
    if (message.ok && message.value.type === 'user-event') this.#stats.userEventsIn++;
    if (message.ok) this.#delegate.message(message.value, now);
    else this.#drop(from, message.error);
  }

  #setTags(tags: Tags, now: Instant): void {
    // News of a member that leaves would take its departure back.
    if (this.#phase !== 'idle' && this.#phase !== 'running') return;
    const meta = encodeTags(tags);
    if (meta.length <= MAX_META_BYTES) return this.#members.introduce(meta, now);
    const problem = { kind: 'oversized', what: 'tags', bytes: meta.length, limit: MAX_META_BYTES } as const;
    this.#outbox.emit({ kind: 'problem', problem });
  }

  #raise(name: string, payload: Uint8Array, coalesce: boolean): void {
    const bytes = eventSize(name, payload);
    this.#stats.userEventsOut++;
    if (bytes <= MAX_EVENT_BYTES) return this.#delegate.raise(name, payload, coalesce);
    const problem = { kind: 'oversized', what: 'user-event', bytes, limit: MAX_EVENT_BYTES } as const;
    this.#outbox.emit({ kind: 'problem', problem });
  }

  #end(): void {
    this.#exchange.stop();
    this.#prober.stop();
    this.#watch.stop();
    this.#phase = 'left';
    this.#outbox.emit({ kind: 'left' });
  }

  /**
   * Lifeguard's case at its worst: we were stopped, by SIGSTOP, a debugger or a starved host, and everything that was due
   * meanwhile comes due at once, before a single waiting answer is read. Nobody is accused for that time.
   */
  #noteStall(now: Instant): void {
    const deadline = this.nextDeadline();
    if (deadline === undefined) return;
    const lateness = between(deadline, now);
    if (lateness <= this.#settings.probeTimeout) return;
    this.#stats.stalls++;
    this.#prober.worsen(1);
    this.#prober.stalled(now);
    this.#watch.stalled(now);
    this.#members.postpone(lateness);
    this.#outbox.emit({ kind: 'problem', problem: { kind: 'stalled', lateness } });
  }

  #settle(now: Instant): readonly SwimOutput[] {
    if (this.#phase === 'leaving' && this.#departure.proceed(now)) this.#end();
    this.#rounds.settle(this.#phase !== 'left' && this.#queue.size > 0, now);
    return this.#outbox.take();
  }

  #drop(from: Endpoint, error: SwimError): void {
    this.#count(error.kind);
    this.#outbox.emit({ kind: 'problem', problem: { kind: 'dropped', from, error } });
  }

  #count(kind: SwimErrorKind): void {
    this.#stats.dropped[kind] = (this.#stats.dropped[kind] ?? 0) + 1;
  }
}
