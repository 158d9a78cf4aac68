import { waitFor } from '@keepfleet/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { BfdStand, type Family, Frr, type Hops, KeepalivedBfd, OurBfd, ourSession } from './bfd-stand.ts';

// Our bfd process beside FRR's bfdd and Debian's keepalived 2.2.7. Needs root, frr and keepalived.

const MS = 1_000;
const [EXPIRED, SIGNALED] = [1, 3];
/** What a busy machine may add to a detection time before something is wrong. */
const LATENESS = 5_000 * MS;

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function stand(hops: Hops): BfdStand {
  const made = new BfdStand(hops);
  closing.push(() => made.close());
  return made;
}

async function ours(at: BfdStand, ...sessions: object[]): Promise<OurBfd> {
  const bfd = new OurBfd(at, sessions);
  closing.push(() => bfd.stop());
  await bfd.start();
  return bfd;
}

/** The lines of FRR for our session. */
function frrLines(at: BfdStand, family: Family, ...lines: string[]): string[] {
  const hops = at.hops === 'multi' ? 'multihop ' : '';
  const head = `peer ${at.address('near', family)} ${hops}local-address ${at.address('far', family)}`;
  return [` ${head}`, ...lines.map((line) => `  ${line}`), ' exit'];
}

async function frr(at: BfdStand, lines: string[]): Promise<Frr> {
  const daemon = new Frr(at, lines);
  closing.push(() => daemon.stop());
  await daemon.start();
  return daemon;
}

const timers = (ms: number, multiplier = 3) => [
  `detect-multiplier ${multiplier}`,
  `receive-interval ${ms}`,
  `transmit-interval ${ms}`,
];

const MULTIPLIER = 5;

/** A session of each family, each with an interval of its own. */
type Pace = Readonly<Record<Family, number>>;

const families = ['ipv4', 'ipv6'] as const;

function quick(at: BfdStand, family: Family, ms: number, changes: object = {}): object {
  const interval = { desiredMinTx: ms * MS, requiredMinRx: ms * MS, detectMult: MULTIPLIER };
  return ourSession(at, family, { name: family, ...interval, ...changes });
}

/** A busy machine may lose a session of 50 ms by itself just when it is to be cut: then all is up again before the next cut. */
const CUTS = 10;

/** Up at the agreed intervals, down after the detection time of a cut, and up again. */
async function seesACut(
  at: BfdStand,
  here: OurBfd,
  pace: Pace,
  theirs: (family: Family, up: boolean) => Promise<unknown>,
) {
  for (let left = CUTS; ; left--) {
    for (const family of families) await agreed(here, family, pace, theirs);
    at.cut();
    const downs = await Promise.all(families.map((family) => here.lastChange('down', family)));
    const isByCut = downs.every(({ from, reason }) => from === 'up' && reason === 'detection-time');
    if (isByCut || left === 1) {
      for (const [i, family] of families.entries()) {
        const [down, detectionTime] = [downs[i], pace[family] * MULTIPLIER * MS];
        expect(down).toMatchObject({ from: 'up', reason: 'detection-time', diagnostic: EXPIRED });
        expect(down?.silence).toBeGreaterThanOrEqual(detectionTime);
        expect(down?.silence).toBeLessThan(detectionTime + LATENESS);
        await theirs(family, false);
      }
    }
    at.heal();
    for (const family of families) {
      await here.lastChange('up', family);
      await theirs(family, true);
    }
    if (isByCut) return;
  }
}

async function agreed(
  here: OurBfd,
  family: Family,
  pace: Pace,
  theirs: (family: Family, up: boolean) => Promise<unknown>,
): Promise<void> {
  const interval = pace[family] * MS;
  const { counters } = await here.becomes(
    'agreed',
    ({ state, transmitInterval, detectionTime, polling }) =>
      state === 'up' && !polling && transmitInterval === interval && detectionTime === interval * MULTIPLIER,
    family,
  );
  expect(counters.discarded).toMatchObject({ ttl: 0, version: 0, truncated: 0, authentication: 0 });
  await theirs(family, true);
}

describe.each<[Hops, Pace]>([
  ['single', { ipv4: 10, ipv6: 300 }],
  ['multi', { ipv4: 300, ipv6: 50 }],
])('with FRR over a %s hop', (hops, pace) => {
  it('sees a cut within its detection time, and comes back', async () => {
    const at = stand(hops);
    const lines = families.flatMap((family) => frrLines(at, family, ...timers(pace[family], MULTIPLIER)));
    const there = await frr(at, lines);
    const here = await ours(at, ...families.map((family) => quick(at, family, pace[family])));
    await seesACut(at, here, pace, (family, up) =>
      there.becomes(up ? 'up' : 'down', at.address('near', family), (peer) =>
        up
          ? peer.status === 'up' && peer['remote-transmit-interval'] === pace[family]
          : peer.status === 'down' && peer.diagnostic === 'control detection time expired',
      ),
    );
  });
});

describe('with FRR', () => {
  it('follows the intervals of a neighbour that polls, and has it follow ours, without losing the session', async () => {
    const at = stand('single');
    const there = await frr(at, frrLines(at, 'ipv4', ...timers(300)));
    const session = ourSession(at, 'ipv4', { desiredMinTx: 100 * MS, requiredMinRx: 100 * MS, detectMult: 5 });
    const here = await ours(at, session);
    await here.becomes(
      'at 300 ms',
      ({ state, transmitInterval, polling }) => state === 'up' && transmitInterval === 300 * MS && !polling,
    );
    const peer = `peer ${at.address('near', 'ipv4')} local-address ${at.address('far', 'ipv4')}`;
    there.vtysh('configure terminal', 'bfd', peer, 'receive-interval 600', 'transmit-interval 500');
    await here.becomes(
      'at 600 ms',
      ({ transmitInterval, detectionTime }) => transmitInterval === 600 * MS && detectionTime === 3 * 500 * MS,
    );
    here.configure({ ...session, desiredMinTx: 900 * MS, requiredMinRx: 800 * MS });
    await here.becomes(
      'at 900 ms',
      ({ transmitInterval, detectionTime, polling }) =>
        !polling && transmitInterval === 900 * MS && detectionTime === 3 * 800 * MS,
    );
    await there.becomes(
      'at ours',
      at.address('near', 'ipv4'),
      (one) => one['remote-transmit-interval'] === 900 && one['remote-receive-interval'] === 800,
    );
    const { counters } = await here.becomes('up', ({ state }) => state === 'up');
    expect(counters).toMatchObject({ up: 1, down: 0 });
    expect(counters.pollsFinished).toBe(counters.pollsStarted);
  });

  it('in the passive role waits for it', async () => {
    const at = stand('single');
    const here = await ours(at, ourSession(at, 'ipv4', { passive: true }));
    await here.becomes('there', () => true);
    const there = await frr(at, frrLines(at, 'ipv4', ...timers(50)));
    await here.change('up');
    expect(here.events.filter(({ kind }) => kind === 'state-changed').map(({ to }) => to)).toEqual(['init', 'up']);
    await there.stop();
    // FRR says goodbye, and the passive side falls silent again.
    await here.change('down');
    const silent = await here.becomes('silent', ({ counters, state }) => state === 'down' && counters.down === 1);
    expect(silent.counters.up).toBe(1);
  });

  it('is told of our end, and tells of its own', async () => {
    const at = stand('single');
    const there = await frr(at, frrLines(at, 'ipv4', ...timers(300)));
    const here = await ours(at, ourSession(at, 'ipv4', { desiredMinTx: 300 * MS, requiredMinRx: 300 * MS }));
    await there.becomes('up', at.address('near', 'ipv4'), ({ status }) => status === 'up');
    const peer = `peer ${at.address('near', 'ipv4')} local-address ${at.address('far', 'ipv4')}`;
    await here.change('up');
    there.vtysh('configure terminal', 'bfd', peer, 'shutdown');
    expect(await here.change('down')).toMatchObject({ reason: 'neighbor', diagnostic: SIGNALED });
    const before = here.events.length;
    there.vtysh('configure terminal', 'bfd', peer, 'no shutdown');
    await here.change('up', before);
    await here.stop();
    await there.becomes(
      'down by our word',
      at.address('near', 'ipv4'),
      (one) => one.status === 'down' && one['remote-diagnostic'] === 'administratively down',
    );
  });

  it('over a router is not believed with a TTL below what was asked for', async () => {
    const at = stand('multi');
    await frr(at, frrLines(at, 'ipv4', ...timers(300)));
    const here = await ours(at, ourSession(at, 'ipv4', { leastTtl: 255 }));
    const { counters } = await here.becomes('discarding', (session) => (session.counters.discarded['ttl'] ?? 0) >= 2);
    expect(counters.up).toBe(0);
    expect(here.events.filter(({ kind, error }) => kind === 'discarded' && error === 'ttl')).toHaveLength(1);
  });
});

/** Our bfd process does not run until `meanwhile` has come about. */
async function heldUp(here: OurBfd, meanwhile: () => Promise<unknown>): Promise<void> {
  closing.push(async () => void process.kill(here.pid, 'SIGCONT'));
  process.kill(here.pid, 'SIGSTOP');
  await meanwhile();
  process.kill(here.pid, 'SIGCONT');
}

describe('a process of ours that is held up', () => {
  it('does not take for silence what waited in its socket', async () => {
    const at = stand('single');
    const there = await frr(at, frrLines(at, 'ipv4', ...timers(100)));
    // FRR waits for us for 20 s, and we for it for 300 ms.
    const here = await ours(
      at,
      ourSession(at, 'ipv4', { desiredMinTx: 100 * MS, requiredMinRx: 100 * MS, detectMult: 200 }),
    );
    const agreed = await here.becomes(
      'agreed',
      ({ state, polling, detectionTime }) => state === 'up' && !polling && detectionTime === 300 * MS,
    );
    expect(agreed.counters).toMatchObject({ up: 1, down: 0 });
    const sent = () => {
      const counters = JSON.parse(there.vtysh('show bfd peers counters json')) as { 'control-packet-output': number }[];
      return counters[0]?.['control-packet-output'] ?? 0;
    };
    const before = sent();
    await heldUp(here, () =>
      waitFor(() => sent() > before + 10, { deadline: 90_000, what: 'ten packets of FRR', every: 50 }),
    );
    const { packetsSent } = agreed.counters;
    const after = await here.becomes('past it', ({ counters }) => counters.packetsSent > packetsSent + 20);
    expect(after.counters).toMatchObject({ up: 1, down: 0 });
    await there.becomes('up', at.address('near', 'ipv4'), ({ status }) => status === 'up');
  });

  it('for longer than its neighbour waits learns from it that the session has failed, and comes back', async () => {
    const at = stand('single');
    const there = await frr(at, frrLines(at, 'ipv4', ...timers(100)));
    const here = await ours(at, ourSession(at, 'ipv4', { desiredMinTx: 100 * MS, requiredMinRx: 100 * MS }));
    await here.change('up');
    await there.becomes('up', at.address('near', 'ipv4'), ({ status }) => status === 'up');
    const before = here.events.length;
    await heldUp(here, () =>
      there.becomes(
        'down',
        at.address('near', 'ipv4'),
        (peer) => peer.status === 'down' && peer.diagnostic === 'control detection time expired',
      ),
    );
    expect(await here.change('down', before)).toMatchObject({ reason: 'neighbor', diagnostic: SIGNALED });
    await here.change('up', before);
    await there.becomes('up', at.address('near', 'ipv4'), ({ status }) => status === 'up');
  });
});

function keepalived(at: BfdStand, instances: Record<string, string[]>): KeepalivedBfd {
  const daemon = new KeepalivedBfd(at, instances);
  closing.push(() => daemon.stop());
  daemon.start();
  return daemon;
}

function keepalivedLines(at: BfdStand, family: Family, ...lines: string[]): string[] {
  return [`neighbor_ip ${at.address('near', family)}`, `source_ip ${at.address('far', family)}`, ...lines];
}

// keepalived 2.2.7 has one port only, also over several hops, and sends IPv6 with hop limit 64.
describe.each<[Hops, Pace, Record<Family, object>]>([
  ['single', { ipv4: 10, ipv6: 50 }, { ipv4: {}, ipv6: { leastTtl: 64 } }],
  [
    'multi',
    { ipv4: 50, ipv6: 300 },
    { ipv4: { hops: 'single', leastTtl: 254 }, ipv6: { hops: 'single', leastTtl: 63 } },
  ],
])('with keepalived over a %s hop', (hops, pace, changes) => {
  it('sees a cut within its detection time, and comes back', async () => {
    const at = stand(hops);
    const instance = (family: Family) => {
      const ms = pace[family];
      return keepalivedLines(at, family, `min_rx ${ms}`, `min_tx ${ms}`, `multiplier ${MULTIPLIER}`, 'max_hops 1');
    };
    const there = keepalived(at, { ipv4: instance('ipv4'), ipv6: instance('ipv6') });
    const here = await ours(at, ...families.map((family) => quick(at, family, pace[family], changes[family])));
    await seesACut(at, here, pace, (family, up) => there.becomes(up ? 'Up' : 'Down', family));
  });
});

describe('with keepalived', () => {
  it('that is passive we begin, and its trackers do not take our orderly end for a failure', async () => {
    const at = stand('single');
    const there = keepalived(at, { peer: keepalivedLines(at, 'ipv4', 'passive', 'min_rx 50', 'min_tx 50') });
    const here = await ours(at, ourSession(at, 'ipv4'));
    await here.change('up');
    await there.becomes('Up', 'peer');
    await here.stop();
    const told = 'Remote diagnostic - Administratively Down';
    await waitFor(() => there.log.includes(told), { deadline: 90_000, what: `${told}: ${there.log.slice(-1_500)}` });
    expect(there.states('peer').at(-1)).toBe('Up');
  });

  it('that reloads other intervals agrees on them by polls', async () => {
    const at = stand('single');
    const instances = (ms: number) => ({
      peer: keepalivedLines(at, 'ipv4', `min_rx ${ms}`, `min_tx ${ms}`, 'multiplier 5'),
    });
    const there = keepalived(at, instances(300));
    const here = await ours(at, ourSession(at, 'ipv4', { detectMult: 5 }));
    await here.becomes(
      'at 300 ms',
      ({ state, transmitInterval, polling }) => state === 'up' && transmitInterval === 300 * MS && !polling,
    );
    await there.becomes('Up', 'peer');
    there.write(instances(150));
    there.reload();
    await here.becomes(
      'at 150 ms',
      ({ transmitInterval, detectionTime }) => transmitInterval === 150 * MS && detectionTime === 5 * 150 * MS,
    );
  });
});

describe('both ends ours', () => {
  it('over several hops at 10 ms', async () => {
    const at = stand('multi');
    const family = 'ipv6';
    const interval = { desiredMinTx: 10 * MS, requiredMinRx: 10 * MS, detectMult: 10 };
    const here = await ours(at, ourSession(at, family, interval));
    const there = new OurBfd(at, [ourSession(at, family, interval, 'far')], 'far');
    closing.push(() => there.stop());
    await there.start();
    await here.becomes(
      'agreed',
      ({ state, polling, detectionTime }) => state === 'up' && !polling && detectionTime === 100 * MS,
    );
    const before = here.events.length;
    await there.stop('SIGKILL');
    expect(await here.change('down', before)).toMatchObject({ reason: 'detection-time', diagnostic: EXPIRED });
  });
});
