import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, describe, it } from 'vitest';
import { Lab, STANDALONE, sh } from './vrrp-stand.ts';

// What the kernel has after our vrrp process and after keepalived, for the same keepalived.conf. Needs root, keepalived,
// nftables.

const DEADLINE = 60_000;

const FILE = `
static_ipaddress {
  203.0.113.9/24 dev eth0
  2001:db8:9::9/64 dev eth0
}
static_routes {
  10.10.0.0/16 via 192.0.2.254 dev eth0
  blackhole 10.11.0.0/16
  2001:db8:aa::/48 via fd00::fe dev eth0
}
static_rules {
  from 10.12.0.0/16 table 50 priority 1050
}
vrrp_instance V {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 200
  advert_int 1
  virtual_ipaddress {
    192.0.2.100/24
  }
  virtual_routes {
    src 192.0.2.100 to 10.20.0.0/16 via 192.0.2.254 dev eth0
    10.21.0.0/16 via 192.0.2.254 dev eth0 metric 5 table 77 tos 0x10
    unreachable 10.22.0.0/24
    prohibit 10.23.0.0/24 table 77
    throw 10.24.0.0/24 table 77
    10.25.0.0/24 dev eth0 mtu 1400 advmss lock 1300 rtt 300ms rttvar 1200 window 1000 cwnd 20 ssthresh 30 reordering 5 hoplimit 60 initcwnd 12 initrwnd 13 quickack 1 rto_min 200 realms 1/2 features ecn congctl reno fastopen_no_cookie 1
    10.26.0.0/24 nexthop via 192.0.2.254 dev eth0 weight 2 nexthop via 192.0.2.253 dev eth0 weight 3 onlink
    2001:db8:bb::/48 via fd00::fe dev eth0 metric 7 pref high
    default via 192.0.2.254 dev eth0 table 78
    10.29.0.0/24 via 198.51.100.1 dev eth0 onlink
    10.30.0.0/24 encap ip id 5 dst 198.51.100.2 ttl 9 via 192.0.2.254 dev eth0
    2001:db8:cc::/48 nexthop via fd00::fe dev eth0 nexthop via fd00::fd dev eth0 weight 4
  }
  virtual_rules {
    from 10.40.0.0/16 table 77 priority 1001
    to 10.41.0.0/16 table 77 priority 1002 fwmark 5/0xff tos 0x10
    not from 10.42.0.0/16 iif eth0 oif eth0 table 78 priority 1003 realms 3/4
    from 2001:db8:dd::/48 table 77 priority 1004
    from all suppress_prefixlength 0 table 77 priority 1005
    from 10.43.0.0/16 blackhole priority 1006
    from 10.44.0.0/16 goto 2000 priority 1007
    from 10.45.0.0/16 nop priority 1008
    iif eth0 ipproto tcp dport 90-100 table 77 priority 1009
    uidrange 5-10 table 77 priority 1010
    suppress_ifgroup 5 table 77 priority 1012
    from 10.46.0.0/16 prohibit priority 1013
    to 10.47.0.0/16 l3mdev priority 1014
    tunnel-id 7 table 77 priority 1015
    from 10.48.0.0/16 table 79
  }
}
`;

const VIRTUAL = `
vrrp_instance V4 {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 200
  use_vmac
  no_accept
  virtual_ipaddress {
    192.0.2.100/24
  }
}
vrrp_instance V6 {
  state MASTER
  interface eth0
  virtual_router_id 53
  version 3
  priority 200
  use_vmac
  virtual_ipaddress {
    fe80::53
    2001:db8::53/64
  }
}
`;

let labs: Lab[] = [];
afterEach(async () => {
  await Promise.all(labs.map((lab) => lab.close()));
  labs = [];
});

/** One router alone: the file is given to one program. */
function alone(program: 'ours' | 'theirs', text: string) {
  const lab = new Lab();
  labs.push(lab);
  const file = join(lab.directory, 'keepalived.conf');
  const run = join(lab.directory, 'run');
  mkdirSync(run);
  writeFileSync(file, text);
  const own = [process.execPath, STANDALONE, '--run-dir', run, file];
  const pids = ['-p', join(lab.directory, 'ka.pid'), '-r', join(lab.directory, 'ka-vrrp.pid')];
  // The same addresses on the same interface, whichever program it is.
  const command = program === 'ours' ? own : ['keepalived', '-n', '-l', '-D', '-P', '-f', file, ...pids];
  return { lab, start: () => lab.start('ours', 'router.log', ...command) };
}

/** What keepalived's protocol number marks, and nothing that counts time. */
function routing(lab: Lab): string[] {
  const lines = ['-4', '-6'].flatMap((family) => [
    ...lab.ip('ours', family, 'route', 'show', 'table', 'all', 'proto', 'keepalived').split('\n'),
    ...lab
      .ip('ours', family, 'rule', 'show')
      .split('\n')
      .filter((line) => line.includes('proto keepalived')),
  ]);
  return lines.map((line) => line.replace(/\s+/g, ' ').trim()).filter((line) => line !== '');
}

function links(lab: Lab) {
  const all: unknown = JSON.parse(lab.ip('ours', '-j', '-d', 'addr', 'show'));
  assert(Array.isArray(all));
  type Shown = {
    ifname: string;
    address: string;
    flags: string[];
    inet6_addr_gen_mode: string;
    linkinfo?: { info_kind: string; info_data?: { mode?: string } };
    addr_info: { local: string; prefixlen: number; scope: string; deprecated?: boolean; nodad?: boolean }[];
  };
  return (all as Shown[])
    .filter(({ linkinfo }) => linkinfo?.info_kind === 'macvlan')
    .map(({ ifname, address, flags, inet6_addr_gen_mode: mode, linkinfo, addr_info: addresses }) => ({
      ifname,
      address,
      up: flags.includes('UP'),
      mode,
      kind: linkinfo?.info_data?.mode,
      addresses: addresses.map(({ local, prefixlen, scope, deprecated = false, nodad = false }) => ({
        local,
        prefixlen,
        scope,
        deprecated,
        nodad,
      })),
      settings: ['arp_ignore', 'arp_filter', 'accept_local', 'rp_filter', 'promote_secondaries'].map((name) =>
        sh('ip', 'netns', 'exec', lab.namespace('ours'), 'cat', `/proc/sys/net/ipv4/conf/${ifname}/${name}`).trim(),
      ),
    }));
}

const holds = (lab: Lab, address: string) =>
  waitFor(() => lab.addresses('ours').includes(address), {
    deadline: DEADLINE,
    what: `${address}: ${lab.log('router.log')}`,
  });

describe('the kernel after our vrrp process', () => {
  it('has the routes and rules that it has after keepalived, puts them back, and has none at the end', async () => {
    const [own, peer] = [alone('ours', FILE), alone('theirs', FILE)];
    const running = own.start();
    peer.start();
    await Promise.all([own, peer].map(({ lab }) => holds(lab, '192.0.2.100')));
    // Routes follow the address.
    await waitFor(() => routing(peer.lab).length > 20, { deadline: DEADLINE, what: 'routes of keepalived' });
    const wanted = routing(peer.lab);
    await waitFor(() => routing(own.lab).length === wanted.length, {
      deadline: DEADLINE,
      what: 'routes of ours',
    }).catch(() => undefined);
    assert.deepEqual(routing(own.lab), wanted, own.lab.log('router.log'));
    assert(own.lab.addresses('ours').includes('203.0.113.9'));

    own.lab.ip('ours', 'route', 'del', '10.20.0.0/16');
    own.lab.ip('ours', 'route', 'del', 'unreachable', '10.22.0.0/24');
    own.lab.ip('ours', 'rule', 'del', 'priority', '1001');
    own.lab.ip('ours', 'rule', 'del', 'priority', '1050');
    await waitFor(() => own.lab.log('router.log').split('vrrp.routing-restored').length === 5, {
      deadline: DEADLINE,
      what: 'four restored',
    });
    assert.deepEqual([...routing(own.lab)].sort(), [...wanted].sort());

    const exit = once(running, 'exit');
    running.kill('SIGTERM');
    await exit;
    assert.deepEqual(routing(own.lab), []);
    assert.deepEqual(
      own.lab.addresses('ours').filter((one) => one.startsWith('203.')),
      [],
    );
  });

  it('has the virtual interfaces that it has after keepalived, filters, and has none at the end or after a crash', async () => {
    const [own, peer] = [alone('ours', VIRTUAL), alone('theirs', VIRTUAL)];
    const running = own.start();
    peer.start();
    for (const { lab } of [own, peer]) for (const address of ['192.0.2.100', 'fe80::53']) await holds(lab, address);
    assert.deepEqual(links(own.lab), links(peer.lab));
    const rules = () => sh('ip', 'netns', 'exec', own.lab.namespace('ours'), 'nft', 'list', 'ruleset');
    assert.match(rules(), /oifname "vrrp\.51" ip protocol igmp dup to/);
    assert.match(rules(), /ip daddr 192\.0\.2\.100 drop|ip daddr \{ 192\.0\.2\.100 \} drop/);

    const filter = rules();
    assert.doesNotMatch(own.lab.log('router.log'), /somebody removed/);
    const flush = 'delete table ip keepfleet; flush chain ip6 keepfleet out';
    sh('ip', 'netns', 'exec', own.lab.namespace('ours'), 'nft', flush);
    assert.notEqual(rules(), filter);
    await waitFor(() => rules() === filter, { deadline: DEADLINE, what: 'the filter again' });
    assert.match(own.lab.log('router.log'), /somebody removed what is filtered by ip keepfleet and ip6 keepfleet:/);

    const died = once(running, 'exit');
    running.kill('SIGKILL');
    await died;
    assert.equal(links(own.lab).length, 2);
    // The configuration is another by then: nobody asks for the second one any more.
    writeFileSync(join(own.lab.directory, 'keepalived.conf'), VIRTUAL.slice(0, VIRTUAL.indexOf('vrrp_instance V6')));
    const again = own.start();
    await waitFor(() => links(own.lab).length === 1, { deadline: DEADLINE, what: 'the left-over is removed' });
    await holds(own.lab, '192.0.2.100');
    const exit = once(again, 'exit');
    again.kill('SIGTERM');
    await exit;
    assert.deepEqual(links(own.lab), []);
    assert.equal(rules().trim(), '');
  });
});
