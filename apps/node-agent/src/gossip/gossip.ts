import { randomInt } from 'node:crypto';
import { type Instant, instant, toMillis } from '@keepfleet/machine';
import {
  CLAIM_TAG,
  type CheckUpReport,
  type Endpoint,
  type KeyOperation,
  type MemberSnapshot,
  Swim,
  type SwimInput,
  type SwimOutput,
  type SwimSettings,
  type SwimSnapshot,
  type SwimTunables,
  type Tags,
  profiles,
  settingsProblem,
} from '@keepfleet/swim';
import { hex } from '@keepfleet/wire';
import { GossipError, reasonOf } from './errors.ts';
import { DOCTOR_QUERY, encodeReport, memberReport } from './check-up-report.ts';
import { claimName, verifyClaim } from './identity.ts';
import { Keyring } from './keyring.ts';
import type { GossipMember, GossipOptions } from './messages.ts';
import { type Answers, type Question, Questions } from './questions.ts';
import { Repeats, problemKey } from './repeats.ts';
import { type RememberedMember, readRemembered, writeRemembered } from './remembered.ts';
import { type Seed, lookUp, parseSeed, seedEndpoint } from './seeds.ts';
import { Sockets } from './sockets.ts';

/** How often names of seeds are looked up until one has answered, and remembered members asked while we are alone, milliseconds. */
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
  const keyring = options.keyring === undefined ? undefined : await Keyring.read(options.keyring);
  const tunables: SwimTunables = { ...profiles[options.profile ?? 'lan'], ...options.tunables };
  const receiver: { gossip?: Gossip } = {};
  const input = (message: SwimInput) => receiver.gossip?.handle(message);
  const { sockets, port } = await Sockets.bind(options.bind, toMillis(tunables.streamTimeout), {
    datagram: (from, data) => input({ kind: 'datagram', from, data: data.toString('hex') }),
    datagramFailed: (to) => input({ kind: 'datagram-failed', to }),
    streamAccepted: (stream, from) => input({ kind: 'stream-accepted', stream, from }),
    streamData: (stream, data) => input({ kind: 'stream-data', stream, data: data.toString('hex') }),
    streamClosed: (stream, reason, refused) => input({ kind: 'stream-closed', stream, reason, refused }),
    trouble: (reason) => options.onEvent({ kind: 'problem', problem: { kind: 'socket', reason } }),
  });
  try {
    const told = options.advertise ?? options.bind;
    const advertise = { address: told.address, port: told.port === 0 ? port : told.port };
    const settings: SwimSettings = {
      ...tunables,
      name: options.name,
      advertise,
      tags: options.tags,
      seeds: seeds.flatMap((seed) => seedEndpoint(seed) ?? []),
      label: options.label ?? '',
    };
    const problem = settingsProblem(settings);
    if (problem !== undefined) throw new GossipError('bad-settings', `gossip: ${problem}`);
    const { identityFile, name } = options;
    const claim = identityFile === undefined ? undefined : await claimName(identityFile, name, advertise, Date.now());
    const fixedTags: Tags = claim === undefined ? {} : { [CLAIM_TAG]: claim };
    const claimed = { ...settings, tags: { ...settings.tags, ...fixedTags } };
    const tooMuch = settingsProblem(claimed);
    if (tooMuch !== undefined) throw new GossipError('bad-settings', `gossip: ${tooMuch}`);
    const machine = new Swim(claimed, {
      random: () => randomInt(RANDOM_RANGE) / RANDOM_RANGE,
      verify: verifyClaim,
      ...(keyring === undefined ? {} : { cipher: keyring }),
    });
    const names = seeds.filter((seed) => seedEndpoint(seed) === undefined);
    const gossip = new Gossip({ machine, sockets, settings: claimed, options, names, keyring, fixedTags });
    receiver.gossip = gossip;
    gossip.start();
    return gossip;
  } catch (error) {
    await sockets.close();
    throw error;
  }
}

interface GossipParts {
  readonly machine: Swim;
  readonly sockets: Sockets;
  readonly settings: SwimSettings;
  readonly options: GossipOptions;
  readonly names: readonly Seed[];
  readonly keyring: Keyring | undefined;
  /** Tags that no change of tags takes away. */
  readonly fixedTags: Tags;
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
  readonly #questions = new Questions((input) => this.handle(input));
  /** Doctors that wait for the end of our check-up. */
  #doctors: string[] = [];
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
    const all = { ...tags, ...this.#parts.fixedTags };
    const problem = settingsProblem({ ...this.#parts.settings, tags: all });
    if (problem !== undefined) throw new GossipError('bad-settings', `gossip: ${problem}`);
    this.handle({ kind: 'set-tags', tags: all });
  }

  /** Whether what we send is encrypted, and whether plain input is refused. */
  get encryption(): { readonly sends: boolean; readonly requires: boolean } {
    const { keyring, settings } = this.#parts;
    return {
      sends: keyring !== undefined && !settings.sendPlain,
      requires: keyring !== undefined && !settings.acceptPlain,
    };
  }

  /** Asks members a serf query. */
  ask(question: Question): Promise<Answers> {
    if (!this.#open) return Promise.resolve({ answers: new Map(), acknowledged: new Set() });
    return this.#questions.ask(question);
  }

  /** Says that a failed member will not come back; with `prune` its name is free for any host. */
  forget(name: string, prune: boolean): void {
    this.handle({ kind: 'forget', name, prune });
  }

  /** Members whose silence is to be known sooner than that of others. */
  watch(names: readonly string[]): void {
    this.handle({ kind: 'watch', names });
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
    this.#questions.close();
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
      case 'query':
        this.#answer(output);
        return;
      case 'answered':
      case 'acknowledged':
      case 'asked':
        this.#questions.told(output);
        return;
      case 'key-request':
        void this.#changeKeys(output);
        return;
      case 'checked-up':
        this.#tellDoctors(output.report);
        return;
      case 'problem':
        if (this.#repeats.isNews(problemKey(output.problem), performance.now()))
          options.onEvent({ kind: 'problem', problem: output.problem });
        return;
      case 'left':
        this.#left?.();
        if (this.#leaving === undefined && this.#open) {
          options.onEvent({ kind: 'silenced' });
          void this.close();
        }
        return;
    }
  }

  #answer({ query, name, payload, from }: Extract<SwimOutput, { kind: 'query' }>): void {
    if (name === DOCTOR_QUERY) {
      this.#doctors.push(query);
      // Outside of this call: an input within the carrying out of another would be out of order.
      if (this.#doctors.length === 1) setImmediate(() => this.handle({ kind: 'check-up' }));
      return;
    }
    const answer = this.#parts.options.onQuery?.(name, Buffer.from(payload, 'hex'), from);
    if (answer !== undefined) setImmediate(() => this.handle({ kind: 'answer', query, payload: hex(answer) }));
  }

  #tellDoctors(report: CheckUpReport): void {
    const { options, settings, keyring } = this.#parts;
    const about = {
      version: options.version ?? 'unknown',
      at: Date.now(),
      acceptsPlain: keyring !== undefined && settings.acceptPlain,
    };
    const payload = hex(encodeReport(memberReport(this.snapshot(), report, about)));
    const doctors = this.#doctors;
    this.#doctors = [];
    setImmediate(() => {
      for (const query of doctors) this.handle({ kind: 'answer', query, payload });
    });
  }

  async #changeKeys({ query, operation, key, from }: Extract<SwimOutput, { kind: 'key-request' }>): Promise<void> {
    const { keyring, options } = this.#parts;
    const reason =
      keyring === undefined ? 'this member has no keyring' : await changed(keyring, operation, Buffer.from(key, 'hex'));
    if (operation !== 'list') options.onEvent({ kind: 'keys', operation, from, reason });
    const keys = operation === 'list' ? (keyring?.keys ?? []) : [];
    const [primary = ''] = keys;
    const done = reason === undefined;
    setImmediate(() => this.handle({ kind: 'answer-keys', query, done, message: reason ?? '', keys, primary }));
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

  /**
   * Asks what the names of seeds stand for now, until one of the seeds has answered: a member met by another way may be as
   * far from the rest of the fleet as we are. While we are alone, also the members of an earlier run.
   */
  async #lookAround(): Promise<void> {
    const { machine, names, options } = this.#parts;
    const { members, seeded } = machine.snapshot();
    const alone = !members.some(({ name, status }) => status === 'alive' && name !== options.name);
    if (alone && this.#remembered.length > 0) this.handle({ kind: 'join', endpoints: this.#remembered });
    if (names.length > 0 && (alone || !seeded)) {
      const endpoints: Endpoint[] = [];
      for (const seed of names) {
        try {
          endpoints.push(...(await lookUp(seed)));
        } catch (error) {
          const problem = { kind: 'seed-name', host: seed.host, reason: reasonOf(error) } as const;
          options.onEvent({ kind: 'problem', problem });
        }
      }
      this.handle({ kind: 'seeds', endpoints });
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

function changed(keyring: Keyring, operation: KeyOperation, key: Uint8Array): Promise<string | undefined> {
  switch (operation) {
    case 'install':
      return keyring.install(key);
    case 'use':
      return keyring.use(key);
    case 'remove':
      return keyring.remove(key);
    case 'list':
      return Promise.resolve(undefined);
  }
}

function now(): Instant {
  return instant(performance.now() * 1000);
}
