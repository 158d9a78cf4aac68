import { type Duration, type Instant, after, millis, seconds, toSeconds } from '@keepfleet/machine';
import { VirtualLan, seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import type { MemberChange, SwimInput, SwimOutput } from './messages.ts';
import { type Endpoint, type SwimSettings, lanTunables } from './settings.ts';
import type { MemberStatus } from './snapshot.ts';
import { Swim } from './swim.ts';

const STREAM_DELAY = millis(1);
const STREAM_TIMEOUT = seconds(10);

interface Seen {
  readonly at: Instant;
  readonly observer: string;
  readonly change: MemberChange;
  readonly name: string;
}

interface FleetOptions {
  readonly seed?: number;
  readonly loss?: number;
  readonly settings?: Partial<SwimSettings>;
}

const endpointOf = (index: number): Endpoint => ({ address: ip(`10.0.0.${index + 1}`), port: 7946 });
const key = ({ address, port }: Endpoint) => `${address}:${port}`;

/** Members on the virtual LAN, and streams between them that lose nothing but know partitions and deaths. */
class Fleet {
  readonly lan: VirtualLan<SwimInput, SwimOutput>;
  readonly machines = new Map<string, Swim>();
  readonly seen: Seen[] = [];
  readonly problems: string[] = [];
  readonly departed: string[] = [];
  readonly #options: FleetOptions;
  readonly #owners = new Map<string, string>();
  readonly #peers = new Map<string, { readonly name: string; readonly stream: string }>();
  #sides: readonly (readonly string[])[] | undefined;
  #lives = 0;

  constructor(options: FleetOptions = {}) {
    this.#options = options;
    this.lan = new VirtualLan({ seed: options.seed ?? 1, delay: [millis(0.1), millis(2)], loss: options.loss ?? 0 });
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
    const life = ++this.#lives;
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
      { random: seededRandom((this.#options.seed ?? 1) * 1000 + life) },
    );
    this.machines.set(name, machine);
    this.#owners.set(key(advertise), name);
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
    for (const [endpoint, owner] of this.#owners) if (owner === name) this.#owners.delete(endpoint);
  }

  partition(...sides: readonly (readonly string[])[]): void {
    this.#sides = sides;
    this.lan.partition(...sides);
  }

  heal(): void {
    this.#sides = undefined;
    this.lan.heal();
  }

  view(name: string): Record<string, MemberStatus> {
    const members = this.machines.get(name)?.snapshot().members ?? [];
    return Object.fromEntries(members.map((member) => [member.name, member.status]));
  }

  /** Whether everybody present sees exactly `alive` alive. */
  agree(alive: readonly string[]): boolean {
    const wanted = [...alive].sort().join();
    return alive.every((name) => {
      const view = Object.entries(this.view(name)).filter(([, status]) => status === 'alive');
      return (
        view
          .map(([member]) => member)
          .sort()
          .join() === wanted
      );
    });
  }

  settle(limit: Duration): boolean {
    return this.lan.runUntil(() => this.agree(this.names), limit);
  }

  changes(change: MemberChange, name: string): Seen[] {
    return this.seen.filter((one) => one.change === change && one.name === name);
  }

  #reaches(a: string, b: string): boolean {
    const sideOf = (name: string) => this.#sides?.findIndex((side) => side.includes(name));
    return sideOf(a) === sideOf(b);
  }

  #see(name: string, life: number, output: SwimOutput, at: Instant): void {
    const here = `${name}/${life}/`;
    switch (output.kind) {
      case 'member':
        this.seen.push({ at, observer: name, change: output.change, name: output.member.name });
        return;
      case 'problem':
        this.problems.push(`${name}: ${JSON.stringify(output.problem)}`);
        return;
      case 'left':
        this.departed.push(name);
        return;
      case 'open-stream': {
        const peer = this.#owners.get(key(output.to));
        if (peer === undefined || !this.#reaches(name, peer)) {
          const reason = peer === undefined ? 'refused' : 'timed out';
          const wait = peer === undefined ? STREAM_DELAY : STREAM_TIMEOUT;
          this.#later(name, { kind: 'stream-closed', stream: output.stream, reason }, wait);
          return;
        }
        const stream = here + output.stream;
        this.#peers.set(stream, { name: peer, stream });
        this.#peers.set(`${peer} ${stream}`, { name, stream: output.stream });
        const from = this.machines
          .get(name)
          ?.snapshot()
          .members.find((member) => member.name === name);
        if (from === undefined) throw new Error('a stream from nobody');
        this.#later(peer, { kind: 'stream-accepted', stream, from: { address: from.address, port: 40_000 } });
        this.#later(peer, { kind: 'stream-data', stream, data: output.data });
        return;
      }
      case 'write-stream':
      case 'close-stream': {
        const peer = this.#peers.get(`${name} ${output.stream}`) ?? this.#peers.get(here + output.stream);
        if (peer === undefined) return;
        const { stream } = peer;
        if (output.kind === 'write-stream') this.#later(peer.name, { kind: 'stream-data', stream, data: output.data });
        else this.#later(peer.name, { kind: 'stream-closed', stream, reason: 'closed' });
        return;
      }
    }
  }

  #later(name: string, input: SwimInput, wait: Duration = STREAM_DELAY): void {
    const machine = this.machines.get(name);
    this.lan.at(after(this.lan.now, wait), () => {
      if (machine !== undefined && this.machines.get(name) === machine) this.lan.input(name, input);
    });
  }
}

function parse(text: string): Endpoint {
  const at = text.lastIndexOf(':');
  return { address: ip(text.slice(0, at)), port: Number(text.slice(at + 1)) };
}

/** A probe of each member by each other, then the shortest suspicion, then gossip. */
function detectionBound(n: number): Duration {
  return seconds(n + 1 + 4 * Math.max(1, Math.log10(n)) * (n > 3 ? 6 : 1) + 3);
}

// Virtual time, but much of it: a busy machine takes more than the usual 5 s of the real one.
describe('a fleet', { timeout: 60_000 }, () => {
  it.each([3, 5, 32])('of %i members is complete within seconds of its start', (n) => {
    const fleet = new Fleet().grow(n);
    expect(fleet.settle(seconds(5))).toBe(true);
    expect(
      fleet.machines
        .get('n1')
        ?.snapshot()
        .members.find((member) => member.name === 'n0')?.tags,
    ).toEqual({
      role: 'agent',
    });
  });

  it.each([3, 5, 32])('of %i members sees one killed as failed, everywhere, within the bound', (n) => {
    for (const seed of [1, 2, 3]) {
      const fleet = new Fleet({ seed }).grow(n);
      expect(fleet.settle(seconds(5))).toBe(true);
      const killedAt = fleet.lan.now;
      fleet.kill('n1');
      const failed = () => fleet.names.every((name) => fleet.view(name)['n1'] === 'failed');
      expect(fleet.lan.runUntil(failed, detectionBound(n)), `seed ${seed}`).toBe(true);
      const last = fleet.changes('failed', 'n1').at(-1);
      expect(toSeconds(((last?.at ?? 0) - killedAt) as Duration)).toBeLessThan(toSeconds(detectionBound(n)));
      expect(fleet.seen.filter((one) => one.change === 'failed' && one.name !== 'n1')).toEqual([]);
    }
  });

  it('of 100 members sees a new tag everywhere within two seconds', () => {
    const fleet = new Fleet().grow(100);
    expect(fleet.settle(seconds(20))).toBe(true);
    for (let round = 0; round < 3; round++) {
      fleet.lan.run(seconds(2));
      fleet.seen.length = 0;
      fleet.lan.input(`n${round * 7}`, { kind: 'set-tags', tags: { role: 'agent', round: String(round) } });
      const told = () => fleet.changes('updated', `n${round * 7}`).length === 100;
      expect(fleet.lan.runUntil(told, seconds(2)), `round ${round}`).toBe(true);
    }
  }, 30_000);

  it('of two survivors waits for no confirmation that nobody can give', () => {
    const fleet = new Fleet().grow(8);
    expect(fleet.settle(seconds(5))).toBe(true);
    for (const name of ['n2', 'n3', 'n4', 'n5', 'n6']) fleet.lan.input(name, { kind: 'leave' });
    fleet.lan.run(seconds(10));
    for (const name of ['n2', 'n3', 'n4', 'n5', 'n6']) fleet.kill(name);
    const killedAt = fleet.lan.now;
    fleet.kill('n7');
    expect(fleet.lan.runUntil(() => fleet.changes('failed', 'n7').length === 2, seconds(9))).toBe(true);
    expect(fleet.lan.now - killedAt).toBeLessThan(seconds(9));
  });

  it('sees a member that leaves as left, and never as failed', () => {
    const fleet = new Fleet().grow(5);
    expect(fleet.settle(seconds(5))).toBe(true);
    fleet.lan.input('n3', { kind: 'leave' });
    expect(fleet.lan.runUntil(() => fleet.departed.includes('n3'), seconds(12))).toBe(true);
    fleet.kill('n3');
    fleet.lan.run(seconds(60));
    for (const name of fleet.names) expect(fleet.view(name)['n3']).toBe('left');
    expect(fleet.changes('failed', 'n3')).toEqual([]);
    expect(fleet.changes('suspected', 'n3')).toEqual([]);
  });

  it('takes back a member that left or was killed and starts again', () => {
    const fleet = new Fleet().grow(4);
    expect(fleet.settle(seconds(5))).toBe(true);
    fleet.lan.input('n3', { kind: 'leave' });
    fleet.lan.run(seconds(10));
    fleet.kill('n3');
    fleet.kill('n2');
    fleet.lan.run(seconds(3));
    fleet.add('n3', 3);
    fleet.add('n2', 2);
    expect(fleet.settle(seconds(20))).toBe(true);
    fleet.lan.run(seconds(90));
    expect(fleet.agree(fleet.names)).toBe(true);
  });

  it('comes together again after a partition, whichever side the seeds are on', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const fleet = new Fleet({ seed }).grow(5);
      expect(fleet.settle(seconds(5))).toBe(true);
      fleet.partition(['n0', 'n1'], ['n2', 'n3', 'n4']);
      fleet.lan.run(seconds(120));
      expect(fleet.view('n0')).toEqual({ n0: 'alive', n1: 'alive', n2: 'failed', n3: 'failed', n4: 'failed' });
      expect(fleet.view('n3')).toEqual({ n0: 'failed', n1: 'failed', n2: 'alive', n3: 'alive', n4: 'alive' });
      fleet.heal();
      expect(fleet.settle(seconds(60)), `seed ${seed}`).toBe(true);
    }
  });

  it('finds a seed that starts later', () => {
    const fleet = new Fleet();
    fleet.add('n1', 1);
    fleet.add('n2', 2);
    fleet.lan.run(seconds(20));
    fleet.add('n0', 0);
    expect(fleet.settle(seconds(31))).toBe(true);
  });

  it('asks an absent seed on though another member has found it meanwhile', () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const fleet = new Fleet({ seed });
      fleet.add('n1', 1);
      fleet.add('n2', 2, { seeds: [endpointOf(1)] });
      fleet.lan.run(seconds(0.5));
      expect(fleet.agree(['n1', 'n2']), `seed ${seed}: n2 finds n1`).toBe(true);
      fleet.add('n0', 0);
      expect(fleet.settle(seconds(5)), `seed ${seed}: n1 finds n0`).toBe(true);
    }
  });

  it('declares nobody dead at 5 % loss', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const fleet = new Fleet({ seed, loss: 0.05 }).grow(8);
      fleet.lan.run(seconds(300));
      expect(
        fleet.seen.filter((one) => one.change === 'failed'),
        `seed ${seed}`,
      ).toEqual([]);
      expect(fleet.settle(seconds(5)), `seed ${seed}`).toBe(true);
    }
  }, 30_000);

  it('keeps a member whose UDP is blocked, and says so', () => {
    const fleet = new Fleet().grow(3);
    expect(fleet.settle(seconds(5))).toBe(true);
    fleet.lan.lose(1);
    fleet.lan.run(seconds(60));
    expect(fleet.seen.filter((one) => one.change === 'failed')).toEqual([]);
    expect(fleet.problems.some((problem) => problem.includes('udp-blocked'))).toBe(true);
  });

  it('tells new tags, user events and nothing twice', () => {
    const fleet = new Fleet().grow(6);
    expect(fleet.settle(seconds(5))).toBe(true);
    const events: string[] = [];
    const heard = (name: string, output: SwimOutput) => {
      if (output.kind === 'user-event') events.push(`${name} ${output.name} ${output.payload}`);
    };
    for (const [name, machine] of fleet.machines) {
      const handle = machine.handle.bind(machine);
      machine.handle = (input, now) => {
        const outputs = handle(input, now);
        for (const output of outputs) heard(name, output);
        return outputs;
      };
    }
    fleet.lan.input('n2', { kind: 'set-tags', tags: { role: 'agent', drained: 'yes' } });
    fleet.lan.input('n4', { kind: 'raise', name: 'owner', payload: 'beef', coalesce: true });
    fleet.lan.run(seconds(40));
    expect(events.sort()).toEqual(fleet.names.map((name) => `${name} owner beef`));
    for (const name of fleet.names) {
      const member = fleet.machines
        .get(name)
        ?.snapshot()
        .members.find((one) => one.name === 'n2');
      expect(member?.tags).toEqual({ role: 'agent', drained: 'yes' });
    }
    expect(
      fleet
        .changes('updated', 'n2')
        .map((one) => one.observer)
        .sort(),
    ).toEqual(fleet.names);
  });
});
