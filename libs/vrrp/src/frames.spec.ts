import { type MacAddress, hex, ip, parseMac } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { gratuitousArp, neighbourAdvertisement } from './index.ts';

function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

const own = mac('02:00:00:00:00:01');

// tcpdump of Debian keepalived 2.2.7, 2026-11-22.
describe('an announcement', () => {
  it('of an IPv4 address is the frame that keepalived sends', () => {
    expect(hex(gratuitousArp(own, ip('198.51.100.15')))).toBe(
      'ffffffffffff02000000000108060001080006040001020000000001c633640fffffffffffffc633640f',
    );
  });

  it.each([
    [
      'fe80::1:15',
      '33330000000102000000000186dd6000000000203afffe800000000000000000000000010015ff0200000000000000000000000000018800577120000000fe8000000000000000000000000100150201020000000001',
    ],
    [
      '2001:db8::15',
      '33330000000102000000000186dd6000000000203aff20010db8000000000000000000000015ff0200000000000000000000000000018800f9022000000020010db80000000000000000000000150201020000000001',
    ],
  ])('of %s is the frame that keepalived sends', (address, frame) => {
    expect(hex(neighbourAdvertisement(own, ip(address), false))).toBe(frame);
  });

  it('of a router says that it is one', () => {
    expect(hex(neighbourAdvertisement(own, ip('fe80::1:15'), true)).slice(108, 124)).toMatch(/^8800....a0000000$/);
  });
});
