import { type Instant, type Machine, type RandomSource, earliest } from '@keepfleet/machine';
import { type Family, familyOf, unhex } from '@keepfleet/wire';
import { type Discard, describeDiscard } from './errors.ts';
import type { BfdCommand, BfdInput, BfdOutput, ReceivedPacket } from './messages.ts';
import { decodePacket } from './packet.ts';
import { Session } from './session.ts';
import { type BfdSettings, type Hops, type SessionSettings, pathOf } from './settings.ts';
import type { BfdSnapshot } from './snapshot.ts';
import { noDiscards } from './stats.ts';

/** A port that the driver must listen on, on all addresses of a family. */
export interface Listener {
  readonly family: Family;
  readonly hops: Hops;
}

/** Strangers that are reported one by one. */
const MAX_REPORTED_STRANGERS = 64;

/** All BFD sessions of a node: which packet is whose, and one deadline for all of them. */
export class BfdNode implements Machine<BfdInput, BfdOutput> {
  readonly #random: RandomSource;
  #revision: string | undefined;
  #sessions = new Map<string, Session>();
  readonly #byDiscriminator = new Map<number, Session>();
  readonly #discarded = noDiscards();
  readonly #strangers = new Set<string>();

  constructor(random: RandomSource) {
    this.#random = random;
  }

  handle(input: BfdInput, now: Instant): readonly BfdOutput[] {
    switch (input.kind) {
      case 'configure':
        return this.#configure(input.settings, now);
      case 'command':
        return this.#command(input.command, now);
      case 'path-down':
        return this.#sessions.get(input.session)?.pathDown(now) ?? [];
      case 'packet':
        return this.#packet(input, now);
      case 'stop': {
        const sessions = [...this.#sessions.values()];
        this.#sessions = new Map();
        this.#byDiscriminator.clear();
        return input.mode === 'leave' ? [] : sessions.flatMap((session) => session.end('stopped', now));
      }
      default:
        return input satisfies never;
    }
  }

  timeout(now: Instant): readonly BfdOutput[] {
    return [...this.#sessions.values()].flatMap((session) => session.timeout(now));
  }

  nextDeadline(): Instant | undefined {
    return earliest(...Array.from(this.#sessions.values(), (session) => session.nextDeadline()));
  }

  /** Where the packets that have arrived are to be handled before {@link timeout}, which would go by a silence there. */
  silences(now: Instant): Listener[] {
    return listenersOf([...this.#sessions.values()].filter((session) => session.isSilenceOver(now)));
  }

  /** Whether a command of this name would find its session. */
  has(session: string): boolean {
    return this.#sessions.has(session);
  }

  /** Sessions that each send from a port of their own. */
  senders(): SessionSettings[] {
    return Array.from(this.#sessions.values(), (session) => session.settings);
  }

  /** Ports that the present settings need. */
  listeners(): Listener[] {
    return listenersOf([...this.#sessions.values()]);
  }

  /** `epochMillis` turns an instant into milliseconds since 1970. */
  snapshot(epochMillis: (instant: Instant) => number): BfdSnapshot {
    return {
      ...(this.#revision === undefined ? {} : { revision: this.#revision }),
      sessions: Array.from(this.#sessions.values(), (session) => session.snapshot(epochMillis)),
      discarded: { ...this.#discarded },
    };
  }

  #configure(settings: BfdSettings, now: Instant): BfdOutput[] {
    const before = this.#sessions;
    this.#revision = settings.revision;
    this.#sessions = new Map();
    const outputs: BfdOutput[] = [];
    const wanted = new Map(settings.sessions.map((session) => [session.name, session]));
    for (const [name, session] of before) {
      const next = wanted.get(name);
      if (next !== undefined && pathOf(next) === pathOf(session.settings)) continue;
      this.#byDiscriminator.delete(session.discriminator);
      before.delete(name);
      outputs.push(...session.end('removed', now));
    }
    for (const [name, one] of wanted) {
      const running = before.get(name);
      const session = running ?? new Session(one, this.#newDiscriminator(), this.#random, now);
      this.#sessions.set(name, session);
      this.#byDiscriminator.set(session.discriminator, session);
      outputs.push(...(running === undefined ? session.start(now) : session.configure(one, now)));
    }
    // Whoever was a stranger may be none any more, and is news when it is.
    this.#strangers.clear();
    return outputs;
  }

  #command({ kind, session: name }: BfdCommand, now: Instant): BfdOutput[] {
    const session = this.#sessions.get(name);
    if (session === undefined) return [];
    return kind === 'disable' ? session.disable(now) : session.enable(now);
  }

  /** RFC 5880 section 6.8.6 up to the choice of the session. */
  #packet(received: ReceivedPacket, now: Instant): BfdOutput[] {
    const decoded = decodePacket(unhex(received.bytes));
    if (!decoded.ok) return this.#discard(decoded.error, received, this.#byAddress(received));
    const packet = decoded.value;
    const { yourDiscriminator: discriminator } = packet;
    const session = discriminator === 0 ? this.#byAddress(received) : this.#byDiscriminator.get(discriminator);
    // The port says over how many hops a packet may have come, and a session believes its own only.
    if (session === undefined || session.settings.hops !== received.hops) {
      const unknown: Discard =
        discriminator === 0 ? { kind: 'unknown-neighbor' } : { kind: 'unknown-discriminator', discriminator };
      return this.#discard(unknown, received, this.#byAddress(received));
    }
    const outcome = session.receive(packet, received.ttl, now);
    return outcome.ok ? outcome.value : this.#discard(outcome.error, received, session);
  }

  #discard(discard: Discard, { source }: ReceivedPacket, session: Session | undefined): BfdOutput[] {
    const { kind } = discard;
    this.#discarded[kind]++;
    if (session !== undefined) return session.discard(discard, source);
    if (this.#strangers.has(source) || this.#strangers.size >= MAX_REPORTED_STRANGERS) return [];
    this.#strangers.add(source);
    return [{ kind: 'event', event: { kind: 'stranger', error: kind, source, detail: describeDiscard(discard) } }];
  }

  /** A first packet does not know our discriminator: RFC 5881 section 3, RFC 5883 section 4. */
  #byAddress({ source, destination, hops }: ReceivedPacket): Session | undefined {
    const from = [...this.#sessions.values()].filter(
      ({ settings }) => settings.neighbor === source && settings.hops === hops,
    );
    return (
      from.find(({ settings }) => settings.source === destination) ??
      from.find(({ settings }) => settings.source === undefined)
    );
  }

  /** Unique among our sessions, and not to be guessed (RFC 5880 section 9). */
  #newDiscriminator(): number {
    for (;;) {
      const discriminator = Math.floor(this.#random() * 0x1_0000_0000);
      if (discriminator !== 0 && !this.#byDiscriminator.has(discriminator)) return discriminator;
    }
  }
}

function listenersOf(sessions: readonly Session[]): Listener[] {
  const listeners = new Map<string, Listener>();
  for (const { settings } of sessions) {
    const { neighbor, hops } = settings;
    const family = familyOf(neighbor);
    listeners.set(`${family}/${hops}`, { family, hops });
  }
  return [...listeners.values()];
}
