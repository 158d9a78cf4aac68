import { constants } from 'node:os';
import type { Operation, OptionOperation } from '@keepfleet/ipvs';
import { LinuxError } from '@keepfleet/linux';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { optionRefusalText, refusalText } from './refusal-text.ts';

// What a real kernel refuses is in test/interop; EBUSY is none of its answers to a change (ip_vs of 6.1 has no such number).

const service = { kind: 'address', protocol: 'tcp', address: ip('198.51.100.15'), port: 80 } as const;
const server = (address: string): Operation => ({
  kind: 'create-destination',
  service,
  destination: {
    key: address,
    address: ip(address),
    port: 80,
    forwarding: { kind: 'nat' },
    weight: 1,
    upperThreshold: 5,
    lowerThreshold: 10,
  },
});
const daemon: OptionOperation = { kind: 'stop-daemon', daemon: { state: 'master', interface: 'eth1', syncId: 7 } };

const error = (code: keyof typeof constants.errno, detail = 'the change') =>
  new LinuxError({ call: 'netlink', errno: constants.errno[code], detail });

describe('what the kernel refuses', () => {
  it.each([
    ['EINVAL', '192.0.2.255', /broadcast/],
    ['EINVAL', 'fd00::1', /other family/],
    ['ERANGE', '192.0.2.1', /lthreshold 10 must not be above uthreshold 5/],
    ['EBUSY', '192.0.2.1', /tried again/],
    ['ENOMEM', '192.0.2.1', /no memory.*tried again/],
    ['EAFNOSUPPORT', 'fd00::1', /CONFIG_IP_VS_IPV6/],
    ['EIO', '192.0.2.1', /tried again/],
  ] as const)('is told by %s, its own words and what to do', (code, address, advice) => {
    const text = refusalText(server(address), error(code, 'add server: the words of the kernel'));
    expect(text).toMatch(new RegExp(`${code} .add server: the words of the kernel.`));
    expect(text).toMatch(advice);
  });

  it('is told so also of a server that goes, and of what IPVS has once', () => {
    const { destination } = server('192.0.2.1') as Extract<Operation, { kind: 'create-destination' }>;
    expect(refusalText({ kind: 'delete-destination', service, destination }, error('EBUSY'))).toMatch(/EBUSY.*again/);
    expect(optionRefusalText(daemon, error('EBUSY'))).toMatch(/EBUSY.*again/);
  });
});
