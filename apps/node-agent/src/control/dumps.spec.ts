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

const PROCESSES = `vrrp_track_process P {
 process sleep 3600 1
 param_match initial
 quorum 2
 quorum_max 3
 delay 0.5
 weight 5 reverse
}
vrrp_track_process Q {
 process /bin/d
}
`;

/** `running`: how many processes of P there are. */
function made(globals = '', more = '', running = 2) {
  const file = more === '' ? FILE : FILE.replace('virtual_router_id', 'track_process {\n  P\n }\n virtual_router_id');
  const { config } = parseKeepalivedConfig({ file: 'k', text: `global_defs {\n${globals}\n}\n${more}${file}` });
  const node = new VrrpNode();
  node.handle({ kind: 'configure', settings: vrrpSettings(config) }, instant(1_000_000));
  node.handle({ kind: 'tracker', tracker: 'process', name: 'P', state: 'up', value: running }, instant(1_000_000));
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
          vroutes: ['prepend 10.0.0.0/8 via inet 192.0.2.254 dev eth0 proto 18'],
          script_master: "'/bin/m' 'a'",
          auth_type: 1,
        },
        stats: { advert_rcvd: 0, auth_ext_replay: 0, pri_zero_sent: 0 },
      },
    ]);
    expect(text).not.toContain('s3cret');
  });

  it('are an object in version 2, which has the tracked processes too, where there are any', () => {
    const { config, snapshot } = made('json_version 2');
    expect(Object.keys(JSON.parse(jsonDump(config, snapshot)) as object)).toEqual(['vrrp']);
    const tracked = made('json_version 2', PROCESSES);
    expect(JSON.parse(jsonDump(tracked.config, tracked.snapshot))).toMatchObject({
      vrrp: [{ data: { track_process: ['sleep'] } }],
      track_process: [
        {
          process: 'sleep',
          parameters: '3600 1',
          param_match: 'initial',
          min_processes: 2,
          max_processes: 3,
          current_processes: 2,
          have_quorum: true,
          weight: -5,
          terminate_delay: 0.5,
          fork_delay: 0.5,
          fork_delay_timer_running: false,
          terminate_delay_timer_running: false,
          full_command: false,
        },
        { process: '/bin/d', param_match: 'none', min_processes: 1, current_processes: 0, have_quorum: false },
      ],
    });
  });

  it.each([
    ['too few', 1, { fork_delay_timer_running: false, terminate_delay_timer_running: true }],
    ['too many', 4, { fork_delay_timer_running: true, terminate_delay_timer_running: false }],
  ])('tell of the delay that runs with %s processes', (_, value, timers) => {
    const { config, snapshot } = made('json_version 2', PROCESSES, value);
    const { track_process: processes } = JSON.parse(jsonDump(config, snapshot)) as { track_process: object[] };
    expect(processes[0]).toMatchObject({ current_processes: value, have_quorum: true, ...timers });
  });

  it('are text for people', () => {
    const { config, snapshot } = made();
    expect(stateDump(config, snapshot)).toContain('   State = FAULT\n');
    expect(stateDump(config, snapshot)).toContain('     192.0.2.7/24 dev eth0 scope global\n');
    expect(stateDump(config, snapshot)).not.toContain('s3cret');
    expect(statsDump(snapshot)).toMatch(/^VRRP Instance: V\n {2}Advertisements:\n {4}Received: 0\n/);
  });
});
