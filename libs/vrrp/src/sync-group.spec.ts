import { type Instant, after, instant, seconds } from '@keepfleet/machine';
import { type IpAddress, hex, ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  NO_AUTH_DATA,
  type VirtualRouterSettings,
  VrrpNode,
  type VrrpOutput,
  checkSettings,
  decodeAdvert,
  defaultGarp,
  encodeAdvert,
  virtualRouter,
} from './index.ts';
import { unhex } from '@keepfleet/wire';

const PEER = ip('192.0.2.9');

function member(number: number, changes: Partial<VirtualRouterSettings> = {}): VirtualRouterSettings {
  return virtualRouter({
    name: `VI_${number}`,
    vrid: number,
    interface: `eth${number}`,
    syncGroup: 'G',
    addresses: [{ address: ip(`198.51.100.${number}`), prefix: 24, interface: 'eth9', advertised: true, scope: 0 }],
    ...changes,
  });
}

/** A node with one sync group, its clock, and what it told since it was asked last. */
class Bench {
  readonly node = new VrrpNode();
  now: Instant = instant(0);
  #outputs: VrrpOutput[] = [];
  readonly #removed: [Instant, IpAddress][] = [];

  constructor(...members: VirtualRouterSettings[]) {
    for (const index of [1, 2, 3]) this.link(index, true);
    this.configure(...members);
  }

  configure(...members: VirtualRouterSettings[]): this {
    const group = { name: 'G', members: members.map(({ name }) => name), notify: { any: { argv: ['/bin/tell'] } } };
    const settings = {
      startupDelay: seconds(0),
      logUnknownVrids: false,
      instances: members,
      syncGroups: [group],
    };
    expect(checkSettings(settings).ok).toBe(true);
    return this.give({ kind: 'configure', settings });
  }

  give(input: Parameters<VrrpNode['handle']>[0]): this {
    this.#take(this.node.handle(input, this.now));
    return this;
  }

  #take(outputs: readonly VrrpOutput[]): void {
    this.#outputs.push(...outputs);
    for (const output of outputs)
      if (output.kind === 'remove-addresses')
        for (const { address } of output.addresses) this.#removed.push([this.now, address]);
  }

  link(index: number, up: boolean): this {
    const addresses = [{ address: ip(`192.0.2.${index}`), prefix: 24 }];
    return this.give({ kind: 'interface', interface: { name: `eth${index}`, index, up, addresses } });
  }

  hear(number: number, priority: number, source: IpAddress = PEER): this {
    const path = { source, destination: ip('224.0.0.18') };
    const common = { version: 2, family: 'ipv4', authType: 0, seconds: 1, authData: NO_AUTH_DATA } as const;
    const addresses = [ip(`198.51.100.${number}`)];
    const bytes = hex(encodeAdvert({ ...common, vrid: number, priority, addresses }, path));
    return this.give({ kind: 'packet', interface: `eth${number}`, ttl: 255, bytes, ...path });
  }

  /** Serves every deadline of the next so many seconds. */
  pass(duration: number): this {
    const end = after(this.now, seconds(duration));
    for (let due = this.node.nextDeadline(); due !== undefined && due <= end; due = this.node.nextDeadline()) {
      this.now = due;
      this.#take(this.node.timeout(due));
    }
    this.now = end;
    return this;
  }

  /** Serves whatever is due after so many seconds, and nothing before. */
  oversleep(duration: number): this {
    this.now = after(this.now, seconds(duration));
    this.#take(this.node.timeout(this.now));
    return this;
  }

  /** Addresses that were taken off, and so many microseconds after 20 s. */
  get removed(): [number, string][] {
    return this.#removed.map(([at, address]) => [at - seconds(20), address]);
  }

  get states(): string {
    const { instances, syncGroups } = this.node.snapshot(() => 0);
    return [...instances, ...syncGroups].map(({ state }) => state).join(' ');
  }

  /** FIFO lines, and adverts of priority 0. */
  told(): string[] {
    const told = this.#outputs.flatMap((output) => {
      if (output.kind === 'notify') return [`${output.name} ${output.state}`];
      if (output.kind !== 'send') return [];
      const decoded = decodeAdvert(unhex(output.bytes), output);
      return decoded.ok && decoded.value.priority === 0 ? [`${output.interface} priority 0`] : [];
    });
    this.#outputs = [];
    return told;
  }
}

describe('a sync group', () => {
  it('starts, leads and stops together, with the lines of keepalived 2.2.7 in its order', () => {
    const bench = new Bench(member(1), member(2, { priority: 110 }));
    expect(bench.told()).toEqual(['G BACKUP', 'VI_1 BACKUP', 'VI_2 BACKUP']);
    bench.pass(3.6);
    expect(bench.states).toBe('backup backup backup');
    bench.pass(0.1);
    expect(bench.told()).toEqual(['VI_1 MASTER', 'VI_2 MASTER', 'G MASTER']);
    bench.link(1, false);
    // keepalived sends no priority 0 for VI_2, whose peers then wait the whole master-down time.
    expect(bench.told()).toEqual(['eth1 priority 0', 'VI_1 FAULT', 'eth2 priority 0', 'VI_2 FAULT', 'G FAULT']);
    bench.link(1, true);
    expect(bench.told()).toEqual(['VI_1 BACKUP', 'VI_2 BACKUP', 'G BACKUP']);
    bench.pass(4).told();
    bench.give({ kind: 'stop', mode: 'release' });
    expect(bench.told()).toEqual(['eth1 priority 0', 'eth2 priority 0']);
    // The group has stopped when all of it has been handed over, or nobody took it.
    bench.hear(2, 200).pass(0.2);
    expect(bench.told()).toEqual(['VI_2 STOP']);
    bench.pass(2);
    expect(bench.told()).toEqual(['VI_1 STOP', 'G STOP']);
    expect(bench.node.isStopped).toBe(true);
  });

  it('leads in the same order when one late wake-up finds the time of all members over', () => {
    const bench = new Bench(member(1), member(2, { priority: 110 }));
    bench.told();
    bench.oversleep(3.7);
    expect(bench.told()).toEqual(['VI_1 MASTER', 'VI_2 MASTER', 'G MASTER']);
  });

  it('does not lead while another router is master for one member', () => {
    const bench = new Bench(member(1), member(2));
    for (let second = 0; second < 10; second++) bench.hear(1, 200).pass(1);
    expect(bench.states).toBe('backup backup backup');
    expect(bench.node.snapshot(() => 0).instances.map(({ wantedState }) => wantedState)).toEqual(['backup', 'master']);
    bench.pass(4);
    expect(bench.states).toBe('master master master');
  });

  it('yields with the member that a higher priority outbids, without priority 0 for the others', () => {
    const bench = new Bench(member(1), member(2)).pass(4);
    bench.told();
    bench.hear(2, 200);
    expect(bench.told()).toEqual(['VI_2 BACKUP', 'VI_1 BACKUP', 'G BACKUP']);
  });

  it('does not want to be master any more when a master is heard', () => {
    const bench = new Bench(member(1), member(2)).hear(1, 200).pass(3.7);
    bench.hear(2, 200).pass(2);
    expect(bench.states).toBe('backup backup backup');
  });

  it('stays in fault until the last member can work', () => {
    const bench = new Bench(member(1), member(2), member(3)).link(1, false).link(2, false).link(1, true);
    expect(bench.states).toBe('fault fault fault fault');
    expect(bench.node.snapshot(() => 0).instances.map(({ causes }) => causes.map((cause) => cause.kind))).toEqual([
      ['group-member'],
      ['interface-down'],
      ['group-member'],
    ]);
    bench.link(2, true);
    expect(bench.states).toBe('backup backup backup backup');
  });

  it('starts in fault when a member does', () => {
    const down = member(1, { interface: 'eth7' });
    const bench = new Bench(down, member(2));
    expect(bench.told()).toEqual(['VI_1 FAULT', 'G FAULT', 'VI_2 FAULT']);
  });

  it('of address owners is master from the start, a mixed one waits', () => {
    const owner = { priority: 255, startState: 'master' } as const;
    expect(new Bench(member(1, owner), member(2, owner)).states).toBe('master master master');
    const mixed = new Bench(member(1, owner), member(2));
    expect(mixed.states).toBe('backup backup backup');
    expect(mixed.pass(3.7).states).toBe('master master master');
  });

  it('hands over and announces as a whole', () => {
    const bench = new Bench(member(1), member(2)).pass(20);
    bench.told();
    bench.give({ kind: 'command', command: { kind: 'relinquish', instance: 'VI_2' } });
    expect(bench.told()).toEqual(['eth1 priority 0', 'VI_1 BACKUP', 'eth2 priority 0', 'VI_2 BACKUP', 'G BACKUP']);
  });

  it('that hears a successor for one member alone does not keep the addresses of the other for ever', () => {
    const bench = new Bench(member(1), member(2)).pass(20);
    bench.give({ kind: 'command', command: { kind: 'relinquish', instance: 'VI_1' } });
    bench.told();
    // eth2 is deaf: whoever has its address now is not heard.
    for (let second = 0; second < 10; second++) bench.hear(1, 200).pass(1);
    expect(bench.states).toBe('backup backup backup');
    // A master-down time for VI_2 itself, and one for the others of the group.
    expect(bench.removed).toEqual([
      [100_000, '198.51.100.1'],
      [2 * 3_609_375, '198.51.100.2'],
    ]);
  });

  it('that hears no successor at all is master again with the addresses that never left', () => {
    const bench = new Bench(member(1), member(2, { priority: 90 })).pass(20);
    bench.give({ kind: 'command', command: { kind: 'relinquish', instance: 'VI_1' } });
    expect(bench.pass(10).states).toBe('master master master');
    expect(bench.removed).toEqual([]);
  });

  it('announces for all members when one hears a lower priority, and on command', () => {
    const bench = new Bench(member(1), member(2)).pass(20);
    const announced = (outputs: readonly VrrpOutput[]) =>
      new Set(outputs.flatMap((output) => (output.kind === 'announce' ? [output.address] : [])));
    bench.told();
    const both = new Set(['198.51.100.1', '198.51.100.2']);
    const command = { kind: 'command', command: { kind: 'announce', instance: 'VI_1' } } as const;
    expect(announced(bench.node.handle(command, bench.now))).toEqual(both);
    const path = { source: PEER, destination: ip('224.0.0.18') };
    const advert = { version: 2, family: 'ipv4', authType: 0, seconds: 1, authData: NO_AUTH_DATA } as const;
    const bytes = hex(encodeAdvert({ ...advert, vrid: 1, priority: 5, addresses: [ip('198.51.100.1')] }, path));
    const packet = { kind: 'packet', interface: 'eth1', ttl: 255, bytes, ...path } as const;
    const outputs = bench.node.handle(packet, bench.now);
    expect(announced(outputs)).toEqual(both);
    expect(outputs).toContainEqual({
      kind: 'notify',
      type: 'INSTANCE',
      name: 'VI_1',
      state: 'MASTER_RX_LOWER_PRI',
      priority: 100,
      commands: [],
    });
  });

  it('of masters takes a new member with it', () => {
    const bench = new Bench(member(1), member(2)).pass(4).configure(member(1), member(2), member(3));
    expect(bench.states).toBe('master master master master');
  });

  it('lets a member go that is not in it any more', () => {
    const bench = new Bench(member(1), member(2)).link(1, false);
    const alone = virtualRouter({ name: 'VI_2', vrid: 2, interface: 'eth2' });
    const settings = { startupDelay: seconds(0), logUnknownVrids: false, instances: [member(1), alone] };
    bench.give({
      kind: 'configure',
      settings: { ...settings, syncGroups: [{ name: 'G', members: ['VI_1'] }] },
    });
    expect(bench.states).toBe('fault backup fault');
  });

  it('runs its command with the group in its arguments', () => {
    const node = new VrrpNode();
    const outputs = node.handle(
      {
        kind: 'configure',
        settings: {
          startupDelay: seconds(0),
          logUnknownVrids: false,
          instances: [member(1)],
          syncGroups: [
            { name: 'G', members: ['VI_1'], notify: { fault: { argv: ['/x'] }, any: { argv: ['/y', 'z'] } } },
          ],
        },
      },
      instant(0),
    );
    expect(outputs.find((output) => output.kind === 'notify' && output.type === 'GROUP')).toMatchObject({
      state: 'FAULT',
      priority: 0,
      commands: [{ argv: ['/x'] }, { argv: ['/y', 'z', 'GROUP', 'G', 'FAULT', '0'] }],
    });
  });
});

describe('settings of sync groups', () => {
  const settings = (...members: string[]) => ({
    startupDelay: seconds(0),
    logUnknownVrids: false,
    instances: [member(1)],
    syncGroups: [{ name: 'G', members }],
  });

  it('agree on both sides', () => {
    expect(checkSettings(settings('VI_1')).ok).toBe(true);
    expect(checkSettings(settings())).toMatchObject({ error: { instance: 'VI_1', field: 'syncGroup' } });
  });
});

describe('garp groups', () => {
  const instances = [1, 2].map((number) =>
    virtualRouter({
      name: `VI_${number}`,
      vrid: number,
      interface: `eth${number}`,
      priority: 255,
      garp: { ...defaultGarp, delay: seconds(0), repeat: 1, interval: seconds(2) },
      addresses: [
        { address: ip(`198.51.100.${number}`), prefix: 24, interface: `eth${number}`, advertised: true, scope: 0 },
      ],
    }),
  );
  const settings = { startupDelay: seconds(0), logUnknownVrids: false, instances };
  const garpGroups = [{ interfaces: ['eth1', 'eth2'], interval: seconds(0.5) }];
  const announced = (outputs: readonly VrrpOutput[]) =>
    outputs.flatMap((output) => (output.kind === 'announce' ? [output.address] : []));

  function started(): VrrpNode {
    const node = new VrrpNode();
    for (const index of [1, 2]) {
      const addresses = [{ address: ip(`192.0.2.${index}`), prefix: 24 }];
      node.handle({ kind: 'interface', interface: { name: `eth${index}`, index, up: true, addresses } }, instant(0));
    }
    const outputs = node.handle({ kind: 'configure', settings: { ...settings, garpGroups } }, instant(0));
    expect(announced(outputs)).toEqual(['198.51.100.1']);
    return node;
  }

  it('share one gap between the interfaces of several routers', () => {
    const node = started();
    expect(node.nextDeadline()).toBe(seconds(0.5));
    expect(announced(node.timeout(instant(seconds(0.5))))).toEqual(['198.51.100.2']);
  });

  it.each([
    ['are gone', []],
    ['are others', [{ interfaces: ['eth2'], interval: seconds(3) }]],
  ])('that %s at a reload let out at its time what waited in their gap', (_, after) => {
    const node = started();
    const reload = { kind: 'configure', settings: { ...settings, garpGroups: after } } as const;
    expect(announced(node.handle(reload, instant(seconds(0.1))))).toEqual([]);
    expect(node.nextDeadline()).toBe(seconds(0.5));
    expect(announced(node.timeout(instant(seconds(0.5))))).toEqual(['198.51.100.2']);
  });
});

describe('a delay after boot', () => {
  it('counts from the start of the system', () => {
    const node = new VrrpNode();
    const addresses = [{ address: ip('192.0.2.1'), prefix: 24 }];
    const up = { kind: 'interface', interface: { name: 'eth1', index: 1, up: true, addresses } } as const;
    node.handle(up, instant(seconds(5)));
    const alone = virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth1' });
    const settings = { startupDelay: seconds(0), logUnknownVrids: false, instances: [alone] };
    node.handle({ kind: 'configure', settings: { ...settings, delayAfterBoot: seconds(8) } }, instant(seconds(5)));
    expect(node.states()).toEqual(['initialize']);
    expect(node.nextDeadline()).toBe(seconds(8));
    node.timeout(instant(seconds(8)));
    expect(node.states()).toEqual(['backup']);
  });
});
