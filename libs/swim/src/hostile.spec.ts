import { type Instant, instant, recording, replay, seconds } from '@keepfleet/machine';
import type { Step } from '@keepfleet/machine';
import { seededRandom } from '@keepfleet/testkit';
import { hex, ip, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCompound, encodeCompressed, openDatagram } from './envelope.ts';
import { ourVersions } from './member.ts';
import { MAX_INCARNATION_LEAP } from './members.ts';
import type { SwimInput, SwimOutput } from './messages.ts';
import { type PacketMessage, decodePacket, encodePacket } from './packet.ts';
import { type SerfMessage, decodeSerf, encodeSerf, encodeTags } from './serf.ts';
import { settingsProblem } from './settings-problem.ts';
import { type Endpoint, type SwimSettings, lanTunables } from './settings.ts';
import type { MemberStatus } from './snapshot.ts';
import { MAX_STREAM_BYTES, encodeStreamMessage } from './stream.ts';
import { Swim } from './swim.ts';

const endpoint = (host: number): Endpoint => ({ address: ip(`10.0.0.${host}`), port: 7946 });
const settings: SwimSettings = {
  ...lanTunables,
  name: 'us',
  advertise: endpoint(1),
  tags: { role: 'agent' },
  seeds: [],
  label: '',
};

let machine: Swim;
let now: Instant;

function start(changes: Partial<SwimSettings> = {}): void {
  machine = new Swim({ ...settings, ...changes }, { random: seededRandom(7) });
  now = instant(0);
  machine.handle({ kind: 'start' }, now);
}

function receive(message: PacketMessage | Uint8Array, from = endpoint(9)): readonly SwimOutput[] {
  const bytes = message instanceof Uint8Array ? message : encodePacket(message);
  return machine.handle({ kind: 'datagram', from, data: hex(bytes) }, now);
}

function serf(message: SerfMessage): readonly SwimOutput[] {
  return receive({ type: 'user', body: encodeSerf(message) });
}

/** Serves every deadline until `end`. */
function passUntil(end: Instant): SwimOutput[] {
  const outputs: SwimOutput[] = [];
  for (let next = machine.nextDeadline(); next !== undefined && next <= end; next = machine.nextDeadline()) {
    now = next;
    outputs.push(...machine.timeout(now));
  }
  now = end;
  return outputs;
}

function alive(node: string, host: number, more: Partial<Extract<PacketMessage, { type: 'alive' }>> = {}) {
  const address = Uint8Array.of(10, 0, 0, host);
  const meta = encodeTags({ role: node });
  return { type: 'alive', node, incarnation: 5, address, port: 7946, meta, versions: ourVersions, ...more } as const;
}

const status = (name: string): MemberStatus | undefined =>
  machine.snapshot().members.find((member) => member.name === name)?.status;
const incarnation = (name: string) => machine.snapshot().members.find((member) => member.name === name)?.incarnation;
const dropped = () => machine.snapshot().stats.dropped;
const problems = (outputs: readonly SwimOutput[]) =>
  outputs.flatMap((output) => (output.kind === 'problem' ? [output.problem.kind] : []));

function sent(outputs: readonly SwimOutput[], type: PacketMessage['type']) {
  return outputs.flatMap((output) => {
    if (output.kind !== 'send') return [];
    const parts = openDatagram(unhex(output.data), {
      label: '',
      cipher: undefined,
      acceptPlain: false,
      sendPlain: false,
    });
    if (!parts.ok) throw new Error('we sent what we cannot read');
    return parts.value.flatMap((part) => {
      const message = part.ok ? decodePacket(part.value) : part;
      return message.ok && message.value.type === type ? [{ to: output.to, message: message.value }] : [];
    });
  });
}

beforeEach(() => {
  start();
  receive(alive('a', 2));
  receive(alive('b', 3));
});

describe('an outsider without a key', () => {
  it('who accuses us is contradicted, whatever incarnation he claims', () => {
    const outputs = receive({ type: 'dead', node: 'us', from: 'a', incarnation: 40 });
    expect(problems(outputs)).toEqual(['accused']);
    expect(incarnation('us')).toBe(41);
    receive({ type: 'suspect', node: 'us', from: 'a', incarnation: 0xffffffff });
    expect(incarnation('us')).toBe(41);
    expect(dropped()).toEqual({ implausible: 1 });
  });

  it('cannot evict a member by an incarnation that it can never reach', () => {
    for (const high of [0xffffffff, 5 + MAX_INCARNATION_LEAP + 1]) {
      receive({ type: 'dead', node: 'a', from: 'b', incarnation: high });
      receive(alive('a', 2, { incarnation: high }));
    }
    expect([status('a'), incarnation('a')]).toEqual(['alive', 5]);
    expect(dropped()).toEqual({ implausible: 4 });
  });

  it('cannot take a name that is in use', () => {
    expect(problems(receive(alive('a', 66, { incarnation: 9 })))).toEqual(['name-conflict']);
    expect(problems(receive(alive('us', 66, { incarnation: 9 })))).toEqual(['name-conflict']);
    expect(incarnation('us')).toBe(1);
    expect(machine.snapshot().members.map((member) => member.address)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.1']);
  });

  it('who tells of us with other tags is overruled', () => {
    receive(alive('us', 1, { incarnation: 9 }));
    expect(incarnation('us')).toBe(10);
    expect(machine.snapshot().members.at(-1)?.tags).toEqual({ role: 'agent' });
  });

  it('cannot stop the clocks by a time at their end', () => {
    serf({ type: 'leave', node: 'a', time: Number.MAX_SAFE_INTEGER, prune: false });
    serf({ type: 'user-event', name: 'x', payload: unhex(''), time: Number.MAX_SAFE_INTEGER, coalesce: false });
    expect(dropped()).toEqual({ implausible: 2 });
    const outputs = serf({ type: 'user-event', name: 'x', payload: unhex('01'), time: 3, coalesce: false });
    expect(outputs).toContainEqual({ kind: 'user-event', name: 'x', payload: '01', time: 3 });
  });

  it('gets no answer of ours sent to a victim that is no member', () => {
    const victim = { address: Uint8Array.of(203, 0, 113, 5), port: 53 };
    const outputs = [
      ...receive({ type: 'ping', seq: 1, node: 'us', source: { ...victim, node: 'x' } }),
      ...receive({ type: 'indirect-ping', seq: 1, node: 'a', target: victim.address, port: 53, nack: true }),
      ...serf({ ...query, ...victim }),
      ...serf({ type: 'relay', ...victim, zone: '', node: 'x', message: unhex('05') }),
    ];
    const targets = outputs.flatMap((output) => (output.kind === 'send' ? [output.to.address] : []));
    expect(new Set(targets)).toEqual(new Set(['10.0.0.9']));
  });

  it('cannot make us keep members, events or errands without bound', () => {
    for (let i = 0; i < 17_000; i++)
      receive(alive(`m${i}`, 200, { address: Uint8Array.of(10, 1, i >> 8, i & 255), meta: unhex('') }));
    expect(machine.snapshot().members.length).toBe(16_384);
    expect(machine.snapshot().queued).toBeLessThanOrEqual(4096);
  }, 60_000);
});

const query = {
  type: 'query',
  time: 4,
  id: 9,
  address: Uint8Array.of(10, 0, 0, 2),
  port: 7946,
  source: 'a',
  filters: [] as Uint8Array[],
  flags: 1,
  relayFactor: 0,
  timeout: 1e9,
  name: '_serf_ping',
  payload: new Uint8Array(),
} as const;

describe('a decompression bomb', () => {
  const zeros = (bytes: number) => encodeCompressed(new Uint8Array(bytes));

  it.each([
    ['as a datagram', () => zeros(4 << 20)],
    ['within another', () => encodeCompressed(zeros(4 << 20))],
    ['many times in a datagram', () => encodeCompound(Array.from({ length: 40 }, () => zeros(200_000)))],
  ])('is dropped unopened %s', (_what, make) => {
    const bomb = make();
    expect(bomb.length).toBeLessThan(60_000);
    const heap = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) receive(bomb);
    expect(dropped()['too-large']).toBeGreaterThanOrEqual(20);
    expect(process.memoryUsage().arrayBuffers - heap).toBeLessThan(64 << 20);
    expect([status('a'), status('b')]).toEqual(['alive', 'alive']);
  });

  it('is dropped unopened as a stream, and the stream closed', () => {
    const bomb = zeros(64 << 20);
    expect(bomb.length).toBeLessThan(MAX_STREAM_BYTES);
    machine.handle({ kind: 'stream-accepted', stream: 'in-1', from: endpoint(9) }, now);
    const outputs = machine.handle({ kind: 'stream-data', stream: 'in-1', data: hex(bomb) }, now);
    expect(outputs.map(({ kind }) => kind)).toContain('close-stream');
    expect(dropped()['too-large']).toBe(1);
  });
});

describe('a query', () => {
  it.each<[string, string[], boolean]>([
    ['to everybody', [], true],
    ['to us by name', ['0091a27573'], true],
    ['to another by name', ['0091a161'], false],
    ['to our role', ['0182a445787072a65e6167656e74a3546167a4726f6c65'], true],
    ['to our role and another name', ['0182a445787072a65e6167656e74a3546167a4726f6c65', '0091a161'], false],
    ['with a filter that is none', ['05'], false],
  ])('%s is acknowledged once, to its asker: %j %s', (_what, filters, wanted) => {
    const ask = () => serf({ ...query, filters: filters.map((filter) => unhex(filter)) });
    const acks = [...ask(), ...ask()].filter((output) => output.kind === 'send');
    expect(acks.map(({ to }) => to)).toEqual(wanted ? [endpoint(2)] : []);
    const [first] = sent(acks, 'user');
    const answer = first?.message.type === 'user' ? decodeSerf(first.message.body) : undefined;
    if (wanted)
      expect(answer).toEqual({
        ok: true,
        value: { type: 'query-response', time: 4, id: 9, from: 'us', flags: 1, payload: new Uint8Array() },
      });
  });
});

describe('what others say of a member', () => {
  it('is believed from a higher incarnation only, and told on', () => {
    receive({ type: 'suspect', node: 'a', from: 'b', incarnation: 4 });
    expect(status('a')).toBe('alive');
    receive({ type: 'suspect', node: 'a', from: 'b', incarnation: 5 });
    expect(status('a')).toBe('suspect');
    expect(machine.snapshot().members[0]?.suspectedBy).toEqual(['b']);
    receive(alive('a', 2, { incarnation: 5 }));
    expect(status('a')).toBe('suspect');
    receive(alive('a', 2, { incarnation: 6 }));
    expect(status('a')).toBe('alive');
  });

  it('makes a member that left once it said so itself, in either order', () => {
    receive({ type: 'dead', node: 'a', from: 'a', incarnation: 5 });
    expect(status('a')).toBe('left');
    receive({ type: 'dead', node: 'b', from: 'a', incarnation: 5 });
    expect(status('b')).toBe('failed');
    serf({ type: 'leave', node: 'b', time: 7, prune: false });
    expect(status('b')).toBe('left');
  });

  it('after an intent to leave makes its death a leave', () => {
    serf({ type: 'leave', node: 'b', time: 7, prune: false });
    receive({ type: 'dead', node: 'b', from: 'a', incarnation: 5 });
    expect(status('b')).toBe('left');
  });

  it('that we are leaving is contradicted by an intent to join', () => {
    serf({ type: 'leave', node: 'us', time: 7, prune: false });
    const users = sent(passUntil(instant(seconds(1))), 'user');
    const told = users.map(({ message }) => (message.type === 'user' ? decodeSerf(message.body) : undefined));
    expect(told).toContainEqual({ ok: true, value: { type: 'join', node: 'us', time: 9 } });
  });

  it('as a death in an exchange of state is only a suspicion', () => {
    machine.handle({ kind: 'stream-accepted', stream: 's', from: endpoint(3) }, now);
    const { incarnation, address, port, meta, versions } = alive('a', 2);
    const data = encodeStreamMessage({
      type: 'push-pull',
      join: false,
      states: [{ name: 'a', status: 'dead', incarnation, address, port, meta, versions }],
      refused: [],
      userState: unhex(''),
    });
    const outputs = machine.handle({ kind: 'stream-data', stream: 's', data: hex(data) }, now);
    expect(outputs.map((output) => output.kind)).toEqual(['write-stream', 'member', 'close-stream']);
    expect(status('a')).toBe('suspect');
  });

  it('under a name whose member left is taken at another address at once, of a dead one after a while', () => {
    receive({ type: 'dead', node: 'a', from: 'a', incarnation: 5 });
    receive(alive('a', 77, { incarnation: 1 }));
    expect(status('a')).toBe('alive');
    receive({ type: 'dead', node: 'b', from: 'a', incarnation: 5 });
    expect(problems(receive(alive('b', 78, { incarnation: 1 })))).toEqual(['name-conflict']);
    passUntil(instant(seconds(31)));
    receive(alive('b', 78, { incarnation: 1 }));
    expect(status('b')).toBe('alive');
  });
});

describe('a probe', () => {
  /** Serves deadlines until something of the type is sent. */
  function passUntilSent<T extends PacketMessage['type']>(type: T) {
    const outputs: SwimOutput[] = [];
    for (let next = machine.nextDeadline(); next !== undefined && next < seconds(20); next = machine.nextDeadline()) {
      outputs.push(...passUntil(next));
      const [first] = sent(outputs, type);
      if (first !== undefined) return { to: first.to, message: first.message as PacketMessage & { type: T }, outputs };
    }
    throw new Error(`no ${type} was sent`);
  }

  it('unanswered asks others and TCP, then suspects; the nacks that come keep our own health', () => {
    const ping = passUntilSent('ping');
    const asked = passUntilSent('indirect-ping');
    expect(asked.message).toMatchObject({ nack: true, node: ping.message.node, seq: ping.message.seq });
    expect(asked.outputs.some((output) => output.kind === 'open-stream')).toBe(true);
    receive({ type: 'nack', seq: asked.message.seq });
    const next = passUntilSent('ping');
    expect(machine.snapshot().health).toBe(0);
    expect(status(ping.message.node)).toBe('suspect');
    expect(machine.snapshot().stats).toMatchObject({ probes: 2, probesFailed: 1 });
    expect(next.message.node).not.toBe(ping.message.node);
  });

  it('unanswered, and no nack either, makes us doubt ourselves and wait longer', () => {
    passUntilSent('ping');
    passUntilSent('ping');
    expect(machine.snapshot().health).toBe(1);
    const begun = now;
    passUntilSent('ping');
    expect(now - begun).toBe(seconds(2));
  });

  it('answered late or through another is answered', () => {
    const { message } = passUntilSent('indirect-ping');
    receive({ type: 'ack', seq: message.seq, payload: new Uint8Array() }, endpoint(3));
    passUntilSent('ping');
    expect(machine.snapshot().stats).toMatchObject({ probesIndirect: 1, probesFailed: 0 });
    expect(status(message.node)).toBe('alive');
  });

  it('answered by TCP alone keeps the member, and the blocked path is said', () => {
    const { message, outputs } = passUntilSent('indirect-ping');
    const stream = outputs.find((output) => output.kind === 'open-stream');
    if (stream?.kind !== 'open-stream') throw new Error('no TCP');
    const ack = hex(encodePacket({ type: 'ack', seq: message.seq, payload: new Uint8Array() }));
    machine.handle({ kind: 'stream-data', stream: stream.stream, data: ack }, now);
    expect(problems(passUntilSent('ping').outputs)).toEqual(['udp-blocked']);
    expect([status('a'), status('b')]).toEqual(['alive', 'alive']);
  });

  it('whose host refuses TCP waits half as long for others, and is no doubt of ourselves', () => {
    const { message, outputs } = passUntilSent('indirect-ping');
    const stream = outputs.find((output) => output.kind === 'open-stream')?.stream ?? '';
    const refusedAt = now;
    const closed = { kind: 'stream-closed', stream, reason: 'refused', refused: true } as const;
    machine.handle(closed, now);
    const suspected = (outputs: readonly SwimOutput[]) =>
      outputs.some((output) => output.kind === 'member' && output.change === 'suspected');
    while (!suspected(passUntil(machine.nextDeadline() ?? now)));
    expect(now - refusedAt).toBe(settings.probeTimeout / 2);
    expect([status(message.node), machine.snapshot().health]).toEqual(['suspect', 0]);
  });

  it('of one that answers in a millisecond asks others sooner than of one that was never heard', () => {
    receive({ type: 'dead', node: 'b', from: 'b', incarnation: 5 });
    const first = passUntilSent('ping');
    now = instant(now + 1_000);
    receive({ type: 'ack', seq: first.message.seq, payload: new Uint8Array() }, endpoint(2));
    passUntilSent('ping');
    const pingedAt = now;
    passUntil(instant(now + settings.probeTimeout / 4));
    expect(machine.snapshot().stats.streamsOut).toBe(1);
    expect(now - pingedAt).toBeLessThan(settings.probeTimeout);
  });

  it('that cannot be sent asks others at once', () => {
    const { to } = passUntilSent('ping');
    expect(sent(machine.handle({ kind: 'datagram-failed', to }, now), 'indirect-ping').length).toBe(1);
  });

  it('for another is carried out and its ack passed on under his number', () => {
    const target = Uint8Array.of(10, 0, 0, 2);
    const asked = receive({ type: 'indirect-ping', seq: 77, node: 'a', target, port: 7946, nack: true }, endpoint(3));
    const [ping] = sent(asked, 'ping');
    if (ping?.message.type !== 'ping') throw new Error('no ping');
    expect(ping.to).toEqual(endpoint(2));
    const acks = sent(receive({ type: 'ack', seq: ping.message.seq, payload: unhex('01') }, endpoint(2)), 'ack');
    expect(acks).toEqual([{ to: endpoint(3), message: { type: 'ack', seq: 77, payload: new Uint8Array() } }]);
  });
});

describe('an exchange of all state that is due', () => {
  /** The number of exchanges begun; they fail at once, for the next not to wait for them. */
  function pushPulls(outputs: readonly SwimOutput[]): number {
    const opened = outputs.flatMap((output) => (output.kind === 'open-stream' ? [output.stream] : []));
    for (const stream of opened) machine.handle({ kind: 'stream-closed', stream, reason: 'closed' }, now);
    return opened.length;
  }

  /** Members that answer every ping for five minutes, with a digest or without. */
  function five(digest: (ours: number) => number | undefined): number {
    let count = 0;
    while (now < seconds(300)) {
      const outputs = passUntil(machine.nextDeadline() ?? now);
      count += pushPulls(outputs);
      for (const { to, message } of sent(outputs, 'ping')) {
        if (message.type !== 'ping' || message.digest === undefined) throw new Error('no digest');
        const theirs = digest(message.digest);
        const ack = { type: 'ack', seq: message.seq, payload: new Uint8Array() } as const;
        count += pushPulls(receive(theirs === undefined ? ack : { ...ack, digest: theirs }, to));
      }
    }
    return count;
  }

  beforeEach(() => start({ compress: false }));
  beforeEach(() => {
    receive(alive('a', 2));
    receive(alive('b', 3));
  });

  it('is left out with a member that sees what we see, but not for ever', () => {
    expect(five((ours) => ours)).toBe(1);
    expect(machine.snapshot().stats.pushPullsSpared).toBeGreaterThan(5);
  });

  it.each([
    ['sees something else', (ours: number) => (ours % 1000) + 1],
    ['does not tell, as serf', () => undefined],
  ])('is made with one that %s', (_what, digest) => {
    expect(five(digest)).toBeGreaterThan(8);
    expect(machine.snapshot().stats.pushPullsSpared).toBe(0);
  });
});

describe('settings', () => {
  it.each<[string, Partial<SwimSettings>]>([
    ['an empty name', { name: '' }],
    ['a name of 129 bytes', { name: 'x'.repeat(129) }],
    ['an address nobody can send to', { advertise: { address: ip('0.0.0.0'), port: 1 } }],
    ['no port', { advertise: { address: ip('10.0.0.1'), port: 0 } }],
    ['tags of more than 512 bytes', { tags: { big: 'x'.repeat(510) } }],
    ['a label of 256 bytes', { label: 'x'.repeat(256) }],
  ])('with %s are refused', (_what, changes) => {
    expect(settingsProblem({ ...settings, ...changes })).toEqual(expect.any(String));
    expect(() => new Swim({ ...settings, ...changes }, { random: () => 0 })).toThrow(RangeError);
  });

  it('oversized tags or events later change nothing and are said', () => {
    const tags = machine.handle({ kind: 'set-tags', tags: { big: 'x'.repeat(510) } }, now);
    const event = machine.handle({ kind: 'raise', name: 'e', payload: '00'.repeat(512), coalesce: false }, now);
    expect([...problems(tags), ...problems(event)]).toEqual(['oversized', 'oversized']);
    expect(incarnation('us')).toBe(1);
  });
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
      .map(([node, at, host]) => alive(node, host, { incarnation: at })),
    fc.record({ type: fc.constant('ping' as const), seq: fc.nat(99), node: names }),
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
      { kind: 'leave' },
    ),
  );

  it('in any order leaves a machine that serves its deadlines, and a run that can be replayed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(inputs, fc.nat(3_000_000)), { maxLength: 40 }), (run) => {
        const steps: Step<SwimInput, SwimOutput>[] = [];
        const fresh = () => new Swim(settings, { random: seededRandom(3) });
        const inner = fresh();
        const tested = recording(inner, (step) => steps.push(structuredClone(step)));
        let at = 0;
        tested.handle({ kind: 'start' }, instant(at));
        for (const [input, pause] of run) {
          const end = at + pause;
          for (let served = 0; ; served++) {
            const next = tested.nextDeadline();
            if (next === undefined || next > end) break;
            expect(next).toBeGreaterThanOrEqual(at);
            expect(served).toBeLessThan(1000);
            at = next;
            tested.timeout(instant(at));
          }
          at = end;
          tested.handle(input, instant(at));
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
    expect(fresh.handle({ kind: 'leave' }, now)).toEqual([]);
    expect(fresh.timeout(now)).toEqual([]);
    fresh.handle({ kind: 'start' }, now);
    expect(fresh.handle({ kind: 'leave' }, now).at(-1)).toEqual({ kind: 'left' });
    expect(fresh.nextDeadline()).toBeUndefined();
    expect(fresh.handle({ kind: 'datagram', from: endpoint(2), data: '00' }, now)).toEqual([]);
  });
});
