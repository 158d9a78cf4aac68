import { type Instant, after, instant, seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  ProcessMonitor,
  type ProcessTrackerSettings,
  ScriptMonitor,
  type ScriptTrackerSettings,
  VrrpNode,
  fileReport,
  fileValue,
  isTracked,
  virtualRouter,
} from './index.ts';

const script: ScriptTrackerSettings = {
  name: 'check',
  command: { argv: ['/bin/check'] },
  interval: seconds(2),
  timeout: seconds(1),
  rise: 2,
  fall: 3,
  initiallyFailed: false,
};

class Bench {
  readonly monitor: ScriptMonitor;
  now: Instant = instant(0);
  told: string[] = [];

  constructor(changes: Partial<ScriptTrackerSettings> = {}) {
    this.monitor = new ScriptMonitor({ ...script, ...changes });
    this.#tell(this.monitor.handle({ kind: 'start' }, this.now));
  }

  began(): this {
    this.#tell(this.monitor.handle({ kind: 'began' }, this.now));
    return this;
  }

  /** Ends the run, waits for the next. */
  result(...results: boolean[]): this {
    for (const succeeded of results) {
      this.#tell(this.monitor.handle({ kind: 'exited', succeeded }, this.now));
      this.serve();
    }
    return this;
  }

  serve(): this {
    this.now = this.monitor.nextDeadline() ?? this.now;
    this.#tell(this.monitor.timeout(this.now));
    return this;
  }

  #tell(outputs: ReturnType<ScriptMonitor['handle']>): void {
    for (const output of outputs)
      this.told.push(output.kind === 'state' ? output.state : output.kind === 'kill' ? output.signal : output.kind);
  }
}

describe('a tracked script', () => {
  it('runs at once and then every interval', () => {
    const bench = new Bench();
    expect(bench.told).toEqual(['unknown', 'run']);
    bench.result(true);
    expect(bench.told).toEqual(['unknown', 'run', 'up', 'run']);
    expect(bench.now).toBe(seconds(2));
  });

  it.each([
    ['the first success', {}, [true], 'up'],
    ['the first failure', {}, [false], 'down'],
    ['fewer failures than fall', {}, [true, false, false, true, false, false], 'up'],
    ['fall failures', {}, [true, false, false, false], 'down'],
    ['fewer successes than rise', {}, [false, true, false, true], 'down'],
    ['rise successes', {}, [false, true, true], 'up'],
    ['one success with init_fail', { initiallyFailed: true }, [true], 'down'],
    ['rise successes with init_fail', { initiallyFailed: true }, [true, true], 'up'],
  ] as const)('after %s', (_, changes, results, expected) => {
    expect(new Bench(changes).result(...results).monitor.state).toBe(expected);
  });

  it('that takes too long has failed, is asked to end, then made to', () => {
    const bench = new Bench({ fall: 1 }).began().serve();
    expect(bench.told.slice(2)).toEqual(['SIGTERM', 'down']);
    expect(bench.serve().told.slice(4)).toEqual(['overrun']);
    expect(bench.serve().told.slice(5)).toEqual(['SIGKILL']);
    bench.monitor.handle({ kind: 'exited', succeeded: false }, bench.now);
    expect(bench.serve().told.slice(6)).toEqual(['run']);
  });

  it('has its time from when it began, and is not late before', () => {
    const bench = new Bench({ fall: 1 }).serve();
    expect([bench.now, bench.told.slice(2)]).toEqual([seconds(2), ['overrun']]);
    bench.began();
    expect(bench.monitor.nextDeadline()).toBe(seconds(3));
    expect(bench.serve().told.slice(3)).toEqual(['SIGTERM', 'down']);
  });

  it('that this node cannot run leaves its state as it is, and is run again', () => {
    const bench = new Bench({ fall: 1 }).result(true);
    bench.monitor.handle({ kind: 'not-run' }, bench.now);
    expect([bench.monitor.state, bench.serve().told.slice(4)]).toEqual(['up', ['run']]);
  });

  it('that is found too slow after a hold-up longer than its time is ended, and says nothing', () => {
    const bench = new Bench({ fall: 1 }).result(true).began();
    const late = instant(bench.now + seconds(2) + 1);
    expect(bench.monitor.timeout(late)).toEqual([{ kind: 'kill', signal: 'SIGTERM' }, { kind: 'overrun' }]);
    bench.monitor.handle({ kind: 'exited', succeeded: false }, late);
    expect(bench.monitor.state).toBe('up');
  });

  it('tells whether it runs, and how far it is told to end', () => {
    const bench = new Bench().began();
    const seen = [bench.monitor.run];
    // The second time for its interval alone.
    for (let i = 0; i < 3; i++) seen.push(bench.serve().monitor.run);
    bench.monitor.handle({ kind: 'exited', succeeded: false }, bench.now);
    expect([...seen, bench.monitor.run]).toEqual(['running', 'terminating', 'terminating', 'killing', 'idle']);
  });

  it('is ended when nobody tracks it any more', () => {
    const bench = new Bench();
    expect(bench.monitor.handle({ kind: 'stop' }, bench.now)).toEqual([{ kind: 'kill', signal: 'SIGTERM' }]);
    expect(bench.monitor.nextDeadline()).toBeUndefined();
  });
});

describe('a tracked process', () => {
  const settings: ProcessTrackerSettings = {
    name: 'p',
    command: ['haproxy'],
    parameters: 'exact',
    fullCommand: false,
    quorum: 2,
    quorumMax: 3,
    forkDelay: seconds(1),
    terminateDelay: seconds(2),
  };

  it('is up with a quorum and not more than the most, after the delays', () => {
    const monitor = new ProcessMonitor(settings);
    expect(monitor.handle(1, instant(0))).toEqual(['down']);
    expect(monitor.handle(2, instant(0))).toEqual([]);
    expect(monitor.nextDeadline()).toBe(seconds(1));
    expect(monitor.timeout(instant(seconds(1)))).toEqual(['up']);
    expect(monitor.handle(4, instant(seconds(2)))).toEqual([]);
    expect(monitor.handle(3, instant(seconds(2.5)))).toEqual([]);
    expect(monitor.nextDeadline()).toBeUndefined();
    monitor.handle(1, instant(seconds(3)));
    expect(monitor.timeout(instant(seconds(5)))).toEqual(['down']);
  });

  it.each([
    [['haproxy'], 'exact', ['/usr/sbin/haproxy', '-f', 'x'], true],
    [['haproxy'], 'exact', ['/usr/sbin/other'], false],
    [['/usr/sbin/haproxy'], 'exact', ['haproxy'], false],
    [['haproxy', '-f'], 'exact', ['haproxy', '-f', 'x'], false],
    [['haproxy', '-f', 'x'], 'exact', ['haproxy', '-f', 'x'], true],
    [['haproxy', '-f'], 'initial', ['haproxy', '-f', 'x'], true],
    [['haproxy', 'x'], 'partial', ['haproxy', '-f', 'x'], true],
  ] as const)('%j (%s) is %j: %s', (command, parameters, argv, expected) => {
    const name = argv[0].replace(/.*\//, '');
    expect(isTracked({ name, argv }, { ...settings, command, parameters })).toBe(expected);
  });

  it('without a command line is known by its name, cut to 15 characters', () => {
    const one = { ...settings, command: ['a-very-long-name-indeed'] };
    expect(isTracked({ name: 'a-very-long-nam', argv: [] }, one)).toBe(true);
  });
});

describe('a tracked file', () => {
  it.each([
    ['', 0],
    ['12\nmore', 12],
    ['  -7 x', -7],
    ['0x1f', 31],
    ['010', 8],
    ['+3', 3],
    ['99999999999', 0x7fff_ffff],
    ['text', 0],
  ])('of %j holds %d', (text, value) => {
    expect(fileValue(text)).toBe(value);
  });

  it('that cannot be read holds 0', () => {
    expect(fileReport('f', undefined)).toMatchObject({ state: 'up', value: 0 });
  });
});

describe('interface_up_down_delays', () => {
  it('keep what an interface counts as for a while', () => {
    const node = new VrrpNode();
    const link = (up: boolean) =>
      ({
        kind: 'interface',
        interface: { name: 'eth0', index: 2, up, addresses: [{ address: ip('192.0.2.1'), prefix: 24 }] },
      }) as const;
    const instance = virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0' });
    const settings = { startupDelay: seconds(0), logUnknownVrids: false, instances: [instance] };
    const delays = [{ interface: 'eth0', up: seconds(3), down: seconds(2) }];
    let now = instant(0);
    node.handle(link(true), now);
    node.handle({ kind: 'configure', settings: { ...settings, interfaceDelays: delays } }, now);
    const state = () => node.snapshot(() => 0).instances[0]?.state;
    node.handle(link(false), now);
    expect(state()).toBe('backup');
    // A short loss is none.
    node.handle(link(true), after(now, seconds(1)));
    node.handle(link(false), after(now, seconds(1)));
    now = after(now, seconds(3));
    node.timeout(now);
    expect(state()).toBe('fault');
    node.handle(link(true), now);
    expect(state()).toBe('fault');
    expect(node.nextDeadline()).toBe(seconds(6));
    node.timeout(instant(seconds(6)));
    expect(state()).toBe('backup');
  });
});
