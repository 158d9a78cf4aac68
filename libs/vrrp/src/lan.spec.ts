import { type Duration, type Instant, instant, millis, seconds } from '@keepfleet/machine';
import { VirtualLan, seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  type ReceivedPacket,
  type RouterInput,
  type SendOutput,
  VirtualRouter,
  type VirtualRouterSettings,
  type VrrpOutput,
  masterDownInterval,
  skewTime,
  virtualRouter,
} from './index.ts';

type Packet = Pick<SendOutput, 'source' | 'destination' | 'bytes' | 'ttl'>;
type Lan = VirtualLan<RouterInput, VrrpOutput, Packet>;

interface Node {
  readonly name: string;
  readonly settings: VirtualRouterSettings;
  readonly router: VirtualRouter;
}

const RUNS = 300;
const DELAY: readonly [Duration, Duration] = [millis(0.1), millis(20)];

function join(lan: Lan, settings: VirtualRouterSettings, number: number): Node {
  const name = `R${number}`;
  const address = ip(settings.family === 'ipv4' ? `192.0.2.${number}` : `fe80::${number}`);
  const router = new VirtualRouter(settings, lan.now);
  lan.attach({
    name,
    machine: router,
    addresses: [address],
    groups: ['224.0.0.18', 'ff02::12'],
    send: (output) =>
      output.kind === 'send' ? { from: output.source, multicast: output.destination, bytes: output } : undefined,
    receive: ({ bytes }): ReceivedPacket => ({
      kind: 'packet',
      interface: settings.interface,
      source: bytes.source,
      destination: bytes.destination,
      ttl: bytes.ttl,
      bytes: bytes.bytes,
    }),
  });
  const addresses = [{ address, prefix: 24 }];
  lan.input(name, { kind: 'interface', interface: { name: 'eth0', index: 2, up: true, addresses } });
  lan.input(name, { kind: 'configure', settings });
  return { name, settings, router };
}

/** A LAN of 2 to 8 routers with settings drawn from the seed. */
function drawn(seed: number): { lan: Lan; nodes: Node[]; settle: Duration } {
  const draw = seededRandom(seed);
  const version = draw() < 0.5 ? 2 : 3;
  const family = version === 3 && draw() < 0.5 ? 'ipv6' : 'ipv4';
  const advertInterval =
    version === 2 ? seconds(1 + Math.floor(draw() * 3)) : millis(100 + 10 * Math.floor(draw() * 200));
  const lan: Lan = new VirtualLan({ seed, delay: DELAY, duplication: 0.05, timerLateness: millis(5) });
  const count = 2 + Math.floor(draw() * 7);
  const nodes = Array.from({ length: count }, (_, i) =>
    join(
      lan,
      virtualRouter({
        name: 'VI_1',
        vrid: 1,
        interface: 'eth0',
        version,
        family,
        advertInterval,
        // Few enough values that equal priorities are common.
        priority: 1 + Math.floor(draw() * 12) * 23,
        preempt: draw() < 0.8,
        startState: draw() < 0.3 ? 'master' : 'backup',
        addresses: [
          {
            address: ip(family === 'ipv4' ? '192.0.2.254' : 'fe80::fe'),
            prefix: 24,
            interface: 'eth0',
            advertised: true,
            scope: 0,
          },
        ],
      }),
      i + 1,
    ),
  );
  const slowest = masterDownInterval({ version, downTimerAdverts: 3 }, 1, advertInterval);
  return { lan, nodes, settle: seconds((2 * slowest + 4 * advertInterval) / 1e6) };
}

const masters = (nodes: readonly Node[]) =>
  nodes.filter(({ router }) => router.state === 'master').map(({ name }) => name);

/** The longest time in which there were two masters or more. */
function longestDispute(lan: Lan, nodes: readonly Node[], duration: Duration): Duration {
  let since: Instant | undefined;
  let longest = 0;
  lan.runUntil(() => {
    const disputed = masters(nodes).length > 1;
    if (disputed) since ??= lan.now;
    if (since !== undefined) longest = Math.max(longest, lan.now - since);
    if (!disputed) since = undefined;
    return false;
  }, duration);
  return longest as Duration;
}

function everySeed(check: (seed: number) => void): void {
  for (let seed = 1; seed <= RUNS; seed++) {
    try {
      check(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

describe('2 to 8 virtual routers on a LAN', () => {
  it('settle on one master, the highest priority where all preempt', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      lan.run(settle);
      const now = masters(nodes);
      expect(now).toHaveLength(1);
      if (!nodes.every(({ settings }) => settings.preempt)) return;
      const highest = Math.max(...nodes.map(({ settings }) => settings.priority));
      expect(nodes.find(({ name }) => name === now[0])?.settings.priority).toBe(highest);
    });
  });

  it('never have two masters for longer than master-down and the delay, without loss', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      const advert = nodes[0]?.settings.advertInterval ?? seconds(1);
      const lowest = Math.min(...nodes.map(({ settings }) => settings.priority));
      const version = nodes[0]?.settings.version ?? 2;
      const bound = masterDownInterval({ version, downTimerAdverts: 3 }, lowest, advert) + DELAY[1] + millis(5);
      expect(longestDispute(lan, nodes, settle)).toBeLessThanOrEqual(bound);
    });
  });

  it('lose a killed master for no longer than the master-down time of the next', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      lan.run(settle);
      const [master] = masters(nodes);
      if (master === undefined) throw new Error('no master to kill');
      lan.detach(master);
      const rest = nodes.filter(({ name }) => name !== master);
      const quickest = Math.max(...rest.map(({ settings }) => settings.priority));
      const { version, advertInterval } =
        rest[0]?.settings ?? nodes[0]?.settings ?? virtualRouter({ name: '', vrid: 1, interface: '' });
      const bound =
        masterDownInterval({ version, downTimerAdverts: 3 }, quickest, advertInterval) + DELAY[1] + millis(5);
      expect(lan.runUntil(() => masters(rest).length > 0, bound as Duration)).toBe(true);
    });
  });

  it('are taken over within the skew time when the master stops', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      lan.run(settle);
      const [master] = masters(nodes);
      if (master === undefined) throw new Error('no master to stop');
      lan.input(master, { kind: 'stop', mode: 'release' });
      const rest = nodes.filter(({ name }) => name !== master);
      const quickest = Math.max(...rest.map(({ settings }) => settings.priority));
      const { version, advertInterval } = rest[0]?.settings ?? virtualRouter({ name: '', vrid: 1, interface: '' });
      const bound = skewTime(version, quickest, advertInterval) + 2 * DELAY[1] + millis(5);
      expect(lan.runUntil(() => masters(rest).length > 0, bound as Duration)).toBe(true);
    });
  });

  it('have one master on each side of a partition and one again after it healed', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      const draw = seededRandom(seed + 1_000_000);
      lan.run(settle);
      const cut = 1 + Math.floor(draw() * (nodes.length - 1));
      const sides = [nodes.slice(0, cut), nodes.slice(cut)] as const;
      lan.partition(...sides.map((side) => side.map(({ name }) => name)));
      lan.run(settle);
      for (const side of sides) expect(masters(side)).toHaveLength(1);
      lan.heal();
      lan.run(settle);
      expect(masters(nodes)).toHaveLength(1);
    });
  });

  it('come back to one master after heavy loss has ended', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      lan.lose(0.6);
      lan.run(seconds(60));
      lan.lose(0);
      lan.run(settle);
      expect(masters(nodes)).toHaveLength(1);
    });
  });

  it('keep a drained router out while anybody else is there, and have it when nobody is', () => {
    everySeed((seed) => {
      const { lan, nodes, settle } = drawn(seed);
      lan.run(settle);
      const drained = nodes.find(({ name }) => name === masters(nodes)[0]);
      if (drained === undefined) throw new Error('no master to drain');
      lan.input(drained.name, {
        kind: 'configure',
        settings: { ...drained.settings, priority: 1, standing: 'last-resort' },
      });
      lan.input(drained.name, { kind: 'relinquish' });
      const others = nodes.filter((node) => node !== drained);
      lan.runUntil(() => masters(others).length > 0, settle);
      lan.run(settle);
      expect(drained.router.state).toBe('backup');
      expect(masters(others)).toHaveLength(1);
      for (const { name } of others) lan.detach(name);
      lan.run(settle);
      expect(drained.router.state).toBe('master');
    });
  });
});

describe('a repeated run', () => {
  it('is the same to the microsecond', () => {
    const history = () => {
      const { lan, nodes } = drawn(42);
      const seen: [Instant, string][] = [];
      lan.lose(0.4);
      lan.runUntil(() => {
        seen.push([lan.now, masters(nodes).join()]);
        return false;
      }, seconds(30));
      return seen;
    };
    expect(history()).toEqual(history());
    expect(history()[0]?.[0]).toBeGreaterThanOrEqual(instant(0));
  });
});
