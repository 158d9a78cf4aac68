import { type Instant, instant, seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  Balancer,
  type BalancerInput,
  type BalancerOutput,
  type CheckerTraits,
  type KernelService,
  type LvsEvent,
  type LvsSettings,
  OptionsKeeper,
  type RealServerSettings,
  type VirtualServerSettings,
  defaultPolicy,
  describeOperation,
  realServerKey,
  reportOf,
  untouchedOptions,
  virtualServerKey,
} from './index.ts';
import { tableAfter } from './table.ts';

const VIP = 'tcp/198.51.100.15:80';

function realServer(
  last: number,
  options: Partial<RealServerSettings<CheckerTraits>> = {},
): RealServerSettings<CheckerTraits> {
  const address = ip(`192.168.1.${last}`);
  return {
    key: realServerKey(address, 80),
    address,
    port: 80,
    weight: 1,
    configuredWeight: 1,
    weightIsSet: false,
    forwarding: { kind: 'nat' },
    inhibitOnFailure: false,
    slowStart: seconds(0),
    upperThreshold: 0,
    lowerThreshold: 0,
    alpha: false,
    retry: null,
    delayBeforeRetry: null,
    warmup: null,
    delayLoop: null,
    connectTimeout: null,
    virtualHost: null,
    notifyUp: null,
    notifyDown: null,
    smtpAlert: false,
    snmpName: null,
    place: null,
    checkers: [{ schedule: { alpha: false } }],
    ...options,
  };
}

function virtualServer(
  realServers: readonly RealServerSettings<CheckerTraits>[],
  options: Partial<VirtualServerSettings<CheckerTraits>> = {},
): VirtualServerSettings<CheckerTraits> {
  const target = options.target ?? { kind: 'address', address: ip('198.51.100.15'), port: 80 };
  return {
    key: virtualServerKey(target, 'tcp'),
    target,
    protocol: 'tcp',
    scheduler: 'rr',
    flags: { flag1: false, flag2: false, flag3: false },
    onePacket: false,
    hashed: false,
    forwarding: { kind: 'nat' },
    persistence: null,
    delayLoop: seconds(10),
    retry: null,
    delayBeforeRetry: null,
    warmup: null,
    connectTimeout: seconds(5),
    weight: 1,
    quorum: 1,
    hysteresis: 0,
    quorumUp: null,
    quorumDown: null,
    alpha: false,
    omega: false,
    haSuspend: false,
    inhibitOnFailure: false,
    smtpAlert: false,
    virtualHost: null,
    snmpName: null,
    place: null,
    sorryServer: null,
    realServers,
    ...options,
  };
}

const web = { kind: 'address', protocol: 'tcp', address: ip('198.51.100.15'), port: 80 } as const;
const elsewhere = { kind: 'address', address: ip('203.0.113.1'), port: 25 } as const;

const sorryServer = {
  key: '192.168.1.99:80',
  address: ip('192.168.1.99'),
  port: 80,
  forwarding: { kind: 'nat' },
  inhibit: false,
} as const;

const unset: LvsSettings<CheckerTraits> = {
  policy: defaultPolicy,
  kernel: untouchedOptions,
  groups: [],
  virtualServers: [],
};

/** A balancer with a table that carries its operations out, as the kernel would. */
class Node {
  readonly balancer = new Balancer();
  kernel: ReadonlyMap<string, KernelService>;
  owned: readonly string[] = [];
  events: LvsEvent[] = [];
  operations: string[] = [];
  #now: Instant = instant(0);

  constructor(kernel: ReadonlyMap<string, KernelService> = new Map(), owned: readonly string[] = [], unread = false) {
    this.kernel = kernel;
    this.handle({ kind: 'owned', services: owned });
    if (!unread) this.read();
  }

  handle(input: BalancerInput): readonly BalancerOutput[] {
    this.#now = instant(this.#now + 1);
    const outputs = this.balancer.handle(input, this.#now);
    for (const output of outputs) {
      if (output.kind === 'own') this.owned = output.services;
      if (output.kind === 'event') this.events.push(output.event);
      if (output.kind === 'apply') {
        this.kernel = tableAfter(this.kernel, output.operations);
        this.operations.push(...output.operations.map(describeOperation));
      }
    }
    return outputs;
  }

  read(): void {
    this.handle({ kind: 'table', services: [...this.kernel.values()] });
  }

  configure(...virtualServers: readonly VirtualServerSettings<CheckerTraits>[]): void {
    this.configureWith({ virtualServers });
  }

  configureWith(settings: Partial<LvsSettings<CheckerTraits>>): void {
    this.handle({ kind: 'configure', settings: { ...unset, ...settings } });
  }

  health(server: string, up: boolean): void {
    this.handle({ kind: 'health', service: VIP, server, up, reason: 'a reason' });
  }

  /** What `ipvsadm -Sn` would show, in short. */
  get pool(): string[] {
    return [...this.kernel].flatMap(([service, { destinations }]) => [
      service,
      ...destinations.map(({ address, port, weight }) => `  ${address}:${port} w${weight}`),
    ]);
  }
}

const A = '192.168.1.10:80';
const B = '192.168.1.11:80';

describe('a new configuration', () => {
  it('assumes servers up, and tells what is its own before it creates it', () => {
    const node = new Node();
    const settings = { ...unset, virtualServers: [virtualServer([realServer(10), realServer(11)])] };
    const outputs = node.handle({ kind: 'configure', settings });
    expect(outputs.map((output) => output.kind)).toEqual(['own', 'apply']);
    expect(node.pool).toEqual([VIP, `  ${A} w1`, `  ${B} w1`]);
    expect(node.owned).toEqual([VIP]);
  });

  it('begins with servers down by alpha', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10, { alpha: true }), realServer(11)]));
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
    node.health(A, true);
    expect(node.pool).toEqual([VIP, `  ${B} w1`, `  ${A} w1`]);
  });

  it('changes only what changed and keeps the state of the rest', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10), realServer(11)]));
    node.health(A, false);
    node.operations = [];
    node.configure(virtualServer([realServer(10, { weight: 3 }), realServer(11, { weight: 2 }), realServer(12)]));
    expect(node.operations).toEqual([
      `set server ${B} weight 2 in ${VIP}`,
      `add server 192.168.1.12:80 weight 1 to ${VIP}`,
    ]);
    expect(node.events.filter((event) => event.kind === 'weight-changed')).toHaveLength(2);
    node.operations = [];
    node.configure(virtualServer([realServer(10, { weight: 3 }), realServer(11, { weight: 2 }), realServer(12)]));
    expect(node.operations).toEqual([]);
  });

  it('looks only at the virtual servers that are another object than before', () => {
    const node = new Node();
    const same = virtualServer([realServer(40)], { target: elsewhere });
    node.configure(same, virtualServer([realServer(10)]));
    // Somebody takes the server of the one that stays: that is found at the next reading, not by the reload.
    node.kernel = tableAfter(node.kernel, [{ kind: 'delete-service', id: { ...elsewhere, protocol: 'tcp' } }]);
    node.operations = [];
    node.configure(same, virtualServer([realServer(10, { weight: 3 })]));
    expect(node.operations).toEqual([`set server ${A} weight 3 in ${VIP}`]);
    node.read();
    expect(node.operations.slice(1)).toEqual([
      'add service tcp/203.0.113.1:25 (rr)',
      'add server 192.168.1.40:80 weight 1 to tcp/203.0.113.1:25',
    ]);
  });

  it('gives a service that two virtual servers want to the second when the first is gone', () => {
    const node = new Node();
    const group = { name: 'web', members: [{ kind: 'address', address: ip('198.51.100.15'), port: 80 }] } as const;
    const second = virtualServer([realServer(11)], { target: { kind: 'group', name: 'web' } });
    node.configureWith({ groups: [group], virtualServers: [virtualServer([realServer(10)]), second] });
    expect(node.pool).toEqual([VIP, `  ${A} w1`]);
    node.configureWith({ groups: [{ ...group }], virtualServers: [second] });
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
  });

  it('follows a group that is another in a virtual server that is the same', () => {
    const node = new Node();
    const member = (last: number) => ({ kind: 'address', address: ip(`198.51.100.${last}`), port: 80 }) as const;
    const virtualServers = [virtualServer([realServer(10)], { target: { kind: 'group', name: 'web' } })];
    node.configureWith({ groups: [{ name: 'web', members: [member(15)] }], virtualServers });
    node.configureWith({ groups: [{ name: 'web', members: [member(16)] }], virtualServers });
    expect(node.pool).toEqual(['tcp/198.51.100.16:80', `  ${A} w1`]);
  });

  it('removes its own services that it no longer names, and no other', () => {
    const foreign = new Node();
    const other = { kind: 'address', address: ip('203.0.113.1'), port: 25 } as const;
    foreign.configure(virtualServer([realServer(40)], { target: other }));
    const node = new Node(foreign.kernel);
    node.configure(virtualServer([realServer(10)]));
    expect(node.balancer.foreignServices).toEqual(['tcp/203.0.113.1:25']);
    node.configure();
    expect([...node.kernel.keys()]).toEqual(['tcp/203.0.113.1:25']);
    node.read();
    expect(node.owned).toEqual([]);
  });

  it('keeps a weight of 0 in the pool, so that connections can end', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10, { weight: 0 }), realServer(11)]));
    expect(node.pool).toEqual([VIP, `  ${A} w0`, `  ${B} w1`]);
  });

  it('gives one service to an address, a range and a mark of a group, and each server to the services of its family', () => {
    const node = new Node();
    const target = { kind: 'group', name: 'web' } as const;
    node.configureWith({
      groups: [
        {
          name: 'web',
          members: [
            { kind: 'fwmark', fwmark: 7, family: 'ipv4' },
            { kind: 'range', first: ip('198.51.100.254'), last: ip('198.51.101.1'), port: 80 },
            { kind: 'address', address: ip('2001:db8::15'), port: 80 },
          ],
        },
      ],
      virtualServers: [virtualServer([realServer(10)], { target })],
    });
    expect(node.pool).toEqual([
      'fwmark/7',
      `  ${A} w1`,
      ...['198.51.100.254', '198.51.100.255', '198.51.101.0', '198.51.101.1'].flatMap((address) => [
        `tcp/${address}:80`,
        `  ${A} w1`,
      ]),
      'tcp/[2001:db8::15]:80',
    ]);
  });
});

describe('a real server', () => {
  it.each([
    ['nat', 8080, 8080],
    ['dr', 80, 0],
  ] as const)('by %s has port %i in a service and %i behind a mark', (kind, inService, behindMark) => {
    const node = new Node();
    const server = realServer(10, { port: 8080, forwarding: { kind } });
    const mark = { kind: 'fwmark', fwmark: 7, family: 'ipv4' } as const;
    node.configure(virtualServer([server]), virtualServer([server], { target: mark }));
    expect(node.pool).toEqual([VIP, `  192.168.1.10:${inService} w1`, 'fwmark/7', `  192.168.1.10:${behindMark} w1`]);
  });

  it('leaves the pool when it is down and comes back', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10), realServer(11)]));
    node.health(A, false);
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
    node.health(A, true);
    expect(node.pool).toEqual([VIP, `  ${B} w1`, `  ${A} w1`]);
    expect(node.events.map((event) => event.kind)).toEqual(['real-server-down', 'real-server-up']);
  });

  it('stays with weight 0 by inhibit_on_failure', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10, { inhibitOnFailure: true }), realServer(11)]));
    node.health(A, false);
    expect(node.pool).toEqual([VIP, `  ${A} w0`, `  ${B} w1`]);
  });
});

describe('what checks make of a weight', () => {
  it('reaches the pool and the quorum, and is told', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10, { weight: 4, configuredWeight: 4 })], { quorum: 3 }));
    node.events = [];
    node.handle({ kind: 'effect', service: VIP, server: A, effect: { replaced: 2, added: 0, share: 1 } });
    expect(node.events.map(({ kind }) => kind)).toEqual(['weight-changed', 'quorum-lost']);
    expect(node.pool).toEqual([VIP, '  192.168.1.10:80 w2']);
    node.handle({ kind: 'effect', service: VIP, server: A, effect: { replaced: null, added: 0, share: 1 } });
    expect(node.pool).toEqual([VIP, '  192.168.1.10:80 w4']);
  });
});

describe('the quorum', () => {
  it('is lost below quorum - hysteresis and gained at quorum + hysteresis', () => {
    const node = new Node();
    const servers = [10, 11, 12, 13].map((last) => realServer(last));
    node.configure(virtualServer(servers, { quorum: 2, hysteresis: 1, sorryServer }));
    const quorum = () => node.balancer.states[0]?.quorumUp;
    node.health(A, false);
    node.health(B, false);
    node.health('192.168.1.12:80', false);
    expect(quorum()).toBe(true);
    node.health('192.168.1.13:80', false);
    expect(quorum()).toBe(false);
    node.health('192.168.1.13:80', true);
    node.health('192.168.1.12:80', true);
    expect(quorum()).toBe(false);
    node.health(A, true);
    expect(quorum()).toBe(true);
    expect(node.events.filter((event) => event.kind.startsWith('quorum'))).toEqual([
      { kind: 'quorum-lost', service: VIP, weight: 0, quorum: 2, realServersUp: 0 },
      { kind: 'quorum-gained', service: VIP, weight: 3, quorum: 2, realServersUp: 3 },
    ]);
  });

  it('is not there at first with less than quorum + hysteresis', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10), realServer(11)], { quorum: 2, hysteresis: 1, sorryServer }));
    expect(node.pool).toEqual([VIP, '  192.168.1.99:80 w1']);
  });

  it('brings the sorry server in when it is lost and out when it is gained, never leaving the pool empty', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10), realServer(11)], { quorum: 2, sorryServer }));
    node.operations = [];
    node.health(A, false);
    expect(node.operations).toEqual([
      `add server 192.168.1.99:80 weight 1 to ${VIP}`,
      `delete server ${A} from ${VIP}`,
      `delete server ${B} from ${VIP}`,
    ]);
    node.health(A, true);
    expect(node.pool).toEqual([VIP, `  ${A} w1`, `  ${B} w1`]);
    expect(node.events.map((event) => event.kind)).toEqual([
      'real-server-down',
      'quorum-lost',
      'sorry-server-in',
      'real-server-up',
      'quorum-gained',
      'sorry-server-out',
    ]);
  });

  it('leaves the real servers where they are without a sorry server', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10), realServer(11)], { quorum: 2 }));
    node.health(A, false);
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
  });

  it('lost by draining the last server keeps that server for its connections beside the sorry server', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10)], { sorryServer }));
    node.configure(virtualServer([realServer(10, { weight: 0 })], { sorryServer }));
    expect(node.pool).toEqual([VIP, `  ${A} w0`, '  192.168.1.99:80 w1']);
  });

  it('of a drained server whose check fails keeps it with weight 0 until the drain ends', () => {
    const node = new Node();
    const weighed = (weight: number) =>
      virtualServer([realServer(10, { weight, weightIsSet: weight === 0 }), realServer(11)]);
    node.configure(weighed(1));
    node.configure(weighed(0));
    node.health(A, false);
    expect(node.pool).toEqual([VIP, `  ${A} w0`, `  ${B} w1`]);
    const after = new Node(node.kernel, node.owned);
    after.configure(weighed(0));
    after.health(A, false);
    expect(after.operations).toEqual([]);
    node.configure(weighed(1));
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
    node.health(A, true);
    expect(node.pool).toEqual([VIP, `  ${B} w1`, `  ${A} w1`]);
  });

  it('of a server that is drained while it is down does not bring it back', () => {
    const node = new Node();
    const weighed = (weight: number) =>
      virtualServer([realServer(10, { weight, weightIsSet: weight === 0 }), realServer(11)]);
    node.configure(weighed(1));
    node.health(A, false);
    node.configure(weighed(0));
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
    node.health(A, true);
    node.health(A, false);
    expect(node.pool).toEqual([VIP, `  ${B} w1`, `  ${A} w0`]);
  });

  it('with the configured weight 0 is taken out, as keepalived does', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10, { weight: 0, configuredWeight: 0 }), realServer(11)]));
    node.health(A, false);
    expect(node.pool).toEqual([VIP, `  ${B} w1`]);
  });

  it('lets the sorry server be one of the real servers', () => {
    const node = new Node();
    const same = { ...sorryServer, key: A, address: ip('192.168.1.10') };
    node.configure(virtualServer([realServer(10), realServer(11)], { sorryServer: same, quorum: 2 }));
    node.health(B, false);
    expect(node.pool).toEqual([VIP, `  ${A} w1`]);
  });

  it('keeps an inhibited sorry server with weight 0 while it is not in use', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10)], { sorryServer: { ...sorryServer, inhibit: true } }));
    expect(node.pool).toEqual([VIP, `  ${A} w1`, '  192.168.1.99:80 w0']);
  });
});

describe('a restart', () => {
  it('goes on with the state that the kernel shows and touches nothing', () => {
    const before = new Node();
    before.configure(virtualServer([realServer(10), realServer(11), realServer(12, { inhibitOnFailure: true })]));
    before.health(A, false);
    before.health('192.168.1.12:80', false);
    const node = new Node(before.kernel, before.owned);
    node.configure(virtualServer([realServer(10), realServer(11), realServer(12, { inhibitOnFailure: true })]));
    expect(node.operations).toEqual([]);
    expect([A, B, '192.168.1.12:80'].map((server) => node.balancer.isUp(VIP, server))).toEqual([false, true, false]);
  });

  it('counts a server without checkers as up, since nothing would ever bring it up', () => {
    const before = new Node();
    before.configure(virtualServer([realServer(11)]));
    const node = new Node(before.kernel, before.owned);
    node.configure(virtualServer([realServer(10, { checkers: [] }), realServer(11)]));
    expect(node.pool).toEqual([VIP, `  ${B} w1`, `  ${A} w1`]);
  });

  it('is removed at a stop before any configuration has come', () => {
    const before = new Node();
    before.configure(virtualServer([realServer(10)]));
    const node = new Node(before.kernel, before.owned);
    node.handle({ kind: 'release' });
    expect(node.pool).toEqual([]);
    node.read();
    expect(node.owned).toEqual([]);
  });

  it.each([
    ['a script', { checkers: [{ schedule: { alpha: false }, dynamic: true }] }, 9],
    ['a script, 0', { checkers: [{ schedule: { alpha: false }, dynamic: true }] }, 0],
    ['a file', { checkers: [{ schedule: { alpha: false }, weight: -1 }] }, 9],
    ['the time of answers', { checkers: [{ schedule: { alpha: false, latency: {} } }] }, 9],
    ['slow_start', { slowStart: seconds(60) }, 9],
  ])('keeps the weight that %s made, until that is told again', (_, options, weight) => {
    const servers = [realServer(10, { weight: 50, configuredWeight: 50, ...options }), realServer(11)];
    const before = new Node();
    before.configure(virtualServer(servers));
    before.handle({ kind: 'effect', service: VIP, server: A, effect: { replaced: weight, added: 0, share: 1 } });
    const node = new Node(before.kernel, before.owned);
    node.configure(virtualServer(servers));
    node.read();
    expect(node.operations).toEqual([]);
    expect(node.events).toEqual([]);
    expect(node.balancer.adoptedWeight(VIP, A)).toBe(weight);
    node.handle({ kind: 'effect', service: VIP, server: A, effect: { replaced: weight, added: 0, share: 1 } });
    expect(node.operations).toEqual([]);
    node.handle({ kind: 'effect', service: VIP, server: A, effect: { replaced: null, added: 0, share: 1 } });
    expect(node.pool).toContain(`  ${A} w50`);
  });

  it.each([
    ['that nothing but the configuration makes', {}, 50],
    [
      'of a server that is drained now',
      { checkers: [{ schedule: { alpha: false }, dynamic: true }], weight: 0, weightIsSet: true },
      0,
    ],
  ])('puts the weight right at once %s', (_, options, weight) => {
    const before = new Node();
    before.configure(virtualServer([realServer(10, { weight: 9, configuredWeight: 9 })]));
    const node = new Node(before.kernel, before.owned);
    node.configure(virtualServer([realServer(10, { weight: 50, configuredWeight: 50, ...options })]));
    expect(node.pool).toEqual([VIP, `  ${A} w${weight}`]);
  });

  it('goes on with the sorry server in use', () => {
    const settings = virtualServer([realServer(10), realServer(11)], { quorum: 2, sorryServer });
    const before = new Node();
    before.configure(settings);
    before.health(A, false);
    const node = new Node(before.kernel, before.owned);
    node.configure(settings);
    expect(node.operations).toEqual([]);
    expect(node.pool).toEqual([VIP, '  192.168.1.99:80 w1']);
  });

  it('removes what an earlier run created and nobody wants any more', () => {
    const before = new Node();
    before.configure(virtualServer([realServer(10)]));
    const node = new Node(before.kernel, before.owned);
    node.configure();
    expect(node.pool).toEqual([]);
  });
});

describe('the kernel', () => {
  it('changed by somebody else is repaired, and that is told', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10)]));
    node.read();
    expect(node.events).toEqual([]);
    node.kernel = new Map();
    node.read();
    expect(node.pool).toEqual([VIP, `  ${A} w1`]);
    expect(node.events).toEqual([
      { kind: 'drift-repaired', service: VIP, what: `add service ${VIP} (rr)` },
      { kind: 'drift-repaired', service: VIP, what: `add server ${A} weight 1 to ${VIP}` },
    ]);
    expect(node.balancer.repairs).toBe(2);
  });

  it('that refuses is asked again at each reading, told of once, and shown as a problem until it accepts', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10)], { scheduler: 'nosuch' }));
    const refuse = () => {
      const operation = {
        kind: 'create-service',
        service: {
          id: { kind: 'address', protocol: 'tcp', address: ip('198.51.100.15'), port: 80 },
          scheduler: 'nosuch',
        },
      } as const;
      node.kernel = new Map();
      const rest = {
        persistent: false,
        onePacket: false,
        flag1: false,
        flag2: false,
        flag3: false,
        timeout: 0,
        netmask: 0xffffffff,
        engine: '',
      };
      node.handle({
        kind: 'refused',
        operation: { ...operation, service: { ...operation.service, ...rest } },
        reason: 'ENOENT',
      });
    };
    refuse();
    node.operations = [];
    node.read();
    expect(node.operations[0]).toBe(`add service ${VIP} (nosuch)`);
    refuse();
    expect(node.events.filter((event) => event.kind === 'operation-refused')).toHaveLength(1);
    expect(node.balancer.problemsOf(VIP)).toEqual([`the kernel refused to add service ${VIP} (nosuch): ENOENT`]);
    node.configure(virtualServer([realServer(10)]));
    node.read();
    expect(node.balancer.problemsOf(VIP)).toEqual([]);
  });

  it('that refuses a service makes no news of its servers', () => {
    const node = new Node();
    const outputs = node.handle({
      kind: 'configure',
      settings: { ...unset, virtualServers: [virtualServer([realServer(10)])] },
    });
    for (const output of outputs) {
      if (output.kind !== 'apply') continue;
      for (const operation of output.operations) node.handle({ kind: 'refused', operation, reason: 'ENOENT' });
    }
    expect(node.events.map((event) => event.kind)).toEqual(['operation-refused']);
    expect(node.balancer.problemsOf(VIP)).toHaveLength(1);
    node.kernel = new Map();
    node.read();
    expect(node.balancer.repairs).toBe(0);
  });

  it.each(['repair', 'report'] as const)(
    'that is refused in part and met a table that others changed is told as refused, and read for (%s)',
    (drift) => {
      const node = new Node();
      const policy = { ...defaultPolicy, drift };
      const virtualServers = [
        virtualServer([realServer(10), realServer(11)]),
        virtualServer([realServer(40)], { target: elsewhere, scheduler: 'nosuch' }),
      ];
      const outputs = node.handle({ kind: 'configure', settings: { ...unset, policy, virtualServers } });
      const operations = outputs.flatMap((output) => (output.kind === 'apply' ? output.operations : []));
      expect(operations.map(({ kind }) => kind)).toEqual([
        'create-service',
        'create-destination',
        'create-destination',
        'create-service',
        'create-destination',
      ]);
      // The kernel lost the first service and does not know the scheduler of the second.
      const answers = operations.flatMap((operation, i) => {
        if (i === 0) return [];
        const isGone = operation.kind !== 'create-service';
        return node.handle({ kind: 'refused', operation, reason: isGone ? 'ESRCH' : 'ENOENT', isGone });
      });
      expect(answers.filter(({ kind }) => kind === 'read')).toHaveLength(2);
      const second = 'tcp/203.0.113.1:25';
      expect(node.balancer.problemsOf(second)).toEqual([
        `the kernel refused to add service ${second} (nosuch): ENOENT`,
      ]);
      node.events = [];
      node.handle({ kind: 'table', services: [] });
      expect(node.balancer.drift.filter((what) => what.includes(second))).toEqual([]);
      expect(node.balancer.problemsOf(second)).toHaveLength(1);
      expect(node.events.map(({ kind }) => kind)).toEqual(
        new Array(3).fill(drift === 'repair' ? 'drift-repaired' : 'drift-found'),
      );
    },
  );

  it('without IPVS is waited for, and filled when it is there', () => {
    const node = new Node();
    node.handle({ kind: 'unavailable', reason: 'no module' });
    node.handle({ kind: 'unavailable', reason: 'no module' });
    node.configure(virtualServer([realServer(10)]));
    expect(node.pool).toEqual([]);
    const context = { unixMillis: (at: Instant) => at, checkers: () => [], options: new OptionsKeeper().report };
    expect(reportOf(node.balancer, context)).toMatchObject({ available: false, reason: 'no module' });
    node.read();
    expect(node.pool).toEqual([VIP, `  ${A} w1`]);
    expect(node.events.map((event) => event.kind)).toEqual(['ipvs-unavailable', 'ipvs-available']);
  });

  it('with the policy to report shows what others changed, tells it once, and repairs it with the next change', () => {
    const node = new Node();
    const policy = { ...defaultPolicy, drift: 'report' } as const;
    const virtualServers = [virtualServer([realServer(10), realServer(11)])];
    node.configureWith({ policy, virtualServers });
    const before = node.kernel;
    node.kernel = tableAfter(before, [
      { kind: 'delete-destination', service: web, destination: { address: ip('192.168.1.11'), port: 80 } },
    ]);
    node.read();
    node.read();
    expect(node.pool).toEqual([VIP, `  ${A} w1`]);
    expect(node.balancer.drift).toEqual([`add server ${B} weight 1 to ${VIP}`]);
    expect(node.events.map(({ kind }) => kind)).toEqual(['drift-found']);
    node.configureWith({ policy, virtualServers });
    expect(node.pool).toEqual([VIP, `  ${A} w1`, `  ${B} w1`]);
    node.read();
    expect(node.balancer.drift).toEqual([]);
  });

  it('with the policy to report puts a configuration into a table that somebody emptied just before it', () => {
    const node = new Node();
    const policy = { ...defaultPolicy, drift: 'report' } as const;
    node.configureWith({ policy, virtualServers: [virtualServer([realServer(10)])] });
    node.handle({ kind: 'table', services: [], configuring: true });
    expect(node.pool).toEqual([VIP, `  ${A} w1`]);
    expect(node.balancer.drift).toEqual([]);
  });

  it('tells of services of others once, and removes them by policy or once by a flush at start', () => {
    const others = new Node();
    others.configure(virtualServer([realServer(40)], { target: elsewhere }));
    const node = new Node(others.kernel);
    node.configure(virtualServer([realServer(10)]));
    node.read();
    expect(node.events).toEqual([
      { kind: 'drift-found', service: 'tcp/203.0.113.1:25', what: 'service tcp/203.0.113.1:25 is not ours' },
    ]);
    node.configureWith({ policy: { ...defaultPolicy, foreign: 'remove' }, virtualServers: [] });
    expect(node.pool).toEqual([]);

    const flushing = new Node(others.kernel);
    const policy = { ...defaultPolicy, flushAtStart: true };
    flushing.configureWith({ policy, virtualServers: [virtualServer([realServer(10)])] });
    expect(flushing.pool).toEqual([VIP, `  ${A} w1`]);
    flushing.read();
    flushing.kernel = new Map([...flushing.kernel, ...others.kernel]);
    flushing.read();
    flushing.configureWith({ policy, virtualServers: [virtualServer([realServer(10)])] });
    expect(flushing.pool).toContain('tcp/203.0.113.1:25');
  });

  it('that could be read only after the first configuration is flushed and adopted then', () => {
    const settings = virtualServer([realServer(10), realServer(11), realServer(12)]);
    const before = new Node();
    before.configure(settings, virtualServer([realServer(10)], { target: elsewhere }));
    before.health(A, false);
    before.health('192.168.1.12:80', false);
    const node = new Node(before.kernel, [VIP], true);
    node.configureWith({ policy: { ...defaultPolicy, flushAtStart: true }, virtualServers: [settings] });
    expect(node.balancer.isUp(VIP, A)).toBe(true);
    node.health('192.168.1.12:80', true);
    node.handle({
      kind: 'effect',
      service: VIP,
      server: '192.168.1.12:80',
      effect: { replaced: 7, added: 0, share: 1 },
    });
    expect(node.operations).toEqual([]);
    node.read();
    expect(node.balancer.isUp(VIP, A)).toBe(false);
    // What was found out meanwhile holds.
    expect(node.pool).toEqual([VIP, `  ${B} w1`, '  192.168.1.12:80 w7']);
    expect(node.events.map(({ kind }) => kind)).toEqual(['weight-changed']);
    node.read();
    node.kernel = new Map([...before.kernel, ...node.kernel]);
    node.read();
    expect(node.pool).toContain('tcp/203.0.113.1:25');
  });

  it('is emptied at a release that is to flush', () => {
    const node = new Node();
    node.configureWith({
      policy: { ...defaultPolicy, flushAtStop: true },
      virtualServers: [virtualServer([realServer(10)])],
    });
    expect(node.handle({ kind: 'release' })).toEqual([{ kind: 'flush' }, { kind: 'own', services: [] }]);
  });

  it('names the line that asked for what it refuses', () => {
    const node = new Node();
    const server = { ...realServer(10), place: 'keepalived.conf:12' };
    node.configure(virtualServer([server], { place: 'keepalived.conf:9' }));
    const { weight } = server;
    const destination = { ...server, weight };
    node.handle({
      kind: 'refused',
      operation: { kind: 'set-destination', service: web, destination },
      reason: 'EINVAL',
    });
    expect(node.events.at(-1)).toMatchObject({ kind: 'operation-refused', place: 'keepalived.conf:12' });
    expect(node.balancer.problemsOf(VIP)).toEqual([
      `the kernel refused to set server ${A} weight 1 in ${VIP} (keepalived.conf:12): EINVAL`,
    ]);
    node.handle({ kind: 'refused', operation: { kind: 'delete-service', id: web }, reason: 'EBUSY' });
    expect(node.events.at(-1)).toMatchObject({ place: 'keepalived.conf:9' });
  });

  it('gets one operation for one server of many that goes down', () => {
    const node = new Node();
    const many = Array.from({ length: 200 }, (_, i) => realServer(i + 1));
    node.configure(virtualServer(many), virtualServer(many, { target: elsewhere }));
    node.operations = [];
    node.health('192.168.1.7:80', false);
    expect(node.operations).toEqual([`delete server 192.168.1.7:80 from ${VIP}`]);
  });

  it('is left without anything of ours by a release', () => {
    const node = new Node();
    node.configure(virtualServer([realServer(10)]));
    node.handle({ kind: 'release' });
    expect(node.pool).toEqual([]);
  });
});

describe('the report', () => {
  const context = {
    options: new OptionsKeeper().report,
    unixMillis: (at: Instant) => 1_000 + at,
    checkers: () => [
      { what: 'TCP_CHECK', state: 'down', ran: true, lastResult: 'refused', failures: 2, since: 5 } as const,
      { what: 'HTTP_GET', state: 'up', ran: false, lastResult: null, failures: 0, since: 5 } as const,
    ],
  };

  it('sums the services of a group and survives JSON', () => {
    const node = new Node();
    const target = { kind: 'group', name: 'web' } as const;
    const members = [80, 443].map((port) => ({ kind: 'address', address: ip('198.51.100.15'), port }) as const);
    node.configureWith({
      groups: [{ name: 'web', members }],
      virtualServers: [virtualServer([realServer(10)], { target })],
    });
    node.kernel = new Map(
      [...node.kernel].map(([key, service]) => {
        const traffic = { ...service.traffic, connections: '9007199254740993', inByteRate: 4 };
        const connections = { active: 1, inactive: 2, persistent: 3 };
        return [
          key,
          {
            ...service,
            traffic,
            destinations: service.destinations.map((each) => ({ ...each, connections, traffic })),
          },
        ];
      }),
    );
    node.read();
    const report = reportOf(node.balancer, context);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.virtualServers[0]).toMatchObject({
      key: 'group/web',
      alive: true,
      quorumState: 'up',
      realServersUp: 1,
      traffic: { connections: '18014398509481986', inByteRate: 8 },
      realServers: [
        {
          key: A,
          effectiveWeight: 1,
          failedCheckers: 1,
          notRunCheckers: 1,
          kernel: { weight: 1, connections: { active: 2, inactive: 4, persistent: 6 } },
        },
      ],
    });
    expect(node.balancer.connectionsOf(ip('192.168.1.10'), undefined)).toEqual([
      { service: 'group/web', server: A, weight: 1, active: 2, inactive: 4, persistent: 6 },
    ]);
  });
});
