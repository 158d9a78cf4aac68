import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../index.ts';

const instance = (name: string, id: number, inner: string) =>
  `vrrp_instance ${name} {\n interface eth0\n virtual_router_id ${id}\n virtual_ipaddress {\n 192.0.2.${id}\n }\n ${inner}\n}\n`;
const group = (inner = '') => `vrrp_sync_group G {\n group {\n A\n B\n }\n ${inner}\n}\n`;
const pair = (a: string, b = '', inner = '') => instance('A', 1, a) + instance('B', 2, b) + group(inner);

describe('what has no effect beside something else', () => {
  it.each([
    ['the own interface, tracked', instance('A', 1, 'track_interface {\n eth0\n }'), 'ignored', /tracks its own/],
    ['a weight in a sync group', pair('track_interface {\n eth1 weight 5\n }'), 'ignored', /has no effect in the sync/],
    [
      'an interface that both track',
      pair('track_interface {\n eth1\n }', '', 'track_interface {\n eth1\n }'),
      'duplicate',
      /tracked by the sync group G and by A/,
    ],
    ['an owner among others', pair('priority 255'), 'ignored', /none begins as master/],
    [
      'the protocol of a mark',
      'virtual_server fwmark 7 {\n protocol TCP\n real_server 192.0.2.9 80 {\n }\n}\n',
      'ignored',
      /a mark has no protocol/,
    ],
    [
      'a track group that is not there',
      'static_ipaddress {\n 192.0.2.1/24 dev eth0 track_group G\n}',
      'ignored',
      /no track_group G/,
    ],
    [
      'a track group of an instance that is not there',
      'track_group G {\n group {\n A\n }\n}',
      'ignored',
      /no vrrp_instance A/,
    ],
  ])('%s is said', (_what, text, kind, message) => {
    const found = parseKeepalivedConfig({ file: 't', text }).diagnostics.filter(
      (one) => one.kind !== 'not-implemented',
    );
    expect(found).toMatchObject([{ kind, message: expect.stringMatching(message) }]);
  });

  it.each([
    instance('A', 1, 'dont_track_primary\n track_interface {\n eth0\n }'),
    pair('track_interface {\n eth1 weight 5\n }', '', 'sync_group_tracking_weight'),
    pair('priority 255', 'priority 255'),
    `${instance('A', 1, '')}track_group G {\n group {\n A\n }\n}\nstatic_routes {\n 10.0.0.0/8 dev eth0 track_group G\n}\n`,
  ])('and nothing where it has', (text) => {
    const found = parseKeepalivedConfig({ file: 't', text }).diagnostics.filter(
      (one) => one.kind !== 'not-implemented',
    );
    expect(found).toEqual([]);
  });
});
