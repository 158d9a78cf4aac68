import { parseKeepalivedConfig } from '@keepfleet/config';
import { describe, expect, it } from 'vitest';
import { type OverrideChange, nodeSettings } from '../settings/index.ts';
import { configuredValue, refusalOf } from './changes.ts';

const text = `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 1
  priority 150
  virtual_ipaddress { 198.51.100.15/24 }
}
virtual_server 198.51.100.15 80 {
  protocol TCP
  real_server 192.168.1.10 80 { weight 3 }
}
`
  .replaceAll('{ ', '{\n')
  .replaceAll(' }', '\n}');
const settings = nodeSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
const service = 'tcp/198.51.100.15:80';
const weight = (name: string, realServer: string): OverrideChange => ({
  kind: 'real-server-weight',
  service: name,
  realServer,
  weight: 0,
});

describe('a change', () => {
  it.each<[string, OverrideChange, string]>([
    ['an instance', { kind: 'vrrp-priority', instance: 'VI_9', priority: 1 }, 'VI_1'],
    ['a service', weight('tcp/192.0.2.1:80', '192.168.1.10:80'), service],
    ['a real server', weight(service, '192.168.1.99:80'), '192.168.1.10:80'],
    ['an address', { kind: 'drain-server', address: 'web1', port: 0 }, 'web1'],
  ])('is refused for %s that is not there, with what is', (_, change, named) => {
    expect(refusalOf(change, settings)).toContain(named);
    if (change.kind !== 'drain-server') expect(configuredValue(change, settings)).toBeUndefined();
  });

  it('finds what the configuration says of the same thing', () => {
    const priority: OverrideChange = { kind: 'vrrp-priority', instance: 'VI_1', priority: 1 };
    expect(refusalOf(priority, settings)).toBeUndefined();
    expect(configuredValue(priority, settings)).toEqual({ ...priority, priority: 150 });
    expect(configuredValue(weight(service, '192.168.1.10:80'), settings)).toMatchObject({ weight: 3 });
  });
});
