import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import { agent, fleet, model } from '@keepfleet/rpc';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authority } from './pki.ts';
import { event, hello, member, nodeState, router } from './samples.ts';
import { DEADLINE, QUICK_HEARTBEAT, Stand } from './stand.ts';

const { CURRENT, STALE, UNKNOWN } = fleet.Freshness;
const { MASTER } = model.RouterState;
const deadline = DEADLINE;

describe('the agent link', () => {
  let stand: Stand;

  beforeEach(async () => {
    stand = new Stand();
    await stand.start();
  });

  afterEach(() => stand.close());

  async function current(node: string) {
    await waitFor(async () => (await stand.node(node))?.freshness === CURRENT, {
      deadline,
      what: `${node} is current`,
    });
  }

  it('shows what an agent says of itself once its full state is there', async () => {
    stand.agent('L1', nodeState({ routers: [router('L1', { state: MASTER })] })).connect();
    await current('L1');
    expect(await stand.node('L1')).toMatchObject({ connected: true, version: '0.1.0', labels: { site: 'lab' } });
    const [shown] = await stand.routers();
    expect(shown).toMatchObject({ key: 'VI_1/1/ipv4', owner: 'L1', health: fleet.Health.DEGRADED });
  });

  it('lets nobody speak for another node, and nobody in without a certificate of the authority', async () => {
    const impostor = stand.agent('L1', undefined, { ca: stand.authority.ca, ...stand.identity('L2') });
    impostor.connect();
    await waitFor(() => impostor.rejections.length > 0, { deadline, what: 'the impostor is rejected' });
    expect(impostor.rejections[0]).toContain('L2');

    const foreign = new Authority(stand.directory, 'other-ca').issue('L1');
    const stranger = stand.agent('L1', undefined, { ca: stand.authority.ca, ...foreign });
    stranger.connect({}, false);
    await waitFor(() => stranger.ended, { deadline, what: 'the stranger is cut off' });
    expect(stranger.welcome).toBeUndefined();
    expect(await stand.nodes()).toEqual([]);
  });

  it('survives garbage in every layer of the port', async () => {
    const port = stand.agentPort;
    const ca = readFileSync(stand.authority.ca);
    const { cert, key } = stand.identity('L1');
    const identity = { ca, cert: readFileSync(cert), key: readFileSync(key) };
    const closed = (socket: ReturnType<typeof connectTcp>) =>
      new Promise((resolve) =>
        socket
          .resume()
          .on('error', () => undefined)
          .on('close', resolve),
      );
    const plain = connectTcp({ port, host: '127.0.0.1' }, () => plain.write(randomBytes(4096)));
    await closed(plain);
    const inTls = connectTls({ port, host: '127.0.0.1', ...identity, ALPNProtocols: ['h2'] }, () =>
      inTls.write(randomBytes(4096)),
    );
    await closed(inTls);

    const method = {
      path: '/keepfleet.agent.v1.AgentLink/Connect',
      requestStream: true,
      responseStream: true,
      requestSerialize: (value: Buffer) => value,
      requestDeserialize: (value: Buffer) => value,
      responseSerialize: (value: Buffer) => value,
      responseDeserialize: (value: Buffer) => value,
    };
    const Raw = makeGenericClientConstructor({ connect: method }, 'raw');
    const raw = new Raw(`127.0.0.1:${port}`, credentials.createSsl(ca, identity.key, identity.cert));
    const stream = raw.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    const failed = new Promise<number>((resolve) => stream.on('error', (error) => resolve(Reflect.get(error, 'code'))));
    stream.write(Buffer.from('ffffffffffff', 'hex'));
    expect(await failed).toBe(13);
    raw.close();

    stand.agent('L1').connect();
    await current('L1');
  });

  it('stops at once, also while a stream is open that has not said who it is', async () => {
    const { cert, key } = stand.identity('L1');
    const channel = credentials.createSsl(readFileSync(stand.authority.ca), readFileSync(key), readFileSync(cert));
    const client = new agent.AgentLinkClient(`127.0.0.1:${stand.agentPort}`, channel);
    const stream = client.connect();
    const ended = new Promise<number>((resolve) => stream.on('error', (error) => resolve(Reflect.get(error, 'code'))));
    // Of two streams on one connection the first is open when the second is answered.
    const second = client.connect();
    const welcome = new Promise((resolve) => second.on('data', resolve).on('error', () => undefined));
    second.write({ body: { $case: 'hello', value: hello('L1') } });
    await welcome;
    await stand.stop();
    expect(await ended).toBe(status.UNAVAILABLE);
    client.close();
    await stand.start();
  });

  it('ends a stream whose events or times cannot be, and says why', async () => {
    const agent = stand.agent('L1');
    agent.connect();
    await current('L1');
    agent.events([event(0)]);
    await waitFor(() => agent.rejections.length > 0, { deadline, what: 'sequence 0 is rejected' });
    agent.connect();
    await current('L1');
    agent.send({ $case: 'heartbeat', value: { now: new Date(8.64e15) } });
    agent.events([event(1)]);
    await waitFor(() => agent.acknowledged.includes(1), { deadline, what: 'the last day of Date is still a time' });
  });

  it('stores each event once and in order over reconnects and a restart, and acknowledges only what is stored', async () => {
    const agent = stand.agent('L1');
    agent.connect();
    await waitFor(() => agent.welcome, { deadline, what: 'welcome' });
    agent.events([event(1), event(2), event(3)]);
    await waitFor(() => agent.acknowledged.at(-1) === 3, { deadline, what: 'acknowledged through 3' });
    agent.connect();
    expect((await waitFor(() => agent.welcome, { deadline, what: 'welcome' })).acknowledged).toBe(3n);
    agent.events([event(2), event(3), event(4), event(4), event(5)]);
    await waitFor(() => agent.acknowledged.at(-1) === 5, { deadline, what: 'acknowledged through 5' });

    agent.events([event(6), event(7)]);
    await stand.stop();
    await stand.start();
    agent.connect();
    const { acknowledged } = await waitFor(() => agent.welcome, { deadline, what: 'welcome after the restart' });
    const rest = [5, 6, 7, 8, 9].filter((sequence) => sequence >= Number(acknowledged));
    agent.events(rest.map((sequence) => event(sequence)));
    await waitFor(() => agent.acknowledged.at(-1) === 9, { deadline, what: 'acknowledged through 9' });
    const stored = await stand.events('vrrp.', 'L1');
    expect(stored.map((each) => Number(each.event?.sequence))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(stored[4]?.event).toEqual(event(5));
    expect(await stand.events('events.gap')).toEqual([]);
  });

  it('notices events that never came and shows the gap', async () => {
    const agent = stand.agent('L1');
    agent.connect();
    await waitFor(() => agent.welcome, { deadline, what: 'welcome' });
    agent.events([event(1), event(5)]);
    await waitFor(() => agent.acknowledged.at(-1) === 5, { deadline, what: 'acknowledged through 5' });
    const [gap] = await stand.events('events.gap', 'L1');
    expect(gap?.event?.attributes).toMatchObject({ from: '2', to: '4', epoch: 'e1' });
    expect((await stand.node('L1'))?.problems).toEqual([expect.stringContaining('events 2 to 4 of L1')]);
    agent.connect({ epoch: 'e2' });
    expect((await waitFor(() => agent.welcome, { deadline, what: 'welcome' })).acknowledged).toBe(0n);
    expect(await stand.events('events.epoch', 'L1')).toHaveLength(1);
  });

  it('keeps one stream a node: a newer one takes the place of the open one', async () => {
    const old = stand.agent('L1', nodeState({ configHash: 'old' }));
    old.connect();
    await current('L1');
    const young = stand.agent('L1', nodeState({ configHash: 'young' }));
    young.connect();
    await waitFor(() => old.ended, { deadline, what: 'the old stream is ended' });
    await current('L1');
    expect(await stand.node('L1')).toMatchObject({ connected: true, configHash: 'young' });
  });

  it('shows a silent node as stale, with what gossip says beside it, and never as master', async () => {
    await stand.close();
    stand = new Stand(QUICK_HEARTBEAT);
    await stand.start();
    const routers = [router('L1', { state: MASTER })];
    const silent = stand.agent('L1', nodeState({ routers }));
    silent.connect();
    const other = stand.agent('L2', nodeState({ routers: [router('L2')], members: [member('L1', 'alive')] }));
    other.connect();
    await current('L1');
    await current('L2');
    silent.fallSilent();
    await waitFor(async () => (await stand.node('L1'))?.freshness === STALE, { deadline, what: 'L1 is stale' });
    expect(await stand.node('L1')).toMatchObject({ connected: false, gossip: 'alive', gossipSources: ['L2'] });
    const [shown] = await stand.routers();
    expect(shown).toMatchObject({ health: fleet.Health.UNKNOWN, owner: '' });
    expect(shown?.reason).toContain('L1 was master');
    await waitFor(() => silent.ended, { deadline, what: 'the silent stream is ended' });
    silent.connect();
    await current('L1');
    expect((await stand.routers())[0]).toMatchObject({ owner: 'L1', health: fleet.Health.OK });
    expect(await stand.events('link.lost', 'L1')).toHaveLength(1);
  });

  it('knows only the names of its nodes after a restart, until they come back', async () => {
    const agent = stand.agent('L1', nodeState({ routers: [router('L1', { state: MASTER })] }));
    agent.connect();
    await current('L1');
    await stand.stop();
    await stand.start();
    expect(await stand.node('L1')).toMatchObject({ connected: false, freshness: UNKNOWN, version: '0.1.0' });
    expect(await stand.routers()).toEqual([]);
    agent.connect();
    await current('L1');
    expect((await stand.routers())[0]?.owner).toBe('L1');
  });
});
