import { instant } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { Authenticator, noSurroundings } from './authentication.ts';
import { virtualRouter } from './settings.ts';
import { Situation } from './situation.ts';
import { newCounters } from './stats.ts';
import { Transmitter } from './transmission.ts';

const NOW = instant(1_000_000_000);
const settings = virtualRouter({ name: 'V', vrid: 7, interface: 'eth0', trackInterfaces: [{ name: 'up', weight: 5 }] });

function router() {
  const situation = new Situation(settings);
  const address = { address: ip('192.0.2.1'), prefix: 24 };
  const setUp = (name: string, ...addresses: (typeof address)[]) => {
    situation.takeInterface({ kind: 'interface', interface: { name, index: 1, up: true, addresses } });
    situation.observe();
  };
  setUp('eth0', address);
  const counters = newCounters();
  return {
    situation,
    setUp,
    counters,
    transmitter: new Transmitter(situation, new Authenticator(noSurroundings), counters),
  };
}

describe('the adverts of a router', () => {
  it('are the same output as long as nothing that they are made of changes, and are counted each time', () => {
    const { transmitter, counters } = router();
    const first = transmitter.advert(NOW);
    expect(first).toHaveLength(1);
    expect(transmitter.advert(NOW)).toBe(first);
    expect(counters.advertsSent).toBe(2);
  });

  it('have the new priority, source and settings as soon as these change', () => {
    const { transmitter, situation, setUp } = router();
    const before = transmitter.advert(NOW)[0];
    const differing = () => {
      const now = transmitter.advert(NOW)[0];
      return { priority: now?.bytes.slice(4, 6), source: now?.source, vrid: now?.bytes.slice(2, 4) };
    };
    expect(before?.bytes.slice(0, 6)).toBe('210764');
    setUp('up');
    expect(differing()).toEqual({ priority: '69', source: '192.0.2.1', vrid: '07' });
    setUp('eth0', { address: ip('192.0.2.2'), prefix: 24 });
    expect(differing()).toEqual({ priority: '69', source: '192.0.2.2', vrid: '07' });
    situation.configure({ ...settings, vrid: 8 }, false);
    expect(differing()).toEqual({ priority: '69', source: '192.0.2.2', vrid: '08' });
  });

  it('are periodic again after a parting one', () => {
    const { transmitter, counters } = router();
    const periodic = transmitter.advert(NOW);
    expect(transmitter.parting(NOW)[0]?.bytes.slice(4, 6)).toBe('00');
    expect(transmitter.advert(NOW)).toEqual(periodic);
    expect(counters).toMatchObject({ advertsSent: 3, priorityZeroSent: 1 });
  });
});
