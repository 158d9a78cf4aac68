import { type Instant, type Machine, after, instant, millis, seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { Agenda, type Datagram, VirtualLan, WaitTimeout, fuzz, seededRandom, waitFor } from './index.ts';

type Greeting = { readonly kind: 'hello' };

/** Says hello to the group every second and remembers what it heard. */
class Greeter implements Machine<Datagram, Greeting> {
  readonly heard: { from: string; at: Instant }[] = [];
  #due = instant(0);

  handle(input: Datagram, now: Instant): readonly Greeting[] {
    this.heard.push({ from: input.from, at: now });
    return [];
  }

  timeout(now: Instant): readonly Greeting[] {
    if (now < this.#due) return [];
    this.#due = after(this.#due, seconds(1));
    return [{ kind: 'hello' }];
  }

  nextDeadline(): Instant {
    return this.#due;
  }
}

function lanOf(names: readonly string[], options: Omit<ConstructorParameters<typeof VirtualLan>[0], 'seed'> = {}) {
  const lan = new VirtualLan<Datagram, Greeting>({ seed: 1, ...options });
  const greeters = names.map((name) => {
    const machine = new Greeter();
    lan.attach({
      name,
      machine,
      addresses: [name],
      groups: ['all'],
      send: () => ({ from: name, multicast: 'all', bytes: '' }),
      receive: (datagram) => datagram,
    });
    return machine;
  });
  return { lan, greeters };
}

const heardBy = (greeter: Greeter | undefined) => greeter?.heard.map((one) => one.from) ?? [];

describe('the virtual LAN', () => {
  it('delivers a multicast to everybody but its sender, after the delay', () => {
    const { lan, greeters } = lanOf(['a', 'b', 'c'], { delay: [millis(3), millis(3)] });
    lan.run(millis(10));
    expect(heardBy(greeters[0]).sort()).toEqual(['b', 'c']);
    expect(greeters[0]?.heard[0]?.at).toBe(millis(3));
  });

  it('lets nothing through a partition, and everything after it healed', () => {
    const { lan, greeters } = lanOf(['a', 'b', 'c']);
    lan.partition(['a'], ['b', 'c']);
    lan.run(millis(500));
    expect(heardBy(greeters[0])).toEqual([]);
    expect(heardBy(greeters[1])).toEqual(['c']);
    lan.heal();
    lan.run(seconds(1));
    expect(heardBy(greeters[0]).sort()).toEqual(['b', 'c']);
  });

  it('loses and duplicates about the share that it was asked to', () => {
    const { lan, greeters } = lanOf(['a', 'b'], { loss: 0.25, duplication: 0.5 });
    lan.run(seconds(1999.5));
    expect(greeters[0]?.heard.length).toBeGreaterThan(2000 * 0.75 * 1.5 * 0.93);
    expect(greeters[0]?.heard.length).toBeLessThan(2000 * 0.75 * 1.5 * 1.07);
  });

  it('repeats a run exactly from its seed', () => {
    const run = () => {
      const { lan, greeters } = lanOf(['a', 'b', 'c'], {
        loss: 0.3,
        delay: [millis(1), millis(900)],
        timerLateness: millis(50),
      });
      lan.run(seconds(60));
      return greeters.map((greeter) => greeter.heard);
    };
    expect(run()).toEqual(run());
  });

  it('forgets a detached station and what was on its way to it', () => {
    const { lan, greeters } = lanOf(['a', 'b'], { delay: [millis(5), millis(5)] });
    lan.run(millis(1));
    lan.detach('a');
    lan.run(seconds(3.5));
    expect(heardBy(greeters[0])).toEqual([]);
    expect(heardBy(greeters[1])).toEqual(['a']);
  });

  it('hands a paused station what waited, and lets a suspended one sleep', () => {
    const { lan, greeters } = lanOf(['a', 'b', 'c']);
    lan.run(millis(10));
    lan.pause('a');
    lan.pause('b');
    lan.run(seconds(2.5));
    expect(heardBy(greeters[0])).toEqual(['b', 'c']);
    lan.resume('a');
    lan.wake('b', seconds(2.5));
    lan.run(millis(10));
    // c greeted twice meanwhile; b lost that, and its second is not over.
    expect(heardBy(greeters[0])).toEqual(['b', 'c', 'c', 'c']);
    expect(heardBy(greeters[1])).toEqual(['a', 'c', 'a', 'a']);
    expect(heardBy(greeters[2])).toEqual(['a', 'b', 'a', 'a']);
    lan.run(seconds(1));
    expect(heardBy(greeters[2])).toEqual(['a', 'b', 'a', 'a', 'a', 'b']);
  });

  it('reports a machine whose deadline never moves', () => {
    const lan = new VirtualLan<Datagram, Greeting>({ seed: 1 });
    const machine = { handle: () => [], timeout: () => [], nextDeadline: () => instant(5) };
    lan.attach({ name: 'stuck', machine, addresses: [], send: () => undefined, receive: (datagram) => datagram });
    expect(() => lan.run(seconds(1))).toThrow(/stuck wants a timeout/);
  });

  it('stops at the condition', () => {
    const { lan, greeters } = lanOf(['a', 'b']);
    expect(lan.runUntil(() => heardBy(greeters[0]).length === 3, seconds(10))).toBe(true);
    expect(lan.now).toBe(seconds(2) + 100);
    expect(lan.runUntil(() => false, seconds(1))).toBe(false);
  });
});

describe('the agenda', () => {
  it('gives back in order of time, then of arrival', () => {
    const agenda = new Agenda<number>();
    const random = seededRandom(7);
    const times = Array.from({ length: 500 }, () => Math.floor(random() * 50));
    times.forEach((at, i) => agenda.add(instant(at), i));
    const order = times.map(() => agenda.take() ?? -1);
    const expected = times.map((at, i) => ({ at, i })).sort((x, y) => x.at - y.at || x.i - y.i);
    expect(order).toEqual(expected.map((entry) => entry.i));
  });
});

describe('waitFor', () => {
  it('gives the first value that counts', async () => {
    let looks = 0;
    await expect(waitFor(() => ++looks > 2 && looks, { deadline: 5_000, what: 'third look', every: 1 })).resolves.toBe(
      3,
    );
  });

  it('says what it waited for, with the last error as the cause', async () => {
    const broken = new Error('refused');
    const waiting = waitFor(() => Promise.reject(broken), { deadline: 5, what: 'the port to open', every: 1 });
    await expect(waiting).rejects.toMatchObject({ name: 'WaitTimeout', cause: broken });
    await expect(waiting).rejects.toBeInstanceOf(WaitTimeout);
  });
});

describe('fuzz', () => {
  const vectors = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7)];

  it('feeds as many inputs as asked, the same for the same seed', () => {
    const runOf = (seed: number) => {
      const seen: string[] = [];
      fuzz({ vectors, count: 500, seed, decode: (bytes) => seen.push(bytes.join()) });
      return seen;
    };
    expect(runOf(1)).toHaveLength(500);
    expect(runOf(1)).toEqual(runOf(1));
    expect(runOf(1)).not.toEqual(runOf(2));
  });

  it('tells the input that the decoder throws on', () => {
    const decode = (bytes: Uint8Array) => {
      if (bytes[0] === 4 && bytes.length === 2) throw new Error('two bytes');
    };
    expect(() => fuzz({ vectors, count: 100_000, seed: 1, decode })).toThrow(/seed 1, input \d+: .* on 04[0-9a-f]{2}$/);
  });

  it('ends early when told to', () => {
    const signal = { aborted: false };
    const progress = () => (signal.aborted = true);
    expect(fuzz({ vectors, count: 100_000, seed: 1, decode: () => undefined, signal, progress }).inputs).toBe(1_000);
  });
});
