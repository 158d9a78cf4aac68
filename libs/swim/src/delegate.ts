import type { Instant } from '@keepfleet/machine';
import { hex } from '@keepfleet/wire';
import type { SwimErrorKind } from './errors.ts';
import type { GossipRank } from './gossip-queue.ts';
import type { Members } from './members.ts';
import type { Outbox } from './outbox.ts';
import { addressOf } from './packet.ts';
import { Clock, WINDOW } from './lamport.ts';
import type { Queries } from './queries.ts';
import { type SerfMessage, type SerfState, type UserEvent, encodeSerf } from './serf.ts';
import { encodeUtf8 } from './utf8.ts';

/** Most names whose intents are remembered, members or not. */
const MAX_INTENTS = 32_768;
/** Most events of one Lamport time. */
const MAX_PER_TIME = 64;

/** Most names of coalescing events remembered. */
const MAX_NAMES = 16_384;

interface Intent {
  time: number;
  leaving: boolean;
}

export interface DelegateParts {
  readonly name: string;
  readonly members: Members;
  readonly outbox: Outbox;
  readonly queries: Queries;
  broadcast(key: string, rank: GossipRank, message: Uint8Array): void;
  /** A member said that another, or itself, is gone for good. */
  dismiss(name: string, now: Instant): void;
  /** It is not even to be remembered. */
  forget(name: string): void;
  dropped(kind: SwimErrorKind): void;
}

/** What serf adds to memberlist: intents, which tell leaving from failing, and user events; queries go to {@link Queries}. */
export class Delegate {
  readonly #parts: DelegateParts;
  readonly #clock = new Clock();
  readonly #eventClock = new Clock();
  readonly #intents = new Map<string, Intent>();
  readonly #events = new Map<number, UserEvent[]>();
  /** The time of the newest coalescing event of each name: older ones of the name are no longer worth keeping. */
  readonly #newest = new Map<string, number>();
  /** Events before this time were raised before we joined. */
  #eventsFrom = 0;
  #leaving = false;

  constructor(parts: DelegateParts) {
    this.#parts = parts;
  }

  isLeaving(name: string): boolean {
    return this.#intents.get(name)?.leaving ?? false;
  }

  /** A member came or came back: what it said in an earlier life no longer counts. */
  joined(name: string): void {
    const intent = this.#intents.get(name);
    if (intent !== undefined) intent.leaving = false;
  }

  announceJoin(): void {
    this.#intend('join');
  }

  /** Key of the broadcast, to be waited for. */
  announceLeave(): string {
    this.#leaving = true;
    return this.#intend('leave');
  }

  /** An operator says that a member is gone for good, and with `prune` that its name is to be forgotten. */
  forceLeave(name: string, prune: boolean, now: Instant): void {
    const time = this.#clock.next();
    this.#intents.set(name, { time, leaving: true });
    this.#parts.dismiss(name, now);
    if (prune) this.#parts.forget(name);
    this.#tell(name, 1, { type: 'leave', time, node: name, prune });
  }

  raise(name: string, payload: Uint8Array, coalesce: boolean): void {
    const time = this.#eventClock.time;
    this.#eventClock.witness(time);
    this.#event({ name, payload }, time, coalesce);
  }

  /** One serf message of a datagram, or passed on to us by a relay. */
  message(message: SerfMessage, now: Instant): void {
    switch (message.type) {
      case 'join':
        if (this.#intent(message.node, message.time, false, now)) this.#tell(message.node, 1, message);
        return;
      case 'leave':
        if (!this.#intent(message.node, message.time, true, now)) return;
        if (message.prune) this.#parts.forget(message.node);
        this.#tell(message.node, 1, message);
        return;
      case 'user-event':
        this.#event({ name: message.name, payload: message.payload }, message.time, message.coalesce);
        return;
      case 'query':
        this.#parts.queries.query(message, now);
        return;
      case 'relay': {
        const member = this.#parts.members.at({ address: addressOf(message.address), port: message.port });
        if (member !== undefined) this.#parts.outbox.send(member, { type: 'user', body: message.message.slice() });
        return;
      }
      case 'push-pull':
        this.#parts.dropped('unknown-type');
        return;
      case 'query-response':
        this.#parts.queries.response(message, now);
        return;
    }
  }

  state(): SerfState {
    const known = (name: string) =>
      this.#parts.members.get(name) !== undefined || this.#parts.members.departed(name) !== undefined;
    const statusTimes = [...this.#intents]
      .filter(([name]) => known(name))
      .map(([name, intent]): [string, number] => [name, intent.time])
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      type: 'push-pull',
      time: this.#clock.time,
      eventTime: this.#eventClock.time,
      queryTime: this.#parts.queries.time,
      statusTimes,
      left: this.#parts.members
        .snapshots()
        .filter((member) => member.status === 'left')
        .map((member) => member.name),
      events: [...this.#events]
        .filter(([time]) => time + WINDOW > this.#eventClock.time)
        .map(([time, events]) => ({ time, events })),
    };
  }

  /** `joining`: the answer to our own wish to join, whose events are of the time before us. */
  merge(state: SerfState, joining: boolean, now: Instant): void {
    this.#witness(this.#clock, state.time);
    this.#witness(this.#eventClock, state.eventTime);
    this.#parts.queries.witness(state.queryTime);
    if (joining) this.#eventsFrom = Math.max(this.#eventsFrom, Math.min(state.eventTime, this.#eventClock.time));
    const left = new Set(state.left);
    for (const [name, time] of state.statusTimes) this.#intent(name, time, left.has(name), now);
    for (const slot of state.events)
      if (slot !== undefined) for (const event of slot.events) this.#event(event, slot.time, false);
  }

  #witness(clock: Clock, time: number): void {
    if (!clock.plausible(time)) this.#parts.dropped('implausible');
    else if (time > 0) clock.witness(time - 1);
  }

  #intend(type: 'join' | 'leave'): string {
    const node = this.#parts.name;
    const time = this.#clock.next();
    this.#intents.set(node, { time, leaving: type === 'leave' });
    return this.#tell(node, 1, type === 'join' ? { type, time, node } : { type, time, node, prune: false });
  }

  #tell(name: string, rank: GossipRank, message: SerfMessage): string {
    const key = `${message.type} ${name}`;
    this.#parts.broadcast(key, rank, encodeSerf(message));
    return key;
  }

  /** Whether the intent is news. */
  #intent(name: string, time: number, leaving: boolean, now: Instant): boolean {
    if (!this.#clock.plausible(time)) {
      this.#parts.dropped('implausible');
      return false;
    }
    this.#clock.witness(time);
    const known = this.#intents.get(name);
    if (known !== undefined && time <= known.time) return false;
    if (leaving && name === this.#parts.name && !this.#leaving) {
      this.announceJoin();
      return false;
    }
    if (known === undefined && this.#intents.size >= MAX_INTENTS) this.#forgetStrangers();
    this.#intents.set(name, { time, leaving });
    if (leaving) this.#parts.dismiss(name, now);
    return true;
  }

  #forgetStrangers(): void {
    for (const name of this.#intents.keys())
      if (this.#parts.members.get(name) === undefined) this.#intents.delete(name);
  }

  #event(event: UserEvent, time: number, coalesce: boolean): void {
    if (!this.#fresh(this.#eventClock, time) || time < this.#eventsFrom) return;
    if (coalesce && !this.#supersedes(event.name, time)) return;
    const seen = this.#events.get(time) ?? [];
    if (seen.some((other) => other.name === event.name && hex(other.payload) === hex(event.payload))) return;
    if (seen.length >= MAX_PER_TIME) return this.#parts.dropped('too-large');
    seen.push({ name: event.name, payload: event.payload.slice() });
    this.#events.set(time, seen);
    for (const old of this.#events.keys()) if (old + WINDOW < this.#eventClock.time) this.#events.delete(old);
    const payload = hex(event.payload);
    this.#parts.outbox.emit({ kind: 'user-event', name: event.name, payload, time });
    // A newer coalescing event takes the place of the older one of its name, told or not.
    this.#tell(coalesce ? event.name : `${time} ${event.name} ${payload}`, 3, {
      type: 'user-event',
      time,
      coalesce,
      ...event,
    });
  }

  /** Drops the coalescing event that this one replaces; false when it is itself the older one. */
  #supersedes(name: string, time: number): boolean {
    const older = this.#newest.get(name);
    if (older !== undefined && older > time) return false;
    if (older !== undefined && older < time) {
      const rest = (this.#events.get(older) ?? []).filter((event) => event.name !== name);
      if (rest.length === 0) this.#events.delete(older);
      else this.#events.set(older, rest);
    }
    if (this.#newest.size >= MAX_NAMES) this.#newest.clear();
    this.#newest.set(name, time);
    return true;
  }

  #fresh(clock: Clock, time: number): boolean {
    if (!clock.plausible(time)) {
      this.#parts.dropped('implausible');
      return false;
    }
    clock.witness(time);
    return time + WINDOW >= clock.time;
  }
}

export function eventSize(name: string, payload: Uint8Array): number {
  return encodeUtf8(name).length + payload.length;
}
