import { instant } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { type TrackedObject, type TrackerInput, VirtualRouter, virtualRouter } from './index.ts';

const NOW = instant(0);

const told = (state: TrackerInput['state'], value?: number): TrackerInput => ({
  kind: 'tracker',
  tracker: value === undefined ? 'script' : 'file',
  name: 'x',
  state,
  ...(value === undefined ? {} : { value }),
});

function started(tracked: Partial<TrackedObject>, ...first: TrackerInput[]): VirtualRouter {
  const trackers = [{ type: 'script', name: 'x', weight: 0, ...tracked } as const];
  const settings = virtualRouter({ name: 'VI_1', vrid: 1, interface: 'eth0', trackers });
  const router = new VirtualRouter(settings, NOW);
  const addresses = [{ address: ip('192.0.2.1'), prefix: 24 }];
  router.handle({ kind: 'interface', interface: { name: 'eth0', index: 2, up: true, addresses } }, NOW);
  for (const input of first) router.handle(input, NOW);
  router.handle({ kind: 'configure', settings }, NOW);
  return router;
}

const priority = (router: VirtualRouter) => router.snapshot(() => 0).effectivePriority;

describe('a tracker without weight', () => {
  it('keeps the instance from starting until it has told something', () => {
    const router = started({});
    expect(router.state).toBe('initialize');
    expect(router.nextDeadline()).toBeUndefined();
    router.handle(told('up'), NOW);
    expect(router.state).toBe('backup');
  });

  it('that is down is a fault with its name, until it is up again', () => {
    const router = started({}, told('up'));
    router.handle(told('down'), NOW);
    expect(router.state).toBe('fault');
    expect(router.snapshot(() => 0).causes).toEqual([{ kind: 'tracker-down', tracker: 'script', name: 'x' }]);
    router.handle(told('up'), NOW);
    expect(router.state).toBe('backup');
  });

  it('that knows nothing any more leaves a running instance alone', () => {
    const router = started({}, told('up'));
    router.handle(told('unknown'), NOW);
    expect(router.state).toBe('backup');
  });

  it('counts the other way round with reverse', () => {
    expect(started({ reverse: true }, told('up')).state).toBe('fault');
    expect(started({ reverse: true }, told('down')).state).toBe('backup');
  });
});

describe('a tracker with weight', () => {
  it.each([
    [20, false, 'up', 120],
    [20, false, 'down', 100],
    [-20, false, 'up', 100],
    [-20, false, 'down', 80],
    [20, true, 'up', 80],
    [20, true, 'down', 100],
    [-20, true, 'up', 100],
    [-20, true, 'down', 120],
    [-20, false, 'unknown', 100],
    [200, false, 'up', 254],
    [-200, false, 'down', 1],
  ] as const)('of %d (reverse: %s) that is %s makes 100 into %d', (weight, reverse, state, expected) => {
    const router = started({ weight, reverse }, told(state));
    expect(router.state).toBe('backup');
    expect(priority(router)).toBe(expected);
  });
});

describe('a tracked file', () => {
  it.each([
    [1, false, -30, 70],
    [2, false, 10, 120],
    [2, true, 10, 80],
    [1, false, 1000, 254],
    [1, false, -253, 1],
  ] as const)('of weight %d (reverse: %s) that holds %d makes 100 into %d', (weight, reverse, value, expected) => {
    const router = started({ type: 'file', weight, reverse }, told('down', value));
    expect(priority(router)).toBe(expected);
    expect(router.state).toBe('backup');
  });

  it.each([
    [1, -254],
    [-127, 2],
    [0, 1],
  ])('of weight %d that holds %d is a fault', (weight, value) => {
    expect(started({ type: 'file', weight }, told('down', value)).state).toBe('fault');
  });

  it('of weight 0 that holds 0 is none', () => {
    expect(started({ type: 'file', weight: 0 }, told('up', 0)).state).toBe('backup');
  });
});
