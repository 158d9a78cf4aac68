import { instant, recording, replay, type Step } from '@keepfleet/machine';
import { seededRandom } from '@keepfleet/testkit';
import { hex } from '@keepfleet/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCompound } from './envelope.ts';
import type { SwimInput, SwimOutput } from './messages.ts';
import { OneMember, alive, endpoint, settings } from './one-member.fixture.ts';
import { type PacketMessage, encodePacket } from './packet.ts';
import { Swim } from './swim.ts';

let at: OneMember;

beforeEach(() => {
  at = new OneMember();
  at.receive(alive('a', 2));
  at.receive(alive('b', 3));
});

describe('any input', () => {
  const names = fc.constantFrom('us', 'a', 'b', 'c');
  const packets: fc.Arbitrary<PacketMessage> = fc.oneof(
    fc.record({
      type: fc.constantFrom('suspect' as const, 'dead' as const),
      node: names,
      from: names,
      incarnation: fc.nat(9),
    }),
    fc
      .tuple(names, fc.nat(9), fc.integer({ min: 1, max: 5 }))
      .map(([node, count, host]) => alive(node, host, { incarnation: count })),
    fc.record({
      type: fc.constant('ping' as const),
      seq: fc.nat(99),
      node: names,
      digest: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({ type: fc.constant('ack' as const), seq: fc.nat(99), payload: fc.uint8Array({ maxLength: 4 }) }),
    fc.record({ type: fc.constant('user' as const), body: fc.uint8Array({ maxLength: 40 }) }),
  );
  const inputs: fc.Arbitrary<SwimInput> = fc.oneof(
    fc.array(packets, { minLength: 1, maxLength: 4 }).map((list) => ({
      kind: 'datagram' as const,
      from: endpoint(3),
      data: hex(encodeCompound(list.map(encodePacket))),
    })),
    fc
      .uint8Array({ maxLength: 60 })
      .map((bytes) => ({ kind: 'datagram' as const, from: endpoint(9), data: hex(bytes) })),
    fc.constantFrom<SwimInput>(
      { kind: 'stream-accepted', stream: 'in-1', from: endpoint(3) },
      { kind: 'stream-data', stream: 'in-1', data: '06' },
      { kind: 'stream-closed', stream: 'in-1', reason: 'x' },
      { kind: 'stream-closed', stream: 'out-1', reason: 'x' },
      { kind: 'join', endpoints: [endpoint(4)] },
      { kind: 'datagram-failed', to: endpoint(2) },
      { kind: 'set-tags', tags: { role: 'x' } },
      { kind: 'watch', names: ['a', 'us', 'c'] },
      { kind: 'watch', names: [] },
      { kind: 'leave' },
    ),
  );

  it('in any order leaves a at.machine that serves its deadlines, and a run that can be replayed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(inputs, fc.nat(3_000_000)), { maxLength: 40 }), (run) => {
        const steps: Step<SwimInput, SwimOutput>[] = [];
        const fresh = () => new Swim(settings, { random: seededRandom(3) });
        const inner = fresh();
        const tested = recording(inner, (step) => steps.push(structuredClone(step)));
        let time = 0;
        tested.handle({ kind: 'start' }, instant(time));
        for (const [input, pause] of run) {
          const end = time + pause;
          for (let served = 0; ; served++) {
            const next = tested.nextDeadline();
            if (next === undefined || next > end) break;
            expect(next).toBeGreaterThanOrEqual(time);
            expect(served).toBeLessThan(1000);
            time = next;
            tested.timeout(instant(time));
          }
          time = end;
          tested.handle(input, instant(time));
        }
        const { phase, members } = inner.snapshot();
        const ours = members.find((member) => member.name === 'us')?.status;
        expect(phase === 'left' ? ['left'] : ['alive', 'left']).toContain(ours);
        const parsed = JSON.parse(JSON.stringify(steps)) as typeof steps;
        expect(replay(fresh(), parsed)).toEqual(parsed.map((step) => step.outputs));
      }),
      { numRuns: 150 },
    );
  });

  it('of nothing, before its start and after it left, does nothing', () => {
    const fresh = new Swim(settings, { random: seededRandom(3) });
    expect(fresh.nextDeadline()).toBeUndefined();
    expect(fresh.handle({ kind: 'leave' }, at.now)).toEqual([]);
    expect(fresh.timeout(at.now)).toEqual([]);
    fresh.handle({ kind: 'start' }, at.now);
    expect(fresh.handle({ kind: 'leave' }, at.now).at(-1)).toEqual({ kind: 'left' });
    expect(fresh.nextDeadline()).toBeUndefined();
    expect(fresh.handle({ kind: 'datagram', from: endpoint(2), data: '00' }, at.now)).toEqual([]);
  });
});
