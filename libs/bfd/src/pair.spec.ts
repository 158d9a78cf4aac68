import { type Instant, between, instant, millis, seconds } from '@keepfleet/machine';
import { type LanOptions, VirtualLan, seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { session } from './fixtures/sessions.ts';
import { type BfdInput, type BfdOutput, BfdNode, type SessionSettings, type SessionSnapshot } from './index.ts';

const A = ip('192.0.2.1');
const B = ip('192.0.2.2');

interface Change {
  readonly at: Instant;
  readonly to: string;
  readonly diagnostic: number;
  readonly silence: number | undefined;
}

/** Two nodes with one session between them, in virtual time. */
class Pair {
  readonly lan: VirtualLan<BfdInput, BfdOutput>;
  readonly a: BfdNode;
  readonly b: BfdNode;
  readonly changes: Record<'a' | 'b', Change[]> = { a: [], b: [] };

  constructor(options: LanOptions, a: Partial<SessionSettings> = {}, b: Partial<SessionSettings> = {}) {
    this.lan = new VirtualLan(options);
    this.a = this.#station('a', A, options.seed);
    this.b = this.#station('b', B, options.seed + 1_000_000);
    this.configure('a', a);
    this.configure('b', b);
  }

  configure(name: 'a' | 'b', changes: Partial<SessionSettings>): void {
    const neighbor = name === 'a' ? B : A;
    this.lan.input(name, { kind: 'configure', settings: { sessions: [session({ neighbor, ...changes })] } });
  }

  session(name: 'a' | 'b'): SessionSnapshot {
    const [one] = this[name].snapshot((at) => at).sessions;
    if (one === undefined) throw new Error(`${name} has no session`);
    return one;
  }

  get bothUp(): boolean {
    return this.session('a').state === 'up' && this.session('b').state === 'up';
  }

  get downs(): number {
    return this.session('a').counters.down + this.session('b').counters.down;
  }

  get settled(): boolean {
    return this.bothUp && !this.session('a').polling && !this.session('b').polling;
  }

  #station(name: 'a' | 'b', address: string, seed: number): BfdNode {
    const node = new BfdNode(seededRandom(seed));
    this.lan.attach({
      name,
      machine: node,
      addresses: [address],
      send: (output) =>
        output.kind === 'send' ? { from: address, to: output.destination, bytes: output.bytes } : undefined,
      receive: ({ from, bytes }) => ({
        kind: 'packet',
        hops: 'single',
        source: ip(from),
        destination: ip(address),
        ttl: 255,
        bytes,
      }),
      seen: (output, at) => {
        if (output.kind !== 'event' || output.event.kind !== 'state-changed') return;
        const { to, diagnostic, silence } = output.event;
        this.changes[name].push({ at, to, diagnostic, silence });
      },
    });
    return node;
  }
}

const INTERVALS = [10, 50, 300, 1_000];

describe('two nodes', () => {
  it.each(INTERVALS)('at %d ms come up within 3 s and agree on the intervals', (ms) => {
    const quick = { desiredMinTx: millis(ms), requiredMinRx: millis(ms), detectMult: 3 };
    const pair = new Pair({ seed: ms }, quick, quick);
    expect(pair.lan.runUntil(() => pair.settled, seconds(3))).toBe(true);
    for (const name of ['a', 'b'] as const)
      expect(pair.session(name)).toMatchObject({ transmitInterval: millis(ms), detectionTime: millis(3 * ms) });
  });

  it('take the slower of what one wants and the other takes, each way by itself', () => {
    const pair = new Pair(
      { seed: 7 },
      { desiredMinTx: millis(20), requiredMinRx: millis(200), detectMult: 3 },
      { desiredMinTx: millis(100), requiredMinRx: millis(40), detectMult: 5 },
    );
    expect(pair.lan.runUntil(() => pair.settled, seconds(4))).toBe(true);
    expect(pair.session('a')).toMatchObject({ transmitInterval: millis(40), detectionTime: millis(1_000) });
    expect(pair.session('b')).toMatchObject({ transmitInterval: millis(200), detectionTime: millis(120) });
  });

  it('come up when one is passive, and not when both are', () => {
    const one = new Pair({ seed: 1 }, { passive: true });
    expect(one.lan.runUntil(() => one.settled, seconds(3))).toBe(true);
    const both = new Pair({ seed: 1 }, { passive: true }, { passive: true });
    expect(both.lan.runUntil(() => both.bothUp, seconds(30))).toBe(false);
    expect(both.session('a').counters.packetsSent).toBe(0);
  });

  it('know where a packet that has arrived must be read before the silence counts', () => {
    const pair = new Pair({ seed: 3 });
    expect(pair.lan.runUntil(() => pair.settled, seconds(3))).toBe(true);
    expect(pair.a.silences(pair.lan.now)).toEqual([]);
    const late = instant(pair.lan.now + pair.session('a').detectionTime);
    expect(pair.a.silences(late)).toEqual([{ family: 'ipv4', hops: 'single' }]);
    pair.a.timeout(late);
    expect(pair.a.silences(late)).toEqual([]);
  });

  it('each see a cut after their detection time, and come back when it is healed', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const ms = INTERVALS[Math.floor(random() * INTERVALS.length)] ?? 10;
      const detectMult = 1 + Math.floor(random() * 10);
      const quick = { desiredMinTx: millis(ms), requiredMinRx: millis(ms), detectMult };
      const pair = new Pair({ seed, delay: [millis(0.1), millis(0.5)] }, quick, quick);
      expect(
        pair.lan.runUntil(() => pair.settled, seconds(5)),
        `seed ${seed} comes up`,
      ).toBe(true);
      pair.lan.run(millis(random() * 5_000));
      expect(pair.bothUp, `seed ${seed} stays up`).toBe(true);
      const cut = pair.lan.now;
      pair.lan.partition(['a'], ['b']);
      pair.lan.run(millis(ms * detectMult + 1));
      for (const name of ['a', 'b'] as const) {
        const last = pair.changes[name].at(-1);
        expect(last, `seed ${seed} sees the cut`).toMatchObject({
          to: 'down',
          diagnostic: 1,
          silence: millis(ms * detectMult),
        });
        expect(between(cut, last?.at ?? cut)).toBeLessThanOrEqual(millis(ms * detectMult));
      }
      pair.lan.run(seconds(3));
      pair.lan.heal();
      expect(
        pair.lan.runUntil(() => pair.settled, seconds(5)),
        `seed ${seed} comes back`,
      ).toBe(true);
    }
  });

  it('come up through loss, and stay up when the multiplier outlasts it', () => {
    for (let seed = 1; seed <= 15; seed++) {
      // Twelve lost in a row at 20 %: once in 244 million packets.
      const lossy = { desiredMinTx: millis(20), requiredMinRx: millis(20), detectMult: 12 };
      const pair = new Pair({ seed, loss: 0.2, duplication: 0.1, delay: [millis(0.1), millis(15)] }, lossy, lossy);
      expect(
        pair.lan.runUntil(() => pair.settled, seconds(30)),
        `seed ${seed} comes up`,
      ).toBe(true);
      const before = pair.downs;
      pair.lan.run(seconds(10));
      expect(pair.bothUp, `seed ${seed} stays up`).toBe(true);
      // While coming up, a late packet may say Down once more.
      expect(pair.downs, `seed ${seed}`).toBe(before);
    }
  });

  it('change their intervals while up without losing the session', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const pair = new Pair({ seed, delay: [millis(0.1), millis(2)] });
      expect(pair.lan.runUntil(() => pair.settled, seconds(5))).toBe(true);
      const before = pair.downs;
      for (let change = 0; change < 10; change++) {
        const any = () => millis(INTERVALS[Math.floor(random() * INTERVALS.length)] ?? 10);
        const changes = { desiredMinTx: any(), requiredMinRx: any() };
        pair.configure(random() < 0.5 ? 'a' : 'b', changes);
        pair.lan.run(millis(random() * 3_000));
      }
      expect(
        pair.lan.runUntil(() => pair.settled, seconds(10)),
        `seed ${seed} agrees`,
      ).toBe(true);
      expect(pair.downs, `seed ${seed}`).toBe(before);
      const [a, b] = [pair.session('a'), pair.session('b')];
      expect(a.detectionTime).toBe(b.transmitInterval * b.detectMult);
      expect(b.detectionTime).toBe(a.transmitInterval * a.detectMult);
    }
  });

  it('are told of an orderly end at once', () => {
    const pair = new Pair({ seed: 3 });
    expect(pair.lan.runUntil(() => pair.settled, seconds(3))).toBe(true);
    pair.lan.input('a', { kind: 'stop', mode: 'release' });
    pair.lan.run(millis(1));
    expect(pair.session('b')).toMatchObject({ state: 'down', diagnostic: 3, remoteDiagnostic: 7 });
  });

  it('find each other again after one was killed and started anew', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = new Pair({ seed });
      expect(pair.lan.runUntil(() => pair.settled, seconds(3))).toBe(true);
      pair.lan.input('a', { kind: 'stop', mode: 'leave' });
      pair.lan.run(millis(seed * 5));
      pair.configure('a', {});
      expect(
        pair.lan.runUntil(() => pair.settled && pair.session('b').counters.down === 1, seconds(5)),
        `seed ${seed}`,
      ).toBe(true);
    }
  });
});
