import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GossipStand, type MemberTable, OurMember, SerfAgent, address } from './gossip-stand.ts';

const REF = 1;
const OURS = [2, 3, 4];
const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64');
/** One lap of probes, the shortest suspicion of a small fleet at its longest, and the telling. */
const DETECTION = 35_000;

let stand: GossipStand;
beforeAll(() => {
  stand = new GossipStand(5);
});
afterEach(() => stand.clear());
afterAll(() => stand.down());

interface Fleet {
  readonly serf: SerfAgent;
  readonly ours: OurMember[];
}

interface Viewer {
  members(): Promise<MemberTable>;
}

async function until(viewers: readonly Viewer[], wanted: Record<string, string>, deadline: number): Promise<void> {
  let last: unknown;
  await waitFor(
    async () => {
      const views = await Promise.all(viewers.map((viewer) => viewer.members()));
      last = views.map((view) => Object.fromEntries(Object.entries(view).map(([name, { status }]) => [name, status])));
      return views.every((view) => Object.entries(wanted).every(([name, status]) => view[name]?.status === status));
    },
    { deadline, every: 200, what: JSON.stringify(wanted) },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; seen: ${JSON.stringify(last)}`);
  });
}

const everybody = { ref: 'alive', n2: 'alive', n3: 'alive', n4: 'alive' };

async function fleet(encrypted: boolean, joining: 'ours' | 'serf' = 'ours'): Promise<Fleet> {
  const keyring = encrypted ? { keyring: stand.file('keyring.json', JSON.stringify([KEY])) } : {};
  const serf = new SerfAgent(stand, REF, encrypted ? [`-encrypt=${KEY}`] : []);
  await serf.ready();
  const seeds = [joining === 'ours' ? address(REF) : address(2)];
  const ours = OURS.map((host) => new OurMember(stand, host, { seeds, ...keyring }));
  await Promise.all(ours.map((member) => member.started()));
  if (joining === 'serf') expect(await serf.ask('join', address(3))).toMatchObject({ code: 0 });
  await until([serf, ...ours], everybody, 10_000);
  return { serf, ours };
}

function member(ours: readonly OurMember[], name: string): OurMember {
  const found = ours.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no member ${name}`);
  return found;
}

describe.each([
  ['plain', false],
  ['encrypted', true],
])('Debian serf and three of ours, %s', (_name, encrypted) => {
  it.each(['ours', 'serf'] as const)(
    'list each other with tags when %s join, and all can be reached',
    async (joining) => {
      const { serf, ours } = await fleet(encrypted, joining);
      const view = await serf.members();
      for (const host of OURS)
        expect(view[`n${host}`]).toEqual({
          status: 'alive',
          tags: { role: 'agent', version: '0.1.0', grpc: `${address(host)}:7443` },
        });
      for (const one of ours) expect((await one.members())['ref']?.tags).toEqual({ role: 'ref' });
      expect(await serf.ask('reachability')).toMatchObject({ code: 0 });
    },
  );

  it('tell each other new tags and user events', async () => {
    const { serf, ours } = await fleet(encrypted);
    member(ours, 'n3').say({ do: 'tags', tags: { role: 'agent', drained: 'yes' } });
    await waitFor(async () => (await serf.members())['n3']?.tags['drained'] === 'yes', {
      deadline: 5_000,
      what: 'the tag drained at serf',
    });
    expect(await serf.ask('tags', '-set', 'seen=yes')).toMatchObject({ code: 0 });
    for (const one of ours)
      await waitFor(async () => (await one.members())['ref']?.tags['seen'] === 'yes', {
        deadline: 5_000,
        what: `the tag seen at ${one.name}`,
      });
    expect(await serf.ask('event', '-coalesce=false', 'hello', 'world')).toMatchObject({ code: 0 });
    for (const one of ours)
      expect(await one.line('user-event', 5_000)).toMatchObject({ name: 'hello', payload: 'world' });
  });

  it('see one of ours killed as failed, and again alive once it is back', async () => {
    const { serf, ours } = await fleet(encrypted);
    await waitFor(() => ['ref', 'n2', 'n3'].every((name) => readFileSync(stand.memory(4), 'utf8').includes(name)), {
      deadline: 10_000,
      what: 'n4 remembers the others',
    });
    member(ours, 'n4').process.kill('SIGKILL');
    const rest = ours.filter((one) => one.name !== 'n4');
    await until([serf, ...rest], { ...everybody, n4: 'failed' }, DETECTION);
    const keyring = encrypted ? { keyring: stand.file('keyring.json', JSON.stringify([KEY])) } : {};
    // Without a seed: it remembers.
    const back = new OurMember(stand, 4, keyring);
    await until([serf, ...rest, back], everybody, 30_000);
  }, 90_000);

  it('see serf killed as failed', async () => {
    const { serf, ours } = await fleet(encrypted);
    serf.kill('SIGKILL');
    await until(ours, { ref: 'failed', n2: 'alive', n3: 'alive', n4: 'alive' }, DETECTION);
  });

  it('see those that leave as left', async () => {
    const { serf, ours } = await fleet(encrypted);
    member(ours, 'n2').say({ do: 'leave' });
    await member(ours, 'n2').line('gone', 15_000);
    const rest = ours.filter((one) => one.name !== 'n2');
    await until([serf, ...rest], { ...everybody, n2: 'left' }, 5_000);
    await serf.ask('leave');
    await until(rest, { ref: 'left', n2: 'left', n3: 'alive', n4: 'alive' }, 10_000);
    for (const one of rest) expect([...one.changes('n2'), ...one.changes('ref')]).not.toContain('failed');
  });
});

describe('trouble', () => {
  it('a partition between serf and ours heals by itself', async () => {
    const { serf, ours } = await fleet(false);
    const [n2, n3, n4] = ours;
    if (n2 === undefined || n3 === undefined || n4 === undefined) throw new Error('three members are wanted');
    stand.plug(REF, 'down');
    stand.plug(2, 'down');
    await until([n3, n4], { ref: 'failed', n2: 'failed', n3: 'alive', n4: 'alive' }, 60_000);
    await until([serf], { ref: 'alive', n2: 'failed', n3: 'failed', n4: 'failed' }, 60_000);
    stand.plug(REF, 'up');
    stand.plug(2, 'up');
    await until([serf, ...ours], everybody, 90_000);
  }, 240_000);

  it('hundreds of garbage datagrams and streams change nothing', async () => {
    const { serf, ours } = await fleet(false);
    const before = ours.map((one) => one.lines.filter((line) => line.kind === 'member').length);
    const captured = ['0084a4', '0a0000ffff', '06ff', '0983', '07ff', 'f403616263', '0cdeadbeef00', '0386a4'];
    const garbage = Array.from(
      { length: 300 },
      (_, i) => (captured[i % (captured.length + 1)] ?? '') + randomBytes((i * 7) % 900).toString('hex'),
    );
    const script = `
      const dgram = require('node:dgram'), net = require('node:net');
      const garbage = ${JSON.stringify(garbage)}.map((text) => Buffer.from(text, 'hex'));
      const to = ${JSON.stringify(OURS.map(address))};
      (async () => {
        const udp = dgram.createSocket('udp4');
        for (const data of garbage) for (const host of to)
          await new Promise((done) => udp.send(data, 7946, host, done));
        udp.close();
        for (const data of garbage) await Promise.all(to.map((host) => new Promise((done) => {
          const socket = net.connect(7946, host, () => socket.end(data));
          socket.on('error', () => {}).on('close', done).resume();
        })));
      })();`;
    expect(await stand.run(5, process.execPath, stand.file('garbage.cjs', script))).toMatchObject({ code: 0 });
    await until([serf, ...ours], everybody, 5_000);
    for (const [i, one] of ours.entries()) {
      expect(one.lines.filter((line) => line.kind === 'member').length).toBe(before[i]);
      const dropped = await one.dropped();
      expect(Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(400);
    }
  });

  it('a member with another key is not let in', async () => {
    const { serf, ours } = await fleet(true);
    const keyring = stand.file('other.json', JSON.stringify([randomBytes(32).toString('base64')]));
    const stranger = new OurMember(stand, 5, { seeds: [address(REF), address(2)], keyring });
    await stranger.started();
    await stranger.line('problem', 15_000);
    await waitFor(async () => ((await member(ours, 'n2').dropped())['encryption'] ?? 0) > 0, {
      deadline: 15_000,
      what: 'a refused packet is counted',
    });
    expect(Object.keys(await serf.members())).not.toContain('n5');
    expect(Object.keys(await stranger.members())).toEqual(['n5']);
  });

  it('a port in use and a bad keyring are one clear line and a non-zero exit', async () => {
    const { ours } = await fleet(false);
    const second = new OurMember(stand, 2);
    await waitFor(() => second.process.exitCode, { deadline: 10_000, what: 'the second member gives up' });
    expect(second.process.exitCode).toBe(1);
    expect(second.errors).toMatch(/^gossip: UDP 172\.31\.0\.2:7946 is in use by another program.*stop it.*\n$/);
    const keyring = stand.file('short.json', '["c2hvcnQ="]');
    const keyless = new OurMember(stand, 5, { keyring });
    await waitFor(() => keyless.process.exitCode, {
      deadline: 10_000,
      what: 'the member without a usable key gives up',
    });
    expect(keyless.errors).toMatch(/^gossip: the keyring .*short\.json has a key of 5 bytes at place 1;.*\n$/);
    expect(await member(ours, 'n2').members()).toMatchObject({ n2: { status: 'alive' } });
  });
});
