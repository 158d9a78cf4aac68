import { tryRead, unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { readLink } from './link.ts';

describe('a link', () => {
  it('is read with its flags, address and kind', () => {
    const payload = unhex(
      '00000100' + // unspecified family, Ethernet
        '02000000' +
        '43100100' + // UP BROADCAST RUNNING MULTICAST LOWER_UP
        '00000000' +
        '0900030065746830 00000000' +
        '05001000 06000000' +
        '08000400 dc050000' +
        '08000500 05000000' +
        '0a000100 020000000001 0000' +
        '0c001280 0800010076657468',
    );
    expect(tryRead(payload, readLink)).toEqual({
      ok: true,
      value: {
        index: 2,
        name: 'eth0',
        up: true,
        lowerUp: true,
        running: true,
        operational: 'up',
        loopback: false,
        pointToPoint: false,
        multicast: true,
        arp: true,
        mac: '02:00:00:00:00:01',
        mtu: 1500,
        lower: 5,
        master: undefined,
        kind: 'veth',
      },
    });
  });

  it('without carrier is up but not running', () => {
    const link = tryRead(unhex('00000100020000000310000000000000' + '0500100002000000'), readLink);
    expect(link).toMatchObject({ ok: true, value: { up: true, lowerUp: false, running: false, operational: 'down' } });
  });

  it('refuses a cut header', () => {
    expect(tryRead(unhex('0000010002000000'), readLink).ok).toBe(false);
  });
});
