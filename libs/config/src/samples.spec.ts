import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic, parseAgentFile, parseKeepalivedConfig } from './index.ts';

const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));

const configs = readdirSync(SAMPLES).filter((name) => name.endsWith('.conf'));

describe('the samples', () => {
  it.each(configs.flatMap((name) => ['l1', 'l2', 'l3'].map((node) => [name, node] as const)))(
    '%s has nothing to report on %s',
    (name, node) => {
      const text = readFileSync(`${SAMPLES}/${name}`, 'utf8');
      const { diagnostics } = parseKeepalivedConfig({ file: name, text, configId: node });
      expect(diagnostics.map(formatDiagnostic)).toEqual([]);
    },
  );

  it('give the lab its priorities, addresses and services', () => {
    const text = readFileSync(`${SAMPLES}/lab.conf`, 'utf8');
    const priorities = ['l1', 'l2', 'l3'].map(
      (configId) => parseKeepalivedConfig({ file: 'lab.conf', text, configId }).config.vrrpInstances[0]?.priority,
    );
    expect(priorities).toEqual([150, 100, 50]);
    const { config } = parseKeepalivedConfig({ file: 'lab.conf', text, configId: 'l1' });
    expect(config.vrrpInstances[0]?.addresses.map(({ address }) => address)).toEqual(['198.51.100.15', '192.168.1.1']);
    expect(config.vrrpInstances[0]?.excludedAddresses.map(({ address }) => address)).toEqual([
      '2001:db8::15',
      'fd00::1',
    ]);
    expect(config.virtualServers.map(({ key, realServers }) => [key, realServers.map((server) => server.key)])).toEqual(
      [
        ['tcp/198.51.100.15:80', ['192.168.1.10:80', '192.168.1.11:80', '192.168.1.12:80', '192.168.1.13:80']],
        ['tcp/[2001:db8::15]:80', ['[fd00::10]:80', '[fd00::11]:80', '[fd00::12]:80', '[fd00::13]:80']],
      ],
    );
  });

  it('give the pair its peers and the group its services', () => {
    const text = readFileSync(`${SAMPLES}/pair.conf`, 'utf8');
    const { config } = parseKeepalivedConfig({ file: 'pair.conf', text, configId: 'l2' });
    expect(
      config.vrrpInstances.map(({ name, family, version, sourceAddress, unicastPeers, priority, addresses }) => [
        `${name} ${family} v${version} ${priority}`,
        `${sourceAddress} > ${unicastPeers.map((peer) => peer.address).join(' ')}`,
        addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(' '),
      ]),
    ).toEqual([
      ['WEB4 ipv4 v3 100', '192.0.2.2 > 192.0.2.1', '192.0.2.101/24 192.0.2.100/24'],
      ['WEB6 ipv6 v3 100', '2001:db8::2 > 2001:db8::1', 'fe80::100/64 2001:db8::100/64'],
    ]);
    expect(config.virtualServers).toMatchObject([{ key: 'group/web', quorum: 2, realServers: [{}, {}, {}, {}, {}] }]);
  });

  it('have an agent.yaml that can be used', () => {
    expect(parseAgentFile('agent.yaml', readFileSync(`${SAMPLES}/agent.yaml`, 'utf8'))).toMatchObject({ ok: true });
  });
});
