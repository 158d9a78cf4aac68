import { type Duration, type Instant, after, micros, millis, seconds } from '@keepfleet/machine';
import {
  type Endpoint,
  type MemberChange,
  type MemberStatus,
  Swim,
  type SwimInput,
  type SwimOutput,
  type SwimProblem,
  type SwimSettings,
  type Verify,
  lanTunables,
} from '@keepfleet/swim';
import { VirtualLan, seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';

const STREAM_DELAY = millis(1);
const STREAM_TIMEOUT = seconds(10);
/** How often a condition of the whole fleet is looked at, in virtual time. */
const LOOK = millis(50);

export interface Seen {
  readonly at: Instant;
  readonly observer: string;
  readonly change: MemberChange;
  readonly name: string;
}

export interface FleetOptions {
  readonly seed?: number;
  readonly loss?: number;
  readonly delay?: readonly [Duration, Duration];
  readonly settings?: Partial<SwimSettings>;
  readonly verify?: Verify;
}

/** What one member believes of the others, kept up from what it tells. */
interface View {
  readonly statuses: Map<string, MemberStatus>;
  alive: number;
  /** Sum over the names alive, so that two views are compared by two numbers. */
  digest: number;
}

const statusAfter: Readonly<Record<MemberChange, MemberStatus | undefined>> = {
  joined: 'alive',
  updated: undefined,
  suspected: 'suspect',
  cleared: 'alive',
  failed: 'failed',
  left: 'left',
};

export const endpointOf = (index: number): Endpoint => ({
  address: ip(`10.${(index + 1) >> 16}.${((index + 1) >> 8) & 255}.${(index + 1) & 255}`),
  port: 7946,
});
const key = ({ address, port }: Endpoint) => `${address}:${port}`;

/** Members on the virtual LAN, and streams between them that lose nothing but know partitions, pauses and deaths. */
export class Fleet {
  readonly lan: VirtualLan<SwimInput, SwimOutput>;
  readonly machines = new Map<string, Swim>();
  readonly seen: Seen[] = [];
  readonly problems: { readonly at: string; readonly problem: SwimProblem }[] = [];
  readonly departed: string[] = [];
  readonly outputs: { readonly at: string; readonly output: SwimOutput }[] = [];
  readonly #options: FleetOptions;
  readonly #views = new Map<string, View>();
  readonly #owners = new Map<string, string>();
  readonly #lives = new Map<string, number>();
  readonly #peers = new Map<string, { readonly name: string; readonly stream: string }>();
  readonly #cuts = new Set<string>();
  /** Of every step of a stream; beyond the time that a stream may take, it ends unheard. */
  streamDelay: () => Duration = () => STREAM_DELAY;
  #sides: ReadonlyMap<string, number> | undefined;
  #born = 0;

  constructor(options: FleetOptions = {}) {
    this.#options = options;
    const { seed = 1, loss = 0, delay = [millis(0.1), millis(2)] } = options;
    this.lan = new VirtualLan({ seed, delay, loss });
  }

  get names(): string[] {
    return [...this.machines.keys()];
  }

  /** Adds members n0, n1, … that all have the first as their seed. */
  grow(count: number, settings: Partial<SwimSettings> = {}): this {
    for (let i = 0; i < count; i++) this.add(`n${this.machines.size}`, this.machines.size, settings);
    return this;
  }

  add(name: string, index: number, settings: Partial<SwimSettings> = {}): void {
    const advertise = endpointOf(index);
    const life = ++this.#born;
    const { seed = 1, verify } = this.#options;
    const machine = new Swim(
      {
        ...lanTunables,
        name,
        advertise,
        tags: { role: 'agent' },
        seeds: [endpointOf(0)],
        label: '',
        ...this.#options.settings,
        ...settings,
      },
      { random: seededRandom(seed * 100_000 + life), ...(verify === undefined ? {} : { verify }) },
    );
    this.machines.set(name, machine);
    this.#views.set(name, { statuses: new Map(), alive: 0, digest: 0 });
    this.#owners.set(key(advertise), name);
    this.#lives.set(name, life);
    this.lan.attach({
      name,
      machine,
      addresses: [key(advertise)],
      send: (output) =>
        output.kind === 'send' ? { from: key(advertise), to: key(output.to), bytes: output.data } : undefined,
      receive: ({ from, bytes }) => ({ kind: 'datagram', from: parse(from), data: bytes }),
      seen: (output, at) => this.#see(name, life, output, at),
    });
    this.lan.input(name, { kind: 'start' });
  }

  kill(name: string): void {
    this.lan.detach(name);
    this.machines.delete(name);
    this.#views.delete(name);
    this.#lives.delete(name);
    for (const [endpoint, owner] of this.#owners) if (owner === name) this.#owners.delete(endpoint);
  }

  partition(...sides: readonly (readonly string[])[]): void {
    this.#sides = new Map(sides.flatMap((names, side) => names.map((name) => [name, side] as const)));
    this.lan.partition(...sides);
  }

  heal(): void {
    this.#sides = undefined;
    this.#cuts.clear();
    this.lan.heal();
  }

  /** `receiver` hears nothing of `sender`, and no stream between them comes to be. */
  cut(sender: string, receiver: string, isCut = true): void {
    if (isCut) this.#cuts.add(`${sender} ${receiver}`);
    else this.#cuts.delete(`${sender} ${receiver}`);
    this.lan.cut(sender, receiver, isCut);
  }

  status(observer: string, name: string): MemberStatus | undefined {
    return this.#views.get(observer)?.statuses.get(name);
  }

  view(name: string): Record<string, MemberStatus> {
    const members = this.machines.get(name)?.snapshot().members ?? [];
    return Object.fromEntries(members.map((member) => [member.name, member.status]));
  }

  /** Whether everybody of `alive` sees exactly `alive` alive, nobody suspect among them. */
  agree(alive: readonly string[]): boolean {
    const wanted = alive.reduce((sum, name) => sum + hashOf(name), 0);
    return alive.every((name) => {
      const view = this.#views.get(name);
      return view?.alive === alive.length && view.digest === wanted;
    });
  }

  settle(limit: Duration): boolean {
    return this.until(() => this.agree(this.names), limit);
  }

  /** Lets virtual time pass until the condition holds, looked at every 50 ms of it. */
  until(condition: () => boolean, limit: Duration): boolean {
    const end = after(this.lan.now, limit);
    while (!condition()) {
      if (this.lan.now >= end) return false;
      this.lan.run(LOOK);
    }
    return true;
  }

  /** Who of the present sees `name` as something else than `status`. */
  notSeeing(name: string, status: MemberStatus): string[] {
    return this.names.filter((observer) => observer !== name && this.status(observer, name) !== status);
  }

  changes(change: MemberChange, name: string): Seen[] {
    return this.seen.filter((one) => one.change === change && one.name === name);
  }

  heard<K extends SwimOutput['kind']>(kind: K): { readonly at: string; readonly output: SwimOutput & { kind: K } }[] {
    return this.outputs.filter(
      (one): one is { at: string; output: SwimOutput & { kind: K } } => one.output.kind === kind,
    );
  }

  #reaches(a: string, b: string): boolean {
    if (this.#cuts.has(`${a} ${b}`) || this.#cuts.has(`${b} ${a}`)) return false;
    return this.#sides === undefined || this.#sides.get(a) === this.#sides.get(b);
  }

  #note(observer: string, change: MemberChange, name: string): void {
    const view = this.#views.get(observer);
    const status = statusAfter[change];
    if (view === undefined || status === undefined) return;
    const before = view.statuses.get(name);
    view.statuses.set(name, status);
    const difference = Number(status === 'alive') - Number(before === 'alive');
    view.alive += difference;
    view.digest += difference * hashOf(name);
  }

  #see(name: string, life: number, output: SwimOutput, at: Instant): void {
    const here = `${name}/${life}/`;
    switch (output.kind) {
      case 'send':
        return;
      case 'member':
        this.#note(name, output.change, output.member.name);
        this.seen.push({ at, observer: name, change: output.change, name: output.member.name });
        return;
      case 'problem':
        this.problems.push({ at: name, problem: output.problem });
        return;
      case 'left':
        this.departed.push(name);
        return;
      case 'open-stream':
        this.#open(name, here + output.stream, output);
        return;
      case 'write-stream':
      case 'close-stream': {
        const peer = this.#peers.get(`${name} ${output.stream}`) ?? this.#peers.get(here + output.stream);
        if (peer === undefined) return;
        const { stream } = peer;
        if (output.kind === 'write-stream') this.#later(peer.name, { kind: 'stream-data', stream, data: output.data });
        else {
          this.#later(peer.name, { kind: 'stream-closed', stream, reason: 'closed' });
          this.#peers.delete(`${name} ${output.stream}`);
          this.#peers.delete(here + output.stream);
        }
        return;
      }
      default:
        this.outputs.push({ at: name, output });
    }
  }

  #open(name: string, stream: string, { stream: own, to, data }: Extract<SwimOutput, { kind: 'open-stream' }>): void {
    const peer = this.#owners.get(key(to));
    if (peer === undefined || !this.#reaches(name, peer)) {
      const reason = peer === undefined ? 'refused' : 'timed out';
      const wait = peer === undefined ? STREAM_DELAY : STREAM_TIMEOUT;
      this.#later(name, { kind: 'stream-closed', stream: own, reason, refused: peer === undefined }, wait);
      return;
    }
    this.#peers.set(stream, { name: peer, stream });
    this.#peers.set(`${peer} ${stream}`, { name, stream: own });
    const from = [...this.#owners].find(([, owner]) => owner === name)?.[0];
    if (from === undefined) throw new Error('a stream from nobody');
    this.#later(peer, { kind: 'stream-accepted', stream, from: { ...parse(from), port: 40_000 } });
    this.#later(peer, { kind: 'stream-data', stream, data });
  }

  #later(name: string, step: SwimInput, took: Duration = this.streamDelay()): void {
    const life = this.#lives.get(name);
    const isLate = took > STREAM_TIMEOUT && 'stream' in step;
    const input: SwimInput = isLate ? { kind: 'stream-closed', stream: step.stream, reason: 'timed out' } : step;
    const wait = isLate ? STREAM_TIMEOUT : took;
    this.lan.at(after(this.lan.now, wait), () => {
      if (life !== undefined && this.#lives.get(name) === life) this.lan.input(name, input);
    });
  }
}

/** A lap of probes, the longest suspicion of so many members, and the telling. */
export function detectionBound(n: number): Duration {
  const scale = Math.max(1, Math.log10(n));
  return micros(seconds(n + 1 + 4 * scale * (n > 3 ? 6 : 1) + 5));
}

function hashOf(name: string): number {
  let hash = 7;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) % 1_000_003;
  return hash * hash;
}

function parse(text: string): Endpoint {
  const at = text.lastIndexOf(':');
  return { address: ip(text.slice(0, at)), port: Number(text.slice(at + 1)) };
}
