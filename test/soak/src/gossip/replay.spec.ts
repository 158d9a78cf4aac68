import { type Instant, seconds } from '@keepfleet/machine';
import { type SwimInput, type SwimOutput } from '@keepfleet/swim';
import { seededRandom } from '@keepfleet/testkit';
import { expect, it } from 'vitest';
import { Fleet } from './fleet.ts';

// Whoever can record packets needs no key to send them again.
it.each([1, 2, 3])(
  'what was recorded changes nothing when it is sent again, in order or not (run %i)',
  (seed) => {
    const fleet = new Fleet({ seed }).grow(5);
    const observer = fleet.machines.get('n0');
    if (observer === undefined) throw new Error('no n0');
    const recorded: (SwimInput & { kind: 'datagram' })[] = [];
    const handle = observer.handle.bind(observer);
    const heard: SwimOutput[] = [];
    observer.handle = (input: SwimInput, now: Instant) => {
      if (input.kind === 'datagram') recorded.push(input);
      const outputs = handle(input, now);
      heard.push(...outputs);
      return outputs;
    };

    // A life with everything in it: new tags, events, one that dies and comes back, one that leaves and comes back.
    expect(fleet.settle(seconds(10))).toBe(true);
    fleet.lan.input('n1', { kind: 'set-tags', tags: { role: 'agent', drained: 'yes' } });
    fleet.lan.input('n2', { kind: 'raise', name: 'deploy', payload: 'beef', coalesce: false });
    fleet.kill('n3');
    fleet.lan.run(seconds(20));
    expect(fleet.view('n0')['n3']).toBe('failed');
    fleet.add('n3', 3);
    fleet.lan.input('n4', { kind: 'leave' });
    fleet.lan.run(seconds(15));
    expect(fleet.view('n0')['n4']).toBe('left');
    fleet.kill('n4');
    fleet.add('n4', 4);
    expect(fleet.settle(seconds(60))).toBe(true);
    fleet.lan.input('n1', { kind: 'set-tags', tags: { role: 'agent' } });
    fleet.lan.run(seconds(40));

    const random = seededRandom(seed);
    const before = observer.snapshot().members.map(({ name, status, tags }) => ({ name, status, tags }));
    const packets = [
      ...recorded,
      ...recorded
        .map((one) => ({ at: random(), one }))
        .sort((a, b) => a.at - b.at)
        .map(({ one }) => one),
    ];
    expect(recorded.length).toBeGreaterThan(100);
    fleet.seen.length = 0;
    heard.length = 0;
    for (const packet of packets) fleet.lan.input('n0', packet);
    fleet.lan.run(seconds(60));
    expect(heard.filter(({ kind }) => kind === 'user-event')).toEqual([]);
    expect(fleet.seen.filter(({ change }) => change !== 'updated')).toEqual([]);
    expect(observer.snapshot().members.map(({ name, status, tags }) => ({ name, status, tags }))).toEqual(before);
    expect(fleet.agree(fleet.names)).toBe(true);
  },
  60_000,
);
