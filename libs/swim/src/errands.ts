import { type Instant, after, earliest } from '@keepfleet/machine';
import { sameEndpoint } from './member.ts';
import type { Members } from './members.ts';
import type { Outbox } from './outbox.ts';
import { type PacketMessage, type PingSource, addressBytes, addressOf } from './packet.ts';
import type { Endpoint, SwimSettings } from './settings.ts';

/** Most probes carried out for others at a time. */
const MAX_ERRANDS = 1024;

export type IndirectPingMessage = Extract<PacketMessage, { type: 'indirect-ping' }>;

/** Whom a message goes to, and what it may be told where it is a member. */
interface Addressee {
  readonly endpoint: Endpoint;
  readonly protocolMax?: number;
}

interface Errand {
  readonly requester: Endpoint;
  readonly seq: number;
  nackAt: Instant | undefined;
  readonly expiresAt: Instant;
}

export interface ErrandsParts {
  readonly settings: SwimSettings;
  readonly members: Members;
  readonly outbox: Outbox;
  nextSeq(): number;
}

/** Probes carried out for other members: an ack goes back, and in time a nack, which tells that we at least are there. */
export class Errands {
  readonly #parts: ErrandsParts;
  readonly #errands = new Map<number, Errand>();

  constructor(parts: ErrandsParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#errands.clear();
  }

  begin(message: IndirectPingMessage, from: Endpoint, now: Instant): void {
    const { members, outbox, settings, nextSeq } = this.#parts;
    const requester = replyTo(members, message.source, from).endpoint;
    const target = members.get(message.node);
    const endpoint = { address: addressOf(message.target), port: message.port };
    // Only members are pinged for others: nobody shall make us knock at doors of his choice.
    if (target === undefined || !sameEndpoint(target.endpoint, endpoint) || this.#errands.size >= MAX_ERRANDS) {
      if (message.nack) outbox.send(addressee(members, requester), { type: 'nack', seq: message.seq });
      return;
    }
    const seq = nextSeq();
    this.#errands.set(seq, {
      requester,
      seq: message.seq,
      nackAt: message.nack ? after(now, settings.probeTimeout) : undefined,
      expiresAt: after(now, settings.probeInterval),
    });
    outbox.send(target, { type: 'ping', seq, node: message.node, source: ourselves(settings) });
  }

  /** Whether the ack was of an errand. */
  ack(seq: number): boolean {
    const errand = this.#errands.get(seq);
    if (errand === undefined) return false;
    this.#errands.delete(seq);
    const { members, outbox } = this.#parts;
    const ack = { type: 'ack', seq: errand.seq, payload: new Uint8Array() } as const;
    outbox.send(addressee(members, errand.requester), ack);
    return true;
  }

  timeout(now: Instant): void {
    const { members, outbox } = this.#parts;
    for (const [seq, errand] of this.#errands) {
      if (errand.nackAt !== undefined && errand.nackAt <= now) {
        errand.nackAt = undefined;
        outbox.send(addressee(members, errand.requester), { type: 'nack', seq: errand.seq });
      }
      if (errand.expiresAt <= now) this.#errands.delete(seq);
    }
  }

  nextDeadline(): Instant | undefined {
    let next: Instant | undefined;
    for (const { nackAt, expiresAt } of this.#errands.values()) next = earliest(next, nackAt, expiresAt);
    return next;
  }
}

/** To the address a member gives, if it is a member's; otherwise back to where the packet came from. */
export function replyTo(members: Members, source: PingSource | undefined, from: Endpoint): Addressee {
  const named = source && members.at({ address: addressOf(source.address), port: source.port });
  return named ?? addressee(members, from);
}

export function ourselves({ name, advertise }: SwimSettings): PingSource {
  return { address: addressBytes(advertise.address), port: advertise.port, node: name };
}

function addressee(members: Members, endpoint: Endpoint): Addressee {
  return members.at(endpoint) ?? { endpoint };
}
