import { credentials } from '@grpc/grpc-js';
import { gossip, model } from '@keepfleet/rpc';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeState, router } from './samples.ts';
import { DEADLINE, QUICK_HEARTBEAT, Stand, call } from './stand.ts';

const { BACKUP, MASTER } = model.RouterState;
const deadline = DEADLINE;
let sequence = 1000n;

/** A word of `node`, newer than all before it. */
function claim(node: string, state: model.RouterState, more: Partial<model.RouterClaim> = {}): model.RouterClaim {
  return {
    vrid: 1,
    family: model.Family.IPV4,
    address: '192.168.1.1',
    node,
    state,
    priority: 100,
    since: new Date('2026-01-01T00:00:00Z'),
    heardAt: new Date(),
    member: 'alive',
    hearsMaster: state === BACKUP,
    sequence: ++sequence,
    ...more,
  };
}

const quiet = { hearsMaster: false };

describe('the masters of a virtual router, by the words that agents relay', () => {
  let stand: Stand;
  let client: gossip.GossipClient;

  async function begin(heartbeatMs?: number): Promise<void> {
    stand = new Stand(heartbeatMs);
    await stand.start();
    const { apiAddress } = stand.controller;
    const port = apiAddress.kind === 'tcp' ? apiAddress.port : 0;
    client = new gossip.GossipClient(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  async function end(): Promise<void> {
    client.close();
    await stand.close();
  }

  beforeEach(() => begin());
  afterEach(end);

  const routers = async () => (await call<gossip.ListClaimsResponse>((done) => client.listClaims({}, done))).routers;
  const verdictIs = (verdict: string) =>
    waitFor(async () => (await routers())[0]?.verdict === verdict, { deadline, what: verdict });
  const told = (kind: string) =>
    waitFor(async () => (await stand.events(kind)).find(({ node }) => node === ''), { deadline, what: kind });
  const agent = (node: string, state: model.RouterState, ...claims: model.RouterClaim[]) => {
    const scripted = stand.agent(node, nodeState({ routers: [router(node, { state })], claims }));
    scripted.connect();
    return scripted;
  };

  it('are two though but one of the nodes reports here, which is an event of the controller', async () => {
    const one = agent('L3', BACKUP, claim('L1', MASTER), claim('L2', BACKUP), claim('L3', BACKUP));
    await verdictIs('one-master');
    const since = new Date();
    one.change({ claims: [claim('L1', MASTER), claim('L2', MASTER), claim('L3', BACKUP)] });
    const event = await told('vrrp.multi-master');
    expect(event?.event).toMatchObject({
      severity: model.Severity.ERROR,
      subject: 'VI_1',
      message: expect.stringContaining('2 masters at once, L1 and L2'),
      attributes: { vrid: '1', family: 'ipv4', address: '192.168.1.1', masters: 'L1,L2', source: 'controller' },
    });
    const [shown] = await routers();
    expect(shown?.since?.getTime()).toBeGreaterThanOrEqual(since.getTime() - 1);
    one.change({ claims: [claim('L1', MASTER), claim('L2', BACKUP), claim('L3', BACKUP)] });
    expect((await told('vrrp.one-master'))?.event?.message).toContain('one master, L1');
  });

  it('are none once the node of the master is suspect, though its stream is open still, and not before', async () => {
    await end();
    await begin(QUICK_HEARTBEAT);
    const first = agent('L1', MASTER, claim('L1', MASTER), claim('L2', BACKUP));
    const second = agent('L2', BACKUP, claim('L1', MASTER), claim('L2', BACKUP));
    await verdictIs('one-master');
    first.fallSilent();
    second.change({ claims: [claim('L1', MASTER, { member: 'suspect' }), claim('L2', BACKUP, quiet)] });
    const event = await told('vrrp.no-master');
    expect(event?.event?.message).toContain('L1, the last master, is silent, L2 is backup');
  });

  it('are those of the newest word: an agent whose stream hangs says nothing of what it was', async () => {
    const old = claim('L1', MASTER);
    agent('L1', MASTER, old, claim('L2', BACKUP));
    await verdictIs('one-master');
    agent('L2', MASTER, claim('L1', BACKUP), claim('L2', MASTER));
    await waitFor(
      async () => {
        const [shown] = await routers();
        const masters = shown?.claims.filter(({ state }) => state === MASTER).map(({ node }) => node);
        return shown?.verdict === 'one-master' && masters?.join() === 'L2';
      },
      { deadline, what: 'L2 as the only master' },
    );
    expect(await stand.events('vrrp.multi-master')).toEqual([]);
  });

  it('are one while an agent that nobody hears by gossip goes on to speak here', async () => {
    agent('L1', MASTER, claim('L1', MASTER), claim('L2', BACKUP, { member: 'failed' }));
    agent('L2', BACKUP, claim('L1', MASTER, { member: 'failed' }), claim('L2', BACKUP, quiet));
    await waitFor(
      async () => {
        const [shown] = await routers();
        const words = shown?.claims.map(({ node, member }) => `${node} ${member}`).join();
        return shown?.verdict === 'one-master' && words === 'L1 alive,L2 alive';
      },
      { deadline, what: 'both alive, and one master' },
    );
  });

  it.each([
    ['that goes on to speak here stays heard', -3_600_000, true],
    ['that has fallen silent here too is not taken for heard', 3_600_000, false],
  ])('do not change when the clock is set: one that nobody hears %s', async (_what, offset, speaks) => {
    await end();
    await begin(QUICK_HEARTBEAT);
    const member = 'suspect';
    const first = agent('L1', MASTER, claim('L1', MASTER), claim('L2', BACKUP));
    const second = agent('L2', BACKUP, claim('L1', MASTER), claim('L2', BACKUP));
    await verdictIs('one-master');
    if (!speaks) first.fallSilent();
    second.change({ claims: [claim('L1', MASTER, { member }), claim('L2', BACKUP, quiet)] });
    const shown = async (node: string) => (await routers())[0]?.claims.find((each) => each.node === node);
    const expected = speaks ? 'alive' : member;
    const what = `L1 as ${expected}`;
    await waitFor(async () => (await shown('L2'))?.hearsMaster === false && (await shown('L1'))?.member === expected, {
      deadline,
      what,
    });
    stand.clock = { now: () => new Date(Date.now() + offset) };
    second.change({
      claims: [claim('L1', MASTER, { member }), claim('L2', BACKUP, { ...quiet, priority: 7 })],
    });
    await waitFor(async () => (await shown('L2'))?.priority === 7, { deadline, what: 'a word of after it' });
    expect((await shown('L1'))?.member).toBe(expected);
  });

  it('are so since they were, whoever comes and tells of further routers of a node', async () => {
    agent('L1', MASTER, claim('L1', MASTER));
    await verdictIs('one-master');
    const since = (await routers())[0]?.since?.getTime() ?? NaN;
    // Times are told in milliseconds, and rounded: what is new is to be later by more than that.
    await waitFor(() => Date.now() > since + 50, { deadline, what: 'a later time' });
    const came = new Date();
    const other = { vrid: 2, address: '192.168.2.1' };
    const third = agent('L3', BACKUP, claim('L1', MASTER, other), claim('L3', BACKUP, other));
    const count = async (expected: number) =>
      waitFor(async () => (await routers()).length === expected, { deadline, what: `${expected} routers` });
    await count(2);
    expect((await routers())[0]?.since?.getTime()).toBeLessThan(came.getTime());
    third.disconnect();
    await count(1);
    expect((await routers())[0]?.since?.getTime()).toBeLessThan(came.getTime());
  });

  it('are one where a backup hears the adverts of a master that neither reports nor gossips', async () => {
    agent('L2', BACKUP, claim('L2', BACKUP));
    await verdictIs('one-master');
    expect(await stand.routers()).toMatchObject([{ reason: expect.stringContaining('L2 hears its adverts') }]);
  });

  it('are one again for a controller that told of two before it was restarted, each of which is told once', async () => {
    const one = agent('L3', BACKUP, claim('L1', MASTER), claim('L2', MASTER));
    await told('vrrp.multi-master');
    const restart = async (...claims: model.RouterClaim[]) => {
      await stand.stop();
      one.state = { ...one.state, claims };
      await stand.start();
      one.connect();
    };
    await restart(claim('L1', MASTER), claim('L2', BACKUP));
    expect((await told('vrrp.one-master'))?.event?.message).toContain('one master, L1');
    await restart(claim('L1', MASTER), claim('L2', MASTER));
    await waitFor(async () => (await stand.events('vrrp.multi-master')).length === 2, { deadline, what: 'a second' });
    await restart(claim('L1', MASTER), claim('L2', BACKUP));
    await waitFor(async () => (await stand.events('vrrp.one-master')).length === 2, { deadline, what: 'its end' });
    expect((await stand.events('vrrp.multi-master')).length).toBe(2);
  });

  it('are unknown once nobody reports any more', async () => {
    const one = agent('L1', MASTER, claim('L1', MASTER));
    await verdictIs('one-master');
    one.disconnect();
    await waitFor(async () => (await routers()).length === 0, { deadline, what: 'no word any more' });
    expect(await stand.events('vrrp.no-master')).toEqual([]);
  });
});
