import { ip } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DesiredService,
  type Destination,
  type KernelService,
  type Operation,
  type ServiceId,
  describeOperation,
  destinationKey,
  noConnections,
  noTraffic,
  planOperations,
  serviceKey,
} from './index.ts';
import { tableAfter } from './table.ts';

const web: ServiceId = { kind: 'address', protocol: 'tcp', address: ip('198.51.100.15'), port: 80 };
const dns: ServiceId = { kind: 'address', protocol: 'udp', address: ip('2001:db8::15'), port: 53 };

function service(
  id: ServiceId,
  destinations: readonly Destination[],
  options: Partial<DesiredService> = {},
): DesiredService {
  return {
    id,
    scheduler: 'rr',
    persistent: false,
    onePacket: false,
    flag1: false,
    flag2: false,
    flag3: false,
    timeout: 0,
    netmask: 0xffffffff,
    engine: '',
    ...options,
    destinations: new Map(destinations.map((each) => [destinationKey(each), each])),
  };
}

function server(last: number, options: Partial<Destination> = {}): Destination {
  return {
    address: ip(`192.168.1.${last}`),
    port: 80,
    forwarding: { kind: 'nat' },
    weight: 1,
    upperThreshold: 0,
    lowerThreshold: 0,
    ...options,
  };
}

/** The same, as the kernel shows it after traffic. */
function shown(desired: DesiredService): KernelService {
  const traffic = { ...noTraffic, connections: '7' };
  return {
    ...desired,
    traffic,
    destinations: [...desired.destinations.values()].map((each) => ({
      ...each,
      traffic,
      connections: { ...noConnections, active: 3 },
    })),
  };
}

function plan(
  desired: readonly DesiredService[],
  actual: readonly KernelService[],
  owned: readonly string[] = [],
): string[] {
  return planOperations(desired, actual, new Set(owned)).map(describeOperation);
}

describe('the plan', () => {
  it('creates a service before its destinations', () => {
    expect(plan([service(web, [server(10), server(11, { weight: 5 })])], [])).toEqual([
      'add service tcp/198.51.100.15:80 (rr)',
      'add server 192.168.1.10:80 weight 1 to tcp/198.51.100.15:80',
      'add server 192.168.1.11:80 weight 5 to tcp/198.51.100.15:80',
    ]);
  });

  it('touches nothing that is equal, whatever was counted', () => {
    const desired = [service(web, [server(10)]), service(dns, [])];
    expect(plan(desired, desired.map(shown))).toEqual([]);
  });

  it.each<[string, Partial<Destination>]>([
    ['weight', { weight: 0 }],
    ['forwarding', { forwarding: { kind: 'dr' } }],
    ['tunnel', { forwarding: { kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'csum' } } }],
    ['upper threshold', { upperThreshold: 100 }],
    ['lower threshold', { lowerThreshold: 10 }],
  ])('sets a changed %s in place', (_what, change) => {
    const operations = planOperations(
      [service(web, [server(10, change)])],
      [shown(service(web, [server(10)]))],
      new Set(),
    );
    expect(operations).toEqual([{ kind: 'set-destination', service: web, destination: server(10, change) }]);
  });

  it.each<[string, Partial<DesiredService>]>([
    ['scheduler', { scheduler: 'wlc' }],
    ['persistence', { persistent: true, timeout: 300 }],
    ['flag', { flag2: true }],
    ['persistence engine', { engine: 'sip' }],
    ['netmask', { netmask: 0xffffff00 }],
  ])('sets a changed %s without touching the destinations', (_what, change) => {
    const operations = planOperations(
      [service(web, [server(10)], change)],
      [shown(service(web, [server(10)]))],
      new Set(),
    );
    expect(operations.map((operation) => operation.kind)).toEqual(['set-service']);
  });

  it('sees a different port of a tunnel', () => {
    const gue = (port: number) =>
      server(10, { forwarding: { kind: 'tun', tunnel: { type: 'gue', port, checksum: 'csum' } } });
    expect(plan([service(web, [gue(1)])], [shown(service(web, [gue(2)]))])).toHaveLength(1);
    expect(plan([service(web, [gue(1)])], [shown(service(web, [gue(1)]))])).toEqual([]);
  });

  it('fills a pool before it empties it', () => {
    expect(plan([service(web, [server(11)])], [shown(service(web, [server(10)]))])).toEqual([
      'add server 192.168.1.11:80 weight 1 to tcp/198.51.100.15:80',
      'delete server 192.168.1.10:80 from tcp/198.51.100.15:80',
    ]);
  });

  it('deletes a service that was ours and leaves the others alone', () => {
    const actual = [shown(service(web, [server(10)])), shown(service(dns, []))];
    expect(plan([], actual, ['udp/[2001:db8::15]:53'])).toEqual(['delete service udp/[2001:db8::15]:53']);
  });

  it('of any two tables leads from the one to the other, and then has nothing left to do', () => {
    const destinations = fc.uniqueArray(fc.record({ last: fc.integer({ min: 1, max: 4 }), weight: fc.nat(2) }), {
      selector: ({ last }) => last,
    });
    const table = fc
      .record({
        first: fc.option(destinations),
        second: fc.option(destinations),
        scheduler: fc.constantFrom('rr', 'wlc'),
      })
      .map(({ first, second, scheduler }) =>
        [
          { id: web, pool: first },
          { id: dns, pool: second },
        ].flatMap(({ id, pool }) =>
          pool === null
            ? []
            : [
                service(
                  id,
                  pool.map(({ last, weight }) => server(last, { weight })),
                  { scheduler },
                ),
              ],
        ),
      );
    fc.assert(
      fc.property(table, table, (desired, before) => {
        const actual = new Map(before.map((each) => [serviceKey(each.id), shown(each)]));
        const owned = new Set(actual.keys());
        const operations: Operation[] = planOperations(desired, [...actual.values()], owned);
        const after = tableAfter(actual, operations);
        expect(tableAfter(actual, operations, desired)).toEqual(after);
        expect(planOperations(desired, [...after.values()], owned)).toEqual([]);
        expect([...after.keys()].sort()).toEqual(desired.map((each) => serviceKey(each.id)).sort());
      }),
    );
  });
});
