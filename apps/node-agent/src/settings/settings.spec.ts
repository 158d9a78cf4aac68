import { parseKeepalivedConfig } from '@keepfleet/config';
import { Balancer, destinationKey } from '@keepfleet/ipvs';
import { instant } from '@keepfleet/machine';
import { checkSettings } from '@keepfleet/vrrp';
import { describe, expect, it } from 'vitest';
import { type Override, type OverrideChange, applyOverrides, nodeSettings } from './index.ts';

function settingsOf(text: string) {
  return nodeSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
}

const router = (name: string, vrid: number, inner = '') =>
  `vrrp_instance ${name} {\n interface eth0\n virtual_router_id ${vrid}\n virtual_ipaddress {\n 192.0.2.${vrid}\n }\n ${inner}\n}\n`;
const service = (inner = '', real = '') =>
  `virtual_server 198.51.100.15 80 {\n protocol TCP\n ${inner}\n real_server 192.168.1.10 80 {\n ${real}\n }\n real_server 192.168.1.11 80 {\n }\n}\n`;

describe('settings of the vrrp process', () => {
  it('carry track groups and what is in them', () => {
    const statics =
      'static_ipaddress {\n 203.0.113.7/24 dev eth1 track_group G\n}\nstatic_rules {\n from 203.0.113.0/24 table 7 priority 9 track_group G\n}\n';
    const { vrrp } = settingsOf(`${router('VI_1', 1)}${statics}track_group G {\n group {\n VI_1\n }\n}\n`);
    expect(vrrp).toMatchObject({
      trackGroups: [{ name: 'G', instances: ['VI_1'] }],
      staticAddresses: [{ trackGroup: 'G' }],
      staticRouting: [{ kind: 'rule', text: 'from 203.0.113.0/24 table 7 priority 9', trackGroup: 'G' }],
    });
  });

  it.each([
    ['garp_extra_if 60\n use_vmac', undefined],
    ['garp_extra_if 60', undefined],
    ['garp_extra_if 60\n use_vmac\n vmac_xmit_base', ['vrrp.1']],
    ['garp_extra_if all 60', ['eth1']],
    ['garp_extra_if all 60\n use_vmac', ['eth1']],
  ])('with %s announce besides on %j, where no adverts come from', (lines, interfaces) => {
    const excluded = 'virtual_ipaddress_excluded {\n 203.0.113.1 dev eth1\n }';
    const [instance] = settingsOf(router('VI_1', 1, `${excluded}\n ${lines}`)).vrrp.instances;
    expect(instance?.garp.extra).toEqual(interfaces === undefined ? undefined : { interval: 60_000_000, interfaces });
  });

  it('carry an instance with all it has', () => {
    const { vrrp } = settingsOf(`global_defs {
      vrrp_startup_delay 1.5
      log_unknown_vrids
    }
    vrrp_instance VI_1 {
      state MASTER
      interface eth2
      virtual_router_id 1
      priority 150
      advert_int 2
      authentication {
        auth_type PASS
        auth_pass secret
      }
      dont_track_primary
      track_interface {
        eth0
        eth1 weight -20 reverse
      }
      garp_master_delay 1
      virtual_ipaddress {
        198.51.100.15/24 brd + dev eth0 label eth0:v scope link
      }
      virtual_ipaddress_excluded {
        2001:db8::15/64 dev eth0
      }
    }`);
    expect(checkSettings(vrrp)).toMatchObject({ ok: true });
    expect(vrrp).toEqual({
      startupDelay: 1_500_000,
      logUnknownVrids: true,
      instances: [
        {
          name: 'VI_1',
          version: 2,
          family: 'ipv4',
          vrid: 1,
          interface: 'eth2',
          priority: 150,
          standing: 'normal',
          advertInterval: 2_000_000,
          downTimerAdverts: 3,
          auth: { type: 'password', password: 'secret' },
          addresses: [
            {
              address: '198.51.100.15',
              prefix: 24,
              interface: 'eth0',
              advertised: true,
              broadcast: '198.51.100.255',
              label: 'eth0:v',
              scope: 253,
            },
            { address: '2001:db8::15', prefix: 64, interface: 'eth0', advertised: false, scope: 0 },
          ],
          trackInterfaces: [{ name: 'eth0' }, { name: 'eth1', weight: -20, reverse: true }],
          dontTrackPrimary: true,
          preempt: true,
          preemptDelay: 0,
          garp: {
            delay: 1_000_000,
            repeat: 5,
            refresh: 0,
            refreshRepeat: 1,
            lowerPrioDelay: 5_000_000,
            lowerPrioRepeat: 5,
            interval: 0,
            gnaInterval: 0,
          },
          startState: 'master',
          mcastGroup: '224.0.0.18',
          skipCheckAdvAddr: false,
          lowerPrioNoAdvert: false,
          higherPrioSendAdvert: false,
          v3ChecksumAsV2: false,
          ownerIgnoreAdverts: false,
          accept: true,
        },
      ],
    });
  });

  it('have peers instead of a source for the group', () => {
    const { vrrp } = settingsOf(
      router('A', 1, 'unicast_src_ip 192.0.2.7\n unicast_ttl 9\n unicast_peer {\n 192.0.2.8 min_ttl 254\n }') +
        router('B', 2, 'mcast_src_ip 192.0.2.7'),
    );
    expect(vrrp.instances).toMatchObject([
      {
        unicast: {
          source: '192.0.2.7',
          peers: [{ address: '192.0.2.8', minTtl: 254, maxTtl: 255 }],
          ttl: 9,
          checkSource: false,
        },
      },
      { mcastSource: '192.0.2.7' },
    ]);
    expect(vrrp.instances[0]).not.toHaveProperty('mcastSource');
    expect(vrrp.instances[1]).not.toHaveProperty('unicast');
  });

  it('give the members of a group its interfaces, and weights only where the group wants them', () => {
    const members = router('A', 1, 'track_interface {\n eth1\n eth2 weight 10\n }') + router('B', 2);
    const group = (inner: string) =>
      `vrrp_sync_group G {\n group {\n A\n B\n }\n track_interface {\n eth1\n eth9\n }\n ${inner}\n}\n`;
    const tracked = (text: string) =>
      settingsOf(text).vrrp.instances.map(({ trackInterfaces }) => trackInterfaces.map(({ name }) => name));
    expect(tracked(members)).toEqual([['eth1', 'eth2'], []]);
    expect(tracked(members + group(''))).toEqual([
      ['eth1', 'eth9'],
      ['eth1', 'eth9'],
    ]);
    expect(tracked(members + group('sync_group_tracking_weight'))).toEqual([
      ['eth1', 'eth2', 'eth9'],
      ['eth1', 'eth9'],
    ]);
    expect(settingsOf(members + group('')).vrrp.instances[1]?.syncGroup).toBe('G');
  });
});

describe('settings of the bfd process', () => {
  it('carry how the kernel is to run it, from keywords of its own', () => {
    const { bfd, vrrp } = settingsOf(`global_defs {
      bfd_process_name our-bfd
      bfd_priority -3
      bfd_no_swap
      bfd_rt_priority 7
      bfd_rlimit_rttime 20000
      bfd_cpu_affinity 0 1
      max_auto_priority 9
    }
    bfd_instance a {
      neighbor_ip 192.0.2.2
    }`);
    const automatic = { highest: 9, lateness: 1_000_000 };
    expect(bfd.scheduling).toEqual({
      processName: 'our-bfd',
      nice: -3,
      noSwap: true,
      realTime: 7,
      realTimeLimit: 20_000,
      cpus: [0, 1],
      automatic,
    });
    expect(vrrp.scheduling).toEqual({ automatic });
  });

  it('say nothing where the configuration does not', () => {
    expect(settingsOf('bfd_instance a {\n neighbor_ip 192.0.2.2\n}\n').bfd).not.toHaveProperty('scheduling');
  });
});

describe('settings of the lvs process', () => {
  it.each([
    ['', 5_000_000],
    ['snmp_vs_stats_update_interval 10', 10_000_000],
    ['snmp_vs_stats_update_interval 10\n snmp_rs_stats_update_interval 0.5', 500_000],
  ])('have the age that statistics may have: %j', (inner, age) => {
    expect(settingsOf(`global_defs {\n ${inner}\n}\n`).lvs.policy.statisticsAge).toBe(age);
  });

  it('carry a service with all it has', () => {
    const { lvs } = settingsOf(
      service(
        'delay_loop 10\n lb_algo sh\n sh-port\n lb_kind DR\n persistence_timeout 50\n persistence_granularity 24\n quorum 2\n hysteresis 1\n sorry_server 192.168.1.99 80\n retry 4\n alpha\n virtualhost v.example\n snmp_name web',
        'weight 3\n delay_loop 5\n HTTP_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 3\n }\n TCP_CHECK {\n }\n MISC_CHECK {\n misc_path /bin/true\n }',
      ),
    );
    expect(lvs.virtualServers).toMatchObject([
      {
        key: 'tcp/198.51.100.15:80',
        target: { kind: 'address', address: '198.51.100.15', port: 80 },
        protocol: 'tcp',
        scheduler: 'sh',
        flags: { flag1: false, flag2: true, flag3: false },
        forwarding: { kind: 'dr' },
        persistence: { timeout: 50, granularity: 24, engine: null },
        delayLoop: 10_000_000,
        retry: 4,
        delayBeforeRetry: null,
        connectTimeout: 5_000_000,
        quorum: 2,
        hysteresis: 1,
        alpha: true,
        virtualHost: 'v.example',
        snmpName: 'web',
        sorryServer: { key: '192.168.1.99:80', forwarding: { kind: 'dr' }, inhibit: false },
        realServers: [
          {
            key: '192.168.1.10:80',
            weight: 3,
            configuredWeight: 3,
            forwarding: { kind: 'dr' },
            retry: null,
            delayLoop: 5_000_000,
            checkers: [
              {
                kind: 'http',
                schedule: {
                  delayLoop: 5_000_000,
                  retry: 4,
                  delayBeforeRetry: 3_000_000,
                  warmup: 5_000_000,
                  alpha: true,
                },
                connection: { address: '192.168.1.10', port: 80, connectTimeout: 3_000_000, bindAddress: null },
                virtualHost: 'v.example',
                tls: null,
                urls: [{ path: '/', virtualHost: null, statusCodes: [{ first: 200, last: 200 }], digest: null }],
              },
              { kind: 'tcp', connection: { connectTimeout: 5_000_000 } },
              { kind: 'misc', argv: ['/bin/true'], user: null, timeout: 5_000_000, dynamic: false, secure: false },
            ],
          },
          { key: '192.168.1.11:80', weight: 1, checkers: [] },
        ],
      },
    ]);
  });

  it('survive their way through JSON unchanged', () => {
    const settings = settingsOf(router('A', 1) + service('', 'TCP_CHECK {\n }'));
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
  });

  it('carry where what the kernel may refuse is written', () => {
    const places = (text: string) => settingsOf(text).lvs.kernel.places;
    expect(places('global_defs {\n lvs_timeouts tcp 9\n lvs_sync_daemon eth1\n}\n')).toEqual({
      timeouts: expect.stringMatching(/:2$/) as string,
      syncDaemon: expect.stringMatching(/:3$/) as string,
    });
    expect(places(router('A', 1).replace('{', '{\n lvs_sync_daemon_interface eth1'))).toEqual({
      timeouts: null,
      syncDaemon: expect.stringMatching(/:\d+$/) as string,
    });
    expect(places(router('A', 1))).toBeUndefined();
  });

  it('have marks of a group for the family of each of its virtual servers', () => {
    const group = (name: string, ...members: readonly string[]) =>
      `virtual_server_group ${name} {\n ${members.join('\n ')}\n}\n`;
    const one = (name: string, server: string) =>
      `virtual_server group ${name} {\n lvs_method DR\n real_server ${server} 80 {\n }\n}\n`;
    const { lvs } = settingsOf(
      group('both', 'fwmark 5') +
        one('both', '192.0.2.1') +
        one('both', '2001:db8::1') +
        group('six', 'fwmark 6', 'fwmark 7 inet6') +
        one('six', '2001:db8::2'),
    );
    const balancer = new Balancer();
    balancer.handle({ kind: 'table', services: [] }, instant(0));
    balancer.handle({ kind: 'configure', settings: lvs }, instant(0));
    const table = [...(balancer.table ?? [])].map(([key, { destinations }]) => [
      key,
      ...destinations.map(destinationKey),
    ]);
    expect(table).toEqual([
      ['fwmark/5', '192.0.2.1:0'],
      ['fwmark/5/ipv6', '[2001:db8::1]:0'],
      ['fwmark/6/ipv6', '[2001:db8::2]:0'],
      ['fwmark/7/ipv6', '[2001:db8::2]:0'],
    ]);
  });

  it('carry groups and tunnels', () => {
    const { lvs } = settingsOf(
      `virtual_server_group g {\n 192.0.2.1 80\n 192.0.2.8-9 80\n fwmark 5\n}\n${service('lb_kind TUN type gue port 5555').replace('198.51.100.15 80', 'group g')}`,
    );
    expect(lvs.groups).toEqual([
      {
        name: 'g',
        members: [
          { kind: 'address', address: '192.0.2.1', port: 80 },
          { kind: 'range', first: '192.0.2.8', last: '192.0.2.9', port: 80 },
          { kind: 'fwmark', fwmark: 5 },
        ],
      },
    ]);
    expect(lvs.virtualServers[0]).toMatchObject({
      key: 'group/g',
      target: { kind: 'group', name: 'g', family: 'ipv4' },
      forwarding: { kind: 'tun', tunnel: { type: 'gue', port: 5555, checksum: 'nocsum' } },
    });
  });

  it('know IPv6 marks from IPv4 ones', () => {
    const { lvs } = settingsOf('virtual_server fwmark 7 {\n real_server 2001:db8::1 80 {\n }\n}\n');
    expect(lvs.virtualServers[0]).toMatchObject({
      key: 'fwmark/7/ipv6',
      target: { kind: 'fwmark', fwmark: 7, family: 'ipv6' },
    });
  });
});

describe('overrides', () => {
  const settings = settingsOf(router('A', 1, 'priority 150') + router('B', 2) + service());
  let count = 0;
  const override = (change: OverrideChange): Override => ({
    id: `o${++count}`,
    source: 'local',
    actor: 'operator',
    reason: 'test',
    at: '2026-01-01T00:00:00Z',
    change,
  });
  const apply = (...changes: OverrideChange[]) => applyOverrides(settings, changes.map(override));
  const priorities = (result: ReturnType<typeof apply>) =>
    result.settings.vrrp.instances.map(({ priority, standing }) => `${priority} ${standing}`);
  const weights = (result: ReturnType<typeof apply>) =>
    result.settings.lvs.virtualServers.flatMap(({ realServers }) => realServers.map(({ weight }) => weight));

  it('change one priority, one preemption, one weight', () => {
    const result = apply(
      { kind: 'vrrp-priority', instance: 'A', priority: 1 },
      { kind: 'vrrp-preempt', instance: 'B', preempt: false },
      { kind: 'real-server-weight', service: 'tcp/198.51.100.15:80', realServer: '192.168.1.10:80', weight: 0 },
    );
    expect(priorities(result)).toEqual(['1 normal', '100 normal']);
    expect(result.settings.vrrp.instances.map(({ preempt }) => preempt)).toEqual([true, false]);
    expect(weights(result)).toEqual([0, 1]);
    expect(result.settings.lvs.virtualServers[0]?.realServers).toMatchObject([
      { configuredWeight: 1, weightIsSet: true },
      { configuredWeight: 1, weightIsSet: false },
    ]);
    expect(result.withoutEffect).toEqual([]);
  });

  it('leave the settings they are applied to as they are', () => {
    apply({ kind: 'drain-node' }, { kind: 'drain-server', address: '192.168.1.10', port: 0 });
    expect(priorities({ settings, withoutEffect: [] })).toEqual(['150 normal', '100 normal']);
    expect(weights({ settings, withoutEffect: [] })).toEqual([1, 1]);
  });

  it('drain a node as a last resort, whatever priority is set meanwhile', () => {
    const result = apply({ kind: 'drain-node' }, { kind: 'vrrp-priority', instance: 'A', priority: 200 });
    expect(priorities(result)).toEqual(['1 last-resort', '1 last-resort']);
  });

  it.each([
    ['192.168.1.10', 0, [0, 1]],
    ['192.168.1.10', 80, [0, 1]],
    ['192.168.1.11', 80, [7, 0]],
  ])('drain the server %s port %i in every service', (address, port, expected) => {
    const result = apply(
      { kind: 'drain-server', address, port },
      { kind: 'real-server-weight', service: 'tcp/198.51.100.15:80', realServer: '192.168.1.10:80', weight: 7 },
    );
    expect(weights(result)).toEqual(expected);
  });

  it('know a drained IPv6 server by any spelling of its address', () => {
    const ipv6 = settingsOf('virtual_server 2001:db8::15 80 {\n protocol TCP\n real_server fd00::10 80 {\n }\n}\n');
    const result = applyOverrides(ipv6, [override({ kind: 'drain-server', address: 'FD00:0::0010', port: 0 })]);
    expect(weights(result)).toEqual([0]);
  });

  it.each<OverrideChange>([
    { kind: 'vrrp-priority', instance: 'C', priority: 1 },
    { kind: 'vrrp-preempt', instance: 'C', preempt: true },
    { kind: 'real-server-weight', service: 'udp/198.51.100.15:80', realServer: '192.168.1.10:80', weight: 0 },
    { kind: 'drain-server', address: '192.168.1.10', port: 81 },
    { kind: 'drain-server', address: 'nowhere', port: 0 },
  ])('that name nothing are given back: %j', (change) => {
    const result = apply(change);
    expect(result.withoutEffect.map((found) => found.change)).toEqual([change]);
    expect(result.settings).toEqual(settings);
  });
});
