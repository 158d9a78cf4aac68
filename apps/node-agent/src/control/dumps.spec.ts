import { parseKeepalivedConfig } from '@keepfleet/config';
import { instant } from '@keepfleet/machine';
import { VrrpNode } from '@keepfleet/vrrp';
import { describe, expect, it } from 'vitest';
import { vrrpSettings } from '../settings/index.ts';
import { jsonDump, stateDump, statsDump } from './dumps.ts';

const FILE = `vrrp_instance V {
 interface eth0
 virtual_router_id 7
 authentication {
  auth_type PASS
  auth_pass s3cret
 }
 notify_master "/bin/m a"
 virtual_ipaddress {
  192.0.2.7/24
 }
 virtual_routes {
  10.0.0.0/8 via 192.0.2.254 dev eth0
 }
}
`;

function made(globals = '') {
  const { config } = parseKeepalivedConfig({ file: 'k', text: `global_defs {\n${globals}\n}\n${FILE}` });
  const node = new VrrpNode();
  node.handle({ kind: 'configure', settings: vrrpSettings(config) }, instant(1_000_000));
  return { config, snapshot: node.snapshot(() => 1_700_000_000_500) };
}

describe('the files that signals ask for', () => {
  it('have keepalived’s names in JSON, and no password', () => {
    const { config, snapshot } = made();
    const text = jsonDump(config, snapshot);
    expect(JSON.parse(text)).toMatchObject([
      {
        data: {
          iname: 'V',
          vrid: 7,
          state: 3,
          last_transition: 1_700_000_000.5,
          base_priority: 100,
          vips: ['192.0.2.7/24 dev eth0 scope global'],
          vroutes: ['10.0.0.0/8 via 192.0.2.254 dev eth0'],
          script_master: '/bin/m a',
          auth_type: 1,
        },
        stats: { advert_rcvd: 0, auth_ext_replay: 0, pri_zero_sent: 0 },
      },
    ]);
    expect(text).not.toContain('s3cret');
  });

  it('are an object in version 2', () => {
    const { config, snapshot } = made('json_version 2');
    expect(JSON.parse(jsonDump(config, snapshot))).toMatchObject({
      vrrp: [{ data: { iname: 'V' } }],
      track_process: [],
    });
  });

  it('are text for people', () => {
    const { config, snapshot } = made();
    expect(stateDump(config, snapshot)).toContain('   State = FAULT\n');
    expect(stateDump(config, snapshot)).toContain('     192.0.2.7/24 dev eth0 scope global\n');
    expect(stateDump(config, snapshot)).not.toContain('s3cret');
    expect(statsDump(snapshot)).toMatch(/^VRRP Instance: V\n {2}Advertisements:\n {4}Received: 0\n/);
  });
});
