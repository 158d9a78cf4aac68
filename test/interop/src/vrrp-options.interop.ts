import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, it } from 'vitest';
import { Lab, STANDALONE, sh } from './vrrp-stand.ts';

// promote_secondaries and garp_group of our vrrp process, by what the kernel has and what is on the wire.

const DEADLINE = 60_000;

const labs: Lab[] = [];
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.close()));
});

function lab(): Lab {
  const made = new Lab();
  labs.push(made);
  return made;
}

function started(on: Lab, conf: string) {
  const [file, run] = [join(on.directory, 'keepalived.conf'), join(on.directory, 'run')];
  mkdirSync(run);
  writeFileSync(file, conf);
  return on.start('ours', 'ours.log', process.execPath, STANDALONE, '--run-dir', run, file);
}

const has = (on: Lab, address: string) =>
  waitFor(() => on.addresses('ours').includes(address), {
    deadline: DEADLINE,
    what: `${address}: ${on.log('ours.log')}`,
  });

it('promote_secondaries keeps the second address of a network when somebody removes the first, and is taken back', async () => {
  const on = lab();
  const setting = () =>
    sh('ip', 'netns', 'exec', on.namespace('ours'), 'cat', '/proc/sys/net/ipv4/conf/eth0/promote_secondaries').trim();
  on.sysctl('ours', 'net/ipv4/conf/eth0/promote_secondaries', '0');
  const running = started(
    on,
    `vrrp_instance V {
  interface eth0
  virtual_router_id 51
  advert_int 0.2
  version 3
  promote_secondaries
  virtual_ipaddress {
    198.51.100.14/24
    198.51.100.15/24
  }
}
`,
  );
  await has(on, '198.51.100.15');
  assert.equal(setting(), '1');
  on.ip('ours', 'addr', 'del', '198.51.100.14/24', 'dev', 'eth0');
  await waitFor(() => on.log('ours.log').includes('vrrp.address-restored'), { deadline: DEADLINE, what: 'the repair' });
  const missing = on
    .log('ours.log')
    .split('\n')
    .filter((line) => line.includes('vrrp.address-missing'));
  assert.equal(missing.length, 1);
  assert.match(missing[0] ?? '', /198\.51\.100\.14/);
  const exit = once(running, 'exit');
  running.kill('SIGTERM');
  await exit;
  assert.equal(setting(), '0');
});

it('garp_group has one gap between the announcements of two interfaces', async () => {
  const on = lab();
  const [space, lan] = [on.namespace('ours'), on.namespace('lan')];
  sh('ip', 'link', 'add', 'eth1', 'netns', space, 'type', 'veth', 'peer', 'name', 'second', 'netns', lan);
  on.ipLan('link', 'set', 'second', 'master', 'br0', 'up');
  on.ip('ours', 'link', 'set', 'eth1', 'up');
  on.ip('ours', 'addr', 'add', '203.0.113.1/24', 'dev', 'eth1');
  const captured = await on.capture('lan.pcap', 'arp');
  const instance = (name: string, device: string, vrid: number) => `vrrp_instance ${name} {
  interface ${device}
  virtual_router_id ${vrid}
  version 3
  advert_int 0.2
  garp_master_delay 0
  garp_master_repeat 3
  virtual_ipaddress {
    198.51.100.${vrid}/24
  }
}
`;
  started(
    on,
    `garp_group {
  garp_interval 0.5
  interfaces {
    eth0
    eth1
  }
}
${instance('V', 'eth0', 51)}${instance('W', 'eth1', 52)}`,
  );
  const sent = () => {
    const fields = ['-T', 'fields', '-e', 'frame.time_relative', '-e', 'arp.src.proto_ipv4'];
    const text = sh('tshark', '-r', join(on.directory, 'lan.pcap'), '-Y', 'arp.isgratuitous', ...fields).trim();
    return text
      .split('\n')
      .map((line) => line.split('\t'))
      .filter(([, address = '']) => address.startsWith('198.51.100.'));
  };
  const frames = await waitFor(() => (sent().length >= 6 ? sent() : undefined), {
    deadline: DEADLINE,
    what: `six gratuitous ARPs: ${on.log('ours.log')}`,
    every: 500,
  });
  await captured();
  const times = frames.map(([at]) => Number(at));
  // A process that is held up between its clock and its packet may shorten a gap, but not to nothing.
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
  assert(
    gaps.every((gap) => gap > 0.25),
    gaps.join(),
  );
  assert.deepEqual(frames.map(([, address]) => address).sort(), [
    ...new Array<string>(3).fill('198.51.100.51'),
    ...new Array<string>(3).fill('198.51.100.52'),
  ]);
});
