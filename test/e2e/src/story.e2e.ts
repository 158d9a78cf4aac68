import { Lab, serviceUrls } from '@keepfleet/test-lab';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Rest, keepfleet } from './fleet.ts';

const VIP = '198.51.100.15';
const ALL_VIPS = [VIP, '2001:db8::15', '192.168.1.1', 'fd00::1'];
const WEB = ['W1', 'W2', 'W3', 'W4'];
/** Three intervals of 2 s and the skew of the lowest priority, and time for the machine to be slow. */
const TAKEOVER = { timeout: 90_000 };
/** How long the controller is dead while L1 flaps, ms. */
const OUTAGE = 60_000;

let lab: Lab;
let rest: Rest;

async function owned(by: string): Promise<void> {
  await lab.waitFor(
    `${by} has every virtual address and nobody else has`,
    async () => {
      const { owners } = await lab.status();
      const has = (address: string) =>
        owners.find((each) => each.address === address)?.owners.join(' and ') ?? 'nobody';
      if (ALL_VIPS.every((address) => has(address) === by)) return true;
      const now = ALL_VIPS.map((address) => `${address} at ${has(address)}`).join(', ');
      throw new Error(`${now}; states ${await statesAtController()}`);
    },
    TAKEOVER,
  );
}

/** What the controller knows of every node's state, for the message of a test that failed. */
async function statesAtController(): Promise<string> {
  try {
    const { candidates } = await rest.router();
    return candidates
      .map(({ node, freshness, router }) => `${node} ${router?.state} ${router?.effectivePriority} (${freshness})`)
      .join(', ');
  } catch (error) {
    return `unknown: ${String(error)}`;
  }
}

async function served(url: string): Promise<void> {
  await lab.waitFor(`an answer of ${url}`, async () => (await lab.client.get(url)).status === 200, TAKEOVER);
}

async function settled(): Promise<void> {
  await owned('L1');
  for (const url of serviceUrls) await served(url);
  await lab.waitFor('every node is current and L1 owns', async () => {
    const router = await rest.router();
    const nodes = await rest.nodes();
    if (
      router.health === 'ok' &&
      router.owner === 'L1' &&
      nodes.length === 3 &&
      nodes.every((node) => node.freshness === 'current')
    )
      return true;
    const fresh = nodes.map(({ name, freshness }) => `${name} ${freshness}`).join(', ');
    throw new Error(`owner ${router.owner}, ${router.health}: ${router.reason}; ${fresh}`);
  });
  await lab.waitFor('every real server is up everywhere', async () => {
    const servers = (await rest.services()).flatMap(({ key, realServers }) =>
      realServers.map((one) => ({ service: key, ...one })),
    );
    const wrong = servers.filter(({ up, weights }) => up !== 3 || weights.join() !== '1');
    if (servers.length === 2 * WEB.length && wrong.length === 0) return true;
    throw new Error(`${servers.length} servers, not up: ${JSON.stringify(wrong)}`);
  });
}

async function begin(): Promise<void> {
  lab = await Lab.up({ delayLoop: 2 }, (line) => console.log(line));
  rest = await Rest.of(lab);
  await settled();
}

beforeAll(begin);

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  // What a failed test leaves behind would fail all that come after it.
  console.log(
    `the agent of L1 at the end of the failed test:\n${lab.log('L1', 'agent').split('\n').slice(-40).join('\n')}`,
  );
  await lab.down();
  await begin();
}, 600_000);

afterAll(async () => {
  // Absent when it did not come up.
  await (lab as Lab | undefined)?.down();
});

describe('the article, alive', () => {
  it.each(serviceUrls)('C1 gets every server in turn through %s, and IPVS counts it', async (url) => {
    const conns = async () => {
      const [total] = (await lab.output('L1', ['ipvsadm', '-Ln', '--stats']))
        .split('\n')
        .filter((line) => line.startsWith(url.includes('[') ? 'TCP  [2001:db8::15]:80' : 'TCP  198.51.100.15:80'));
      return Number(total?.trim().split(/\s+/)[2]);
    };
    // The kernel refreshes what it shows every 2 s: begin when two looks that far apart agree.
    let before = -1;
    await lab.waitFor('IPVS is at rest', async () => before === (before = await conns()), { every: 2_500 });
    const bodies: string[] = [];
    for (let i = 0; i < 8; i++) bodies.push((await lab.client.get(url)).body.trim());
    const start = WEB.indexOf(bodies[0] ?? '');
    // rr walks its list in one direction, which may be either.
    const forward = bodies.map((_, i) => WEB[(start + i) % 4]);
    const backward = bodies.map((_, i) => WEB[(start - i + 8) % 4]);
    expect([forward, backward]).toContainEqual(bodies);
    await lab.waitFor('IPVS has counted 8', async () => (await conns()) - before === 8);
  });

  it('L2 takes over when the eth1 of L1 goes down, and L1 preempts when it is back', async () => {
    const before = (await rest.events('L1', 'vrrp.state')).length;
    await lab.fault({ kind: 'link-down', host: 'L1', interface: 'eth1' });
    await owned('L2');
    await served(serviceUrls[0]);
    await served(serviceUrls[1]);
    await lab.fault({ kind: 'link-up', host: 'L1', interface: 'eth1' });
    await settled();
    await lab.waitFor(
      'the story of L1 is at the controller',
      async () => (await rest.events('L1', 'vrrp.state')).length >= before + 3,
    );
    const story = (await rest.events('L1', 'vrrp.state'))
      .slice(before)
      .map(({ attributes }) => `${attributes['from']} ${attributes['to']}`);
    expect(story).toEqual(['master fault', 'fault backup', 'backup master']);
    const down = (await rest.events('L1', 'vrrp.state'))[before];
    expect(down?.message).toContain('eth1');
  });

  it('kill -9 of the vrrp process moves the addresses at most for the time of its restart', async () => {
    const before = await pidOf('L1', 'vrrp');
    await lab.fault({ kind: 'kill', host: 'L1', target: 'vrrp' });
    await lab.waitFor('a new vrrp process runs', async () => (await pidOf('L1', 'vrrp')) !== before, TAKEOVER);
    await settled();
  });

  it('kill -9 of the control process moves nothing, drops nothing, and the next one adopts the others', async () => {
    const vrrp = await pidOf('L1', 'vrrp');
    const lvs = await pidOf('L1', 'lvs');
    const control = await pidOf('L1', 'control');
    const states = (await rest.events('L1', 'vrrp.state')).length;
    const load = lab.client.load(serviceUrls, { rate: 20 });
    await lab.fault({ kind: 'kill', host: 'L1', target: 'control' });
    await lab.waitFor('a new control process runs', async () => (await pidOf('L1', 'control')) !== control, TAKEOVER);
    await settled();
    const { failed, sent } = await load.stop();
    expect(sent).toBeGreaterThan(20);
    expect(failed).toEqual([]);
    expect(await pidOf('L1', 'vrrp')).toBe(vrrp);
    expect(await pidOf('L1', 'lvs')).toBe(lvs);
    expect((await rest.events('L1', 'vrrp.state')).length).toBe(states);
  });

  it('kill -9 of the whole host moves the addresses within the time of the protocol', async () => {
    const began = Date.now();
    await lab.fault({ kind: 'kill', host: 'L1', target: 'host' });
    await owned('L2');
    await served(serviceUrls[0]);
    console.log(`host killed: L2 serves after ${Date.now() - began} ms (advert_int 2 s)`);
    await lab.waitFor(
      'the controller does not show L1 as current',
      async () => (await rest.node('L1')).freshness !== 'current',
      TAKEOVER,
    );
    await lab.fault({ kind: 'boot', host: 'L1' });
    await settled();
  });
}, 900_000);

describe('SNMP by name', () => {
  const snmp = (tool: string, ...words: string[]) =>
    lab.output('L1', [tool, '-v2c', '-c', tool === 'snmpset' ? 'private' : 'public', 'localhost', ...words]);

  it('shows the rows of the article', async () => {
    const walk = await snmp('snmpwalk', 'KEEPALIVED-MIB::keepalived');
    expect(walk).toMatch(/vrrpInstanceName\.1 = STRING: VI_1/);
    expect(walk).toMatch(/vrrpInstanceState\.1 = INTEGER: master\(2\)/);
    expect(walk.match(/vrrpAddressValue\.1\.\d+ =/g)).toHaveLength(4);
    expect(walk.match(/realServerAddress\.[12]\.[1-4] =/g)).toHaveLength(8);
    expect(walk).toMatch(/virtualServerLoadBalancingAlgo\.1 = INTEGER: rr\(1\)/);
    expect(walk).toMatch(/virtualServerGroupName\.1 = STRING: WEB4/);
  });

  it('a weight of 0 takes W1 out on IPv4 alone', async () => {
    await snmp('snmpset', 'KEEPALIVED-MIB::realServerWeight.1.1', 'i', '0');
    const bodies: string[] = [];
    for (let i = 0; i < 8; i++) bodies.push((await lab.client.get(serviceUrls[0])).body.trim());
    expect(new Set(bodies)).toEqual(new Set(['W2', 'W3', 'W4']));
    const six: string[] = [];
    for (let i = 0; i < 8; i++) six.push((await lab.client.get(serviceUrls[1])).body.trim());
    expect(new Set(six)).toEqual(new Set(WEB));
    await snmp('snmpset', 'KEEPALIVED-MIB::realServerWeight.1.1', 'i', '1');
    await withoutOverrides('L1');
  });

  it('a base priority of 1 moves the master, one of 150 brings it back, and 300 is a wrong value', async () => {
    const { stderr } = await lab.exec('L1', [
      'snmpset',
      '-v2c',
      '-c',
      'private',
      'localhost',
      'KEEPALIVED-MIB::vrrpInstanceBasePriority.1',
      'i',
      '300',
    ]);
    expect(stderr).toMatch(/wrongValue|Value out of range/i);
    await snmp('snmpset', 'KEEPALIVED-MIB::vrrpInstanceBasePriority.1', 'i', '1');
    await owned('L2');
    await snmp('snmpset', 'KEEPALIVED-MIB::vrrpInstanceBasePriority.1', 'i', '150');
    await settled();
  });

  it('a frozen snmpd changes nothing of VRRP, and a restarted one has every row again', async () => {
    const states = async () => (await rest.events('L1', 'vrrp.state')).length;
    const before = await states();
    const [pid = ''] = (await lab.output('L1', ['cat', '/run/snmpd.pid'])).trim().split('\n');
    await lab.exec('L1', ['kill', '-STOP', pid]);
    const walk = lab.exec('L1', [
      'timeout',
      '6',
      'snmpwalk',
      '-v2c',
      '-c',
      'public',
      '-t',
      '1',
      '-r',
      '4',
      'localhost',
      'KEEPALIVED-MIB::keepalived',
    ]);
    expect((await walk).code).not.toBe(0);
    await lab.exec('L1', ['kill', '-CONT', pid]);
    expect(await states()).toBe(before);
    expect(await lab.owners(VIP)).toEqual(['L1']);
    await lab.service('L1', 'snmpd', 'restart');
    await lab.waitFor(
      'the rows are back',
      async () => (await snmp('snmpwalk', 'KEEPALIVED-MIB::vrrpInstanceName')).includes('VI_1'),
      TAKEOVER,
    );
  });
}, 900_000);

/** Within which all were sent that were under way together, ms. */
const MOMENT = 1_000;

describe('operations', () => {
  it('draining L1 under 50 requests a second loses none but those under way, and undrain gives it back', async () => {
    // Lost is what is refused, cut off or never answered; on a busy machine a hand-over, and what waits for it, takes seconds.
    const load = lab.client.load(serviceUrls, { rate: 50, timeout: 60_000 });
    await lab.waitFor('the load runs', () => load.shots.length > 50);
    const drained = await keepfleet('drain', 'node', 'L1', '--reason', 'e2e: kernel update');
    expect(drained).toMatchObject({ code: 0 });
    await owned('L2');
    const router = await rest.router();
    expect(router.candidates.find((one) => one.node === 'L1')?.router).toMatchObject({
      state: 'backup',
      lastResort: true,
    });
    const seen = load.shots.length;
    await lab.waitFor('the load went on through L2', () => load.shots.length > seen + 100);
    const { sent, failed } = await load.stop();
    console.log(`drain: ${sent} requests, ${failed.length} failed`, failed);
    const holds = await lab.exec('L1', ['nft', '--check', 'add', 'table', 'inet', 'probe']);
    if (holds.code === 0) expect(failed).toEqual([]);
    // Without nf_tables, as in the guests, nothing holds new connections back: whoever is under way in the moment in which
    // the addresses move may be cut off or wait for ever. Nobody is refused, and nobody is lost before or after.
    expect(failed.filter(({ failure }) => failure === 'ECONNREFUSED')).toEqual([]);
    const sentAt = failed.map(({ at }) => at);
    expect(Math.max(...sentAt) - Math.min(...sentAt), JSON.stringify(failed)).toBeLessThan(MOMENT);
    console.log(`drain: new connections are ${holds.code === 0 ? 'held' : `not held: ${holds.stderr}`}`);
    expect(await keepfleet('undrain', 'node', 'L1')).toMatchObject({ code: 0 });
    await settled();
  });

  it('announce is for the master alone, on the node that is named or on whichever it is', async () => {
    const result = await keepfleet('announce', 'VI_1');
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toContain('L1: announced');
    const refused = await keepfleet('announce', 'VI_1', '--node', 'L2');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain('L2 carries no instance VI_1 as its master');
  });

  it('the counters of one service or of all are set to 0 through the controller', async () => {
    const conns = async () => {
      const lines = (await lab.output('L1', ['ipvsadm', '-Ln', '--stats'])).split('\n');
      const of = (address: string) => lines.find((line) => line.startsWith(`TCP  ${address}:80`));
      return [VIP, '[2001:db8::15]'].map((address) => Number(of(address)?.trim().split(/\s+/)[2]));
    };
    for (const url of serviceUrls) await served(url);
    // The kernel adds up what it shows every 2 s, and what it has not added up it does not set to 0.
    let before = '';
    await lab.waitFor('IPVS is at rest', async () => before === (before = (await conns()).join()), { every: 2_500 });
    const [v4 = 0, v6 = 0] = before.split(',').map(Number);
    expect(Math.min(v4, v6)).toBeGreaterThan(0);
    const one = await keepfleet('zero', 'group/WEB4', '--fleet');
    expect(one).toMatchObject({ code: 0 });
    expect(one.stdout).toContain('L1: counters are 0; L2: counters are 0; L3: counters are 0');
    expect(await conns()).toEqual([0, v6]);
    expect(await keepfleet('zero', '--node', 'L1')).toMatchObject({ code: 0 });
    expect(await conns()).toEqual([0, 0]);
    const refused = await keepfleet('zero', 'tcp/192.0.2.9:9', '--node', 'L1');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain('L1 carries no tcp/192.0.2.9:9');
  });

  it('draining a server takes it out on every node and ends at zero connections', async () => {
    const result = await keepfleet('drain', 'server', '192.168.1.11', '--reason', 'e2e: disk');
    expect(result).toMatchObject({ code: 0 });
    const weights = (await rest.services())
      .flatMap((service) => service.realServers)
      .find((one) => one.key === '192.168.1.11:80')?.weights;
    expect(weights).toEqual([0]);
    const bodies: string[] = [];
    for (let i = 0; i < 8; i++) bodies.push((await lab.client.get(serviceUrls[0])).body.trim());
    expect(new Set(bodies)).toEqual(new Set(['W1', 'W3', 'W4']));
    expect(await keepfleet('undrain', 'server', '192.168.1.11')).toMatchObject({ code: 0 });
    await settled();
  });

  it('refuses what cannot be, says why, and changes nothing', async () => {
    const wrong = await keepfleet('set', 'priority', 'L1', 'VI_9', '10');
    expect(wrong.code).not.toBe(0);
    expect(wrong.stdout + wrong.stderr).toContain('VI_9');
    expect((await keepfleet('drain', 'node', 'L9', '--reason', 'x')).code).not.toBe(0);
    await withoutOverrides('L1');
  });
}, 900_000);

describe('without the controller', () => {
  it('traffic follows VRRP, and afterwards every event is there, once and in order', async () => {
    const before = await rest.events('L1');
    await lab.fault({ kind: 'kill', host: 'controller', target: 'host' });
    const killedAt = performance.now();
    let flaps = 0;
    while (flaps < 3 || performance.now() - killedAt < OUTAGE) {
      flaps++;
      await lab.fault({ kind: 'link-down', host: 'L1', interface: 'eth0' });
      await owned('L2');
      await served(serviceUrls[0]);
      await lab.fault({ kind: 'link-up', host: 'L1', interface: 'eth0' });
      await owned('L1');
      await served(serviceUrls[0]);
    }
    await lab.fault({ kind: 'boot', host: 'controller' });
    await settled();
    await lab.waitFor(`the ${3 * flaps} changes of state are at the controller`, async () => {
      const states = (await rest.events('L1', 'vrrp.state')).filter(
        ({ position }) => position > (before.at(-1)?.position ?? 0),
      );
      return states.length >= 3 * flaps;
    });
    const after = (await rest.events('L1')).slice(before.length);
    const states = after
      .filter(({ kind }) => kind === 'vrrp.state')
      .map(({ attributes }) => `${attributes['from']} ${attributes['to']}`);
    const flap = ['master fault', 'fault backup', 'backup master'];
    expect(states).toEqual(Array.from({ length: flaps }, () => flap).flat());
    const sequences = after.map(({ sequence }) => sequence);
    const first = (before.at(-1)?.sequence ?? 0) + 1;
    expect(sequences).toEqual(sequences.map((_, i) => first + i));
  });

  it('a node whose stream is cut is stale with its age, while gossip knows it alive', async () => {
    await lab.fault({ kind: 'partition', hosts: ['L3', 'controller'], network: 'mgmt' });
    await lab.waitFor('L3 is stale', async () => (await rest.node('L3')).freshness === 'stale', { timeout: 180_000 });
    const node = await rest.node('L3');
    expect(node.gossip).toBe('alive');
    expect(node.gossipSources.length).toBeGreaterThan(0);
    const seen = node.ageMs;
    await lab.waitFor('its age grows', async () => (await rest.node('L3')).ageMs > seen);
    const candidate = (await rest.router()).candidates.find((one) => one.node === 'L3');
    expect(candidate?.freshness).toBe('stale');
    expect((await rest.services()).every((service) => service.leftOut.includes('L3'))).toBe(true);
    await lab.heal();
    await settled();
  });
}, 900_000);

describe('gossip', () => {
  it('a stock serf agent lists every agent alive', async () => {
    const keyring: unknown = JSON.parse(await lab.output('L1', ['cat', '/run/lab/state/gossip-keyring.json']));
    const key = Array.isArray(keyring) ? String(keyring[0]) : '';
    const agent = lab.start('controller', [
      'serf',
      'agent',
      '-node=serf',
      '-bind=172.31.0.100:7950',
      '-rpc-addr=127.0.0.1:7373',
      '-join=172.31.0.1:7946',
      `-encrypt=${key}`,
      '-log-level=warn',
    ]);
    // The lab may end before it, if this fails.
    agent.ended.catch(() => undefined);
    await lab.waitFor('serf sees L1, L2 and L3 alive', async () => {
      const members = await lab.output('controller', ['serf', 'members']);
      return ['L1', 'L2', 'L3'].every((name) => new RegExp(`^${name}\\s.*alive`, 'm').test(members));
    });
    expect(await lab.output('controller', ['serf', 'members', '-name=L1'])).toContain('role=agent');
    await lab.exec('controller', ['serf', 'leave']);
    await agent.ended;
  });
}, 600_000);

describe('at rest', () => {
  it('the three processes of a node need less than 200 MB together', async () => {
    const roles = ['control', 'vrrp', 'lvs'];
    const pids = await Promise.all(roles.map((role) => pidOf('L1', role)));
    const rollups = await Promise.all(pids.map((pid) => lab.output('L1', ['cat', `/proc/${pid}/smaps_rollup`])));
    const megabytes = (field: string) =>
      rollups.map((text) => Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(text)?.[1]) / 1000);
    const sum = (values: number[]) => Math.round(values.reduce((total, value) => total + value, 0));
    // Pages that the three share (the runtime's code) count once in PSS and three times in RSS.
    const [pss, rss] = [megabytes('Pss'), megabytes('Rss')];
    console.log(
      `memory at rest: ${roles.map((role, i) => `${role} ${pss[i]} MB PSS (${rss[i]} MB RSS)`).join(', ')}; together ${sum(pss)} MB PSS (${sum(rss)} MB RSS)`,
    );
    expect(sum(pss)).toBeLessThan(200);
  });
});

async function withoutOverrides(node: string): Promise<void> {
  await lab.waitFor(`${node} has no override`, async () => (await rest.node(node)).overrides.length === 0);
}

async function pidOf(host: string, role: string): Promise<number> {
  return Number(await lab.output(host, ['cat', `/run/keepfleet/${role}.pid`]));
}
