import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { controllerHost, directors, hosts, portOf, sharedPorts, virtualAddresses, webServers } from './plan.ts';

const every = hosts.flatMap((host) => host.interfaces.map((on) => ({ host, on })));

describe('the address plan', () => {
  it('uses every address, MAC address and switch port once', () => {
    const addresses = [
      ...every.flatMap(({ on }) => on.addresses.map((address) => address.split('/')[0] ?? '')),
      ...virtualAddresses.map(({ address }) => address),
    ];
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(addresses.map((address) => ip(address))).toEqual(addresses);
    expect(new Set(every.map(({ on }) => on.mac)).size).toBe(every.length);
    expect(new Set(every.map(({ host, on }) => portOf(host, on))).size).toBe(every.length);
  });

  it('keeps switch ports within the 15 characters of an interface name', () => {
    for (const { host, on } of every) expect(portOf(host, on).length).toBeLessThanOrEqual(15);
  });

  it("is the article's, with a third director", () => {
    expect(directors.map(({ name, priority }) => [name, priority])).toEqual([
      ['L1', 150],
      ['L2', 100],
      ['L3', 50],
    ]);
    expect(directors[2]?.interfaces.map(({ addresses }) => addresses)).toEqual([
      ['198.51.100.13/24', '2001:db8::13/64'],
      ['192.168.1.4/24', 'fd00::4/64'],
      ['172.16.0.3/24'],
      ['172.31.0.3/24'],
    ]);
    expect(webServers.map((host) => host.interfaces[0]?.addresses[1])).toEqual([
      'fd00::10/64',
      'fd00::11/64',
      'fd00::12/64',
      'fd00::13/64',
    ]);
    for (const { gateways } of webServers) {
      const owned: string[] = virtualAddresses.map(({ address }) => address);
      expect(gateways.every((gateway) => owned.includes(gateway))).toBe(true);
    }
  });

  it('finds the ports between two hosts', () => {
    const [l1, l2] = directors;
    if (l1 === undefined || l2 === undefined) throw new Error('two directors at least');
    expect(sharedPorts(l1, l2)).toHaveLength(4);
    expect(sharedPorts(l1, l2, 'ico')).toEqual([['L1-eth2', 'L2-eth2']]);
    expect(sharedPorts(l1, controllerHost)).toEqual([['L1-eth3', 'CTL-eth0']]);
    expect(sharedPorts(controllerHost, l1, 'ico')).toEqual([]);
  });
});
