import { type Instant, after } from '@keepfleet/machine';
import type { Members } from './members.ts';
import type { Outbox } from './outbox.ts';
import { sample } from './sample.ts';
import type { RandomSource } from '@keepfleet/machine';
import type { Member } from './member.ts';
import type { SwimSettings } from './settings.ts';

/** How another member could be reached just now. */
export interface Reach {
  readonly name: string;
  /** A ping of usual size was answered. */
  readonly udp: boolean;
  /** A ping that fills a datagram was answered. */
  readonly large: boolean;
  readonly tcp: boolean;
  /** Something of the member's came by UDP lately: the way from it to us is open, though the way back may not be. */
  readonly heard: boolean;
  /** Round trip of the usual ping, µs. */
  readonly roundTrip: number | undefined;
}

export interface CheckUpReport {
  readonly reach: readonly Reach[];
  /** Members that were left out, since there are too many to ping at once. */
  readonly untested: number;
}

/** Most members pinged in one check-up; of a larger fleet every member checks a random share. */
const MAX_CHECKED = 64;

interface Checked {
  readonly member: Member;
  readonly small: number;
  readonly large: number;
  readonly stream: number;
  udp: Instant | undefined;
  hasLarge: boolean;
  tcp: boolean;
}

export interface CheckUpParts {
  readonly settings: SwimSettings;
  readonly members: Members;
  readonly outbox: Outbox;
  readonly random: RandomSource;
  nextSeq(): number;
  ping(member: Member, seq: number, padding: number): void;
  pingByStream(member: Member, seq: number): void;
}

/** Pings everybody once, small, large and by TCP, on an operator's word: what probes find out one by one, all at once. */
export class CheckUp {
  readonly #parts: CheckUpParts;
  #checked: Checked[] = [];
  #untested = 0;
  #startedAt: Instant | undefined;
  #until: Instant | undefined;
  /** When a member was last heard by UDP, of those that are live. */
  readonly #heardAt = new Map<string, Instant>();

  constructor(parts: CheckUpParts) {
    this.#parts = parts;
  }

  /** A datagram came from a member. */
  heard(name: string, now: Instant): void {
    this.#heardAt.set(name, now);
  }

  /** Several askers at a time are answered by one. */
  start(now: Instant): void {
    if (this.#until !== undefined) return;
    const { members, settings, random, nextSeq, ping, pingByStream } = this.#parts;
    const peers = members.peers();
    const some = sample(peers, MAX_CHECKED, random);
    for (const name of this.#heardAt.keys()) if (members.get(name) === undefined) this.#heardAt.delete(name);
    this.#startedAt = now;
    // The others begin when the question reaches them; a ping of theirs is worth waiting for.
    this.#until = after(now, settings.probeInterval);
    this.#untested = peers.length - some.length;
    this.#checked = some.map((member) => {
      const [small, large, stream] = [nextSeq(), nextSeq(), nextSeq()];
      ping(member, small, 0);
      ping(member, large, settings.packetSize);
      pingByStream(member, stream);
      return { member, small, large, stream, udp: undefined, hasLarge: false, tcp: false };
    });
  }

  ack(seq: number, now: Instant): void {
    for (const checked of this.#checked) {
      if (checked.small === seq) checked.udp ??= now;
      if (checked.large === seq) checked.hasLarge = true;
    }
  }

  streamAck(seq: number): void {
    for (const checked of this.#checked) if (checked.stream === seq) checked.tcp = true;
  }

  timeout(now: Instant): void {
    if (this.#until === undefined || this.#until > now) return;
    const startedAt = this.#startedAt ?? now;
    const reach = this.#checked.map(({ member, udp, hasLarge, tcp }) => ({
      name: member.name,
      udp: udp !== undefined,
      large: hasLarge,
      tcp,
      heard: (this.#heardAt.get(member.name) ?? -1) >= startedAt,
      roundTrip: udp === undefined ? undefined : udp - startedAt,
    }));
    this.#parts.outbox.emit({ kind: 'checked-up', report: { reach, untested: this.#untested } });
    this.#until = undefined;
    this.#checked = [];
  }

  nextDeadline(): Instant | undefined {
    return this.#until;
  }
}
