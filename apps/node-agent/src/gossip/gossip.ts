import { randomInt } from 'node:crypto';
import { type Instant, instant } from '@keepfleet/machine';
import {
  type Endpoint,
  type MemberChange,
  type MemberSnapshot,
  Swim,
  type SwimInput,
  type SwimOutput,
  type SwimProblem,
  type SwimSettings,
  type SwimSnapshot,
  type SwimTunables,
  type Tags,
  lanTunables,
  settingsProblem,
} from '@keepfleet/swim';
import { hex } from '@keepfleet/wire';
import { GossipError, reasonOf } from './errors.ts';
import { readKeyring } from './keyring.ts';
import { Repeats, problemKey } from './repeats.ts';
import { type RememberedMember, readRemembered, writeRemembered } from './remembered.ts';
import { type Seed, lookUp, parseSeed, seedEndpoint } from './seeds.ts';
import { Sockets } from './sockets.ts';

export interface GossipOptions {
  /** Where to listen, UDP and TCP; port 0 takes a free one. */
  readonly bind: Endpoint;
  /** What the others are told; default `bind`. Needed when that is no address to send to, such as 0.0.0.0. */
  readonly advertise?: Endpoint | undefined;
  readonly name: string;
  readonly tags: Tags;
  /** Members to join by: `host`, `host:port`, `[IPv6]:port`; port 7946 by default. Names are looked up again while we are alone. */
  readonly seeds: readonly string[];
  /** A file as serf's `-keyring-file`; without it nothing is encrypted. */
  readonly keyring?: string | undefined;
  /** Where members are remembered for the next start. */
  readonly stateFile: string;
  readonly tunables?: Partial<SwimTunables> | undefined;
  readonly onEvent: (event: GossipEvent) => void;
}

/** A member as others see it; `since` is wall-clock time, milliseconds since 1970. */
export interface GossipMember extends Omit<MemberSnapshot, 'since'> {
  readonly since: number;
  readonly self: boolean;
}

export type GossipEvent =
  | { readonly kind: 'member'; readonly change: MemberChange; readonly member: GossipMember }
  | { readonly kind: 'user-event'; readonly name: string; readonly payload: Uint8Array; readonly time: number }
  | { readonly kind: 'problem'; readonly problem: GossipProblem };

/** One that repeats itself is told once a minute; the snapshot counts them all. */
export type GossipProblem =
  | SwimProblem
  | { readonly kind: 'socket'; readonly reason: string }
  | { readonly kind: 'seed-name'; readonly host: string; readonly reason: string }
  | { readonly kind: 'state-file'; readonly file: string; readonly reason: string };

/** How often names of seeds are looked up and remembered members are asked while we are alone, milliseconds. */
const ALONE_INTERVAL = 30_000;
/** Time from a change to the write of the members file, and the shortest between two writes, milliseconds. */
const SAVE_DELAY = 300;
const SAVE_INTERVAL = 5_000;
/** The longest that a timer of Node can wait, milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;
const RANDOM_RANGE = 2 ** 47;

/** Binds the sockets and joins. Rejects with a {@link GossipError} when the settings or the address are unusable. */
export async function startGossip(options: GossipOptions): Promise<Gossip> {
  const seeds = options.seeds.map(parseSeed);
  const cipher = options.keyring === undefined ? undefined : await readKeyring(options.keyring);
  const receiver: { gossip?: Gossip } = {};
  const input = (message: SwimInput) => receiver.gossip?.handle(message);
  const { sockets, port } = await Sockets.bind(options.bind, {
    datagram: (from, data) => input({ kind: 'datagram', from, data: hex(data) }),
    datagramFailed: (to) => input({ kind: 'datagram-failed', to }),
    streamAccepted: (stream, from) => input({ kind: 'stream-accepted', stream, from }),
    streamData: (stream, data) => input({ kind: 'stream-data', stream, data: hex(data) }),
    streamClosed: (stream, reason) => input({ kind: 'stream-closed', stream, reason }),
    trouble: (reason) => options.onEvent({ kind: 'problem', problem: { kind: 'socket', reason } }),
  });
  const advertise = options.advertise ?? options.bind;
  const settings: SwimSettings = {
    ...lanTunables,
    ...options.tunables,
    name: options.name,
    advertise: { address: advertise.address, port: advertise.port === 0 ? port : advertise.port },
    tags: options.tags,
    seeds: seeds.flatMap((seed) => seedEndpoint(seed) ?? []),
    label: '',
  };
  const problem = settingsProblem(settings);
  if (problem !== undefined) {
    await sockets.close();
    throw new GossipError('bad-settings', `gossip: ${problem}`);
  }
  const random = () => randomInt(RANDOM_RANGE) / RANDOM_RANGE;
  const machine = new Swim(settings, cipher === undefined ? { random } : { random, cipher });
  const names = seeds.filter((seed) => seedEndpoint(seed) === undefined);
  const gossip = new Gossip({ machine, sockets, settings, options, names });
  receiver.gossip = gossip;
  gossip.start();
  return gossip;
}

interface GossipParts {
  readonly machine: Swim;
  readonly sockets: Sockets;
  readonly settings: SwimSettings;
  readonly options: GossipOptions;
  readonly names: readonly Seed[];
}

/** A running member. */
export class Gossip {
  readonly #parts: GossipParts;
  /** Wall-clock time at the start of the monotonic clock, milliseconds. */
  readonly #epoch = Date.now() - performance.now();
  #timer: NodeJS.Timeout | undefined;
  #aloneTimer: NodeJS.Timeout | undefined;
  #saveTimer: NodeJS.Timeout | undefined;
  #saved: Promise<void> = Promise.resolve();
  #savedAt = -SAVE_INTERVAL;
  #remembered: readonly Endpoint[] = [];
  /** Resolves once the fleet knows that we leave, or we are closed before. */
  #leaving: Promise<void> | undefined;
  #left: (() => void) | undefined;
  readonly #repeats = new Repeats();
  #open = true;

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  /** Our own endpoint as the others know it. */
  get endpoint(): Endpoint {
    return this.#parts.settings.advertise;
  }

  start(): void {
    this.handle({ kind: 'start' });
    void this.#recall();
  }

  members(): GossipMember[] {
    return this.#parts.machine.snapshot().members.map((member) => this.#shown(member));
  }

  snapshot(): SwimSnapshot {
    return this.#parts.machine.snapshot();
  }

  setTags(tags: Tags): void {
    const problem = settingsProblem({ ...this.#parts.settings, tags });
    if (problem !== undefined) throw new GossipError('bad-settings', `gossip: ${problem}`);
    this.handle({ kind: 'set-tags', tags });
  }

  /** Tells every member a user event of at most 512 bytes, name included. */
  raise(name: string, payload: Uint8Array, coalesce = false): void {
    this.handle({ kind: 'raise', name, payload: hex(payload), coalesce });
  }

  /** Tells the fleet that we leave for good, which takes some seconds, and then closes. */
  async leave(): Promise<void> {
    if (!this.#open) return;
    this.#leaving ??= new Promise((resolve) => {
      this.#left = resolve;
      this.handle({ kind: 'leave' });
    });
    await this.#leaving;
    await this.close();
  }

  /** Falls silent without a word; the others will see us as failed, unless we are back before. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#left?.();
    clearTimeout(this.#timer);
    clearTimeout(this.#aloneTimer);
    if (this.#saveTimer !== undefined) this.#save();
    await this.#parts.sockets.close();
    await this.#saved;
  }

  handle(input: SwimInput): void {
    if (!this.#open) return;
    this.#carryOut(this.#parts.machine.handle(input, now()));
  }

  #carryOut(outputs: readonly SwimOutput[]): void {
    for (const output of outputs) this.#perform(output);
    clearTimeout(this.#timer);
    const deadline = this.#parts.machine.nextDeadline();
    if (deadline === undefined || !this.#open) return;
    const wait = Math.min(Math.max(Math.ceil((deadline - now()) / 1000), 0), MAX_TIMER);
    this.#timer = setTimeout(() => this.#carryOut(this.#parts.machine.timeout(now())), wait);
  }

  #perform(output: SwimOutput): void {
    const { sockets, options } = this.#parts;
    switch (output.kind) {
      case 'send':
        sockets.send(output.to, Buffer.from(output.data, 'hex'));
        return;
      case 'open-stream':
        sockets.dial(output.stream, output.to, Buffer.from(output.data, 'hex'));
        return;
      case 'write-stream':
        sockets.write(output.stream, Buffer.from(output.data, 'hex'));
        return;
      case 'close-stream':
        sockets.end(output.stream);
        return;
      case 'member':
        this.#saveTimer ??= setTimeout(
          () => this.#save(),
          Math.max(SAVE_DELAY, this.#savedAt + SAVE_INTERVAL - performance.now()),
        );
        options.onEvent({ kind: 'member', change: output.change, member: this.#shown(output.member) });
        return;
      case 'user-event': {
        const payload = new Uint8Array(Buffer.from(output.payload, 'hex'));
        options.onEvent({ kind: 'user-event', name: output.name, payload, time: output.time });
        return;
      }
      case 'problem':
        if (this.#repeats.isNews(problemKey(output.problem), performance.now()))
          options.onEvent({ kind: 'problem', problem: output.problem });
        return;
      case 'left':
        this.#left?.();
        return;
    }
  }

  async #recall(): Promise<void> {
    const { options } = this.#parts;
    try {
      this.#remembered = await readRemembered(options.stateFile);
    } catch (error) {
      this.#stateProblem(error);
    }
    await this.#lookAround();
  }

  /** While we are alone: asks the remembered members and what the names of seeds stand for now. */
  async #lookAround(): Promise<void> {
    const { machine, names, options } = this.#parts;
    const alone = !machine.snapshot().members.some(({ name, status }) => status === 'alive' && name !== options.name);
    if (alone) {
      const endpoints = [...this.#remembered];
      for (const seed of names) {
        try {
          endpoints.push(...(await lookUp(seed)));
        } catch (error) {
          const problem = { kind: 'seed-name', host: seed.host, reason: reasonOf(error) } as const;
          options.onEvent({ kind: 'problem', problem });
        }
      }
      if (endpoints.length > 0) this.handle({ kind: 'join', endpoints });
    }
    if (this.#open) this.#aloneTimer = setTimeout(() => void this.#lookAround(), ALONE_INTERVAL);
  }

  #save(): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    const { machine, options } = this.#parts;
    const members: RememberedMember[] = machine
      .snapshot()
      .members.filter(({ name, status }) => name !== options.name && (status === 'alive' || status === 'suspect'))
      .map(({ name, address, port }) => ({ name, address, port }));
    // Alone, the members of before are still the best to ask next time.
    if (members.length === 0) return;
    this.#savedAt = performance.now();
    this.#saved = this.#saved
      .then(() => writeRemembered(options.stateFile, members))
      .catch((error: unknown) => this.#stateProblem(error));
  }

  #stateProblem(error: unknown): void {
    const { stateFile, onEvent } = this.#parts.options;
    onEvent({ kind: 'problem', problem: { kind: 'state-file', file: stateFile, reason: reasonOf(error) } });
  }

  #shown(member: MemberSnapshot): GossipMember {
    const since = Math.round(this.#epoch + member.since / 1000);
    return { ...member, since, self: member.name === this.#parts.settings.name };
  }
}

function now(): Instant {
  return instant(performance.now() * 1000);
}
