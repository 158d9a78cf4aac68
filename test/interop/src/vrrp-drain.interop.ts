import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, it } from 'vitest';
import { Control, Lab, OurRouter, type Variant, sh } from './vrrp-stand.ts';

// A sync group of ours that is drained while it is deaf on one of its two wires. Needs root, keepalived and nftables.

const DEADLINE = 60_000;
const variant: Variant = {
  name: 'version 3 over IPv4',
  version: 3,
  family: 'ipv4',
  advertMs: 200,
  address: '198.51.100.15',
  prefix: 24,
};
const SECOND_ADDRESS = '203.0.113.15';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A second wire, between the two alone. */
function secondWire(lab: Lab): void {
  const [ours, theirs] = [lab.namespace('ours'), lab.namespace('theirs')];
  sh('ip', 'link', 'add', 'eth1', 'netns', ours, 'type', 'veth', 'peer', 'name', 'eth1', 'netns', theirs);
  for (const [host, number] of [
    ['ours', 1],
    ['theirs', 2],
  ] as const) {
    lab.ip(host, 'addr', 'add', `10.77.0.${number}/24`, 'dev', 'eth1');
    lab.ip(host, 'link', 'set', 'eth1', 'up');
  }
}

function keepalivedConf(): string {
  const instance = (name: string, device: string, vrid: number, address: string) =>
    [
      `vrrp_instance ${name} {`,
      ...['version 3', 'state BACKUP', `interface ${device}`, `virtual_router_id ${vrid}`, 'priority 100'],
      ...['advert_int 0.2', 'virtual_ipaddress {', `${address}/24`, '}', '}'],
    ].join('\n');
  return [
    'vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}',
    instance('VI_1', 'eth0', 51, variant.address),
    instance('VI_2', 'eth1', 52, SECOND_ADDRESS),
    '',
  ].join('\n');
}

it(
  'a drained sync group that is deaf on one wire does not keep the addresses there',
  { timeout: 300_000 },
  async () => {
    const lab = new Lab();
    closers.push(() => lab.close());
    secondWire(lab);
    const router = new OurRouter(lab, variant, 150);
    const settings = (standing: 'normal' | 'last-resort') => {
      const common = { ...router.instance, syncGroup: 'G', standing, priority: standing === 'normal' ? 150 : 1 };
      const second = { address: SECOND_ADDRESS, prefix: 24, interface: 'eth1', advertised: true, scope: 0 };
      return {
        ...router.settings(common, { ...common, name: 'VI_2', vrid: 52, interface: 'eth1', addresses: [second] }),
        syncGroups: [{ name: 'G', members: ['VI_1', 'VI_2'] }],
      };
    };
    writeFileSync(router.settingsFile, JSON.stringify(settings('normal')));
    router.start();
    const link = await Control.connect(router.runDirectory);
    closers.push(() => link.close());
    const both = [variant.address, SECOND_ADDRESS];
    const has = (host: 'ours' | 'theirs', wanted: readonly string[]) => () => {
      const addresses = lab.addresses(host).filter((address) => both.includes(address));
      return addresses.join() === wanted.join();
    };
    await waitFor(has('ours', both), { deadline: DEADLINE, what: `both to be ours: ${lab.log('ours.log')}` });

    const conf = join(lab.directory, 'keepalived.conf');
    writeFileSync(conf, keepalivedConf());
    const pids = ['-p', join(lab.directory, 'ka.pid'), '-r', join(lab.directory, 'ka-vrrp.pid')];
    lab.start('theirs', 'theirs.log', 'keepalived', '-n', '-l', '-D', '-P', '-f', conf, ...pids);
    await waitFor(() => /\(VI_2\) Entering BACKUP STATE/.test(lab.log('theirs.log')), {
      deadline: DEADLINE,
      what: `keepalived to be backup: ${lab.log('theirs.log')}`,
    });
    const deaf =
      'table ip deaf { chain c { type filter hook prerouting priority 0; iifname "eth1" ip protocol 112 drop; }; }';
    sh('ip', 'netns', 'exec', lab.namespace('ours'), 'nft', deaf);

    link.send({ type: 'configure', revision: 'drained', settings: settings('last-resort') });
    link.send({ type: 'command', id: 'd', command: { kind: 'relinquish', instance: 'VI_1' } });
    await waitFor(has('theirs', both), { deadline: DEADLINE, what: 'keepalived to have both' });
    await waitFor(has('ours', []), { deadline: DEADLINE, what: `ours to have none: ${lab.log('ours.log')}` });
    assert.deepEqual(router.transitions().slice(-2), ['backup', 'backup']);
  },
);
