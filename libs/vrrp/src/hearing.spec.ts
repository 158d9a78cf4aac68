import { type Duration, type Instant, after, instant, millis, seconds } from '@keepfleet/machine';
import { hex, ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { type RouterInput, type VirtualRouterSettings, VirtualRouter, VrrpNode, virtualRouter } from './index.ts';
import { encodeAdvert } from './packet.ts';

const START = instant(1_000_000_000);
const address = ip('198.51.100.15');
const vip = { address, prefix: 24, interface: 'eth0', advertised: true, scope: 0 };
const v3 = virtualRouter({ name: 'VI_1', vrid: 1, version: 3, interface: 'eth0', addresses: [vip] });
const link = (up: boolean) => ({
  kind: 'interface' as const,
  interface: { name: 'eth0', index: 2, up, addresses: [{ address: ip('192.0.2.5'), prefix: 24 }] },
});

function advert(priority: number, centiseconds = 100, changes: { readonly ttl?: number } = {}) {
  const [source, destination] = [ip('192.0.2.4'), ip('224.0.0.18')];
  const content = { version: 3, family: 'ipv4', vrid: 1, priority, centiseconds, addresses: [address] } as const;
  const bytes = hex(encodeAdvert(content, { source, destination }));
  return { kind: 'packet', interface: 'eth0', source, destination, ttl: 255, bytes, ...changes } as const;
}

/** A router whose settings are in force, and that has heard of its interface. */
function started(settings: Partial<VirtualRouterSettings> = {}, startAt = START): VirtualRouter {
  const router = new VirtualRouter({ ...v3, ...settings }, START);
  router.handle(link(true), START);
  router.handle({ kind: 'configure', settings: { ...v3, ...settings }, startAt }, START);
  return router;
}

function serve(router: VirtualRouter): Instant {
  const now = router.nextDeadline() ?? START;
  router.timeout(now);
  return now;
}

/** How long after an advert, at the latest, the router takes its sender for master. */
function heardFor(router: VirtualRouter, now: Instant): Duration {
  const until = router.noticeDeadline() ?? now;
  expect([router.hearsMaster, router.timeout((until - 1) as Instant), router.hearsMaster]).toEqual([true, [], true]);
  router.timeout(until);
  expect([router.hearsMaster, router.noticeDeadline()]).toEqual([false, undefined]);
  return (until - now) as Duration;
}

describe('the adverts of a master', () => {
  it.each([
    ['the quarter of an interval', 200, seconds(2.5)],
    ['a quarter of a second', 100, seconds(1.25)],
    ['no less than that', 10, millis(350)],
  ])('are overdue after an interval and %s', (_tolerance, centiseconds, wait) => {
    const router = started();
    router.handle(advert(200, centiseconds), START);
    // The master-down time of short intervals is over before.
    if (centiseconds > 10) expect(heardFor(router, START)).toBe(wait);
    expect(router.noticeDeadline()).toBe(centiseconds > 10 ? undefined : after(START, wait));
  });

  const fault: RouterInput = { kind: 'tracker', tracker: 'script', name: 'up', state: 'down' };
  const tracked = { trackers: [{ type: 'script', name: 'up', weight: 0, reverse: false }] } as const;

  it('are heard by a router that does not start yet, without being counted', () => {
    const router = started({}, after(START, seconds(60)));
    router.handle(advert(200), START);
    expect([router.state, router.snapshot(() => 0).counters.advertsReceived]).toEqual(['initialize', 0]);
    expect(heardFor(router, START)).toBe(seconds(1.25));
  });

  it('are heard by a router in fault', () => {
    const router = started(tracked);
    router.handle(fault, START);
    router.handle(advert(200), START);
    expect(router.state).toBe('fault');
    expect(heardFor(router, START)).toBe(seconds(1.25));
  });

  it('are heard of a lower priority that is about to be preempted, until it is', () => {
    const router = started();
    router.handle(advert(50), START);
    const deadline = router.nextDeadline();
    const later = after(START, seconds(1));
    router.handle(advert(50), later);
    expect([router.nextDeadline(), router.snapshot(() => 0)]).toMatchObject([deadline, { hearsMaster: true }]);
    expect(router.snapshot(() => 0)).not.toHaveProperty('master');
  });

  it('are heard by a router whose wait is over, and whose sync group holds it', () => {
    const router = started({ syncGroup: 'G' });
    router.handle({ kind: 'group', mixed: false }, START);
    const now = serve(router);
    router.handle(advert(50), now);
    expect([router.state, router.wantsMaster]).toEqual(['backup', true]);
    expect(heardFor(router, now)).toBe(seconds(1.25));
  });

  it('are heard by a master, which may soon not be one', () => {
    const router = started();
    const now = serve(router);
    router.handle(advert(50), now);
    expect([router.state, router.hearsMaster]).toEqual(['master', true]);
    router.handle({ kind: 'relinquish' }, now);
    expect([router.state, router.hearsMaster]).toEqual(['backup', true]);
  });

  it('say with priority 0 that there is none any more', () => {
    const router = started();
    router.handle(advert(200), START);
    router.handle(advert(0), START);
    expect(router.hearsMaster).toBe(false);
  });

  it('say nothing when they are not valid, nor of a router that is not configured', () => {
    const router = started();
    router.handle(advert(200, 100, { ttl: 254 }), START);
    expect(router.hearsMaster).toBe(false);
    router.handle(advert(200), START);
    router.handle({ kind: 'stop', mode: 'leave' }, START);
    expect(router.hearsMaster).toBe(false);
  });

  it.each([
    ['VRID', { vrid: 2 }],
    ['interface', { interface: 'eth1' }],
    ['version', { version: 2 }],
  ] as const)('are nothing to the router that a reload with another %s makes of it', (_, changes) => {
    const router = started();
    router.handle(advert(200), START);
    router.handle({ kind: 'configure', settings: { ...v3, ...changes } }, START);
    expect([router.hearsMaster, router.noticeDeadline()]).toEqual([false, undefined]);
  });

  it('are counted by a node as they begin and cease to be heard, and not one by one', () => {
    const node = new VrrpNode();
    node.handle(link(true), START);
    const instances = [v3, { ...v3, name: 'VI_2', vrid: 2 }];
    const settings = { startupDelay: seconds(60), logUnknownVrids: false, instances };
    node.handle({ kind: 'configure', settings }, START);
    let now = START;
    for (const wait of [0, 0.5, 1, 1]) {
      now = after(now, seconds(wait));
      node.handle(advert(50), now);
    }
    expect(node.hearingChanges).toBe(1);
    expect(node.nextDeadline()).toBe(after(now, seconds(1.25)));
    expect(node.timeout(after(now, seconds(1.25)))).toEqual([]);
    expect(node.hearingChanges).toBe(2);
  });
});
