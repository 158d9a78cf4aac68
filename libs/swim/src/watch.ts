import { type Duration, type Instant, type RandomSource, after, earliest, micros } from '@keepfleet/machine';
import { type Member, isLive } from './member.ts';
import type { Members } from './members.ts';
import type { SwimSettings } from './settings.ts';

/** Most members watched at a time. */
const MAX_WATCHED = 16;
/** Time between two pings of a watched member, and the silence that makes it a suspect, both × probeInterval. */
const PING_EVERY = 0.5;
const SILENCE = 1.25;

export interface WatchParts {
  readonly settings: SwimSettings;
  readonly members: Members;
  readonly random: RandomSource;
  /** Lifeguard's score: whoever misses acks himself gives others more time. */
  health(): number;
  nextSeq(): number;
  ping(member: Member, seq: number): void;
  /** Through other members, and by TCP too if it is wanted. */
  pingOtherwise(member: Member, seq: number, byStream: boolean): void;
  /** Whether the ping by TCP of that number waits for its answer still. */
  isStreamOpen(seq: number): boolean;
}

interface Watched {
  heardAt: Instant;
  sentAt: Instant | undefined;
  seq: number | undefined;
  nextAt: Instant;
  accused: boolean;
}

/**
 * Members whose death is to be known sooner than a round of probes finds it: the masters of virtual routers, watched by
 * those that would miss them. Two pings a second in the LAN profile; whoever is silent for 1.25 s, to us, to others that
 * we ask and by TCP, is a suspect like any other, and may refute like any other.
 */
export class Watch {
  readonly #parts: WatchParts;
  readonly #watched = new Map<string, Watched>();
  /**
   * By name the last ping that went by TCP too: its answer counts though other pings were sent since, and it is known still
   * when who was watched is watched again, so that a master that comes and goes does not take one stream each time.
   */
  readonly #byStream = new Map<string, number>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  set(names: readonly string[], now: Instant): void {
    const { settings, random, isStreamOpen } = this.#parts;
    const wanted = names.filter((name) => name !== settings.name).slice(0, MAX_WATCHED);
    for (const name of this.#watched.keys()) if (!wanted.includes(name)) this.#watched.delete(name);
    for (const [name, seq] of this.#byStream)
      if (!wanted.includes(name) && !isStreamOpen(seq)) this.#byStream.delete(name);
    for (const name of wanted)
      if (!this.#watched.has(name))
        this.#watched.set(name, { ...fresh(now), nextAt: after(now, micros(this.#every * random())) });
  }

  /** A datagram came from a member. */
  heard(name: string, now: Instant): void {
    const watched = this.#watched.get(name);
    if (watched === undefined) return;
    watched.heardAt = now;
    watched.accused = false;
  }

  /** Directly, through another or by TCP. */
  ack(seq: number, now: Instant): void {
    for (const [name, { seq: last }] of this.#watched)
      if (seq === last || seq === this.#byStream.get(name)) this.heard(name, now);
  }

  /** We were stopped: what came meanwhile may lie unread. */
  stalled(now: Instant): void {
    for (const watched of this.#watched.values()) Object.assign(watched, fresh(now));
  }

  stop(): void {
    this.#watched.clear();
    this.#byStream.clear();
  }

  timeout(now: Instant): void {
    for (const [name, watched] of this.#watched) this.#serve(name, watched, now);
  }

  nextDeadline(): Instant | undefined {
    let next: Instant | undefined;
    for (const watched of this.#watched.values())
      next = earliest(next, watched.nextAt, watched.accused ? undefined : this.#silentAt(watched));
    return next;
  }

  get #every(): Duration {
    return micros(PING_EVERY * this.#parts.settings.probeInterval);
  }

  #serve(name: string, watched: Watched, now: Instant): void {
    const { settings, members, nextSeq, ping, pingOtherwise, isStreamOpen } = this.#parts;
    const member = members.get(name);
    if (member === undefined || !isLive(member)) {
      // Once it is back it starts afresh.
      if (watched.nextAt <= now) Object.assign(watched, fresh(now), { nextAt: after(now, this.#every) });
      else watched.accused = true;
      return;
    }
    if (watched.accused && member.state.kind === 'alive') Object.assign(watched, fresh(now));
    if (watched.nextAt <= now) {
      const missed = watched.sentAt !== undefined && watched.heardAt < watched.sentAt;
      watched.seq = nextSeq();
      watched.sentAt = now;
      watched.nextAt = after(now, this.#every);
      ping(member, watched.seq);
      if (missed) {
        // A host that is gone answers no TCP for the whole of streamTimeout: some masters cut off would take all streams.
        const open = this.#byStream.get(name);
        const byStream = open === undefined || !isStreamOpen(open);
        if (byStream) this.#byStream.set(name, watched.seq);
        pingOtherwise(member, watched.seq, byStream);
      }
    }
    if (watched.accused || this.#silentAt(watched) > now) return;
    watched.accused = true;
    const { incarnation } = member;
    members.accuse({ type: 'suspect', node: name, from: settings.name, incarnation }, { how: 'probe' }, now);
  }

  #silentAt(watched: Watched): Instant {
    const { settings, health } = this.#parts;
    return after(watched.heardAt, micros(SILENCE * settings.probeInterval * (health() + 1)));
  }
}

function fresh(now: Instant): Omit<Watched, 'nextAt'> {
  return { heardAt: now, sentAt: undefined, seq: undefined, accused: false };
}
