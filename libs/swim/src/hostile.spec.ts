import { instant, seconds } from '@keepfleet/machine';
import { hex, ip, unhex } from '@keepfleet/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { decodeCompressed, encodeCompound, encodeCompressed } from './envelope.ts';
import { ourVersions } from './member.ts';
import { MAX_INCARNATION_LEAP } from './members.ts';
import { OneMember, alive, endpoint, problems, sent, settings } from './one-member.fixture.ts';
import { decodeSerf, encodeTags } from './serf.ts';
import { settingsProblem } from './settings-problem.ts';
import type { SwimSettings } from './settings.ts';
import { MAX_STREAM_BYTES, encodeStreamMessage } from './stream.ts';
import { Swim } from './swim.ts';

let at: OneMember;

beforeEach(() => {
  at = new OneMember();
  at.receive(alive('a', 2));
  at.receive(alive('b', 3));
});

describe('an outsider without a key', () => {
  it('who accuses us is contradicted, whatever incarnation he claims', () => {
    const outputs = at.receive({ type: 'dead', node: 'us', from: 'a', incarnation: 40 });
    expect(problems(outputs)).toEqual(['accused']);
    expect(at.incarnation('us')).toBe(41);
    at.receive({ type: 'suspect', node: 'us', from: 'a', incarnation: 0xffffffff });
    expect(at.incarnation('us')).toBe(41);
    expect(at.dropped()).toEqual({ implausible: 1 });
  });

  it('cannot evict a member by an incarnation that it can never reach', () => {
    for (const high of [0xffffffff, 5 + MAX_INCARNATION_LEAP + 1]) {
      at.receive({ type: 'dead', node: 'a', from: 'b', incarnation: high });
      at.receive(alive('a', 2, { incarnation: high }));
    }
    expect([at.status('a'), at.incarnation('a')]).toEqual(['alive', 5]);
    expect(at.dropped()).toEqual({ implausible: 4 });
  });

  it('cannot take a name that is in use', () => {
    expect(problems(at.receive(alive('a', 66, { incarnation: 9 })))).toEqual(['name-conflict']);
    expect(problems(at.receive(alive('us', 66, { incarnation: 9 })))).toEqual(['name-conflict']);
    expect(at.incarnation('us')).toBe(1);
    expect(at.machine.snapshot().members.map((member) => member.address)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.1']);
  });

  it('who tells of us with other tags is overruled', () => {
    at.receive(alive('us', 1, { incarnation: 9 }));
    expect(at.incarnation('us')).toBe(10);
    expect(at.machine.snapshot().members.at(-1)?.tags).toEqual({ role: 'agent' });
  });

  it('cannot stop the clocks by a time at their end', () => {
    at.serf({ type: 'leave', node: 'a', time: Number.MAX_SAFE_INTEGER, prune: false });
    at.serf({ type: 'user-event', name: 'x', payload: unhex(''), time: Number.MAX_SAFE_INTEGER, coalesce: false });
    expect(at.dropped()).toEqual({ implausible: 2 });
    const outputs = at.serf({ type: 'user-event', name: 'x', payload: unhex('01'), time: 3, coalesce: false });
    expect(outputs).toContainEqual({ kind: 'user-event', name: 'x', payload: '01', time: 3 });
  });

  it('gets no answer of ours sent to a victim that is no member', () => {
    const victim = { address: Uint8Array.of(203, 0, 113, 5), port: 53 };
    const outputs = [
      ...at.receive({ type: 'ping', seq: 1, node: 'us', source: { ...victim, node: 'x' } }),
      ...at.receive({ type: 'indirect-ping', seq: 1, node: 'a', target: victim.address, port: 53, nack: true }),
      ...at.serf({ ...query, ...victim }),
      ...at.serf({ type: 'relay', ...victim, zone: '', node: 'x', message: unhex('05') }),
    ];
    const targets = outputs.flatMap((output) => (output.kind === 'send' ? [output.to.address] : []));
    expect(new Set(targets)).toEqual(new Set(['10.0.0.9']));
  });

  it('cannot make us keep members, events or errands without bound', () => {
    for (let i = 0; i < 17_000; i++)
      at.receive(alive(`m${i}`, 200, { address: Uint8Array.of(10, 1, i >> 8, i & 255), meta: unhex('') }));
    expect(at.machine.snapshot().members.length).toBe(16_384);
    expect(at.machine.snapshot().queued).toBeLessThanOrEqual(4096);
  });
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
    for (let i = 0; i < 20; i++) at.receive(bomb);
    expect(at.dropped()['too-large']).toBeGreaterThanOrEqual(20);
    expect(process.memoryUsage().arrayBuffers - heap).toBeLessThan(64 << 20);
    expect([at.status('a'), at.status('b')]).toEqual(['alive', 'alive']);
  });

  it('is unpacked to no more than 64 times what it is, and the state of thousands that are alike is far from that', () => {
    const bomb = zeros(4 << 20);
    const refused = decodeCompressed(bomb, 64 << 20);
    expect(refused.ok ? '' : refused.error.detail).toMatch(new RegExp(`more than ${64 * (bomb.length - 15)} bytes`));
    const states = Array.from({ length: 5000 }, (_, i) => ({
      name: `n${i}`,
      status: 'alive' as const,
      incarnation: 1,
      address: Uint8Array.of(10, 0, i >> 8, i & 255),
      port: 7946,
      meta: encodeTags({ role: 'agent' }),
      versions: ourVersions,
    }));
    const plain = encodeStreamMessage({
      type: 'push-pull',
      join: false,
      states,
      refused: [],
      userState: new Uint8Array(),
    });
    const packed = encodeCompressed(plain);
    expect(plain.length / packed.length).toBeGreaterThan(5);
    expect(decodeCompressed(packed, MAX_STREAM_BYTES).ok).toBe(true);
  });

  it('is dropped unopened as a stream, and the stream closed', () => {
    const bomb = zeros(64 << 20);
    expect(bomb.length).toBeLessThan(MAX_STREAM_BYTES);
    at.machine.handle({ kind: 'stream-accepted', stream: 'in-1', from: endpoint(9) }, at.now);
    const outputs = at.machine.handle({ kind: 'stream-data', stream: 'in-1', data: hex(bomb) }, at.now);
    expect(outputs.map(({ kind }) => kind)).toContain('close-stream');
    expect(at.dropped()['too-large']).toBe(1);
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
    const ask = () => at.serf({ ...query, filters: filters.map((filter) => unhex(filter)) });
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
    at.receive({ type: 'suspect', node: 'a', from: 'b', incarnation: 4 });
    expect(at.status('a')).toBe('alive');
    at.receive({ type: 'suspect', node: 'a', from: 'b', incarnation: 5 });
    expect(at.status('a')).toBe('suspect');
    expect(at.machine.snapshot().members[0]?.suspectedBy).toEqual(['b']);
    at.receive(alive('a', 2, { incarnation: 5 }));
    expect(at.status('a')).toBe('suspect');
    at.receive(alive('a', 2, { incarnation: 6 }));
    expect(at.status('a')).toBe('alive');
  });

  it('makes a member that left once it said so itself, in either order', () => {
    at.receive({ type: 'dead', node: 'a', from: 'a', incarnation: 5 });
    expect(at.status('a')).toBe('left');
    at.receive({ type: 'dead', node: 'b', from: 'a', incarnation: 5 });
    expect(at.status('b')).toBe('failed');
    at.serf({ type: 'leave', node: 'b', time: 7, prune: false });
    expect(at.status('b')).toBe('left');
  });

  it('after an intent to leave makes its death a leave', () => {
    at.serf({ type: 'leave', node: 'b', time: 7, prune: false });
    at.receive({ type: 'dead', node: 'b', from: 'a', incarnation: 5 });
    expect(at.status('b')).toBe('left');
  });

  it('that we are leaving is contradicted by an intent to join', () => {
    at.serf({ type: 'leave', node: 'us', time: 7, prune: false });
    const users = sent(at.passUntil(instant(seconds(1))), 'user');
    const told = users.map(({ message }) => (message.type === 'user' ? decodeSerf(message.body) : undefined));
    expect(told).toContainEqual({ ok: true, value: { type: 'join', node: 'us', time: 9 } });
  });

  it('as a death in an exchange of state is only a suspicion', () => {
    at.machine.handle({ kind: 'stream-accepted', stream: 's', from: endpoint(3) }, at.now);
    const { incarnation, address, port, meta, versions } = alive('a', 2);
    const data = encodeStreamMessage({
      type: 'push-pull',
      join: false,
      states: [{ name: 'a', status: 'dead', incarnation, address, port, meta, versions }],
      refused: [],
      userState: unhex(''),
    });
    const outputs = at.machine.handle({ kind: 'stream-data', stream: 's', data: hex(data) }, at.now);
    expect(outputs.map((output) => output.kind)).toEqual(['write-stream', 'member', 'close-stream']);
    expect(at.status('a')).toBe('suspect');
  });

  it('under a name whose member left is taken at another address at once, of a dead one after a while', () => {
    at.receive({ type: 'dead', node: 'a', from: 'a', incarnation: 5 });
    at.receive(alive('a', 77, { incarnation: 1 }));
    expect(at.status('a')).toBe('alive');
    at.receive({ type: 'dead', node: 'b', from: 'a', incarnation: 5 });
    expect(problems(at.receive(alive('b', 78, { incarnation: 1 })))).toEqual(['name-conflict']);
    at.passUntil(instant(seconds(31)));
    at.receive(alive('b', 78, { incarnation: 1 }));
    expect(at.status('b')).toBe('alive');
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
    const tags = at.machine.handle({ kind: 'set-tags', tags: { big: 'x'.repeat(510) } }, at.now);
    const event = at.machine.handle({ kind: 'raise', name: 'e', payload: '00'.repeat(512), coalesce: false }, at.now);
    expect([...problems(tags), ...problems(event)]).toEqual(['oversized', 'oversized']);
    expect(at.incarnation('us')).toBe(1);
  });
});
