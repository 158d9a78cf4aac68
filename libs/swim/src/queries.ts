import { type Duration, type Instant, type RandomSource, after, earliest, micros } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';
import type { SwimErrorKind } from './errors.ts';
import { matchesExpression } from './expression.ts';
import type { GossipRank } from './gossip-queue.ts';
import { Clock, WINDOW } from './lamport.ts';
import { sameEndpoint } from './member.ts';
import type { Members } from './members.ts';
import type { SwimInput } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { addressBytes, addressOf } from './packet.ts';
import { sample } from './sample.ts';
import {
  MAX_QUERY_BYTES,
  QUERY_ACK,
  QUERY_NO_BROADCAST,
  type Query,
  type QueryFilter,
  RESPONSE_ACK,
  type SerfMessage,
  decodeFilter,
  encodeSerf,
} from './serf.ts';
import {
  CONFLICT_QUERY,
  decodeConflictResponse,
  decodeKeyRequest,
  encodeConflictResponse,
  encodeFilter,
  encodeKeyResponse,
  exactly,
  isInternal,
  keyOperationOf,
} from './serf-queries.ts';
import type { SwimSettings } from './settings.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** Most queries or responses of one Lamport time. */
const MAX_PER_TIME = 64;
/** Most queries of ours that wait for answers, and of others that wait for ours. */
const MAX_ASKED = 64;
const MAX_OPEN = 256;
/** Longest that we keep another's query for an answer, µs. */
const MAX_WAIT = 120_000_000;
const NANOSECONDS = 1000;

type Response = Extract<SerfMessage, { type: 'query-response' }>;
type Ask = Extract<SwimInput, { kind: 'ask' }>;

interface Asked {
  readonly ask: string;
  readonly time: number;
  readonly id: number;
  readonly acknowledge: boolean;
  /** Whoever can answer: the query is over when all of them have. */
  readonly expected: ReadonlySet<string>;
  readonly until: Instant;
  readonly acks: Set<string>;
  readonly answers: Map<string, Uint8Array>;
  /** Set for a query of the machine's own. */
  readonly done: ((answers: ReadonlyMap<string, Uint8Array>) => void) | undefined;
}

export interface QueriesParts {
  readonly settings: SwimSettings;
  readonly members: Members;
  readonly outbox: Outbox;
  readonly random: RandomSource;
  broadcast(key: string, rank: GossipRank, message: Uint8Array): void;
  dropped(kind: SwimErrorKind): void;
  /** Most members know our name elsewhere. */
  lost(): void;
}

/** serf's queries, of others and of ours: gossiped to everybody, answered to the asker alone, over relays too if he wants. */
export class Queries {
  readonly #parts: QueriesParts;
  readonly #clock = new Clock();
  readonly #seen = new Map<number, Set<number>>();
  /** Queries of others that the driver may still answer. */
  readonly #open = new Map<string, { readonly query: Query; readonly until: Instant }>();
  readonly #asked = new Map<string, Asked>();
  #contesting = false;

  constructor(parts: QueriesParts) {
    this.#parts = parts;
  }

  get time(): number {
    return this.#clock.time;
  }

  witness(time: number): void {
    if (!this.#clock.plausible(time)) this.#parts.dropped('implausible');
    else if (time > 0) this.#clock.witness(time - 1);
  }

  ask(ask: Ask, now: Instant): void {
    const filters: QueryFilter[] = Object.entries(ask.tags ?? {}).map(([tag, value]) => ({
      by: 'tag',
      tag,
      expression: exactly(value),
    }));
    if (ask.names !== undefined) filters.push({ by: 'name', names: ask.names });
    this.#put(ask.name, unhex(ask.payload), now, { ...ask, filters, done: undefined });
  }

  /** Another host claims our name: the members say where they know it (serf's conflict resolution). */
  contest(now: Instant): void {
    if (this.#contesting) return;
    this.#contesting = true;
    const { settings, outbox } = this.#parts;
    const done = (answers: ReadonlyMap<string, Uint8Array>) => {
      this.#contesting = false;
      const places = [...answers.values()].flatMap((bytes) => {
        const place = decodeConflictResponse(bytes);
        return place.ok ? [place.value] : [];
      });
      const ours = places.filter((place) => sameEndpoint(place, settings.advertise)).length;
      const lost = places.length > 0 && ours < Math.floor(places.length / 2) + 1;
      outbox.emit({
        kind: 'problem',
        problem: { kind: lost ? 'name-lost' : 'name-kept', name: settings.name, votes: ours, of: places.length },
      });
      if (lost) this.#parts.lost();
    };
    const options = { ask: `conflict ${settings.name}`, acknowledge: false, relayFactor: 0, filters: [], done };
    this.#put(CONFLICT_QUERY, encodeUtf8(settings.name), now, options);
  }

  /** Our answer to a query that was given to the driver; nothing happens when it is no longer waited for. */
  answer(name: string, payload: Uint8Array, now: Instant): void {
    const open = this.#open.get(name);
    if (open === undefined || open.until < now) return;
    this.#open.delete(name);
    this.#respond(open.query, 0, payload, now);
  }

  answerKeys(answer: Extract<SwimInput, { kind: 'answer-keys' }>, now: Instant): void {
    this.answer(answer.query, encodeKeyResponse(answer), now);
  }

  /** A query that gossip brought. */
  query(query: Query, now: Instant): void {
    if (!this.#clock.plausible(query.time)) return this.#parts.dropped('implausible');
    this.#clock.witness(query.time);
    if (query.time + WINDOW < this.#clock.time || !this.#isNew(query)) return;
    const { name: us } = this.#parts.settings;
    if ((query.flags & QUERY_NO_BROADCAST) === 0) this.#tell(query);
    if (!query.filters.every((filter) => this.#matches(filter))) return;
    if ((query.flags & QUERY_ACK) !== 0) this.#respond(query, RESPONSE_ACK, new Uint8Array(), now);
    if (isInternal(query.name)) return this.#internal(query, now);
    const name = this.#keep(query, now);
    const { payload } = query;
    if (query.source !== us || this.#asked.has(askedKey(query)))
      this.#parts.outbox.emit({
        kind: 'query',
        query: name,
        name: query.name,
        payload: hex(payload),
        from: query.source,
      });
  }

  response(response: Response, now: Instant): void {
    const asked = this.#asked.get(askedKey(response));
    if (asked === undefined || asked.until < now) return;
    const { outbox } = this.#parts;
    if ((response.flags & RESPONSE_ACK) !== 0) {
      if (asked.acks.has(response.from)) return;
      asked.acks.add(response.from);
      if (asked.done === undefined) outbox.emit({ kind: 'acknowledged', ask: asked.ask, from: response.from });
    } else {
      if (asked.answers.has(response.from)) return;
      asked.answers.set(response.from, response.payload.slice());
      if (asked.done === undefined)
        outbox.emit({ kind: 'answered', ask: asked.ask, from: response.from, payload: hex(response.payload) });
    }
    const complete = [...asked.expected].every(
      (name) => asked.answers.has(name) && (!asked.acknowledge || asked.acks.has(name)),
    );
    if (complete) this.#end(asked);
  }

  timeout(now: Instant): void {
    for (const asked of [...this.#asked.values()]) if (asked.until <= now) this.#end(asked);
    for (const [name, { until }] of this.#open) if (until <= now) this.#open.delete(name);
  }

  nextDeadline(): Instant | undefined {
    let next: Instant | undefined;
    for (const { until } of this.#asked.values()) next = earliest(next, until);
    return next;
  }

  #put(
    name: string,
    payload: Uint8Array,
    now: Instant,
    options: Pick<Ask, 'ask' | 'acknowledge' | 'relayFactor' | 'timeout' | 'tags'> & {
      readonly filters: readonly QueryFilter[];
      readonly done: Asked['done'];
    },
  ): void {
    const { settings, members, outbox, random } = this.#parts;
    const { ask, acknowledge, relayFactor, filters, done } = options;
    const wait = options.timeout ?? this.#usualWait();
    const query: Query = {
      type: 'query',
      time: this.#clock.time,
      id: Math.floor(random() * 0x100000000),
      address: addressBytes(settings.advertise.address),
      port: settings.advertise.port,
      source: settings.name,
      filters: filters.map(encodeFilter),
      flags: acknowledge ? QUERY_ACK : 0,
      relayFactor,
      timeout: wait * NANOSECONDS,
      name,
      payload,
    };
    const bytes = encodeSerf(query).length;
    if (bytes > MAX_QUERY_BYTES || this.#asked.size >= MAX_ASKED) {
      const limit = bytes > MAX_QUERY_BYTES ? MAX_QUERY_BYTES : 0;
      outbox.emit({ kind: 'problem', problem: { kind: 'oversized', what: 'query', bytes, limit } });
      if (done === undefined) outbox.emit({ kind: 'asked', ask, answers: 0, acks: 0, of: 0 });
      else done(new Map());
      return;
    }
    const names = filters.find((filter) => filter.by === 'name')?.names;
    const live = [...members.peers().map((member) => member.name), settings.name];
    const tags = Object.entries(options.tags ?? {});
    const expected = new Set(
      live.filter(
        (member) =>
          (names === undefined || names.includes(member)) &&
          tags.every(([tag, value]) => members.get(member)?.tags[tag] === value),
      ),
    );
    const until = after(now, wait);
    const { time, id } = query;
    this.#asked.set(askedKey(query), {
      ask,
      time,
      id,
      acknowledge,
      expected,
      until,
      acks: new Set(),
      answers: new Map(),
      done,
    });
    this.query(query, now);
  }

  #end(asked: Asked): void {
    if (!this.#asked.delete(askedKey(asked))) return;
    if (asked.done !== undefined) return asked.done(asked.answers);
    this.#parts.outbox.emit({
      kind: 'asked',
      ask: asked.ask,
      answers: asked.answers.size,
      acks: asked.acks.size,
      of: asked.expected.size,
    });
  }

  #usualWait(): Duration {
    const { settings, members } = this.#parts;
    return micros(settings.gossipInterval * settings.queryMultiplier * Math.ceil(Math.log10(members.live + 1)));
  }

  #isNew(query: Query): boolean {
    const seen = this.#seen.get(query.time) ?? new Set();
    if (seen.has(query.id)) return false;
    if (seen.size >= MAX_PER_TIME) {
      this.#parts.dropped('too-large');
      return false;
    }
    seen.add(query.id);
    this.#seen.set(query.time, seen);
    for (const old of this.#seen.keys()) if (old + WINDOW < this.#clock.time) this.#seen.delete(old);
    return true;
  }

  #tell(query: Query): void {
    this.#parts.broadcast(`query ${askedKey(query)}`, 2, encodeSerf(query));
  }

  #keep(query: Query, now: Instant): string {
    const name = `${askedKey(query)} ${query.source}`;
    const [oldest] = this.#open.keys();
    if (this.#open.size >= MAX_OPEN && oldest !== undefined) this.#open.delete(oldest);
    const wait = micros(Math.min(query.timeout / NANOSECONDS, MAX_WAIT));
    this.#open.set(name, { query, until: after(now, wait) });
    return name;
  }

  #internal(query: Query, now: Instant): void {
    const { members, settings, outbox, dropped } = this.#parts;
    if (query.name === CONFLICT_QUERY) {
      const name = decodeUtf8(query.payload);
      // Whoever is contested has no vote.
      const member = name === undefined || name === settings.name ? undefined : members.get(name);
      if (member === undefined) return;
      const { address, endpoint } = member;
      return this.#respond(query, 0, encodeConflictResponse(member.name, address, endpoint.port), now);
    }
    const operation = keyOperationOf(query.name);
    if (operation === undefined) return;
    const key = decodeKeyRequest(query.payload);
    if (!key.ok) return dropped(key.error.kind);
    const name = this.#keep(query, now);
    // What is taken in plain may come from anybody, and what is told in plain is heard by anybody.
    if (settings.acceptPlain || settings.sendPlain) {
      const message = 'keys are not changed or told while this member accepts or sends plain gossip';
      return this.answerKeys({ kind: 'answer-keys', query: name, done: false, message, keys: [], primary: '' }, now);
    }
    outbox.emit({ kind: 'key-request', query: name, operation, key: hex(key.value), from: query.source });
  }

  #respond(query: Query, flags: number, payload: Uint8Array, now: Instant): void {
    const { members, outbox, settings, random } = this.#parts;
    const { id, time } = query;
    const response: Response = { type: 'query-response', time, id, from: settings.name, flags, payload };
    const body = encodeSerf(response);
    if (body.length > MAX_QUERY_BYTES) {
      const problem = { kind: 'oversized', what: 'answer', bytes: body.length, limit: MAX_QUERY_BYTES } as const;
      return outbox.emit({ kind: 'problem', problem });
    }
    const to = { address: addressOf(query.address), port: query.port };
    if (sameEndpoint(to, settings.advertise)) return this.response(response, now);
    // Answers go to members only, or a forged query would turn the whole fleet on its victim.
    const asker = members.at(to);
    if (asker === undefined) return;
    outbox.send(asker, { type: 'user', body });
    if (query.relayFactor === 0) return;
    const able = members.peers().filter((member) => member.state.kind === 'alive' && member.name !== asker.name);
    const { address, port } = query;
    const relay = encodeSerf({ type: 'relay', address, port, zone: '', node: asker.name, message: body });
    for (const helper of sample(able, query.relayFactor, random)) outbox.send(helper, { type: 'user', body: relay });
  }

  #matches(bytes: Uint8Array): boolean {
    const filter = decodeFilter(bytes);
    if (!filter.ok) {
      this.#parts.dropped(filter.error.kind);
      return false;
    }
    if (filter.value.by === 'name') return filter.value.names.includes(this.#parts.settings.name);
    return matchesExpression(filter.value.expression, this.#parts.members.self.tags[filter.value.tag] ?? '');
  }
}

function askedKey({ time, id }: { readonly time: number; readonly id: number }): string {
  return `${time}-${id}`;
}
