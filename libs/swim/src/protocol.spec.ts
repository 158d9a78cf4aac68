import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { type Instant, instant, seconds } from '@keepfleet/machine';
import { seededRandom } from '@keepfleet/testkit';
import { hex, ip, unhex } from '@keepfleet/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { CLAIM_TAG, type Verify, claimText, encodeClaim } from './claim.ts';
import { decodeCoordinate, distance, encodeCoordinate, Place } from './coordinate.ts';
import { openDatagram } from './envelope.ts';
import { ourVersions } from './member.ts';
import type { SwimOutput } from './messages.ts';
import { type PacketMessage, decodePacket, encodePacket } from './packet.ts';
import { type SerfMessage, decodeSerf, encodeSerf, encodeTags } from './serf.ts';
import {
  decodeKeyRequest,
  decodeKeyResponse,
  encodeConflictResponse,
  encodeKeyRequest,
  encodeKeyResponse,
} from './serf-queries.ts';
import { type Endpoint, type SwimSettings, type Tags, lanTunables, profiles } from './settings.ts';
import { settingsProblem } from './settings-problem.ts';
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
const verifyEd25519: Verify = (key, text, signature) =>
  verify(
    undefined,
    Buffer.from(text),
    { key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]), format: 'der', type: 'spki' },
    signature,
  );

let machine: Swim;
let now: Instant;

function start(changes: Partial<SwimSettings> = {}): void {
  machine = new Swim({ ...settings, ...changes }, { random: seededRandom(7), verify: verifyEd25519 });
  now = instant(0);
  machine.handle({ kind: 'start' }, now);
}

function receive(message: PacketMessage, from = endpoint(9)): readonly SwimOutput[] {
  return machine.handle({ kind: 'datagram', from, data: hex(encodePacket(message)) }, now);
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

function alive(node: string, host: number, incarnation = 5, tags: Tags = { role: node }) {
  const address = Uint8Array.of(10, 0, 0, host);
  return {
    type: 'alive',
    node,
    incarnation,
    address,
    port: 7946,
    meta: encodeTags(tags),
    versions: ourVersions,
  } as const;
}

function packets(outputs: readonly SwimOutput[]): { readonly to: Endpoint; readonly message: PacketMessage }[] {
  return outputs.flatMap((output) => {
    if (output.kind !== 'send') return [];
    const envelope = { label: '', cipher: undefined, acceptPlain: false, sendPlain: false };
    const parts = openDatagram(unhex(output.data), envelope);
    if (!parts.ok) throw new Error('we sent what we cannot read');
    return parts.value.flatMap((part) => {
      const message = part.ok ? decodePacket(part.value) : part;
      return message.ok ? [{ to: output.to, message: message.value }] : [];
    });
  });
}

function serfsTo(outputs: readonly SwimOutput[], host: number): SerfMessage[] {
  return packets(outputs).flatMap(({ to, message }) => {
    if (message.type !== 'user' || to.address !== endpoint(host).address) return [];
    const inner = decodeSerf(message.body);
    return inner.ok ? [inner.value] : [];
  });
}

const problems = (outputs: readonly SwimOutput[]) =>
  outputs.flatMap((output) => (output.kind === 'problem' ? [output.problem.kind] : []));
const member = (name: string) => machine.snapshot().members.find((one) => one.name === name);

beforeEach(() => {
  start();
  receive(alive('a', 2));
  receive(alive('b', 3));
});

const query = {
  type: 'query',
  time: 4,
  id: 9,
  address: Uint8Array.of(10, 0, 0, 2),
  port: 7946,
  source: 'a',
  filters: [],
  flags: 0,
  relayFactor: 0,
  timeout: 5e9,
  name: 'uptime',
  payload: unhex('0102'),
} as const;

describe('a query of another', () => {
  it('is given to the driver, whose answer goes to its asker alone', () => {
    const asked = serf(query).find((output) => output.kind === 'query');
    if (asked?.kind !== 'query') throw new Error('no query');
    expect(asked).toMatchObject({ name: 'uptime', payload: '0102', from: 'a' });
    const outputs = machine.handle({ kind: 'answer', query: asked.query, payload: '77' }, now);
    const answer = { type: 'query-response', time: 4, id: 9, from: 'us', flags: 0, payload: unhex('77') };
    expect(serfsTo(outputs, 2).filter(({ type }) => type === 'query-response')).toEqual([answer]);
    // A second answer has no query any more.
    expect(machine.handle({ kind: 'answer', query: asked.query, payload: '78' }, now)).toEqual([]);
  });

  it('with a relay factor is answered by way of another member too', () => {
    const asked = serf({ ...query, relayFactor: 1 }).find((output) => output.kind === 'query');
    if (asked?.kind !== 'query') throw new Error('no query');
    const outputs = machine.handle({ kind: 'answer', query: asked.query, payload: '77' }, now);
    const [relay] = serfsTo(outputs, 3);
    expect(relay).toMatchObject({ type: 'relay', node: 'a', port: 7946, address: query.address });
    const inner = relay?.type === 'relay' ? decodeSerf(relay.message) : undefined;
    expect(inner?.ok === true && inner.value).toMatchObject({ type: 'query-response', from: 'us', id: 9 });
  });

  it('about keys is given to the driver, and refused while plain gossip is taken', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const install = { ...query, name: '_serf_install-key', payload: encodeKeyRequest(key) };
    const [request] = serf(install).filter((output) => output.kind === 'key-request');
    expect(request).toMatchObject({ operation: 'install', key: hex(key), from: 'a' });
    start({ acceptPlain: true });
    receive(alive('a', 2));
    const outputs = serf(install);
    expect(outputs.filter((output) => output.kind === 'key-request')).toEqual([]);
    const [answer] = serfsTo(outputs, 2);
    const response = answer?.type === 'query-response' ? decodeKeyResponse(answer.payload) : undefined;
    expect(response?.ok === true && response.value).toMatchObject({ done: false, keys: [] });
  });

  it('about a contested name is answered with the address that we know, unless the name is ours', () => {
    const ask = (id: number, name: string) =>
      serf({ ...query, id, name: '_serf_conflict', payload: Buffer.from(name) });
    const [answer] = serfsTo(ask(1, 'b'), 2);
    if (answer?.type !== 'query-response') throw new Error('no answer');
    expect(hex(answer.payload)).toBe(hex(encodeConflictResponse('b', Uint8Array.of(10, 0, 0, 3), 7946)));
    expect(serfsTo(ask(2, 'us'), 2)).toEqual([]);
    expect(serfsTo(ask(3, 'nobody'), 2)).toEqual([]);
  });
});

describe('a query of ours', () => {
  const ask = { kind: 'ask', ask: 'q', name: 'uptime', payload: '', acknowledge: true, relayFactor: 0 } as const;
  const sentQuery = (outputs: readonly SwimOutput[]) => {
    const found = serfsTo(outputs, 2).find((message) => message.type === 'query');
    if (found?.type !== 'query') throw new Error('no query was gossiped');
    return found;
  };
  const respond = (to: { time: number; id: number }, from: string, flags: number, payload = '') =>
    serf({ type: 'query-response', time: to.time, id: to.id, from, flags, payload: unhex(payload) });

  it('ends when every member has answered, and counts nobody twice', () => {
    const outputs = [...machine.handle(ask, now), ...passUntil(instant(seconds(0.5)))];
    const ours = outputs.find((output) => output.kind === 'query');
    if (ours?.kind !== 'query') throw new Error('we are asked too');
    const told = [...machine.handle({ kind: 'answer', query: ours.query, payload: '00' }, now)];
    const asked = sentQuery(outputs);
    for (const from of ['a', 'a', 'b']) told.push(...respond(asked, from, 1), ...respond(asked, from, 0, '05'));
    const kinds = [...outputs, ...told].map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'acknowledged').length).toBe(3);
    expect(kinds.filter((kind) => kind === 'answered').length).toBe(3);
    expect(told.at(-1)).toEqual({ kind: 'asked', ask: 'q', answers: 3, acks: 3, of: 3 });
  });

  it('ends at its time when some are silent', () => {
    machine.handle({ ...ask, names: ['a'] }, now);
    const ends = passUntil(instant(seconds(4))).filter((output) => output.kind === 'asked');
    expect(ends).toEqual([{ kind: 'asked', ask: 'q', answers: 0, acks: 0, of: 1 }]);
  });

  it('too long for a datagram is not asked, and said', () => {
    const outputs = machine.handle({ ...ask, payload: '00'.repeat(1100) }, now);
    expect(problems(outputs)).toEqual(['oversized']);
    expect(outputs.at(-1)).toMatchObject({ kind: 'asked', of: 0 });
  });
});

describe('a name', () => {
  const identity = () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(12);
    return (name: string, host: number, since: number): Tags => {
      const signature = sign(undefined, Buffer.from(claimText(name, `10.0.0.${host}`, 7946, since)), privateKey);
      return { role: name, [CLAIM_TAG]: encodeClaim({ since, key, signature }) };
    };
  };

  it('moves with its key, at a later start, and with no other', () => {
    const [own, stranger] = [identity(), identity()];
    receive(alive('k', 20, 5, own('k', 20, 1000)));
    passUntil(instant(seconds(40)));
    receive(alive('k', 20, 50, own('k', 20, 1000)));
    for (const [what, tags] of [
      ['another key', stranger('k', 21, 2000)],
      ['a signature for another address', own('k', 22, 2000)],
      ['no claim', { role: 'k' }],
    ] as const)
      expect(problems(receive(alive('k', 21, 60, tags))), what).toEqual(['name-conflict']);
    // Told by somebody who has not heard of a move: no conflict.
    expect(problems(receive(alive('k', 21, 60, own('k', 21, 900))))).toEqual([]);
    expect(member('k')?.address).toBe('10.0.0.20');
    expect(problems(receive(alive('k', 21, 1, own('k', 21, 2000))))).toEqual(['moved']);
    expect(member('k')?.address).toBe('10.0.0.21');
  });

  it('with a key stays the key’s when its member left or is long dead, until an operator forgets it', () => {
    const [own, stranger] = [identity(), identity()];
    receive(alive('k', 20, 5, own('k', 20, 1000)));
    receive({ type: 'dead', node: 'k', from: 'k', incarnation: 5 });
    passUntil(instant(seconds(120)));
    expect(problems(receive(alive('k', 21, 9, stranger('k', 21, 2000))))).toEqual(['name-conflict']);
    machine.handle({ kind: 'forget', name: 'k', prune: true }, now);
    expect(member('k')).toBeUndefined();
    expect(problems(receive(alive('k', 21, 9, stranger('k', 21, 2000))))).toEqual([]);
    expect(member('k')?.status).toBe('alive');
  });

  it('cannot be stolen by lending it a key and moving at once', () => {
    const [own, thief] = [identity(), identity()];
    receive(alive('k', 20, 5, own('k', 20, 1000)));
    passUntil(instant(seconds(40)));
    receive(alive('k', 20, 51, thief('k', 20, 1000)));
    expect(problems(receive(alive('k', 66, 52, thief('k', 66, 2000))))).toEqual(['name-conflict']);
    expect(member('k')?.address).toBe('10.0.0.20');
  });

  it('of ours that another claims is voted on, and lost to a majority', () => {
    const vote = (places: readonly (readonly [string, number])[]) => {
      const outputs = receive(alive('us', 66, 9));
      expect(problems(outputs)).toEqual(['name-conflict']);
      const told = [...outputs, ...passUntil(instant(now + seconds(0.5)))];
      const asked = serfsTo(told, 2).find((message) => message.type === 'query');
      if (asked?.type !== 'query') throw new Error('no query');
      expect([asked.name, Buffer.from(asked.payload).toString()]).toEqual(['_serf_conflict', 'us']);
      for (const [from, host] of places) {
        const payload = encodeConflictResponse('us', Uint8Array.of(10, 0, 0, host), 7946);
        serf({ type: 'query-response', time: asked.time, id: asked.id, from, flags: 0, payload });
      }
      return passUntil(instant(now + seconds(5)));
    };
    expect(
      problems(
        vote([
          ['a', 1],
          ['b', 1],
        ]),
      ).filter((kind) => kind.startsWith('name')),
    ).toEqual(['name-kept']);
    const lost = vote([
      ['a', 66],
      ['b', 66],
    ]);
    expect(problems(lost)).toContain('name-lost');
    expect(lost.at(-1)).toEqual({ kind: 'left' });
  });
});

describe('a member that was stopped', () => {
  it('accuses nobody for the time, and gives suspects theirs', () => {
    receive({ type: 'suspect', node: 'b', from: 'a', incarnation: 5 });
    passUntil(instant(seconds(1.2)));
    now = instant(seconds(31));
    const outputs = machine.timeout(now);
    expect(problems(outputs)).toContain('stalled');
    expect([member('a')?.status, member('b')?.status]).toEqual(['alive', 'suspect']);
    expect(machine.snapshot().health).toBeGreaterThan(0);
    receive(alive('b', 3, 6));
    expect(member('b')?.status).toBe('alive');
  });
});

describe('a check-up', () => {
  it('pings everybody small, large and by TCP, and tells what came back', () => {
    const outputs = machine.handle({ kind: 'check-up' }, now);
    const pings = packets(outputs).filter(({ message }) => message.type === 'ping');
    expect(pings.length).toBe(4);
    const sizes = outputs.flatMap((output) => (output.kind === 'send' ? [output.data.length / 2] : []));
    expect(Math.max(...sizes)).toBeGreaterThan(1380);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1400);
    expect(outputs.filter((output) => output.kind === 'open-stream').length).toBe(2);
    const [small] = pings.filter(({ to }) => to.address === endpoint(2).address);
    if (small?.message.type !== 'ping') throw new Error('no ping');
    receive({ type: 'ack', seq: small.message.seq, payload: new Uint8Array() }, endpoint(2));
    const report = passUntil(instant(seconds(2))).find((output) => output.kind === 'checked-up');
    if (report?.kind !== 'checked-up') throw new Error('no report');
    const reach = Object.fromEntries(report.report.reach.map((one) => [one.name, one]));
    expect(reach['a']).toMatchObject({ udp: true, large: false, tcp: false, heard: true });
    expect(reach['b']).toMatchObject({ udp: false, large: false, tcp: false, heard: false });
  });
});

describe('coordinates', () => {
  it('travel in acks as serf writes them, 130 bytes', () => {
    const bytes = encodeCoordinate(new Place(seededRandom(1)).coordinate);
    expect(bytes.length).toBe(130);
    expect(hex(bytes)).toMatch(
      /^0184aa41646a7573746d656e74cb0000000000000000a54572726f72cb3ff8000000000000a6486569676874cb/,
    );
    expect(decodeCoordinate(bytes)).toEqual({ ok: true, value: new Place(seededRandom(2)).coordinate });
    expect(decodeCoordinate(new Uint8Array())).toBeUndefined();
    for (const bad of ['02', '01', '0180', `0184${hex(bytes).slice(4, -2)}`, hex(bytes).replace('3ff8', '7ff8')])
      expect(decodeCoordinate(unhex(bad))?.ok, bad).toBe(false);
  });

  it('come to tell the round trips between members', () => {
    const random = seededRandom(3);
    const sites = [0, 0, 0, 1, 1, 1];
    const places = sites.map(() => new Place(random));
    const real = (a: number, b: number) => (sites[a] === sites[b] ? 0.002 : 0.08) * (0.95 + 0.1 * random());
    for (let round = 0; round < 400; round++)
      for (const [a, place] of places.entries()) {
        const b = Math.floor(random() * places.length);
        const other = places[b];
        if (a !== b && other !== undefined) place.measured(String(b), other.coordinate, real(a, b));
      }
    const told = (a: number, b: number) => {
      const [one, other] = [places[a], places[b]];
      return one === undefined || other === undefined ? 0 : distance(one.coordinate, other.coordinate);
    };
    expect(told(0, 4)).toBeGreaterThan(0.05);
    expect(told(0, 4)).toBeLessThan(0.11);
    expect(told(0, 1)).toBeLessThan(0.02);
  });
});

describe('messages about keys', () => {
  it('are read as they are written', () => {
    const key = Uint8Array.from({ length: 16 }, (_, i) => 200 - i);
    expect(decodeKeyRequest(encodeKeyRequest(key))).toEqual({ ok: true, value: key });
    expect(decodeKeyRequest(encodeKeyRequest(new Uint8Array()))).toEqual({ ok: true, value: new Uint8Array() });
    const response = { done: true, message: '', keys: ['a', 'b'], primary: 'a' };
    expect(decodeKeyResponse(encodeKeyResponse(response))).toEqual({ ok: true, value: response });
  });

  it('are read from a serf that knows no primary key', () => {
    const bytes = unhex('0883a44b6579739 1a161a74d657373616765a0a6526573756c74c3'.replace(' ', ''));
    expect(decodeKeyResponse(bytes)).toEqual({
      ok: true,
      value: { done: true, message: '', keys: ['a'], primary: '' },
    });
  });
});

describe('profiles and settings', () => {
  it('of every profile are usable', () => {
    for (const profile of Object.values(profiles)) expect(settingsProblem({ ...settings, ...profile })).toBeUndefined();
  });

  it.each<[string, Partial<SwimSettings>]>([
    ['a probe timeout of a probe interval', { probeTimeout: seconds(1) }],
    ['datagrams too small for a member', { packetSize: 500 }],
    ['plain sent and not taken', { sendPlain: true }],
  ])('with %s are refused', (_what, changes) => {
    expect(settingsProblem({ ...settings, ...changes })).toEqual(expect.any(String));
  });
});

describe('coalescing user events', () => {
  it('leave only the newest of a name to be told and exchanged', () => {
    for (const payload of ['01', '02', '03'])
      machine.handle({ kind: 'raise', name: 'state', payload, coalesce: true }, now);
    const told = serfsTo(passUntil(instant(seconds(3))), 2).flatMap((message) =>
      message.type === 'user-event' ? [hex(message.payload)] : [],
    );
    expect(new Set(told)).toEqual(new Set(['03']));
  });
});

describe('a member that leaves', () => {
  it('tells no new tags, which would take its departure back', () => {
    const us = () => machine.snapshot().members.find(({ name }) => name === 'us')?.incarnation ?? 0;
    const before = us();
    machine.handle({ kind: 'set-tags', tags: { role: 'x' } }, now);
    const changed = us();
    expect(changed).toBeGreaterThan(before);
    machine.handle({ kind: 'leave' }, now);
    machine.handle({ kind: 'set-tags', tags: { role: 'y' } }, now);
    expect(us()).toBe(changed);
  });
});
