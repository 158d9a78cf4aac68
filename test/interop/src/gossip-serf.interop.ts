import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GossipStand, type MemberTable, OurMember, SerfAgent, address } from './gossip-stand.ts';

const REF = 1;
const OURS = [2, 3, 4];
const STRANGER = 5;
const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64');
/** Nothing here is timed: on a machine with work to do a fleet takes many times what it needs by itself. */
const SOON = 60_000;
/** One lap of probes, the longest suspicion of a small fleet, and the telling. */
const DETECTION = 120_000;

interface Viewer {
  members(): Promise<MemberTable>;
}

async function until(viewers: readonly Viewer[], wanted: Record<string, string>, deadline = SOON): Promise<void> {
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
const handlers = ['-event-handler=query:uptime=echo -n up', '-profile=lan'];

/** One serf and three of ours on a stand; every test of a description takes the fleet as the one before has left it. */
class Fleet {
  readonly stand: GossipStand;
  readonly encrypted: boolean;
  serf: SerfAgent;
  readonly ours = new Map<string, OurMember>();

  constructor(stand: GossipStand, encrypted: boolean) {
    this.stand = stand;
    this.encrypted = encrypted;
    this.serf = this.startSerf();
  }

  /** The first half finds serf, and serf is told of the second. */
  async join(): Promise<void> {
    await this.serf.ready();
    for (const host of OURS) this.start(host, { seeds: [address(host === 4 ? 3 : REF)] });
    await Promise.all([...this.ours.values()].map((member) => member.started()));
    expect(await this.serf.ask('join', address(4))).toMatchObject({ code: 0 });
    await until([this.serf, ...this.ours.values()], everybody);
  }

  startSerf(): SerfAgent {
    const keyring = this.encrypted ? [`-keyring-file=${this.#keyring('ref')}`] : [];
    this.serf = new SerfAgent(this.stand, REF, { options: [...handlers, ...keyring] });
    return this.serf;
  }

  start(host: number, options: Record<string, unknown> = {}): OurMember {
    const keyring = this.encrypted ? { keyring: this.#keyring(`n${host}`) } : {};
    const member = new OurMember(this.stand, host, { answers: { uptime: `up for n${host}` }, ...keyring, ...options });
    this.ours.set(member.name, member);
    return member;
  }

  one(name: string): OurMember {
    const found = this.ours.get(name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  keysOf(name: string): string[] {
    return JSON.parse(readFileSync(this.#keyring(name), 'utf8')) as string[];
  }

  #keyring(name: string): string {
    return this.stand.fileOnce(`keyring-${name}.json`, JSON.stringify([KEY]));
  }
}

describe.each([
  ['plain', false],
  ['encrypted', true],
])('Debian serf and three of ours, %s', (_name, encrypted) => {
  let stand: GossipStand;
  let fleet: Fleet;
  beforeAll(async () => {
    stand = new GossipStand(5);
    fleet = new Fleet(stand, encrypted);
    await fleet.join();
  });
  afterAll(() => stand.down());

  it('list each other with tags, whoever joined, and all can be reached', async () => {
    const view = await fleet.serf.members();
    for (const host of OURS)
      expect(view[`n${host}`]).toEqual({
        status: 'alive',
        tags: { role: 'agent', version: '0.1.0', grpc: `${address(host)}:7443` },
      });
    for (const one of fleet.ours.values()) expect((await one.members())['ref']?.tags).toEqual({ role: 'ref' });
    const reachability = await fleet.serf.ask('reachability');
    expect(reachability.text).toContain('Successfully contacted all live nodes');
    expect(reachability.code).toBe(0);
  });

  it('tell each other new tags and user events', async () => {
    fleet.one('n3').say({ do: 'tags', tags: { role: 'agent', drained: 'yes' } });
    await waitFor(async () => (await fleet.serf.members())['n3']?.tags['drained'] === 'yes', {
      deadline: SOON,
      what: 'the tag drained at serf',
    });
    expect(await fleet.serf.ask('tags', '-set', 'seen=yes')).toMatchObject({ code: 0 });
    for (const one of fleet.ours.values())
      await waitFor(async () => (await one.members())['ref']?.tags['seen'] === 'yes', {
        deadline: SOON,
        what: `the tag seen at ${one.name}`,
      });
    expect(await fleet.serf.ask('event', '-coalesce=false', 'hello', 'world')).toMatchObject({ code: 0 });
    for (const one of fleet.ours.values())
      expect(await one.line('user-event', SOON)).toMatchObject({ name: 'hello', payload: 'world' });
    const heard = fleet.serf.monitor();
    await heard.ready();
    await waitFor(
      () => {
        fleet.one('n4').say({ do: 'raise', name: 'from-ours', payload: 'to all', coalesce: true });
        return heard.text.includes('from-ours');
      },
      { deadline: SOON, every: 1_000, what: 'an event of ours at serf' },
    );
    heard.stop();
  });

  it('ask and answer queries, with acknowledgement and by relays', async () => {
    await waitFor(
      async () => {
        const { text } = await fleet.serf.ask('query', '-timeout=4s', '-relay-factor=2', 'uptime', 'now');
        return OURS.every(
          (host) => text.includes(`Ack from 'n${host}'`) && text.includes(`Response from 'n${host}': up for n${host}`),
        );
      },
      { deadline: SOON, what: 'acknowledgements and answers of all at serf' },
    );
    expect(fleet.one('n2').lines.find((line) => line.kind === 'asked')).toMatchObject({
      name: 'uptime',
      payload: 'now',
      from: 'ref',
    });
    await waitFor(
      async () => {
        const answered = await fleet
          .one('n2')
          .ask({ do: 'ask', name: 'uptime', acknowledge: true, relayFactor: 1 }, 'answers');
        const { answers, acknowledged } = answered as unknown as {
          answers: Record<string, string>;
          acknowledged: string[];
        };
        return (
          answers['ref'] === 'up' &&
          answers['n4'] === 'up for n4' &&
          ['n2', 'n3', 'n4', 'ref'].every((name) => acknowledged.includes(name))
        );
      },
      { deadline: SOON, what: 'answers and acknowledgements of all' },
    );
    const only = await fleet.one('n3').ask({ do: 'ask', name: 'uptime', tags: { drained: 'yes' } }, 'answers');
    expect(Object.keys(only['answers'] as object)).toEqual(['n3']);
  });

  it('tell each other where they are: serf estimates round trips to ours', async () => {
    await waitFor(async () => /Estimated n2 <-> ref rtt: [\d.]+ ms/.test((await fleet.serf.ask('rtt', 'n2')).text), {
      deadline: SOON,
      what: 'a round trip at serf',
    });
    await waitFor(
      async () => {
        const { snapshot } = (await fleet.one('n2').ask({ do: 'snapshot' }, 'snapshot')) as unknown as {
          snapshot: { distances: { name: string; measured?: number; estimated?: number }[] };
        };
        const far = snapshot.distances.find(({ name }) => name === 'ref');
        return far?.measured !== undefined && far.estimated !== undefined;
      },
      { deadline: SOON, what: 'a round trip at n2' },
    );
  });

  it('are examined by our doctor, who knows a serf for what it is', async () => {
    await waitFor(
      async () => {
        const word = (await fleet.one('n2').ask({ do: 'doctor' }, 'diagnosis')) as unknown as {
          answered: string[];
          findings: { severity: string; subject: string; message: string }[];
          ways: { from: string; to: string; udp?: boolean; tcp?: boolean; large?: boolean }[];
        };
        const bad = word.findings.filter(({ severity }) => severity !== 'info');
        return (
          word.answered.sort().join() === 'n2,n3,n4' &&
          bad.length === 0 &&
          word.findings.some(({ subject, message }) => subject === 'ref' && message.includes('no Keepfleet agent')) &&
          word.ways.length === 12 &&
          word.ways.every(({ udp, from, tcp }) => udp === true && (from === 'ref' || tcp === true))
        );
      },
      { deadline: SOON, what: 'a clean bill of health' },
    );
  });

  if (encrypted) {
    it('change keys without loss, by serf’s command line and by ours', async () => {
      const [second, third] = [randomBytes(32).toString('base64'), randomBytes(16).toString('base64')];
      const before = [...fleet.ours.values()].map((one) => one.lines.length);
      for (const [flag, key] of [
        ['-install', second],
        ['-use', second],
        ['-remove', KEY],
      ] as const) {
        const outcome = await fleet.serf.ask('keys', `${flag}=${key}`);
        expect(outcome.text, flag).toContain('Successfully');
        expect(outcome.code, `${flag}: ${outcome.text}`).toBe(0);
      }
      for (const name of ['n2', 'n3', 'n4', 'ref']) expect(fleet.keysOf(name), name).toEqual([second]);
      const listed = await fleet.serf.ask('keys', '-list');
      // serf pads the number with escape sequences for a terminal.
      expect(listed.text.slice(listed.text.indexOf(second))).toMatch(/^\S+=[^\n]*\[4\/4\]/);
      expect(listed.text).not.toContain(KEY);

      const change = async (operation: string, key: string) => {
        const { outcome } = (await fleet.one('n3').ask({ do: 'keys', operation, key }, 'keys-done')) as unknown as {
          outcome: { done: string[]; refused: unknown[]; keys: { key: string; on: string[]; primaryOn: string[] }[] };
        };
        expect(outcome, operation).toMatchObject({ done: ['n2', 'n3', 'n4', 'ref'], refused: [] });
        return outcome;
      };
      await change('install', third);
      await change('use', third);
      await change('remove', second);
      const { keys } = await change('list', '');
      expect(keys.map(({ key }) => key)).toEqual([third]);
      expect([...(keys[0]?.on ?? [])].sort()).toEqual(['n2', 'n3', 'n4', 'ref']);
      for (const name of ['n2', 'n3', 'n4', 'ref']) expect(fleet.keysOf(name), name).toEqual([third]);
      // What cannot be done is said, and changes nothing.
      const refused = await fleet.serf.ask('keys', `-remove=${third}`);
      expect(refused.code).not.toBe(0);
      expect(fleet.keysOf('n2')).toEqual([third]);
      await until([fleet.serf, ...fleet.ours.values()], everybody);
      for (const [i, one] of [...fleet.ours.values()].entries())
        expect(one.lines.slice(before[i]).filter((line) => line['change'] === 'failed')).toEqual([]);
    });

    it('let in no member with another key', async () => {
      const keyring = stand.file('other.json', JSON.stringify([randomBytes(32).toString('base64')]));
      const stranger = new OurMember(stand, STRANGER, { seeds: [address(REF), address(2)], keyring });
      await stranger.started();
      await stranger.line('problem', SOON);
      await waitFor(async () => ((await fleet.one('n2').dropped())['encryption'] ?? 0) > 0, {
        deadline: SOON,
        what: 'a refused packet is counted',
      });
      expect(Object.keys(await fleet.serf.members())).not.toContain('n5');
      expect(Object.keys(await stranger.members())).toEqual(['n5']);
      await stranger.kill();
    });
  }

  it('see one of ours killed as failed, and again alive once it is back', async () => {
    await waitFor(() => ['ref', 'n2', 'n3'].every((name) => stand.remembers(4, name)), {
      deadline: SOON,
      what: 'n4 remembers the others',
    });
    await fleet.one('n4').kill();
    await until([fleet.serf, fleet.one('n2'), fleet.one('n3')], { ...everybody, n4: 'failed' }, DETECTION);
    // Without a seed: it remembers.
    fleet.start(4);
    await until([fleet.serf, ...fleet.ours.values()], everybody, DETECTION);
  });

  it('see serf killed as failed, and again alive once it is back', async () => {
    await fleet.serf.kill();
    await until([...fleet.ours.values()], { ...everybody, ref: 'failed' }, DETECTION);
    await fleet.startSerf().ready();
    await fleet.serf.ask('join', address(3));
    await until([fleet.serf, ...fleet.ours.values()], everybody, DETECTION);
  });

  it('see those that leave as left', async () => {
    const before = fleet.one('n3').lines.length;
    fleet.one('n2').say({ do: 'leave' });
    await fleet.one('n2').line('gone', SOON);
    const rest = [fleet.one('n3'), fleet.one('n4')];
    await until([fleet.serf, ...rest], { ...everybody, n2: 'left' });
    await fleet.serf.ask('leave');
    await until(rest, { ref: 'left', n2: 'left', n3: 'alive', n4: 'alive' });
    expect(
      fleet
        .one('n3')
        .lines.slice(before)
        .filter((line) => line['change'] === 'failed'),
    ).toEqual([]);
  });
});

describe('three serfs and three of ours', () => {
  let stand: GossipStand;
  beforeAll(() => {
    stand = new GossipStand(6);
  });
  afterAll(() => stand.down());

  it('see one killed of each, forget one by either command line, and keep the rest', async () => {
    const serfs = [1, 5, 6].map((host) => new SerfAgent(stand, host, { name: `s${host}` }));
    await Promise.all(serfs.map((serf) => serf.ready()));
    const ours = [2, 3, 4].map((host) => new OurMember(stand, host, { seeds: [address(1), address(2)] }));
    await Promise.all(ours.map((one) => one.started()));
    const [first, second, third] = serfs;
    const [n2, n3, n4] = ours;
    if (!first || !second || !third || !n2 || !n3 || !n4) throw new Error('six members are wanted');
    await second.ask('join', address(3));
    await third.ask('join', address(1));
    const all = { s1: 'alive', s5: 'alive', s6: 'alive', n2: 'alive', n3: 'alive', n4: 'alive' };
    await until([...serfs, ...ours], all);
    await Promise.all([third.kill(), n4.kill()]);
    const rest = [first, second, n2, n3];
    await until(rest, { ...all, s6: 'failed', n4: 'failed' }, DETECTION);
    // serf's operator gives one up, ours the other.
    expect(await first.ask('force-leave', 'n4')).toMatchObject({ code: 0 });
    n3.say({ do: 'forget', name: 's6' });
    await until(rest, { ...all, s6: 'left', n4: 'left' });
  });
});

describe('trouble', () => {
  let stand: GossipStand;
  let fleet: Fleet;
  beforeAll(async () => {
    stand = new GossipStand(5);
    fleet = new Fleet(stand, false);
    await fleet.join();
  });
  afterAll(() => stand.down());

  it('of garbage: hundreds of datagrams and streams of it change nothing', async () => {
    const ours = [...fleet.ours.values()];
    const before = ours.map((one) => one.lines.filter((line) => line['change'] === 'failed').length);
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
    expect(await stand.run(STRANGER, process.execPath, stand.file('garbage.cjs', script))).toMatchObject({ code: 0 });
    await until([fleet.serf, ...ours], everybody);
    for (const [i, one] of ours.entries()) {
      expect(one.lines.filter((line) => line['change'] === 'failed').length).toBe(before[i]);
      const dropped = await one.dropped();
      expect(Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(400);
    }
  });

  it('of a port in use and of a bad keyring is one clear line and a non-zero exit', async () => {
    const second = new OurMember(stand, 2);
    await waitFor(() => second.process.exitCode, { deadline: SOON, what: 'the second member gives up' });
    expect(second.process.exitCode).toBe(1);
    expect(second.errors).toMatch(/^gossip: UDP 172\.31\.0\.2:7946 is in use by another program.*stop it.*\n$/);
    const keyring = stand.file('short.json', '["c2hvcnQ="]');
    const keyless = new OurMember(stand, STRANGER, { keyring });
    await waitFor(() => keyless.process.exitCode, {
      deadline: SOON,
      what: 'the member without a usable key gives up',
    });
    expect(keyless.errors).toMatch(/^gossip: the keyring .*short\.json has a key of 5 bytes at place 1;.*\n$/);
    expect(await fleet.one('n2').members()).toMatchObject({ n2: { status: 'alive' } });
  });

  it('of a partition between serf and ours heals by itself', async () => {
    stand.plug(REF, 'down');
    stand.plug(2, 'down');
    const rest = [fleet.one('n3'), fleet.one('n4')];
    await until(rest, { ref: 'failed', n2: 'failed', n3: 'alive', n4: 'alive' }, DETECTION);
    await until([fleet.serf], { ref: 'alive', n2: 'failed', n3: 'failed', n4: 'failed' }, DETECTION);
    stand.plug(REF, 'up');
    stand.plug(2, 'up');
    await until([fleet.serf, ...fleet.ours.values()], everybody, 180_000);
  }, 480_000);
});
