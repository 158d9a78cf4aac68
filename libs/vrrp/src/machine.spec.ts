import {
  type Instant,
  after,
  between,
  centis,
  instant,
  micros,
  millis,
  replay,
  recording,
  seconds,
  type Step,
} from '@keepfleet/machine';
import { type IpAddress, hex, ip, unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  type Advert,
  type HmacSettings,
  type InterfaceAddress,
  NO_AUTH_DATA,
  type PacketErrorKind,
  type ReceivedPacket,
  type RouterInput,
  VirtualRouter,
  type VirtualAddress,
  type VirtualRouterSettings,
  type VrrpEvent,
  type VrrpOutput,
  decodeAdvert,
  encodeAdvert,
  packetErrorKinds,
  passwordData,
  virtualRouter,
} from './index.ts';
import { Authenticator } from './authentication.ts';
import { toySurroundings } from './fixtures/surroundings.ts';

const OWN = ip('192.0.2.5');
const LOWER = ip('192.0.2.4');
const HIGHER = ip('192.0.2.6');
const GROUP = ip('224.0.0.18');
const START = instant(1_000_000_000);

const vip: VirtualAddress = { address: ip('198.51.100.15'), prefix: 24, interface: 'eth1', advertised: true, scope: 0 };
const excluded: VirtualAddress = {
  address: ip('2001:db8::15'),
  prefix: 64,
  interface: 'eth1',
  advertised: false,
  scope: 0,
};

const v2 = virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0', addresses: [vip, excluded] });
const v3: VirtualRouterSettings = { ...v2, version: 3 };
const masterDown = micros(3_000_000 + (156 / 256) * 1_000_000);
/** All addresses, removed. */
const GONE = 'remove 198.51.100.15 2001:db8::15';
const skew = micros((156 / 256) * 1_000_000);

const advert = (settings: VirtualRouterSettings, priority: number, centiseconds = 100): Advert => {
  const common = { vrid: 1, priority, addresses: [vip.address] };
  return settings.version === 3
    ? { ...common, version: 3, family: 'ipv4', centiseconds }
    : { ...common, version: 2, family: 'ipv4', authType: 0, seconds: 1, authData: NO_AUTH_DATA };
};

function packet(content: Advert, source: IpAddress = LOWER, changes: Partial<ReceivedPacket> = {}): ReceivedPacket {
  const bytes = hex(encodeAdvert(content, { source, destination: GROUP }));
  return { kind: 'packet', interface: 'eth0', source, destination: GROUP, ttl: 255, bytes, ...changes };
}

const link = (name: string, index: number, up = true, addresses: readonly InterfaceAddress[] = []): RouterInput => ({
  kind: 'interface',
  interface: { name, index, up, addresses },
});
const own = (up = true) => link('eth0', 2, up, [{ address: OWN, prefix: 24 }]);
const front = (...installed: VirtualAddress[]) =>
  link(
    'eth1',
    3,
    true,
    installed.map(({ address, prefix }) => ({ address, prefix })),
  );

/** One router, its clock, and what it put out last. */
class Bench {
  readonly router: VirtualRouter;
  now: Instant = START;
  outputs: readonly VrrpOutput[] = [];

  constructor(settings: VirtualRouterSettings = v2) {
    this.router = new VirtualRouter(settings, this.now, toySurroundings);
  }

  give(input: RouterInput): this {
    this.outputs = this.router.handle(input, this.now);
    return this;
  }

  /** Lets time pass to the next deadline and serves it. */
  serve(): this {
    this.now = this.router.nextDeadline() ?? this.now;
    this.outputs = this.router.timeout(this.now);
    return this;
  }

  wait(): number {
    const deadline = this.router.nextDeadline();
    return deadline === undefined ? Infinity : between(this.now, deadline);
  }

  /** Outputs in short: a sent advert as `send PRIORITY`, an event as its kind. */
  get told(): string[] {
    const told: string[] = [];
    for (const output of this.outputs) {
      const text = short(output);
      // Notifications follow from the events here.
      if (text !== 'notify' && !(text.startsWith('announce') && told.at(-1) === text)) told.push(text);
    }
    return told;
  }

  get notified(): string[] {
    return this.outputs.flatMap((output) => (output.kind === 'notify' ? [output.state] : []));
  }

  get events(): VrrpEvent[] {
    return this.outputs.flatMap((output) => (output.kind === 'event' ? [output.event] : []));
  }

  get counters() {
    return this.router.snapshot(() => 0).counters;
  }
}

function short(output: VrrpOutput): string {
  switch (output.kind) {
    case 'send': {
      const decoded = decodeAdvert(unhex(output.bytes), output);
      return `send ${decoded.ok ? decoded.value.priority : decoded.error.kind}`;
    }
    case 'add-addresses':
      return `add ${output.addresses.map((one) => one.address).join(' ')}`;
    case 'remove-addresses':
      return `remove ${output.addresses.map((one) => one.address).join(' ')}`;
    case 'add-routing':
    case 'remove-routing':
      return `${output.kind} ${output.entries.map(({ text }) => text).join(', ')}`;
    case 'announce':
      return 'announce';
    case 'notify':
      return 'notify';
    case 'hold-connections':
      return 'hold';
    case 'release-connections':
      return 'release';
    case 'event':
      return output.event.kind === 'state-changed'
        ? `${output.event.from} to ${output.event.to}: ${output.event.reason}`
        : output.event.kind;
  }
}

function started(settings: VirtualRouterSettings = v2): Bench {
  return new Bench(settings).give(own()).give(front()).give({ kind: 'configure', settings });
}

function mastering(settings: VirtualRouterSettings = v2): Bench {
  return started(settings).serve().give(front(vip, excluded));
}

describe('start, RFC 9568 section 6.4.1', () => {
  it('of an ordinary router is as a backup that waits the master-down time', () => {
    const bench = started();
    expect(bench.told).toEqual(['initialize to backup: started']);
    expect(bench.wait()).toBe(masterDown);
  });

  it('of the address owner is as the master', () => {
    const bench = started({ ...v2, priority: 255 });
    expect(bench.told).toEqual([
      'send 255',
      'add 198.51.100.15 2001:db8::15',
      'announce',
      'initialize to master: owner',
    ]);
  });

  it('as a configured master waits one interval and the smallest skew', () => {
    const bench = started({ ...v2, startState: 'master' });
    expect(bench.router.state).toBe('backup');
    expect(bench.wait()).toBe(1_000_000 + micros(1_000_000 / 256));
  });

  it('of a drained configured master waits like everybody', () => {
    const bench = started({ ...v2, startState: 'master', priority: 1, standing: 'last-resort' });
    expect(bench.wait()).toBe(micros(3_000_000 + (255 / 256) * 1_000_000));
  });

  it('is put off by the start-up delay, in which adverts say nothing', () => {
    const bench = new Bench().give(own()).give(front());
    const startAt = after(bench.now, seconds(7));
    bench.give({ kind: 'configure', settings: v2, startAt });
    bench.give(packet(advert(v2, 200)));
    expect(bench.router.state).toBe('initialize');
    expect(bench.counters.advertsReceived).toBe(0);
    bench.serve();
    expect(bench.now).toBe(startAt);
    expect(bench.router.state).toBe('backup');
  });

  it('removes what a crash has left before anything else', () => {
    const bench = new Bench().give(own()).give(front(vip));
    bench.give({ kind: 'configure', settings: v2 });
    expect(bench.told).toEqual(['remove 198.51.100.15', 'residual-address-removed', 'initialize to backup: started']);
  });

  it('waits for an interface and for its address', () => {
    const bench = new Bench().give({ kind: 'configure', settings: v2 });
    expect(bench.events.at(-1)).toMatchObject({
      to: 'fault',
      causes: [{ kind: 'interface-missing', interface: 'eth0' }],
    });
    bench.give(link('eth0', 2));
    expect(bench.events).toEqual([
      { kind: 'fault-causes-changed', instance: 'VI_1', causes: [{ kind: 'no-source-address', interface: 'eth0' }] },
    ]);
    bench.give(own());
    expect(bench.told).toEqual(['fault to backup: fault-cleared']);
    expect(bench.wait()).toBe(masterDown);
  });
});

describe('a backup, RFC 9568 section 6.4.2', () => {
  interface Row {
    readonly name: string;
    readonly settings?: Partial<VirtualRouterSettings>;
    readonly priority: number;
    readonly told: readonly string[];
    /** `kept`: the wait that was running goes on. */
    readonly wait: number | 'kept';
  }

  it.each<Row>([
    { name: 'priority 0: waits the skew time', priority: 0, told: [], wait: skew },
    { name: 'a higher priority: obeys', priority: 101, told: ['master-learned'], wait: masterDown },
    { name: 'its own priority: obeys', priority: 100, told: ['master-learned'], wait: masterDown },
    { name: 'a lower priority: lets its wait run out', priority: 99, told: [], wait: 'kept' },
    {
      name: 'a lower priority with nopreempt: obeys',
      settings: { preempt: false },
      priority: 99,
      told: ['master-learned'],
      wait: masterDown,
    },
    {
      name: 'a lower priority as a last resort: obeys',
      settings: { standing: 'last-resort' },
      priority: 99,
      told: ['master-learned'],
      wait: masterDown,
    },
    {
      name: 'a lower priority within preempt_delay: obeys',
      settings: { preemptDelay: seconds(30) },
      priority: 99,
      told: ['master-learned'],
      wait: masterDown,
    },
  ])('that hears $name', ({ settings, priority, told, wait }) => {
    const bench = started({ ...v2, ...settings });
    bench.now = after(bench.now, seconds(1));
    const before = bench.wait();
    bench.give(packet(advert(v2, priority)));
    expect(bench.told).toEqual(told);
    expect(bench.wait()).toBe(wait === 'kept' ? before : wait);
    expect(bench.router.state).toBe('backup');
  });

  it('becomes the master when its wait is over: advert, addresses, announcements, in this order', () => {
    const bench = started().serve();
    expect(bench.told).toEqual([
      'send 100',
      'add 198.51.100.15 2001:db8::15',
      'announce',
      'backup to master: master-down',
    ]);
    expect(bench.outputs.filter((output) => output.kind === 'announce')).toHaveLength(10);
    expect(bench.wait()).toBe(1_000_000);
  });

  it('obeys a lower priority for preempt_delay from its first advert on, then preempts', () => {
    const settings = { ...v2, preemptDelay: seconds(10) };
    const bench = started(settings);
    const first = bench.now;
    while (bench.router.state === 'backup') {
      bench.give(packet(advert(v2, 50)));
      const next = after(bench.now, seconds(1));
      const due = bench.router.nextDeadline() ?? next;
      if (due <= next) bench.serve();
      else bench.now = next;
    }
    expect(between(first, bench.now)).toBe(seconds(9) + masterDown);
  });

  it('forgets the delay when a higher priority is heard in between', () => {
    const settings = { ...v2, preemptDelay: seconds(2) };
    const bench = started(settings).give(packet(advert(v2, 50)));
    bench.now = after(bench.now, seconds(1));
    bench.give(packet(advert(v2, 150), HIGHER));
    bench.now = after(bench.now, millis(1500));
    bench.give(packet(advert(v2, 50)));
    expect(bench.wait()).toBe(masterDown);
  });

  it('of version 3 learns the interval of the master, and forgets it when it becomes master', () => {
    const bench = started(v3).give(packet(advert(v3, 200, 25)));
    const learned = micros(3 * 250_000 + (156 / 256) * 250_000);
    expect(bench.wait()).toBe(learned);
    expect(bench.router.snapshot(() => 0)).toMatchObject({
      masterAdvertInterval: 250_000,
      masterDownInterval: learned,
      master: { address: LOWER, priority: 200 },
    });
    bench.serve();
    expect(bench.router.state).toBe('master');
    expect(bench.wait()).toBe(1_000_000);
  });

  it('of version 3 counts the skew of a priority 0 in the interval of the master', () => {
    const bench = started(v3)
      .give(packet(advert(v3, 200, 25)))
      .give(packet(advert(v3, 0, 25)));
    expect(bench.wait()).toBe(micros((156 / 256) * 250_000));
  });

  it('does nothing when told to relinquish', () => {
    expect(started().give({ kind: 'relinquish' }).told).toEqual([]);
  });
});

describe('a master, RFC 9568 section 6.4.3', () => {
  interface Row {
    readonly name: string;
    readonly settings?: Partial<VirtualRouterSettings>;
    readonly priority: number;
    readonly source?: IpAddress;
    readonly told: readonly string[];
    readonly state: 'master' | 'backup';
  }
  const yields = ['remove 198.51.100.15 2001:db8::15', 'master to backup: higher-priority'];
  const asserts = ['send 100', 'lower-priority-advert', 'announce'];

  it.each<Row>([
    { name: 'priority 0: sends an advert at once', priority: 0, told: ['send 100'], state: 'master' },
    { name: 'a higher priority: yields', priority: 101, told: yields, state: 'backup' },
    {
      name: 'its own priority from a higher address: yields',
      priority: 100,
      source: HIGHER,
      told: yields,
      state: 'backup',
    },
    { name: 'its own priority from a lower address: asserts', priority: 100, told: asserts, state: 'master' },
    {
      name: 'a lower priority from a higher address: asserts',
      priority: 99,
      source: HIGHER,
      told: asserts,
      state: 'master',
    },
    {
      name: 'a lower priority with lower_prio_no_advert: only announces',
      settings: { lowerPrioNoAdvert: true },
      priority: 99,
      told: asserts.slice(1),
      state: 'master',
    },
    {
      name: 'a higher priority with higher_prio_send_advert: sends once more',
      settings: { higherPrioSendAdvert: true },
      priority: 101,
      told: ['send 100', ...yields],
      state: 'backup',
    },
    {
      name: 'a higher priority with nopreempt: yields all the same',
      settings: { preempt: false },
      priority: 101,
      told: yields,
      state: 'backup',
    },
  ])('that hears $name', ({ settings, priority, source, told, state }) => {
    const bench = mastering({ ...v2, ...settings });
    bench.give(packet(advert(v2, priority), source ?? LOWER));
    expect(bench.told).toEqual(told);
    expect(bench.router.state).toBe(state);
  });

  it('sends every interval, on the beat even when served a little late', () => {
    const bench = mastering();
    const first = bench.now;
    for (let i = 1; i <= 3; i++) {
      const due = bench.router.nextDeadline() ?? first;
      expect(due).toBe(first + i * 1_000_000);
      bench.now = after(due, millis(40));
      expect(bench.router.timeout(bench.now).map(short)).toEqual(['send 100']);
    }
  });

  it('sends no burst after it was held up', () => {
    const bench = mastering();
    bench.now = after(bench.now, seconds(3));
    expect(bench.router.timeout(bench.now).filter((output) => output.kind === 'send')).toHaveLength(1);
    expect(bench.wait()).toBe(1_000_000);
  });

  it('knows whom it yielded to', () => {
    const bench = mastering().give(packet(advert(v2, 150), HIGHER));
    expect(bench.events).toMatchObject([{ to: 'backup', master: { address: HIGHER, priority: 150 } }]);
    expect(bench.wait()).toBe(masterDown);
  });

  it('relinquishes with a priority 0, holds new connections back, and keeps the addresses for those that are open', () => {
    const bench = mastering().give({ kind: 'relinquish' });
    expect(bench.told).toEqual(['hold', 'send 0', 'master to backup: relinquished']);
    expect(bench.wait()).toBe(masterDown);
    expect(bench.counters).toMatchObject({ priorityZeroSent: 1, releasedMaster: 1, becameMaster: 1 });
  });

  const ways: Readonly<Record<'relinquished' | 'stopped', RouterInput>> = {
    relinquished: { kind: 'relinquish' },
    stopped: { kind: 'stop', mode: 'release' },
  };
  it.each([
    ['relinquished', 'a higher', 150, HIGHER],
    ['relinquished', 'a lower', 50, LOWER],
    ['stopped', 'a higher', 150, HIGHER],
    ['stopped', 'a lower', 50, LOWER],
  ] as const)(
    'that %s gives the addresses up shortly after it hears a master of %s priority',
    (way, _, priority, source) => {
      const bench = mastering().give(ways[way]);
      expect(bench.give(packet(advert(v2, priority), source)).told).not.toContain(GONE);
      expect(bench.router.isHandingOver).toBe(true);
      expect(bench.wait()).toBe(100_000);
      expect(bench.serve().told).toEqual([GONE, 'release']);
      expect(bench.router.isHandingOver).toBe(false);
      expect(bench.give(packet(advert(v2, priority), source)).told).toEqual([]);
    },
  );

  it.each<[string, Partial<VirtualRouterSettings>]>([
    ['a virtual MAC', { addressInterfaces: [{ kind: 'macvlan', name: 'eth1', base: 'eth0', transmitBase: true }] }],
    ['an address that the successor looks for duplicates of', { addresses: [vip, { ...excluded, dad: true }] }],
  ])('with %s gives the addresses up as soon as the successor is heard', (_, settings) => {
    const bench = mastering({ ...v2, ...settings }).give({ kind: 'stop', mode: 'release' });
    expect(bench.give(packet(advert(v2, 100), LOWER)).told).toEqual([GONE, 'release']);
  });

  it('that hands over is not impressed by another priority 0, by its own adverts or by forged ones', () => {
    const bench = mastering().give({ kind: 'stop', mode: 'release' });
    const end = bench.wait();
    for (const one of [
      packet(advert(v2, 0)),
      packet(advert(v2, 100), OWN),
      packet(advert(v2, 100), LOWER, { ttl: 254 }),
    ])
      expect(bench.give(one).told).toEqual([]);
    expect(bench.wait()).toBe(end);
  });

  it('that relinquished to nobody is master again with the addresses that never left', () => {
    const bench = mastering().give({ kind: 'relinquish' }).serve();
    expect(bench.told.slice(0, 3)).toEqual(['release', 'send 100', 'add 198.51.100.15 2001:db8::15']);
  });

  it('that relinquished gives the addresses up when it falls into fault before a successor is heard', () => {
    const faulty = mastering().give({ kind: 'relinquish' }).give(own(false));
    expect(faulty.told).toEqual([GONE, 'release', 'backup to fault: fault']);
  });

  it('that relinquished and then stops hands over to its end', () => {
    const bench = mastering().give({ kind: 'relinquish' }).give({ kind: 'stop', mode: 'release' });
    expect(bench.told).toEqual(['backup to initialize: stopped']);
    expect(bench.serve().told).toEqual([GONE, 'release']);
  });

  it.each([
    ['version 2: a second', v2, 996_094],
    ['version 3: the interval', { ...v3, advertInterval: centis(10) }, 99_609],
    ['a long interval: not for ever', { ...v3, advertInterval: centis(4_000) }, 2_250_000],
  ])('stops with a priority 0, and waits for the slowest successor (%s)', (_, settings, slowest) => {
    const bench = mastering(settings).give({ kind: 'stop', mode: 'release' });
    expect(bench.told).toEqual(['hold', 'send 0', 'master to initialize: stopped']);
    expect(bench.notified).toEqual([]);
    expect(bench.wait()).toBe(slowest + 250_000);
    expect(bench.serve().told).toEqual([GONE, 'release']);
    expect(bench.notified).toEqual(['STOP']);
    expect(bench.wait()).toBe(Infinity);
  });

  it('that has nothing to hand over stops at once', () => {
    const bench = mastering({ ...v2, addresses: [] }).give({ kind: 'stop', mode: 'release' });
    expect(bench.told).toEqual(['send 0', 'master to initialize: stopped']);
    expect(bench.notified).toEqual(['STOP']);
    expect(bench.router.isHandingOver).toBe(false);
  });

  it('that is told to stop once more does not wait', () => {
    const bench = mastering().give({ kind: 'stop', mode: 'release' }).give({ kind: 'stop', mode: 'release' });
    expect(bench.told).toEqual([GONE, 'release']);
    expect(bench.notified).toEqual(['STOP']);
    expect(bench.give({ kind: 'stop', mode: 'release' }).outputs).toEqual([]);
  });

  it('that nobody can hear stops at once', () => {
    const bench = mastering({ ...v2, unicast: { peers: [] } }).give({ kind: 'stop', mode: 'release' });
    expect(bench.told).toEqual([GONE, 'master to initialize: stopped']);
    expect(bench.notified).toEqual(['STOP']);
    expect(bench.router.isHandingOver).toBe(false);
  });

  it('that is to leave everything in place sends and removes nothing', () => {
    expect(mastering().give({ kind: 'stop', mode: 'leave' }).told).toEqual(['master to initialize: stopped']);
  });
});

describe('announcements', () => {
  /** Seconds since becoming master, of every announcement that is sent in `span`. */
  function announced(settings: VirtualRouterSettings, span: number): number[] {
    const bench = started(settings).serve();
    const start = bench.now;
    const times: number[] = [];
    for (;;) {
      for (const output of bench.outputs) if (output.kind === 'announce') times.push((bench.now - start) / 1e6);
      const due = bench.router.nextDeadline();
      if (due === undefined || due > start + span * 1e6) return times;
      bench.serve();
    }
  }
  const one = { ...v2, addresses: [vip] };
  const times = (at: number, count: number) => Array<number>(count).fill(at);

  it.each([
    ['five at once and five after 5 s', {}, [...times(0, 5), ...times(5, 5)]],
    ['no second set with garp_master_delay 0', { delay: 0 }, times(0, 5)],
    ['as many as garp_master_repeat says', { delay: 0, repeat: 2 }, times(0, 2)],
    [
      'every garp_master_refresh',
      { delay: 0, repeat: 1, refresh: seconds(4), refreshRepeat: 2 },
      [0, 4, 4, 8, 8, 12, 12],
    ],
    ['with garp_interval apart', { delay: 0, repeat: 3, interval: millis(250) }, [0, 0.25, 0.5]],
  ])('are %s', (_, garp, expected) => {
    expect(announced({ ...one, garp: { ...one.garp, ...garp } } as VirtualRouterSettings, 12)).toEqual(expected);
  });

  it('of IPv4 and IPv6 keep gaps of their own', () => {
    const garp = { ...v2.garp, delay: seconds(0), repeat: 2, interval: millis(500), gnaInterval: millis(300) };
    expect(announced({ ...v2, garp }, 12)).toEqual([0, 0, 0.3, 0.5]);
  });

  it('follow a lower-priority advert at once and again after garp_lower_prio_delay', () => {
    const bench = mastering({ ...one, garp: { ...one.garp, delay: seconds(0), lowerPrioRepeat: 2 } });
    bench.give(packet(advert(v2, 50)));
    expect(bench.outputs.filter((output) => output.kind === 'announce')).toHaveLength(2);
    const heard = bench.now;
    do bench.serve();
    while (!bench.outputs.some((output) => output.kind === 'announce'));
    expect(between(heard, bench.now)).toBe(seconds(5));
  });
});

describe('a change of settings in place', () => {
  it('that changes nothing does nothing', () => {
    const bench = mastering();
    const deadline = bench.router.nextDeadline();
    expect(bench.give({ kind: 'configure', settings: structuredClone(v2) }).told).toEqual([]);
    expect(bench.router.nextDeadline()).toBe(deadline);
  });

  it('of the priority computes the running wait anew', () => {
    const bench = started();
    const began = bench.now;
    bench.now = after(bench.now, seconds(1));
    bench.give({ kind: 'configure', settings: { ...v2, priority: 200 } });
    expect(bench.events).toEqual([{ kind: 'priority-changed', instance: 'VI_1', from: 100, to: 200 }]);
    expect(bench.router.nextDeadline()).toBe(began + 3_000_000 + micros((56 / 256) * 1e6));
  });

  it('of the addresses adds and removes only the difference, without leaving master', () => {
    const other = { ...vip, address: ip('198.51.100.16') };
    const bench = mastering().give({ kind: 'configure', settings: { ...v2, addresses: [vip, other] } });
    expect(bench.told).toEqual(['remove 2001:db8::15', 'add 198.51.100.16', 'announce']);
    expect(bench.outputs.filter((output) => output.kind === 'announce').map((output) => output.address)).toEqual(
      Array<IpAddress>(5).fill(other.address),
    );
    expect(bench.router.state).toBe('master');
  });

  it('of the VRID starts it anew, with a parting advert of the old', () => {
    const bench = mastering().give({ kind: 'configure', settings: { ...v2, vrid: 9 } });
    expect(bench.told.slice(0, 3)).toEqual([
      'send 0',
      'remove 198.51.100.15 2001:db8::15',
      'master to initialize: reconfigured',
    ]);
    expect(bench.router.state).toBe('backup');
  });

  it('of the interval moves the next advert', () => {
    const bench = mastering().give({ kind: 'configure', settings: { ...v2, advertInterval: seconds(2) } });
    expect(bench.wait()).toBe(2_000_000);
  });
});

describe('interface tracking', () => {
  const tracking = (weight?: number, reverse?: boolean): VirtualRouterSettings => ({
    ...v2,
    trackInterfaces: [
      { name: 'eth1', ...(weight === undefined ? {} : { weight }), ...(reverse === undefined ? {} : { reverse }) },
    ],
  });
  const down = link('eth1', 3, false);

  it('without weight is a fault: priority 0, addresses away', () => {
    const bench = mastering(tracking()).give(down);
    expect(bench.told).toEqual(['send 0', 'remove 198.51.100.15 2001:db8::15', 'master to fault: fault']);
    expect(bench.events).toMatchObject([{ causes: [{ kind: 'tracked-interface-down', interface: 'eth1' }] }]);
    bench.give(front());
    expect(bench.told).toEqual(['fault to backup: fault-cleared']);
    expect(bench.wait()).toBe(masterDown);
  });

  it.each([
    ['weight -30: lower while down', -30, false, 100, 70],
    ['weight 30: higher while up', 30, false, 130, 100],
    ['weight 30 reverse: lower while up', 30, true, 70, 100],
    ['weight -30 reverse: higher while down', -30, true, 100, 130],
    ['weight -200: never below 1', -200, false, 100, 1],
    ['weight 200: never above 254', 200, false, 254, 100],
  ])('with %s', (_, weight, reverse, whileUp, whileDown) => {
    const bench = started(tracking(weight, reverse));
    const priority = () => bench.router.snapshot(() => 0).effectivePriority;
    expect(priority()).toBe(whileUp);
    expect(bench.give(down).router.state).toBe('backup');
    expect(priority()).toBe(whileDown);
    expect(bench.give(front()).router.snapshot(() => 0).effectivePriority).toBe(whileUp);
  });

  it('changes neither an owner nor a drained router', () => {
    const effective = (settings: VirtualRouterSettings) =>
      started({ ...tracking(50), ...settings }).router.snapshot(() => 0).effectivePriority;
    expect(effective({ ...tracking(50), priority: 255 })).toBe(255);
    expect(effective({ ...tracking(50), priority: 1, standing: 'last-resort' })).toBe(1);
  });

  it('sees its own interface go down, unless told not to', () => {
    expect(mastering().give(own(false)).router.state).toBe('fault');
    expect(mastering({ ...v2, dontTrackPrimary: true }).give(own(false)).router.state).toBe('master');
  });

  it('is in fault without the interface, whatever it was told', () => {
    const bench = mastering({ ...v2, dontTrackPrimary: true }).give({ kind: 'interface-gone', name: 'eth0' });
    expect(bench.events.at(-1)).toMatchObject({
      to: 'fault',
      causes: [{ kind: 'interface-missing', interface: 'eth0' }],
    });
    expect(bench.give(own()).router.state).toBe('backup');
  });

  it('takes no virtual address as its source', () => {
    const settings = { ...v2, addresses: [{ ...vip, address: ip('192.0.2.1'), interface: 'eth0' }] };
    const bench = new Bench(settings)
      .give({ kind: 'virtual-addresses', addresses: [ip('192.0.2.1')] })
      .give(
        link('eth0', 2, true, [
          { address: ip('192.0.2.1'), prefix: 24 },
          { address: OWN, prefix: 24 },
        ]),
      )
      .give({ kind: 'configure', settings });
    expect(bench.router.snapshot(() => 0).source).toBe(OWN);
  });

  it('of IPv6 waits for a link-local address that is no longer tentative', () => {
    const settings: VirtualRouterSettings = { ...v2, version: 3, family: 'ipv6', addresses: [] };
    const address = ip('fe80::5');
    const bench = new Bench(settings)
      .give(
        link('eth0', 2, true, [
          { address: ip('2001:db8::5'), prefix: 64 },
          { address, prefix: 64, tentative: true },
        ]),
      )
      .give({ kind: 'configure', settings });
    expect(bench.router.state).toBe('fault');
    bench.give(link('eth0', 2, true, [{ address, prefix: 64 }]));
    expect(bench.router.state).toBe('backup');
    expect(bench.serve().outputs[0]).toMatchObject({
      kind: 'send',
      source: address,
      destination: 'ff02::12',
      ttl: 255,
    });
  });
});

describe('an address that somebody deletes from a master', () => {
  it('is not thought missing when another interface is read back first', () => {
    const back = {
      ...v2.addresses[1],
      address: ip('192.168.1.1'),
      prefix: 24,
      interface: 'eth2',
      advertised: false,
      scope: 0,
    };
    const settings = { ...v2, addresses: [vip, back] };
    const bench = new Bench(settings)
      .give(own())
      .give(front())
      .give(link('eth2', 4))
      .give({ kind: 'configure', settings })
      .serve();
    expect(bench.give(front(vip)).told).toEqual([]);
    expect(bench.give(link('eth2', 4, true, [{ address: back.address, prefix: 24 }])).told).toEqual([]);
  });

  it('is not thought restored by a reload while it is missing', () => {
    const bench = mastering().give(front(excluded));
    bench.give({ kind: 'configure', settings: { ...v2, addresses: v2.addresses.map((one) => ({ ...one })) } });
    expect(bench.give(front(excluded)).told).not.toContain('address-restored');
  });

  it('is reported, put back at once, and announced when it is there again', () => {
    const bench = mastering().give(front(excluded));
    expect(bench.told).toEqual(['address-missing', 'add 198.51.100.15']);
    bench.give(front(vip, excluded));
    expect(bench.told).toEqual(['address-restored', 'announce']);
    expect(bench.counters.addressesRestored).toBe(1);
    expect(bench.router.state).toBe('master');
  });

  it('is put back at most once a second', () => {
    const bench = mastering().give(front(excluded)).give(front(vip, excluded)).give(front(excluded));
    expect(bench.told).toEqual(['address-missing']);
    expect(bench.wait()).toBeLessThanOrEqual(1_000_000);
    const lost = bench.now;
    do bench.serve();
    while (!bench.told.includes('add 198.51.100.15'));
    expect(between(lost, bench.now)).toBe(seconds(1));
  });

  it('is tried again while the kernel refuses it, and shown as not in place', () => {
    const bench = mastering().give(front(excluded)).give(front(excluded));
    expect(bench.told).toEqual([]);
    expect(bench.router.snapshot(() => 0)).toMatchObject({
      addressesInPlace: false,
      addresses: [{ installed: false }, { installed: true }],
    });
    do bench.serve();
    while (!bench.told.includes('add 198.51.100.15'));
  });

  it('on a link that comes back is announced again', () => {
    const both = [vip, excluded].map(({ address, prefix }) => ({ address, prefix }));
    const bench = mastering()
      .give(link('eth1', 3, false, both))
      .give(link('eth1', 3, true, both));
    expect(bench.told).toEqual(['announce']);
  });
});

describe('a bad packet', () => {
  const password: VirtualRouterSettings = { ...v2, auth: { type: 'password', password: 's3cret' } };
  const unicast: VirtualRouterSettings = { ...v2, unicast: { peers: [{ address: HIGHER }], checkSource: true } };
  const good = advert(v2, 200);
  const signed = (text: string): Advert =>
    ({ ...good, version: 2, authType: 1, authData: passwordData(text) }) as Advert;
  const bytesOf = (content: Advert) => packet(content).bytes;
  const hmac: HmacSettings = {
    keys: [{ id: 1, secret: '11'.repeat(32) }],
    activeKey: 1,
    window: seconds(5),
    antiReplay: 'time',
    mode: 'enforce',
  };
  const enforcing: VirtualRouterSettings = { ...v2, hmac };
  const sealed = (secret: string, at = START, id = 1, settings = enforcing): ReceivedPacket => {
    const signer = new Authenticator(toySurroundings).signer(
      { ...settings, hmac: { ...hmac, activeKey: id, keys: [{ id, secret: secret.repeat(32) }] } },
      at,
    );
    const bare = packet(good);
    return { ...bare, bytes: hex(signer?.(unhex(bare.bytes), bare).bytes ?? new Uint8Array()) };
  };

  const cases: Record<PacketErrorKind, [VirtualRouterSettings, ReceivedPacket]> = {
    'own-source': [v2, packet(good, OWN)],
    ttl: [v2, packet(good, LOWER, { ttl: 254 })],
    length: [v2, packet(good, LOWER, { bytes: bytesOf(good).slice(0, -2) })],
    version: [v2, packet(advert(v3, 200))],
    type: [v2, packet(good, LOWER, { bytes: `22${bytesOf(good).slice(2)}` })],
    checksum: [v2, packet(good, LOWER, { bytes: bytesOf(good).replace(/^21(..)c8/, '21$1c9') })],
    vrid: [v2, packet({ ...good, vrid: 77 })],
    'auth-missing': [enforcing, packet(good)],
    'auth-malformed': [enforcing, packet(good, LOWER, { bytes: `${bytesOf(good)}0000` })],
    'auth-stale': [enforcing, sealed('11', after(START, seconds(60)))],
    'auth-unknown-key': [enforcing, sealed('11', START, 9)],
    'auth-invalid': [enforcing, sealed('22')],
    'auth-replay': [enforcing, sealed('11')],
    'auth-type-unknown': [v2, packet({ ...good, authType: 3 } as Advert)],
    'auth-type': [v2, packet(signed('s3cret'))],
    'auth-failure': [password, packet(signed('guess'))],
    'advert-interval': [v2, packet({ ...good, seconds: 3 } as Advert)],
    destination: [v2, packet(good, LOWER, { destination: OWN })],
    'unknown-peer': [unicast, packet(good, LOWER, { destination: OWN })],
    'address-list': [v2, packet({ ...good, addresses: [ip('198.51.100.99')] })],
  };

  it.each(packetErrorKinds)('of kind %s is counted, and reported once until the state changes', (kind) => {
    const [settings, bad] = cases[kind];
    const bench = started(settings);
    // The first time it is news.
    if (kind === 'auth-replay') return replayed(bench, bad);
    bench.give(bad);
    expect(bench.counters.errors[kind]).toBe(1);
    expect(Object.values(bench.counters.errors).reduce((sum, count) => sum + count)).toBe(1);
    expect(bench.events.filter((event) => event.kind === 'bad-packet')).toMatchObject([
      { error: kind, source: bad.source },
    ]);
    bench.give(bad);
    expect(bench.counters.errors[kind]).toBe(2);
    expect(bench.told).toEqual([]);
    // A wrong address list does not make the advert void.
    expect(bench.counters.advertsReceived).toBe(kind === 'address-list' ? 2 : 0);
    expect(bench.router.snapshot(() => 0).master === undefined).toBe(kind !== 'address-list');
  });

  const replayed = (bench: Bench, packet: ReceivedPacket) => {
    bench.give(packet).give(packet);
    expect(bench.counters).toMatchObject({ advertsReceived: 1, errors: { 'auth-replay': 1 } });
    expect(bench.events.filter((event) => event.kind === 'bad-packet')).toMatchObject([{ error: 'auth-replay' }]);
  };

  it('of version 3 with an interval of 0 does not make everybody take over', () => {
    const bench = started(v3).give(packet(advert(v3, 200, 0)));
    expect(bench.counters.errors['advert-interval']).toBe(1);
    expect(bench.wait()).toBe(masterDown);
  });

  it('is no bad packet with the right password', () => {
    const bench = started(password).give(packet(signed('s3cret')));
    expect(bench.counters).toMatchObject({ advertsReceived: 1, errors: { 'auth-failure': 0 } });
  });

  it.each([
    ['more', [vip.address, ip('198.51.100.99')]],
    ['fewer', []],
  ])('is an advert of %s addresses than configured', (_, addresses) => {
    const bench = started().give(packet({ ...good, addresses }));
    expect(bench.counters.errors['address-list']).toBe(1);
  });

  it('of a known master is not looked at for addresses with skip_check_adv_addr', () => {
    const bench = started({ ...v2, skipCheckAdvAddr: true });
    const other = packet({ ...good, addresses: [ip('198.51.100.99')] });
    bench.give(other).give(other);
    expect(bench.counters.errors['address-list']).toBe(1);
  });
});

describe('unicast', () => {
  const unicast: VirtualRouterSettings = {
    ...v2,
    unicast: { peers: [{ address: LOWER }, { address: HIGHER, minTtl: 60, maxTtl: 64 }], ttl: 64 },
  };
  const from = (source: IpAddress, ttl: number) => packet(advert(v2, 200), source, { destination: OWN, ttl });

  it('sends to every peer', () => {
    const sent = started(unicast)
      .serve()
      .outputs.filter((output) => output.kind === 'send');
    expect(sent).toMatchObject([
      { destination: LOWER, ttl: 64 },
      { destination: HIGHER, ttl: 64 },
    ]);
  });

  it.each([
    [LOWER, 3, true],
    [HIGHER, 62, true],
    [HIGHER, 59, false],
    [HIGHER, 65, false],
  ])('from %s with TTL %d is taken: %s', (source, ttl, taken) => {
    expect(started(unicast).give(from(source, ttl)).counters.advertsReceived).toBe(taken ? 1 : 0);
  });
});

describe('a router that overslept', () => {
  /** Serves the next deadline so many seconds late. */
  function late(bench: Bench, by: number): Bench {
    bench.now = after(bench.router.nextDeadline() ?? bench.now, seconds(by));
    bench.outputs = bench.router.timeout(bench.now);
    return bench;
  }

  it('its master-down time as a backup listens for one interval before it takes over', () => {
    const bench = late(started(), 4);
    expect(bench.told).toEqual(['overslept']);
    expect(bench.router.state).toBe('backup');
    expect(bench.wait()).toBe(1_003_906);
    expect(bench.serve().router.state).toBe('master');
  });

  it('less than that as a backup takes over', () => {
    expect(late(started(), 3).router.state).toBe('master');
  });

  it('as a master is silent for one interval, then goes on', () => {
    const bench = late(mastering(), 4);
    expect(bench.told).toEqual(['overslept', 'announce']);
    expect(bench.wait()).toBe(1_000_000);
    expect(bench.serve().told).toEqual(['send 100']);
  });

  it('as a master that must not preempt yields to whoever took over', () => {
    const bench = late(mastering({ ...v2, preempt: false }), 4).give(packet(advert(v2, 50)));
    expect(bench.told).toEqual(['remove 198.51.100.15 2001:db8::15', 'master to backup: overslept']);
  });

  it('as a master that may preempt claims its place when it hears the other', () => {
    const bench = late(mastering(), 4).give(packet(advert(v2, 50)));
    expect(bench.router.state).toBe('master');
    expect(bench.told).toContain('send 100');
  });

  it('by more intervals than timer_expired_backup becomes backup', () => {
    const settings = { ...v2, preempt: false, timerExpiredBackup: 2 };
    expect(late(mastering(settings), 1.5).router.state).toBe('master');
    const bench = late(mastering(settings), 2.5);
    expect(bench.told).toEqual(['overslept', 'remove 198.51.100.15 2001:db8::15', 'master to backup: overslept']);
  });
});

describe('an owner', () => {
  it('with owner_ignore_adverts hears nobody', () => {
    const settings = { ...v2, priority: 255, ownerIgnoreAdverts: true };
    const bench = started(settings).give(packet(advert(v2, 255), HIGHER));
    expect(bench.router.state).toBe('master');
    expect(bench.counters.advertsReceived).toBe(0);
  });
});

describe('unicast with the checksum of keepalived up to 1.3.6', () => {
  const unicast: VirtualRouterSettings = { ...v3, unicast: { peers: [{ address: LOWER }] } };
  const old = packet(advert(v3, 200), LOWER, { destination: OWN });
  const checksums = (bench: Bench) =>
    bench.outputs.flatMap((output) => {
      if (output.kind !== 'send') return [];
      const asOld = decodeAdvert(unhex(output.bytes), { source: output.source, destination: GROUP });
      return decodeAdvert(unhex(output.bytes), output).ok ? ['new'] : asOld.ok ? ['old'] : ['wrong'];
    });

  it('is heard, and answered in kind', () => {
    const bench = started(unicast);
    expect(checksums(started(unicast).serve())).toEqual(['new']);
    expect(bench.give(old).counters.advertsReceived).toBe(1);
    expect(checksums(bench.serve())).toEqual(['old']);
  });

  it('is wrong where it is never to be taken, and sent where it always is', () => {
    const never: VirtualRouterSettings = { ...v3, unicast: { peers: [{ address: LOWER }], oldChecksum: 'never' } };
    expect(started(never).give(old).counters.errors.checksum).toBe(1);
    const always: VirtualRouterSettings = { ...v3, unicast: { peers: [{ address: LOWER }], oldChecksum: 'always' } };
    expect(checksums(started(always).serve())).toEqual(['old']);
  });
});

describe('a recorded run', () => {
  it('replays to the same outputs', () => {
    const steps: Step<RouterInput, VrrpOutput>[] = [];
    const router = new VirtualRouter(v2, START);
    const recorded = recording(router, (step) => steps.push(step));
    let now = START;
    for (const input of [own(), front(), { kind: 'configure', settings: v2 } as const]) recorded.handle(input, now);
    for (let i = 0; i < 20; i++) {
      now = recorded.nextDeadline() ?? now;
      recorded.timeout(now);
    }
    recorded.handle(packet(advert(v2, 200)), now);
    const read = steps.map((step) => JSON.parse(JSON.stringify(step)) as Step<RouterInput, VrrpOutput>);
    expect(replay(new VirtualRouter(v2, START), read)).toEqual(steps.map((step) => step.outputs));
    expect(router.state).toBe('backup');
  });
});

describe('a router whose socket is not open', () => {
  it('is in fault, rather than deaf and master', () => {
    const socket = (open: boolean) => ({ kind: 'socket', interface: 'eth0', family: 'ipv4', open }) as const;
    const bench = mastering().give(socket(false));
    expect(bench.events.at(-1)).toMatchObject({ to: 'fault', causes: [{ kind: 'no-socket', interface: 'eth0' }] });
    bench.give({ ...socket(true), family: 'ipv6' });
    expect(bench.router.state).toBe('fault');
    bench.give(socket(true));
    expect(bench.told).toEqual(['fault to backup: fault-cleared']);
  });
});
