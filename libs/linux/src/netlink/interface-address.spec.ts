import { hex, ip, tryRead, unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { encodeAddress, readAddress } from './interface-address.ts';

describe('interface addresses', () => {
  it('are encoded as `ip address add 192.0.2.15/24 broadcast 192.0.2.255 label eth0:1 dev 2` does', () => {
    const payload = encodeAddress({
      interface: 2,
      address: ip('192.0.2.15'),
      prefix: 24,
      broadcast: ip('192.0.2.255'),
      label: 'eth0:1',
    });
    expect(hex(payload)).toBe(
      '02180000' +
        '02000000' +
        '08000200c000020f' +
        '08000100c000020f' +
        '08000400c00002ff' +
        '0b000300657468303a310000',
    );
  });

  it('carry IPv6 flags in 32 bits and lifetimes', () => {
    const payload = encodeAddress({
      interface: 3,
      address: ip('2001:db8::15'),
      prefix: 128,
      noDad: true,
      noPrefixRoute: true,
      preferredLifetime: 0,
    });
    expect(hex(payload).slice(16 + 80)).toBe('14000600' + '00000000ffffffff' + '0'.repeat(16) + '0800080002020000');
  });

  it('of a point-to-point link know both ends', () => {
    const address = { interface: 2, address: ip('192.0.2.1'), prefix: 32, peer: ip('192.0.2.2') };
    expect(tryRead(encodeAddress(address), readAddress)).toMatchObject({ ok: true, value: address });
  });

  it('are read with the flags of the kernel', () => {
    // RTM_NEWADDR of a link-local address in duplicate address detection
    const payload = unhex(
      '0a40c0fd02000000' +
        '14000100fe80000000000000d4e0e1fffe0dd9e7' +
        '08000800c0000000' +
        '14000600' +
        'ff'.repeat(16),
    );
    expect(tryRead(payload, readAddress)).toEqual({
      ok: true,
      value: {
        interface: 2,
        address: 'fe80::d4e0:e1ff:fe0d:d9e7',
        prefix: 64,
        peer: undefined,
        broadcast: undefined,
        label: undefined,
        scope: 'link',
        tentative: true,
        dadFailed: false,
        deprecated: false,
        permanent: true,
      },
    });
  });

  it.each([
    ['no address', '0218000002000000'],
    ['an address of five bytes', '02180000020000000900020001020304050000000'.slice(0, -1)],
    ['a cut header', '021800'],
  ])('refuse %s', (_, bytes) => {
    expect(tryRead(unhex(bytes), readAddress).ok).toBe(false);
  });
});
