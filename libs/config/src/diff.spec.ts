import { describe, expect, it } from 'vitest';
import { diffConfigs, isEmptyDiff, parseKeepalivedConfig } from './index.ts';

const config = (text: string) => parseKeepalivedConfig({ file: 'k.conf', text }).config;
const router = (name: string, vrid: number, more = '') =>
  `vrrp_instance ${name} {\n interface eth0\n virtual_router_id ${vrid}\n ${more}\n virtual_ipaddress {\n 192.0.2.${vrid}\n }\n}\n`;
const service = (servers: readonly [string, number][], more = '') =>
  `virtual_server 192.0.2.1 80 {\n protocol TCP\n ${more}\n${servers
    .map(([address, weight]) => ` real_server ${address} 80 {\n weight ${weight}\n }\n`)
    .join('')}}\n`;

describe('the difference of two configurations', () => {
  it('is empty when only lines have moved', () => {
    const text = router('A', 1) + service([['192.0.2.10', 1]]);
    const diff = diffConfigs(config(text), config(`# moved\n\n${text}`));
    expect(isEmptyDiff(diff)).toBe(true);
  });

  it('names instances that come, go and change, with their fields', () => {
    const before = config(router('A', 1) + router('B', 2));
    const after = config(router('B', 2, 'priority 50\n advert_int 2') + router('C', 3));
    const diff = diffConfigs(before, after);
    expect(diff.vrrpInstances).toEqual({
      added: ['C'],
      removed: ['A'],
      changed: [{ name: 'B', fields: ['priority', 'advertInterval'] }],
    });
    expect(isEmptyDiff(diff)).toBe(false);
  });

  it('names real servers of a changed service', () => {
    const before = config(
      service([
        ['192.0.2.10', 1],
        ['192.0.2.11', 1],
      ]),
    );
    const after = config(
      service(
        [
          ['192.0.2.10', 5],
          ['192.0.2.12', 1],
        ],
        'lb_algo rr',
      ),
    );
    expect(diffConfigs(before, after).virtualServers.changed).toEqual([
      {
        name: 'tcp/192.0.2.1:80',
        fields: [
          'scheduler',
          'realServers[192.0.2.12:80]',
          'realServers[192.0.2.11:80]',
          'realServers[192.0.2.10:80].weight',
        ],
      },
    ]);
  });

  it('sees that a protocol makes another service', () => {
    const before = config(service([['192.0.2.10', 1]]));
    const after = config(service([['192.0.2.10', 1]]).replace('TCP', 'UDP'));
    expect(diffConfigs(before, after).virtualServers).toEqual({
      added: ['udp/192.0.2.1:80'],
      removed: ['tcp/192.0.2.1:80'],
      changed: [],
    });
  });

  it('sees a change of the order of real servers, of globals and of statics', () => {
    const before = config(
      service([
        ['192.0.2.10', 1],
        ['192.0.2.11', 1],
      ]),
    );
    const after = config(
      `global_defs {\n router_id x\n}\nstatic_routes {\n 192.0.2.0/24 dev eth0\n}\n${service([
        ['192.0.2.11', 1],
        ['192.0.2.10', 1],
      ])}`,
    );
    expect(diffConfigs(before, after)).toMatchObject({
      globalDefs: ['routerId'],
      statics: true,
      virtualServers: { changed: [{ name: 'tcp/192.0.2.1:80', fields: ['realServers'] }] },
    });
  });
});
