import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic, parseKeepalivedConfig } from './index.ts';

const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));

describe('the samples', () => {
  it.each(readdirSync(SAMPLES).flatMap((name) => ['l1', 'l2', 'l3'].map((node) => [name, node] as const)))(
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
});
